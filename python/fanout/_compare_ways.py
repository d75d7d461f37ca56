"""Python's own four ways to run a function on inputs: a loop, threading, asyncio and multiprocessing."""

from __future__ import annotations

import threading
import time
import typing

if typing.TYPE_CHECKING:
    from collections.abc import Callable

# Each way is a function of (the caller's function measured, tasks, places, limit in seconds) that returns of each task its
# index, its thread, when it started, how long it took, its CPU seconds (below 0: unknown), and what failed.


class Timed:
    """The caller's function, measured. It goes to the processes of multiprocessing where the function can."""

    def __init__(self, function: Callable[[typing.Any], typing.Any], coroutine: bool) -> None:
        self.function, self.coroutine = function, coroutine
        self.stopped = False

    def __call__(self, given: tuple[int, object]) -> tuple[typing.Any, ...]:
        index, item = given
        if self.stopped:
            raise KeyboardInterrupt
        wrong = None
        started, cpu = time.perf_counter(), time.thread_time()
        try:
            if self.coroutine:
                import asyncio

                asyncio.run(self.function(item))
            else:
                self.function(item)
        except Exception as raised:
            wrong = text_of(raised)
        elapsed = time.perf_counter() - started
        return index, threading.get_native_id(), started, elapsed, time.thread_time() - cpu, wrong


def text_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def on_a_thread(work: Callable[[], typing.Any]) -> typing.Any:
    """Python's ways run on a thread of their own: the caller may be in an event loop, as in a notebook, and how long the
    caller's thread waits for a core belongs to what the engine measures there."""
    found: list[typing.Any] = []

    def run() -> None:
        try:
            found.append((work(), None))
        except BaseException as raised:
            found.append((None, raised))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    value, error = found[0]
    if error is not None:
        raise error
    return value


async def _await_each(task: Timed, given: list[typing.Any], places: int) -> list[typing.Any]:
    import asyncio

    limit = asyncio.Semaphore(places)

    async def one(index: int, item: object) -> tuple[typing.Any, ...]:
        async with limit:
            wrong = None
            started = time.perf_counter()
            try:
                await task.function(item)
            except Exception as raised:
                wrong = text_of(raised)
            return index, 0, started, time.perf_counter() - started, -1.0, wrong

    return await asyncio.gather(*(one(*each) for each in given))


async def _to_threads(task: Timed, given: list[typing.Any], places: int) -> list[typing.Any]:
    import asyncio
    import concurrent.futures

    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(places) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, task, each) for each in given))


def _by_loop(task: Timed, given: list[typing.Any], places: int, limit: float) -> list[typing.Any]:
    if task.coroutine:
        import asyncio

        return asyncio.run(_await_each(task, given, 1))
    return [task(each) for each in given]


def _by_threads(task: Timed, given: list[typing.Any], places: int, limit: float) -> list[typing.Any]:
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(places) as pool:
        return list(pool.map(task, given))


def _by_asyncio(task: Timed, given: list[typing.Any], places: int, limit: float) -> list[typing.Any]:
    import asyncio

    how = _await_each if task.coroutine else _to_threads
    return asyncio.run(how(task, given, places))


def _by_processes(task: Timed, given: list[typing.Any], places: int, limit: float) -> list[typing.Any]:
    import multiprocessing

    pool = multiprocessing.Pool(places)
    try:
        # A worker that is killed leaves Pool.map waiting for ever.
        found: list[typing.Any] = pool.map_async(task, given).get(limit)
        pool.close()
        return found
    except multiprocessing.TimeoutError:
        raise TimeoutError(f"multiprocessing.Pool had not ended after {limit:.0f} s") from None
    finally:
        pool.terminate()
        pool.join()


ways: dict[str, tuple[typing.Any, str, str]] = {
    "sync": (_by_loop, "for x in xs: f(x)", "for x in xs: await f(x)"),
    "threads": (_by_threads, "ThreadPoolExecutor({n})", "ThreadPoolExecutor({n}), asyncio.run in each"),
    "async": (_by_asyncio, "asyncio, run_in_executor, {n} threads", "asyncio.gather, {n} at a time"),
    "processes": (_by_processes, "multiprocessing.Pool({n})", "multiprocessing.Pool({n}), asyncio.run in each"),
}
