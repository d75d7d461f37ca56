"""ProcessPool beside the rules of concurrent.futures.Executor."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import fanout
import functions
import pytest


@pytest.fixture
def pool() -> Iterator[fanout.ProcessPool]:
    with fanout.ProcessPool(2) as made:
        yield made


def test_it_is_an_executor(pool: fanout.ProcessPool) -> None:
    assert isinstance(pool, concurrent.futures.Executor)
    future = pool.submit(functions.add, 1, 2, c=3)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result() == 6 and future.done() and not future.cancelled()


def test_keyword_arguments_may_be_called_self_and_fn(pool: fanout.ProcessPool) -> None:
    assert pool.submit(dict, self=1, fn=2).result() == {"self": 1, "fn": 2}


def test_map(pool: fanout.ProcessPool) -> None:
    assert list(pool.map(pow, range(10), range(10))) == list(map(pow, range(10), range(10)))
    assert list(pool.map(pow, range(10), range(10), chunksize=3)) == list(map(pow, range(10), range(10)))
    with pytest.raises(ValueError):
        pool.map(functions.double, [1], chunksize=0)


def test_map_lets_go_of_values(pool: fanout.ProcessPool) -> None:
    for value in pool.map(functions.new_set, range(200)):
        seen = weakref.ref(value)
        del value
        assert seen() is None


def test_proxies_of_a_manager_work_in_tasks() -> None:
    with multiprocessing.Manager() as manager, fanout.ProcessPool(2) as pool:
        queue = manager.Queue()
        list(pool.map(functions.put_into, [(queue, n) for n in range(4)]))
        assert sorted(queue.get(timeout=5) for _ in range(4)) == [0, 1, 2, 3]


def test_map_raises_in_its_place(pool: fanout.ProcessPool) -> None:
    results = pool.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert next(results) == (0, 1) and next(results) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_map_with_a_time_limit(pool: fanout.ProcessPool) -> None:
    results = []
    with pytest.raises(concurrent.futures.TimeoutError):
        for each in pool.map(functions.wait_for, [0, 0, 2], timeout=1):
            results.append(each)
    assert results == [0, 0]


def test_wait_and_as_completed(pool: fanout.ProcessPool) -> None:
    futures = [pool.submit(functions.double, x) for x in range(50)]
    done, left = concurrent.futures.wait(futures, timeout=60)
    assert len(done) == 50 and not left
    assert sorted(each.result() for each in concurrent.futures.as_completed(futures)) == [2 * x for x in range(50)]


def test_exceptions_have_the_remote_traceback_as_their_cause(pool: fanout.ProcessPool) -> None:
    error = pool.submit(functions.fail_at_three, 3).exception()
    assert isinstance(error, ValueError) and error.args == ("three", 3)
    assert "in fail_at_three" in str(error.__cause__)


def test_exceptions_that_do_not_pickle(pool: fanout.ProcessPool) -> None:
    error = pool.submit(functions.raise_unpicklable, 1).exception()
    assert isinstance(error, fanout.RemoteError)
    assert error.type_name == "functions.Unpicklable" and "2" in str(error)
    assert "raise_unpicklable" in str(error.__cause__)
    assert pool.submit(functions.double, 4).result() == 8


def test_results_and_arguments_that_do_not_pickle(pool: fanout.ProcessPool) -> None:
    with pytest.raises((pickle.PicklingError, TypeError)):
        pool.submit(functions.return_lock, 0).result()
    with pytest.raises((pickle.PicklingError, TypeError)):
        pool.submit(functions.same, threading.Lock()).result()
    assert pool.submit(functions.double, 4).result() == 8


def test_system_exit_of_a_task_is_its_failure(pool: fanout.ProcessPool) -> None:
    assert isinstance(pool.submit(functions.exit_with, 3).exception(), SystemExit)
    assert pool.submit(functions.double, 4).result() == 8


def test_cancel() -> None:
    with fanout.ProcessPool(1) as pool:
        first = pool.submit(functions.wait_for, 0.5)
        futures = [pool.submit(functions.wait_for, 0.01) for _ in range(20)]
        assert not first.cancel()
        assert futures[-1].cancel() and futures[-1].cancelled()
        with pytest.raises(concurrent.futures.CancelledError):
            futures[-1].result()
        assert futures[0].result() == 0.01


def test_shutdown_refuses_new_work_and_finishes_the_old() -> None:
    pool = fanout.ProcessPool(2)
    futures = [pool.submit(functions.double, x) for x in range(100)]
    pool.shutdown()
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError):
        pool.submit(functions.double, 1)
    pool.shutdown()


def test_shutdown_without_waiting() -> None:
    pool = fanout.ProcessPool(1)
    future = pool.submit(functions.wait_for, 0.2)
    pool.shutdown(wait=False)
    assert not future.done()
    assert future.result() == 0.2
    pool.shutdown()


def test_shutdown_that_cancels() -> None:
    pool = fanout.ProcessPool(1)
    futures = [pool.submit(functions.wait_for, 0.05) for _ in range(50)]
    pool.shutdown(cancel_futures=True)
    assert all(future.done() for future in futures)
    assert sum(future.cancelled() for future in futures) >= 40
    assert futures[0].result() == 0.05


def test_kill() -> None:
    pool = fanout.ProcessPool(1)
    future = pool.submit(functions.spin, 0)
    later = [pool.submit(functions.double, x) for x in range(10)]
    pool.kill()
    assert isinstance(future.exception(30), fanout.Cancelled)
    for each in later:
        assert each.cancelled() or isinstance(each.exception(30), fanout.Cancelled)
    pool.shutdown()


def test_initializer() -> None:
    with fanout.ProcessPool(1, initializer=functions.remember, initargs=("begun",)) as pool:
        assert pool.submit(functions.recall, 0).result() == ["begun"]
    with pytest.raises(TypeError):
        fanout.ProcessPool(1, initializer=3)  # type: ignore[arg-type]


def test_an_initializer_that_raises() -> None:
    with fanout.ProcessPool(1, initializer=functions.fail_to_begin) as pool:
        error = pool.submit(functions.double, 1).exception(60)
        assert isinstance(error, fanout.CannotStart) and "no database" in str(error)


def test_max_tasks_per_child() -> None:
    with fanout.ProcessPool(1, max_tasks_per_child=3) as pool:
        processes = [pool.submit(functions.own_process, 0).result() for _ in range(9)]
    assert len(set(processes)) >= 3


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_counts_that_are_refused(count: object) -> None:
    with pytest.raises(ValueError):
        fanout.ProcessPool(count)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        fanout.ProcessPool(1, max_tasks_per_child=count)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_worker_that_dies_fails_its_task_and_no_other(number: int) -> None:
    with fanout.ProcessPool(2) as pool:
        futures = [pool.submit(functions.die_by, number if x == 7 else 0) for x in range(30)]
        for x, future in enumerate(futures):
            if x == 7:
                error = future.exception(60)
                assert isinstance(error, fanout.WorkerDied) and error.signal == number
            else:
                assert future.result(60) == 0
        assert pool.submit(functions.double, 4).result(60) == 8


def test_a_time_limit_kills() -> None:
    with fanout.ProcessPool(2, timeout=0.3) as pool:
        slow = pool.submit(functions.spin, 0)
        assert isinstance(slow.exception(60), fanout.TaskTimeout)
        assert pool.submit_with(functions.wait_for, 0.5, timeout=30).result(60) == 0.5


def test_several_threads_share_a_pool(pool: fanout.ProcessPool) -> None:
    def work(base: int) -> bool:
        return [pool.submit(functions.double, base + x).result() for x in range(20)] == [2 * (base + x) for x in range(20)]

    assert all(fanout.map(work, range(0, 400, 100), shape="threads:4"))


def test_runs_within_runs() -> None:
    assert fanout.map(functions.recurse, [2], shape="processes:1") == [2]


def test_a_callback_may_submit(pool: fanout.ProcessPool) -> None:
    results: list[int] = []
    done = threading.Event()

    def again(future: concurrent.futures.Future[int]) -> None:
        results.append(future.result())
        if len(results) < 5:
            pool.submit(functions.double, len(results)).add_done_callback(again)
        else:
            done.set()

    pool.submit(functions.double, 0).add_done_callback(again)
    assert done.wait(60) and results == [0, 2, 4, 6, 8]


def test_large_arrays_travel() -> None:
    numpy = pytest.importorskip("numpy")
    with fanout.ProcessPool(2) as pool:
        array = numpy.arange(1 << 18, dtype=numpy.float64)
        back = pool.submit(functions.same, array).result()
        assert (back == array).all()
        back[0] = 1  # it is nobody else's
    with fanout.ProcessPool(1) as pool:
        assert pool.submit(functions.same, bytes(1 << 20)).result() == bytes(1 << 20)


VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 10**40, 0.0, -1.5, float("inf"), "", "text", "\u00e9\U0001f600",
    "\ud800", b"", b"\x00\xff", (), (1, (2, (3,))), [], [1, "a"], {}, {"a": (1, 2)}, [[1], [2]], {"a": [1, {"b": 2}]},
    bytearray(b"abc"), {1, 2}, frozenset([1]), 1 + 2j, range(3), (1,) * 100, functions.double, ValueError,
]  # fmt: skip


def test_values_come_back_as_they_were(pool: fanout.ProcessPool) -> None:
    futures = [pool.submit(functions.same, value) for value in VALUES]
    for value, future in zip(VALUES, futures):
        back = future.result()
        assert type(back) is type(value) and back == value
    shared = [1]
    first, second = pool.submit(functions.same, (shared, shared)).result()
    assert first is second
    loop: list[object] = []
    loop.append(loop)
    back = pool.submit(functions.same, loop).result()
    assert isinstance(back, list) and back[0] is back


def test_subclasses_stay_what_they_are(pool: fanout.ProcessPool) -> None:
    import collections
    import enum

    counter = collections.Counter("aab")
    assert type(pool.submit(functions.same, counter).result()) is collections.Counter
    assert pool.submit(functions.same, signal.SIGINT).result() is signal.SIGINT
    assert isinstance(signal.SIGINT, enum.IntEnum)


def test_after_fork() -> None:
    with fanout.ProcessPool(1) as pool:
        assert pool.submit(functions.double, 1).result() == 2
        child = os.fork()
        if child == 0:
            status = 1
            try:
                pool.submit(functions.double, 1)
            except RuntimeError as refused:
                status = 0 if "fork" in str(refused) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pool.submit(functions.double, 2).result() == 4


def test_a_short_storm() -> None:
    """Signals at random moments: each task has one outcome, and only tasks that were begun are lost."""
    import random

    chance = random.Random(7)
    tasks, kills = 4000, 40
    with fanout.ProcessPool(3) as pool:
        over = threading.Event()

        def strike() -> None:
            struck = 0
            from conftest import children

            while struck < kills and not over.is_set():
                found = sorted(children())
                if found:
                    victim = chance.choice(found)
                    try:
                        os.kill(victim, signal.SIGKILL)
                        struck += 1
                    except ProcessLookupError:
                        pass
                over.wait(chance.uniform(0.005, 0.05))

        storm = threading.Thread(target=strike)
        storm.start()
        futures = [pool.submit(functions.wait_for, 0.0005) for _ in range(tasks)]
        lost = 0
        for future in futures:
            error = future.exception(120)
            if error is not None:
                assert isinstance(error, fanout.WorkerDied) and error.signal == signal.SIGKILL
                lost += 1
        over.set()
        storm.join()
        assert lost <= kills
        assert pool.submit(functions.double, 4).result(60) == 8


def test_it_does_not_keep_futures() -> None:
    import gc
    import weakref

    with fanout.ProcessPool(1) as pool:
        future = pool.submit(functions.double, 1)
        future.result()
        seen = weakref.ref(future)
        del future
        deadline = time.monotonic() + 30
        while seen() is not None and time.monotonic() < deadline:
            pool.submit(functions.double, 1).result()
            gc.collect()
        assert seen() is None


# Inputs that travel together.


def test_map_of_many_small_inputs_is_in_order_and_lazy_about_futures() -> None:
    count = 50_000
    with fanout.ProcessPool(2) as pool:
        assert list(pool.map(functions.double, range(count))) == [2 * x for x in range(count)]
        assert list(pool.map(functions.add, range(5), range(5))) == [0, 2, 4, 6, 8]
        assert list(pool.map(functions.double, [])) == []
    assert fanout.map(functions.double, range(count), shape="processes:2") == [2 * x for x in range(count)]


def test_map_raises_at_the_turn_of_the_input_that_failed() -> None:
    with fanout.ProcessPool(1) as pool:
        values = pool.map(functions.fail_at_three, range(1000))
        assert [next(values) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three") as raised:
            next(values)
        assert "fail_at_three" in str(raised.value.__cause__)
        assert list(pool.map(functions.double, range(3))) == [0, 2, 4]


def test_map_submits_without_iteration_and_ends_before_the_pool_does(tmp_path: Path) -> None:
    with fanout.ProcessPool(2) as pool:
        pool.map(functions.touch, [str(tmp_path / str(n)) for n in range(20)])
    assert len(list(tmp_path.iterdir())) == 20


def test_map_with_what_does_not_pickle_and_what_does_not_come_back() -> None:
    with fanout.ProcessPool(1) as pool:
        with pytest.raises(Exception, match="pickle"):
            list(pool.map(functions.same, [1, threading.Lock()]))
        with pytest.raises(Exception, match="pickle"):
            list(pool.map(functions.return_lock, [1]))


def test_map_times_out_and_the_pool_goes_on() -> None:
    with fanout.ProcessPool(1) as pool:
        with pytest.raises(TimeoutError if sys.version_info >= (3, 11) else concurrent.futures.TimeoutError):
            list(pool.map(functions.wait_for, [0.0, 0.5], timeout=0.05))
        assert pool.submit(functions.double, 1).result() == 2


def test_a_worker_that_dies_fails_a_map_and_no_other() -> None:
    with fanout.ProcessPool(2) as pool:
        with pytest.raises(fanout.WorkerDied):
            list(pool.map(functions.die_if_negative, [1, 2, -1, 3]))
        assert list(pool.map(functions.double, range(100))) == [2 * x for x in range(100)]


def test_map_cancelled_by_shutdown() -> None:
    pool = fanout.ProcessPool(1)
    values = pool.map(functions.wait_for, [0.2] * 50)
    assert next(values) == 0.2
    pool.shutdown(wait=True, cancel_futures=True)
    with pytest.raises(concurrent.futures.CancelledError):
        list(values)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.map(functions.double, [1])


def test_map_with_limits_sends_each_input_alone() -> None:
    with fanout.ProcessPool(1, max_tasks_per_child=1) as pool:
        assert len(set(pool.map(functions.own_process, range(3)))) == 3
    with fanout.ProcessPool(1, timeout=5) as pool:
        assert list(pool.map(functions.double, range(3))) == [0, 2, 4]


def test_a_call_there_and_back() -> None:
    with fanout.ProcessPool(1) as pool:
        assert pool.call(functions.add, 1, 2, c=3) == 6
        assert [pool.call(functions.double, x) for x in range(50)] == [2 * x for x in range(50)]
        assert pool.call(functions.wait_for, 0.05) == 0.05  # longer than a caller waits by itself
        with pytest.raises(ValueError, match="three"):
            pool.call(functions.fail_at_three, 3)
        with pytest.raises(fanout.TaskTimeout):
            pool.call(functions.wait_for, 60, timeout=0.1)
        with pytest.raises(fanout.WorkerDied):
            pool.call(functions.die_if_negative, -1)
        with pytest.raises(Exception, match="pickle"):
            pool.call(functions.same, threading.Lock())
        assert pool.call(functions.double, 4) == 8
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.call(functions.double, 1)


def test_calls_from_many_threads() -> None:
    with fanout.ProcessPool(2) as pool, concurrent.futures.ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda x: pool.call(functions.double, x), range(400))) == [2 * x for x in range(400)]


def test_ctrl_c_ends_a_call() -> None:
    with fanout.ProcessPool(1) as pool:
        pool.call(functions.double, 1)
        timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            pool.call(functions.wait_for, 30, timeout=1.0)
        timer.join()
        pool.kill()
