"""map, imap, as_completed and run: one function on many inputs, under any shape."""

from __future__ import annotations

import sys
import time
import typing

from . import _core
from ._errors import TaskTimeout

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = typing.TypeVar("T")
R = typing.TypeVar("R")


_how = {
    "cores", "directory", "environment", "initargs", "initializer", "max_tasks_per_child", "memory_bytes", "niceness",
    "retries", "start_timeout", "window",
}  # fmt: skip


class Shape(typing.NamedTuple):
    """A shape, read: how many tasks can be under way, and where."""

    model: str
    processes: int
    threads: int
    in_flight: int
    tasks: int


class Progress(typing.NamedTuple):
    """How far a run has come."""

    finished: int
    failures: int
    total: int | None
    elapsed: float


class _Stop(typing.Protocol):
    def is_set(self) -> bool: ...


_coroutine_flag = 0x80  # inspect.CO_COROUTINE; to import inspect takes longer than to start a worker


def _is_coroutine_function(function: object) -> bool:
    import functools

    while isinstance(function, functools.partial):
        function = function.func
    for each in (function, getattr(function, "__call__", None)):
        code = getattr(getattr(each, "__func__", each), "__code__", None)
        if code is not None and code.co_flags & _coroutine_flag:
            return True
    inspect = sys.modules.get("inspect")  # who marks a function by its markcoroutinefunction has imported it
    return inspect is not None and inspect.iscoroutinefunction(function)


def _read_shape(text: str, coroutine: bool) -> Shape:
    if not isinstance(text, str):
        raise TypeError(f"shape is a text such as 'threads:8', not {text!r}")
    shape = Shape(*_core.parse_shape(text))
    if coroutine and shape.model == "sync":
        return shape._replace(model="async")
    if coroutine and shape.model == "threads":
        raise ValueError(f"shape={text!r} runs blocking functions, and this is a coroutine function: use 'async:{shape.threads}'")
    if not coroutine and shape.model in ("async", "hybrid"):
        raise ValueError(f"shape={text!r} needs a coroutine function (async def); for a blocking one use 'threads:{shape.tasks}'")
    if shape.in_flight > 1 and shape.processes > 1 and not coroutine:
        raise ValueError(
            f"shape={text!r} has {shape.in_flight} tasks in flight on each thread, which needs a coroutine function "
            f"(async def); for a blocking one use '{shape.processes}x{shape.threads * shape.in_flight}x1'"
        )
    if shape.model == "hybrid":  # one lock: what a loop on every core needs is processes
        return shape._replace(model="async", threads=1, in_flight=shape.tasks)
    return shape


class _Run(typing.Generic[R]):
    """A run under way: outcomes as they complete, and a way to end it."""

    held = 0

    def __iter__(self) -> Iterator[_core.Outcome[R]]:
        raise NotImplementedError

    def close(self) -> None: ...


class _SyncRun(_Run[R]):
    def __init__(self, function: Callable[[typing.Any], R], inputs: Iterable[object], timeout: float | None) -> None:
        self._function, self._inputs, self._timeout = function, inputs, timeout

    def __iter__(self) -> Iterator[_core.Outcome[R]]:
        function, limit = self._function, self._timeout
        for index, item in enumerate(self._inputs):
            value: typing.Any = None
            error: Exception | None = None
            started, cpu = time.perf_counter(), time.thread_time()
            try:
                value = function(item)
            except Exception as raised:
                error = raised
            elapsed = time.perf_counter() - started
            if limit is not None and elapsed > limit and error is None:
                error = TaskTimeout(
                    "the task took longer than its time limit; in this thread it cannot be stopped, so it ran to its end",
                    "timeout", elapsed,
                )
            yield _core.Outcome(index, value, error, started, elapsed, time.thread_time() - cpu)


_open_runs: typing.Any = None


def _end_with_interpreter(run: object) -> None:
    """At the end of the program, before its threads are joined, the run is closed: what its threads are at ends first, as
    with concurrent.futures."""
    global _open_runs
    import threading
    import weakref

    if _open_runs is None:
        _open_runs = weakref.WeakSet()
        threading._register_atexit(_close_open_runs)  # type: ignore[attr-defined]
    _open_runs.add(run)


def _close_open_runs() -> None:
    for run in list(_open_runs):
        run.close()


class _ThreadRun(_Run[R]):
    def __init__(
        self, function: Callable[[typing.Any], R], inputs: Iterable[object], threads: int, how: dict[str, object]
    ) -> None:
        self._threads: list[typing.Any] = []
        self._core = _core.ThreadRun(function, inputs, threads, self._start, how)

    def _start(self, number: int) -> None:
        import threading

        _end_with_interpreter(self)
        thread = threading.Thread(target=self._core.lane, args=(number,), name=f"fanout-{number}")
        thread.start()
        self._threads.append(thread)

    def __iter__(self) -> Iterator[_core.Outcome[R]]:
        for out in self._core:
            yield out
            self._core.held = self.held

    def collect(self, into: list[R]) -> None:
        self._core.collect(into)

    def stop_pulling(self) -> None:
        self._core.stop_pulling()

    def grow(self, threads: int) -> None:
        self._core.grow(threads)

    def close(self) -> None:
        self._core.stop()
        for thread in self._threads:
            thread.join()


class _ProcessRun(_Run[R]):
    def __init__(
        self, function: Callable[[typing.Any], R], inputs: Iterable[object], shape: str, how: dict[str, object]
    ) -> None:
        from ._serialize import dump_function
        from ._workers import settings

        dumped = dump_function(function)
        made = settings(**how)  # type: ignore[arg-type]
        self._map: _core.MapRun | None = None
        if not any(how.get(name) for name in _each_alone):
            self._arguments = dumped, inputs, shape, dict(made)
        self._core = _core.ProcessRun(dumped, inputs, shape, made)

    def __iter__(self) -> Iterator[_core.Outcome[R]]:
        for out in self._core:
            yield out
            self._core.held = self.held

    def collect(self, into: list[R]) -> None:
        if hasattr(self, "_arguments"):
            self._map = _core.MapRun(*self._arguments)
            self._map.collect(into)
            return
        for out in self._core:
            value = out.result()
            into.extend([None] * (out.index + 1 - len(into)))  # type: ignore[list-item]
            into[out.index] = value

    @property
    def cost(self) -> dict[str, int] | None:
        return self._core.cost

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
        self._core.close()


_each_alone = ("timeout", "retries", "max_tasks_per_child", "window")  # options with which inputs do not travel together


def _seconds(limit: typing.Any) -> float:
    seconds = float(limit.total_seconds() if hasattr(limit, "total_seconds") else limit)
    if not seconds > 0:
        raise ValueError(f"timeout is a number of seconds above 0, not {limit!r}")
    return seconds


def _open(
    function: Callable[[typing.Any], typing.Any], inputs: Iterable[object], shape: str, timeout: float | None, how: dict[str, typing.Any]
) -> typing.Any:
    if not callable(function):
        raise TypeError(f"the function cannot be called: {function!r}")
    coroutine = _is_coroutine_function(function)
    if isinstance(shape, str) and (shape == "ray" or shape.startswith("ray:")):
        from ._ray_nodes import RayRun

        return RayRun(function, inputs, shape, coroutine, timeout, dict(how))
    read = _read_shape(shape, coroutine)
    workers = read.model == "processes" or read.processes > 1
    for name in how:
        if name not in _how:
            raise TypeError(f"there is no option {name!r} here; there are {', '.join(sorted(_how))}")
    if not workers and read.model != "auto":
        for name in how:
            if name != "window":
                raise TypeError(f"{name} is an option of shapes with worker processes, and this one is {shape!r}")
    if read.model == "auto":
        from ._auto import AutoRun

        return AutoRun(function, inputs, read.tasks, coroutine, timeout, how)
    if workers and coroutine and read.in_flight > 1:
        from ._worker import OnLoops

        # Each task in flight has a thread of the worker, which waits for it; the coroutines run on the worker's loops. Who
        # does not let himself be cancelled is ended with the worker.
        limits = {} if timeout is None else {"timeout": 2 * _seconds(timeout) + 1}
        lanes = f"{read.processes}x{read.threads * read.in_flight}x1"
        return _ProcessRun(OnLoops(function, read.threads, timeout), inputs, lanes, {**limits, **how})
    if workers:
        return _ProcessRun(function, inputs, shape, {"timeout": timeout, **how})
    if coroutine:
        from ._async_run import AsyncRun

        return AsyncRun(function, inputs, read.in_flight, timeout, how.get("window"))
    if read.model == "threads" or read.threads > 1:  # threads:N, or 1xNx1
        return _ThreadRun(function, inputs, read.threads, {"timeout": timeout, **how})
    return _SyncRun(function, inputs, timeout)


def _in_order(run: typing.Any) -> Iterator[typing.Any]:
    waiting: dict[int, typing.Any] = {}
    next_index = 0
    for out in run:
        waiting[out.index] = out
        while next_index in waiting:
            yield waiting.pop(next_index)
            next_index += 1
        run.held = len(waiting)


class _Meter:
    """Counts outcomes and shows how far the run is, ten times a second at most."""

    def __init__(self, progress: typing.Any, inputs: object) -> None:
        import operator

        total = operator.length_hint(inputs, -1) if hasattr(inputs, "__len__") or hasattr(inputs, "__length_hint__") else -1
        self.total = None if total < 0 else total
        self.finished = self.failures = 0
        self.began = self._shown = time.monotonic()
        self._show: Callable[[Progress], object] | None = None
        self._bar: typing.Any = None
        if callable(progress):
            self._show = progress
        elif progress:
            from ._progress import Bar

            self._bar = Bar(self.total)
            self._show = self._bar.show

    def count(self, ok: bool) -> None:
        self.finished += 1
        self.failures += not ok
        if self._show is None:
            return
        now = time.monotonic()
        if now - self._shown >= 0.1:
            self._shown = now
            self._show(self.state())

    def state(self) -> Progress:
        return Progress(self.finished, self.failures, self.total, time.monotonic() - self.began)

    def end(self) -> None:
        if self._show is not None:
            self._show(self.state())
        if self._bar is not None:
            self._bar.close()


def as_completed(
    function: Callable[[T], typing.Any],
    inputs: Iterable[T],
    *,
    shape: str = "auto",
    ordered: bool = False,
    on_error: str = "collect",
    timeout: float | None = None,
    stop: _Stop | None = None,
    progress: bool | Callable[[Progress], object] = False,
    **how: typing.Any,
) -> Iterator[_core.Outcome[typing.Any]]:
    """Outcomes of `function` on each of `inputs`, as they complete; with `ordered` in the order of the inputs.

    Inputs are pulled as they are needed, a bounded window ahead. Leaving the loop stops the rest.

    shape     "sync", "threads:N", "async:N", "processes:N", "PxTx1" or "auto"
    on_error  "collect": every input has its outcome; "fail_fast": the first failure ends the run, as the last outcome
    timeout   seconds for each task. A worker process over it is killed, a coroutine cancelled; a task on a thread
              cannot be stopped, and its outcome says so
    stop      an object with is_set(), such as a threading.Event: nothing more begins once it is set
    progress  True for a bar, or a function that is called with a Progress ten times a second
    window    how many inputs may be under way or ahead (default: chosen by the length of tasks)

    Shapes with worker processes take the options of ProcessPool as well: initializer, initargs, max_tasks_per_child,
    retries, memory_bytes, niceness, cores, directory, environment, start_timeout.
    """
    if on_error not in ("collect", "fail_fast"):
        raise ValueError(f"on_error is 'collect' or 'fail_fast', not {on_error!r}")
    run = _open(function, inputs if stop is None else _until(inputs, stop), shape, timeout, how)
    return _outcomes(run, _Meter(progress, inputs), ordered, on_error == "fail_fast", stop)


def _until(inputs: Iterable[T], stop: _Stop) -> Iterator[T]:
    for item in inputs:
        if stop.is_set():
            return
        yield item


def _outcomes(run: typing.Any, meter: _Meter, ordered: bool, fail_fast: bool, stop: _Stop | None) -> Iterator[typing.Any]:
    try:
        for out in _in_order(run) if ordered else run:
            meter.count(out.ok)
            yield out
            if fail_fast and not out.ok:
                return
            if stop is not None and stop.is_set():
                return
    finally:
        run.close()
        meter.end()


def imap(
    function: Callable[[T], typing.Any], inputs: Iterable[T], *, shape: str = "auto", **options: typing.Any
) -> Iterator[typing.Any]:
    """Values in the order of the inputs, as they come; raises the first failure after stopping the rest.

    Options are those of as_completed. Memory does not grow with the inputs.
    """
    outcomes = as_completed(function, inputs, shape=shape, ordered=True, on_error="fail_fast", **options)
    return (out.result() for out in outcomes)


def map(
    function: Callable[[T], typing.Any],
    inputs: Iterable[T],
    *,
    shape: str = "auto",
    timeout: float | None = None,
    stop: _Stop | None = None,
    progress: bool | Callable[[Progress], object] = False,
    **how: typing.Any,
) -> list[typing.Any]:
    """Values of `function` on each of `inputs`, in order. The first failure is raised, after the rest were stopped.

    Options are those of as_completed.
    """
    run = _open(function, inputs if stop is None else _until(inputs, stop), shape, timeout, how)
    if stop is None and not progress and hasattr(run, "collect"):  # no outcomes are made
        values: list[typing.Any] = []
        try:
            run.collect(values)
        finally:
            run.close()
        return values
    found: dict[int, typing.Any] = {}
    for out in _outcomes(run, _Meter(progress, inputs), False, True, stop):
        found[out.index] = out.result()
    if stop is not None and stop.is_set():
        from ._errors import Cancelled

        raise Cancelled("the run was stopped before all tasks had ended", "cancelled")
    return [found[index] for index in range(len(found))]


def run(
    function: Callable[[T], typing.Any],
    inputs: Iterable[T],
    sink: Callable[[_core.Outcome[typing.Any]], object],
    **options: typing.Any,
) -> Progress:
    """Hands each outcome to `sink` as it completes, and returns what there was. Options are those of as_completed."""
    began = time.monotonic()
    finished = failures = 0
    for out in as_completed(function, inputs, **options):
        finished += 1
        failures += not out.ok
        sink(out)
    return Progress(finished, failures, finished, time.monotonic() - began)
