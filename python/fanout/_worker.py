"""What runs in a worker process. The parent starts it with the command of _workers.py."""

from __future__ import annotations

import sys
from _thread import _local, allocate_lock  # threading.local and Lock, without the rest of threading

TYPE_CHECKING = False  # a worker that imports typing starts later
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
    from typing import Any

_loops = _local()


def main() -> None:
    """Runs tasks until the parent is done."""
    import faulthandler
    import os

    from . import _core

    if key := os.environ.pop("FANOUT_WORKER_AUTHKEY", ""):
        from multiprocessing.process import current_process

        current_process().authkey = bytes.fromhex(key)

    if sys.stderr is not None:
        try:
            faulthandler.enable()  # a crash tells where, on standard error
        except (OSError, ValueError, RuntimeError):
            pass
    status = _core.serve_worker(sys.argv[-1])
    if status is None:
        sys.exit("fanout: this is the main function of a worker process, which only its parent starts")
    sys.exit(status)


def run_coroutine(coroutine: Coroutine[object, object, object]) -> object:
    """Awaits a coroutine on the loop of this thread."""
    import asyncio

    loop = getattr(_loops, "loop", None)
    if loop is None:
        loop = _loops.loop = asyncio.new_event_loop()
    return loop.run_until_complete(coroutine)


_shared: list[asyncio.AbstractEventLoop] = []
_lock = allocate_lock()  # guards _shared and _turn
_turn = 0


def _shared_loop(count: int) -> asyncio.AbstractEventLoop:
    """One of this process's `count` loops, in turn. Each has a thread of its own."""
    import asyncio
    import threading

    global _turn
    with _lock:
        if len(_shared) < count:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="fanout-loop", daemon=True).start()
            _shared.append(loop)
            return loop
        _turn += 1
        return _shared[_turn % count]


class OnLoops:
    """A coroutine function as a blocking one, for shapes with several coroutines in flight in each worker: they share the
    loops of the worker."""

    def __init__(self, function: Callable[[Any], Coroutine[Any, Any, Any]], loops: int, timeout: float | None) -> None:
        self.function, self.loops, self.timeout = function, loops, timeout
        self.__qualname__ = getattr(function, "__qualname__", type(function).__qualname__)

    def __call__(self, item: object) -> object:
        import asyncio

        return asyncio.run_coroutine_threadsafe(self._run(item), _shared_loop(self.loops)).result()

    async def _run(self, item: object) -> object:
        if self.timeout is None:
            return await self.function(item)
        import asyncio

        from ._errors import TaskTimeout

        task = asyncio.ensure_future(self.function(item))
        done, _ = await asyncio.wait([task], timeout=self.timeout)
        if not done:
            task.cancel()
            await asyncio.wait([task])
            if task.cancelled() or task.exception() is not None:
                raise TaskTimeout(f"the task was cancelled after its time limit of {self.timeout} s", "timeout", self.timeout)
        return task.result()
