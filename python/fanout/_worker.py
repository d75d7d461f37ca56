"""What runs in a worker process. The parent starts it with the command of _workers.py."""

from __future__ import annotations

import sys
from _thread import _local  # threading.local, without the rest of threading

TYPE_CHECKING = False  # a worker that imports typing starts later
if TYPE_CHECKING:
    from collections.abc import Coroutine

_loops = _local()


def main() -> None:
    """Runs tasks until the parent is done."""
    import faulthandler

    from . import _core

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
