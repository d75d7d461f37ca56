"""ProcessPool: concurrent.futures.Executor over worker processes that never break the pool."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import os
import threading
import time
import typing
import weakref

from . import _core
from ._serialize import dump_function
from ._workers import settings

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Self

_ahead = 0.004  # seconds of work that is handed over before its turn
_most_per_worker = 256


class _Call(typing.NamedTuple):
    future: concurrent.futures.Future[typing.Any]
    function: bytes
    argument: _core.EncodedArgument
    timeout: float | None


class ProcessPool(concurrent.futures.Executor):
    """Worker processes, with the interface of concurrent.futures.ProcessPoolExecutor.

        with fanout.ProcessPool(4) as pool:
            future = pool.submit(f, x)
            print(future.result())

    What differs from ProcessPoolExecutor:

    - A worker that is killed or crashes fails the task it had begun with `WorkerDied`, and no other. It is replaced;
      the pool goes on.
    - `timeout` kills the worker of a task that takes longer, whose future then raises `TaskTimeout`.
    - Functions of `__main__`, lambdas and closures work where cloudpickle is installed, and scripts need no
      `if __name__ == "__main__"`.
    - `submit(...)` pickles at once: what cannot be pickled is the failure of its future.
    - `map(...)` sends several inputs together by itself, as many as take about a millisecond, and brings their values in
      order. A worker that dies takes along those it was sent together with, from `map` alone. With `timeout`, `retries`
      or `max_tasks_per_child` each travels alone.
    - `call(f, x)` is `submit(f, x).result()` without a future, in a tenth of the time.

    Workers start when there is work for them, up to `max_workers` (default: one for each core). A future is RUNNING, and
    can no longer be cancelled, once it was handed over: a few at a time, more where tasks take less than a millisecond.

    initializer, initargs       called in each worker before its first task
    max_tasks_per_child         after so many a worker is replaced
    timeout                     seconds for each task
    retries                     how often a task whose worker died is tried again (default 0: never started twice)
    memory_bytes, niceness, cores, directory, environment, start_timeout
                                limits and surroundings of each worker

    All methods may be called from any thread. After fork() the child has no pool: what needs it raises RuntimeError.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[object, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        memory_bytes: int | None = None,
        niceness: int | None = None,
        cores: list[int] | None = None,
        directory: str | None = None,
        environment: dict[str, str | None] | None = None,
        start_timeout: float | None = None,
    ) -> None:
        if mp_context is not None:
            raise TypeError("mp_context: workers are always new interpreters here, there is nothing to choose")
        if max_workers is None:
            max_workers = _core.available_cores()
        if not isinstance(max_workers, int) or max_workers <= 0:
            raise ValueError(f"max_workers must be greater than 0, and is {max_workers!r}")
        if max_tasks_per_child is not None and (not isinstance(max_tasks_per_child, int) or max_tasks_per_child <= 0):
            raise ValueError(f"max_tasks_per_child must be >= 1, and is {max_tasks_per_child!r}")
        how = settings(
            initializer, initargs, environment,
            max_tasks_per_child=max_tasks_per_child, timeout=timeout, retries=retries, memory_bytes=memory_bytes,
            niceness=niceness, cores=cores, directory=directory, start_timeout=start_timeout,
        )  # fmt: skip
        self._max_workers = max_workers
        self._core = _core.Pool(max_workers, how)
        self._process = os.getpid()
        self._lock = threading.Lock()  # guards what follows
        self._pending: collections.deque[_Call] = collections.deque()
        self._running: dict[int, tuple[concurrent.futures.Future[typing.Any], float]] = {}
        self._numbers = itertools.count()
        self._maps: list[_core.MapRun] = []
        self._functions: weakref.WeakKeyDictionary[typing.Any, bytes] = weakref.WeakKeyDictionary()
        self._mean = 1.0  # seconds that a call takes, there and back
        self._closed = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        _pools.add(self)

    # Submitting.

    def submit(self, fn: Callable[..., typing.Any], /, *args: typing.Any, **kwargs: typing.Any) -> concurrent.futures.Future[typing.Any]:
        return self._submit(fn, args, kwargs, None)

    def submit_with(
        self, fn: Callable[..., typing.Any], /, *args: typing.Any, timeout: float, **kwargs: typing.Any
    ) -> concurrent.futures.Future[typing.Any]:
        """As submit, with a time limit for this call alone."""
        return self._submit(fn, args, kwargs, timeout)

    def call(self, fn: Callable[..., typing.Any], /, *args: typing.Any, timeout: float | None = None, **kwargs: typing.Any) -> typing.Any:
        """One call there and back: what `fn` returns. Raises what it raises, and what its future would raise."""
        self._require_own_process()
        self._require_open()
        return self._core.call(self._dumped(fn), _core.encode_call(args, kwargs), timeout)

    def _submit(
        self, fn: Callable[..., typing.Any], args: tuple[typing.Any, ...], kwargs: dict[str, typing.Any], timeout: float | None
    ) -> concurrent.futures.Future[typing.Any]:
        self._require_own_process()
        future: concurrent.futures.Future[typing.Any] = concurrent.futures.Future()
        try:
            call = _Call(future, self._dumped(fn), _core.encode_call(args, kwargs), timeout)
        except Exception as unfit:
            with self._lock:
                self._require_open()
            future.set_running_or_notify_cancel()
            future.set_exception(unfit)
            return future
        with self._lock:
            self._require_open()
            self._pending.append(call)
            self._start_thread()
            self._hand_over()
        return future

    def _start_thread(self) -> None:
        """With the lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="fanout-pool", daemon=True)
            self._thread.start()

    def _dumped(self, fn: Callable[..., typing.Any]) -> bytes:
        import types

        if not isinstance(fn, (types.FunctionType, types.BuiltinFunctionType)) or getattr(fn, "__closure__", None):
            return dump_function(fn)  # it may be another the next time
        if fn.__module__ == "__main__":
            return dump_function(fn)  # so may the globals that it uses
        try:
            return self._functions[fn]
        except (KeyError, TypeError):
            dumped = dump_function(fn)
        try:
            self._functions[fn] = dumped
        except TypeError:
            pass
        return dumped

    def map(
        self, fn: Callable[..., typing.Any], *iterables: Iterable[typing.Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[typing.Any]:
        """As ProcessPoolExecutor.map: all inputs are taken and handed over at once, values come in order.

        `chunksize` is accepted and not needed: inputs travel together by themselves.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        self._require_own_process()
        deadline = None if timeout is None else time.monotonic() + timeout
        given = iterables[0] if len(iterables) == 1 else zip(*iterables)
        function = self._dumped(fn)
        with self._lock:
            self._require_open()
        run = self._core.map(function, given, len(iterables) != 1)  # to take the inputs runs the caller's code
        with self._lock:
            self._maps.append(run)
            self._start_thread()
            if self._closed:
                run.drop()
        return _values(run, deadline)

    def _room(self) -> int:
        per_worker = 2 if self._mean >= _ahead else min(_most_per_worker, int(2 * _ahead / max(self._mean, 1e-6)) + 2)
        return self._max_workers + 1 if per_worker == 2 else self._max_workers * per_worker

    def _hand_over(self) -> None:
        """With the lock. What was cancelled before its turn never leaves."""
        room = self._room() - len(self._running)
        while room > 0 and self._pending:
            call = self._pending.popleft()
            if not call.future.set_running_or_notify_cancel():
                continue
            number = next(self._numbers)
            self._running[number] = (call.future, time.perf_counter())
            try:
                self._core.start(number, call.function, call.argument, call.timeout)
            except Exception as refused:
                del self._running[number]
                call.future.set_exception(refused)
            room -= 1

    # The thread that tells futures.

    def _deliver(self) -> None:
        while True:
            ended = self._core.take_ended()
            settled = []
            with self._lock:
                now = time.perf_counter()
                for number, out in ended:
                    future, since = self._running.pop(number)
                    self._mean += 0.2 * (out.elapsed - self._mean) if out.elapsed < self._mean else 0.5 * (out.elapsed - self._mean)
                    settled.append((future, out))
                self._hand_over()
                self._maps = [run for run in self._maps if not run.over]
                over = self._closed and not self._running and not self._pending and not self._maps
            for future, out in settled:
                if out.ok:
                    future.set_result(out.value)
                else:
                    future.set_exception(out.error)
            del ended, settled
            if over:
                self._core.close()
                self._ended.set()
                return

    # Closing.

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._require_own_process()
        with self._lock:
            self._closed = True
            dropped = []
            if cancel_futures:
                dropped = [call.future for call in self._pending]
                self._pending.clear()
                for run in self._maps:
                    run.drop()
            thread = self._thread
        self._core.wake()
        for future in dropped:
            if future.cancel():
                future.set_running_or_notify_cancel()
        if thread is None:
            self._core.close()
        elif wait and thread is not threading.current_thread():
            while not self._ended.wait(0.05):  # in slices, for the sake of Ctrl-C
                pass
            thread.join()

    def kill(self) -> None:
        """Kills the workers. What has not ended fails with `Cancelled`."""
        self._require_own_process()
        with self._lock:
            self._closed = True
            pending = list(self._pending)
            self._pending.clear()
        for call in pending:
            call.future.cancel()
        self._core.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self.shutdown(wait=True)

    @property
    def restarts(self) -> int:
        """Worker processes that died and were replaced."""
        return self._core.restarts

    def _require_open(self) -> None:
        if self._closed or _shutting_down:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _require_own_process(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                "this ProcessPool belongs to the process that made it, and this is a fork of that one: make a pool here"
            )


def _values(run: _core.MapRun, deadline: float | None) -> Iterator[typing.Any]:
    try:
        while True:
            values = run.take(-1.0 if deadline is None else max(0.0, deadline - time.monotonic()))
            if values is None:
                raise concurrent.futures.TimeoutError
            if not values:
                if run.dropped:
                    raise concurrent.futures.CancelledError
                return
            # Each is let go of as it is handed over: the last ones of a batch may be large.
            values.reverse()
            yield from itertools.starmap(values.pop, itertools.repeat((), len(values)))
    finally:
        run.drop()  # what has begun ends by itself


_pools: weakref.WeakSet[ProcessPool] = weakref.WeakSet()
_shutting_down = False


def _at_exit() -> None:
    """Before the interpreter waits for its threads, as concurrent.futures does: what was submitted is finished."""
    global _shutting_down
    _shutting_down = True
    for pool in list(_pools):
        if pool._process == os.getpid():
            pool.shutdown(wait=True)


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]
