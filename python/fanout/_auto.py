"""The shape `auto`: begins, looks, and goes on with what fits.

A blocking function begins on a thread for each core. After 200 ms the CPU time of the process tells: threads that left
the cores idle wait, and more of them wait together; threads that computed did so one at a time, under the lock, and
worker processes do not. Tasks so short that the way to a worker is longer stay on this thread. What has ended is kept,
and nothing runs twice.
"""

from __future__ import annotations

import threading
import time
import typing

from . import _core

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

look_after = 0.2  # seconds
_computing = 0.6  # of one core; a lock that is handed about costs some of it
_shortest = 50e-6  # seconds of a task that is worth the way to a worker
_threads = 32
_in_flight = 64


class AutoRun:
    """An iterator of outcomes. `choice` says in a sentence what was seen and chosen, once it was."""

    def __init__(
        self,
        function: Callable[[typing.Any], typing.Any],
        inputs: Iterable[object],
        at_most: int,
        coroutine: bool,
        timeout: float | None,
        how: dict[str, typing.Any],
    ) -> None:
        self._function, self._inputs = function, iter(inputs)
        self._at_most, self._coroutine = at_most, coroutine
        self._timeout, self._how = timeout, how
        self._run: typing.Any = None
        self.choice = ""
        self.held = 0

    def _each(self, run: typing.Any, offset: int) -> Iterator[_core.Outcome[typing.Any]]:
        self._run = run
        for out in run:
            if offset:
                out.index += offset
            yield out
            run.held = self.held

    def __iter__(self) -> Iterator[_core.Outcome[typing.Any]]:
        window = self._how.get("window")
        if self._coroutine:
            from ._async_run import AsyncRun

            self.choice = "a coroutine function: one event loop"
            in_flight = self._at_most or _in_flight
            yield from self._each(AsyncRun(self._function, self._inputs, in_flight, self._timeout, window), 0)
            return
        from ._run import _ThreadRun

        cores = min(_core.available_cores(), self._at_most or _threads)
        first = _ThreadRun(self._function, self._inputs, cores, {"timeout": self._timeout, "window": window})
        began, cpu = time.perf_counter(), time.process_time()
        look = threading.Timer(look_after, self._look, (first, began, cpu))
        look.daemon = True
        look.start()
        count = 0
        try:
            for out in self._each(first, 0):
                count += 1
                yield out
        finally:
            look.cancel()
        if not self.choice.startswith("it computes"):
            return
        first.close()
        yield from self._go_on(count, (time.perf_counter() - began) / max(count, 1))

    def _look(self, run: typing.Any, began: float, cpu: float) -> None:
        share = (time.process_time() - cpu) / (time.perf_counter() - began)
        if share >= _computing:
            self.choice = f"it computes {share:.0%} of a core's time"
            run.stop_pulling()
        else:
            threads = self._at_most or _threads
            self.choice = f"it waits, and computes {share:.0%} of a core's time: {threads} threads"
            run.grow(threads)

    def _go_on(self, offset: int, mean: float) -> Iterator[_core.Outcome[typing.Any]]:
        try:
            item = next(self._inputs)
        except StopIteration:
            return
        inputs = _after(item, self._inputs)
        processes = min(_core.available_cores(), self._at_most or 1024)
        from ._run import _ProcessRun, _SyncRun

        if processes > 1 and mean >= _shortest:
            try:
                run = _ProcessRun(self._function, inputs, f"processes:{processes}", {"timeout": self._timeout, **self._how})
            except Exception as unfit:  # the function cannot leave this process
                self.choice += f"; worker processes are not possible ({unfit}): this thread"
            else:
                self.choice += f": {processes} worker processes"
                yield from self._each(run, offset)
                return
        else:
            self.choice += f" in tasks of {mean * 1e6:.0f} us: this thread"
        yield from self._each(_SyncRun(self._function, inputs, self._timeout), offset)

    def close(self) -> None:
        if self._run is not None:
            self._run.close()


def _after(first: object, rest: Iterator[object]) -> Iterator[object]:
    yield first
    yield from rest
