"""The same work under every execution model, and fetching at wire speed.

    import fanout

    pages = fanout.map(fetch, urls, shape="threads:5")        # results in order; the first failure is raised
    pages = fanout.map(fetch_async, urls, shape="async:64")   # a coroutine function, on asyncio
    primes = fanout.map(count_primes, xs, shape="processes:4")
    for out in fanout.as_completed(f, xs, shape="auto"):      # outcomes, as they come
        print(out.index, out.value if out.ok else out.error)

    with fanout.ProcessPool(4) as pool:                       # concurrent.futures.Executor
        pool.submit(f, x).result()

    for response in fanout.fetch(urls, timeout=10):           # the engine, beside the interpreter's lock
        print(response.url, response.status, response.error)
    fanout.get(url).json()                                    # and Client, AsyncClient

    print(fanout.compare(f, xs))                              # which shape fits f, and why

Everything else is loaded when it is first used: `import fanout` takes some milliseconds.
"""

from __future__ import annotations

from . import _core
from ._core import Outcome, available_cores
from ._errors import CannotStart, Cancelled, Error, RemoteError, TaskTimeout, WorkerDied

TYPE_CHECKING = False  # typing's own costs more to import than the rest
if TYPE_CHECKING:
    from ._client import AsyncClient, Client, get
    from ._compare import Comparison, compare
    from ._fetch import Fetch, download, fetch
    from ._process_pool import ProcessPool
    from ._response import Response
    from ._run import as_completed, imap, map, run

__version__: str = _core.__version__

_lazy = {
    "AsyncClient": "_client",
    "Client": "_client",
    "Comparison": "_compare",
    "Fetch": "_fetch",
    "ProcessPool": "_process_pool",
    "Response": "_response",
    "as_completed": "_run",
    "compare": "_compare",
    "download": "_fetch",
    "fetch": "_fetch",
    "get": "_client",
    "imap": "_run",
    "map": "_run",
    "run": "_run",
}

__all__ = [
    "AsyncClient",
    "CannotStart",
    "Cancelled",
    "Client",
    "Comparison",
    "Error",
    "Fetch",
    "Outcome",
    "ProcessPool",
    "RemoteError",
    "Response",
    "TaskTimeout",
    "WorkerDied",
    "__version__",
    "as_completed",
    "available_cores",
    "compare",
    "download",
    "fetch",
    "get",
    "imap",
    "map",
    "run",
]


def __getattr__(name: str) -> object:
    where = _lazy.get(name)
    if where is None:
        raise AttributeError(f"module 'fanout' has no attribute '{name}'")
    import importlib

    found = getattr(importlib.import_module(f"fanout.{where}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_lazy))
