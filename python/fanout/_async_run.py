"""Coroutine functions on asyncio.

The loop runs on a thread of its own: the caller may be in a loop already, as in a notebook, and a loop that only ran
while somebody asks for the next outcome would leave time limits and connections alone in between.
"""

from __future__ import annotations

import collections
import queue
import threading
import time
import typing

from . import _core
from ._errors import TaskTimeout

if typing.TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterable, Iterator

_look_for_signals = 0.05
_batch_time = 0.001


class AsyncRun:
    """At most `in_flight` tasks on one loop. The caller's thread pulls the inputs and takes the outcomes."""

    def __init__(
        self,
        function: Callable[[typing.Any], Coroutine[typing.Any, typing.Any, typing.Any]],
        inputs: Iterable[object],
        in_flight: int,
        timeout: float | None,
        window: int | None = None,
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout is a number of seconds above 0, not {timeout!r}")
        self._function, self._inputs, self._timeout = function, iter(inputs), timeout
        self._in_flight = in_flight
        self._window = window or 2 * in_flight
        self._done: queue.SimpleQueue[_core.Outcome[typing.Any] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._waiting: collections.deque[tuple[int, object]] = collections.deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._closing = False
        self.held = 0

    def __iter__(self) -> Iterator[_core.Outcome[typing.Any]]:
        given = taken = 0
        ended = False
        while True:
            batch: list[tuple[int, object]] = []
            began = time.perf_counter()
            while not ended and given - taken + self.held < self._window:
                try:
                    item = next(self._inputs)
                except StopIteration:
                    ended = True
                    break
                batch.append((given, item))
                given += 1
                if time.perf_counter() - began > _batch_time:
                    break  # these can begin; who knows when the next one comes
            if batch:
                self._give(batch)
                if not ended and given - taken < self._window and self._done.empty():
                    continue
            if ended and given == taken:
                return
            out = self._next()
            taken += 1
            yield out

    def _next(self) -> _core.Outcome[typing.Any]:
        while True:
            try:
                out = self._done.get(timeout=_look_for_signals)
            except queue.Empty:
                continue
            if out is None:
                raise RuntimeError("the event loop of the run has ended")
            return out

    def _give(self, batch: list[tuple[int, object]]) -> None:
        import asyncio

        if self._loop is None:
            from ._run import _end_with_interpreter

            _end_with_interpreter(self)
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run_loop, name="fanout-loop", daemon=True)
            self._thread.start()
        self._loop.call_soon_threadsafe(self._begin, batch)

    def _run_loop(self) -> None:
        import asyncio

        loop = self._loop
        assert loop is not None
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            try:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()
                self._done.put(None)

    # On the loop's thread.

    def _begin(self, batch: list[tuple[int, object]]) -> None:
        self._waiting.extend(batch)
        while self._waiting and len(self._tasks) < self._in_flight and not self._closing:
            self._start(self._waiting.popleft())

    def _start(self, given: tuple[int, object]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._work(*given))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._waiting and not self._closing:
            self._start(self._waiting.popleft())

    async def _work(self, index: int, item: object) -> None:
        import asyncio

        value: object = None
        error: BaseException | None = None
        started = time.perf_counter()
        try:
            work = self._function(item)
            value = await (work if self._timeout is None else self._limited(work))
        except asyncio.CancelledError as cancelled:
            if self._closing:
                raise
            error = cancelled
        except BaseException as raised:  # SystemExit of a task is its failure, not the end of the loop
            error = raised
        self._done.put(_core.Outcome(index, value, error, started, time.perf_counter() - started))

    async def _limited(self, work: Coroutine[typing.Any, typing.Any, typing.Any]) -> object:
        import asyncio

        limit = self._timeout
        started = time.perf_counter()
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait([task], timeout=limit)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        if done:
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            return task.result()  # it ended in the same moment
        raise TaskTimeout(f"the task was cancelled after its time limit of {limit} s", "timeout", time.perf_counter() - started)

    # On the caller's thread.

    def close(self) -> None:
        if self._loop is None or self._thread is None:
            return
        loop, thread = self._loop, self._thread
        self._loop = None
        self._closing = True
        loop.call_soon_threadsafe(self._stop, loop)
        thread.join()

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        for task in self._tasks:
            task.cancel()

        async def end() -> None:
            import asyncio

            if self._tasks:
                await asyncio.wait(list(self._tasks))
            loop.stop()

        self._ending = loop.create_task(end())
