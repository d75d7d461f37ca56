"""What other pools hang on, storms of dying workers, leaks. With FANOUT_TEST_WHOLE_STORM=1 the storms are whole."""

from __future__ import annotations

import collections
import concurrent.futures
import gc
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fanout
import functions
import pytest
from conftest import children, descriptors

WHOLE = os.environ.get("FANOUT_TEST_WHOLE_STORM") == "1"
TASKS, FAULTS, RUNS = (50_000, 500, 10_000) if WHOLE else (3_000, 30, 300)


def test_a_kill_storm_brings_one_outcome_for_each_task() -> None:
    """Workers are killed and stopped at any age, also before they are ready, and some tasks take memory without end: one
    outcome for each task, no hang, nothing left."""
    before = children()
    chosen = random.Random(96062)
    seen: set[int] = set()
    kinds: collections.Counter[str] = collections.Counter()
    recent: list[int] = []  # workers that brought something
    struck = 0
    outcomes = fanout.as_completed(functions.work_or_hoard, range(TASKS), shape="processes:4", timeout=4, memory_bytes=1 << 29)
    for out in outcomes:
        assert out.index not in seen
        seen.add(out.index)
        if out.ok:
            assert out.value[0] == out.index
            recent = [*recent[-3:], out.value[1]]
        else:
            kinds[type(out.error).__name__] += 1
        if len(seen) * FAULTS // TASKS > struck:
            whom = recent.pop() if recent and chosen.random() < 0.5 else chosen.choice([*(children() - before), 0])
            try:
                if whom:
                    os.kill(whom, chosen.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP]))
                struck += 1
            except ProcessLookupError:
                pass
    assert seen == set(range(TASKS))
    assert struck > FAULTS // 2 and set(kinds) <= {"WorkerDied", "TaskTimeout", "MemoryError"}, (struck, kinds)
    assert kinds["MemoryError"] and kinds["WorkerDied"], kinds
    assert children() <= before


def test_a_pool_survives_workers_that_are_killed_while_idle() -> None:
    """cpython 96062: a worker that is killed while it holds the lock of the call queue hangs the executor."""
    before = children()
    with fanout.ProcessPool(2) as pool:
        for _ in range(20 if WHOLE else 5):
            assert list(pool.map(functions.double, range(50))) == [2 * x for x in range(50)]
            for each in children() - before:
                os.kill(each, signal.SIGKILL)
            done, pending = concurrent.futures.wait([pool.submit(functions.double, x) for x in range(50)], timeout=60)
            assert not pending
            assert all(future.exception() is None or isinstance(future.exception(), fanout.WorkerDied) for future in done)


def test_workers_that_are_replaced_all_the_time_do_not_stop_the_pool() -> None:
    """cpython 115634: with max_tasks_per_child the count of idle workers goes wrong and the executor hangs."""
    with fanout.ProcessPool(2, max_tasks_per_child=2) as pool:
        futures = [pool.submit(functions.double, x) for x in range(40)]
        assert [future.result(60) for future in futures] == [2 * x for x in range(40)]


def test_a_task_that_ends_its_process_in_the_middle_of_many() -> None:
    """joblib 181: Parallel hangs when a worker is killed."""
    with fanout.ProcessPool(2) as pool:
        futures = [pool.submit(functions.die_if_negative, -1 if x == 7 else x) for x in range(30)]
        done, pending = concurrent.futures.wait(futures, timeout=60)
        assert not pending
        assert isinstance(futures[7].exception(), fanout.WorkerDied)
        assert sum(future.exception() is None for future in futures) == 29


def test_runs_leave_nothing_behind() -> None:
    def some_runs(count: int) -> None:
        for n in range(count):
            assert fanout.map(functions.double, range(3), shape="threads:2") == [0, 2, 4]
            assert len(list(fanout.as_completed(functions.double_later, range(3), shape="async:2"))) == 3
            if n % 30 == 0:
                assert fanout.map(functions.double, range(3), shape="processes:1") == [0, 2, 4]

    some_runs(40)
    gc.collect()
    memory, open_before, objects = resident(), descriptors(), len(gc.get_objects())
    some_runs(RUNS)
    gc.collect()
    assert descriptors() <= open_before and len(gc.get_objects()) - objects < 500
    assert resident() - memory < 24 << 20


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_calls_of_a_pool_leave_nothing_behind() -> None:
    with fanout.ProcessPool(1) as pool:
        for _ in range(200):
            pool.call(functions.double, 1)
        gc.collect()
        memory, objects = resident(), len(gc.get_objects())
        for n in range(RUNS):
            assert pool.submit(functions.double, n).result() == pool.call(functions.double, n)
            if n % 50 == 0:
                assert list(pool.map(functions.double, range(100))) == list(range(0, 200, 2))
        gc.collect()
        assert len(gc.get_objects()) - objects < 500 and resident() - memory < 24 << 20


@pytest.mark.parametrize("shape", ["threads:2", "processes:2"])
def test_an_endless_generator_in_constant_memory(shape: str) -> None:
    def values() -> Iterator[int]:
        for n in itertools.count():
            pulled[0] = n
            yield n

    pulled = [0]
    count = 100_000 if WHOLE else 5_000
    run = fanout.as_completed(functions.double, values(), shape=shape)
    for _ in range(count // 10):
        next(run)
    memory = resident()
    for out in itertools.islice(run, count):
        assert out.ok
    assert resident() - memory < 16 << 20 and pulled[0] < 2 * count + 20_000
    run.close()


# The end of the interpreter, forks and interpreters in one process.


def script(source: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120, env=environment)
    assert ended.returncode == expected, ended.stderr
    return ended


@pytest.mark.parametrize("shape", ["sync", "threads:2", "threads:8", "processes:2", "auto"])
def test_the_interpreter_ends_with_a_run_under_way(shape: str) -> None:
    script(f"import fanout, functions; run = fanout.as_completed(functions.double, iter(int, 1), shape={shape!r}); next(run)")


def test_the_interpreter_ends_with_coroutines_under_way() -> None:
    script("import fanout, functions; run = fanout.as_completed(functions.double_later, iter(int, 1), shape='async:4'); next(run)")
    script(
        "import fanout, functions\n"
        "run = fanout.as_completed(functions.wait_later, [0.0] + [3600.0] * 9, shape='async:4')\n"
        "assert next(run).value == 0.0\n"
    )


def test_the_interpreter_ends_with_a_map_and_a_thread_under_way() -> None:
    told = script(
        "import fanout, functions, threading\n"
        "pool = fanout.ProcessPool(2)\n"
        "values = pool.map(functions.wait_for, [0.01] * 20)\n"
        "threading.Thread(target=lambda: print(sum(pool.map(functions.double, range(10))))).start()\n"
    )
    assert told.stdout == "90\n"


def test_a_fork_has_no_part_in_what_the_parent_does() -> None:
    told = script(
        "import os, fanout, functions, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "pool = fanout.ProcessPool(1); pool.call(functions.double, 1)\n"
        "values = pool.map(functions.double, range(3))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    for attempt in (lambda: pool.call(functions.double, 1), lambda: pool.map(functions.double, [1]), lambda: next(values)):\n"
        "        try: attempt(); os._exit(1)\n"
        "        except RuntimeError as refused: assert 'fork' in str(refused), refused\n"
        "    with fanout.ProcessPool(1) as own: assert own.call(functions.double, 2) == 4\n"
        "    assert fanout.map(functions.double, [1], shape='processes:1') == [2]\n"
        "    os._exit(0)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
        "assert list(values) == [0, 2, 4]\n"
        "pool.shutdown()\n"
    )
    assert told.stderr == ""


def test_a_second_interpreter_is_told_why_not() -> None:
    script(
        "import fanout\n"
        "try:\n"
        "    import _interpreters as interpreters\n"
        "except ImportError:\n"
        "    import _xxsubinterpreters as interpreters\n"
        "made = interpreters.create()\n"
        "code = '''\n"
        "try:\n"
        "    import fanout\n"
        "except ImportError as refused:\n"
        "    assert 'interpreter' in str(refused), refused\n"
        "else:\n"
        "    raise AssertionError('it was imported')\n"
        "'''\n"
        "failed = interpreters.run_string(made, code)\n"
        "assert failed is None, failed\n"
        "interpreters.destroy(made)\n"
        "assert fanout.map(abs, [-1], shape='threads:1') == [1]\n"
    )


# What a fetch costs beside a thread of Python that computes.


def test_a_fetch_goes_on_beside_a_thread_that_spins() -> None:
    """What it costs is measured by ./dev bench python; here, that nobody waits for the lock for each record: with this
    switch interval that would take ten minutes."""
    command = [sys.executable, "-m", "fanout", "serve", "--port", "0", "--until-eof"]
    before = sys.getswitchinterval()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        url = server.stdout.readline().split()[-1] + "/bytes/100"
        stop = threading.Event()
        spinner = threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)])
        sys.setswitchinterval(0.1)
        spinner.start()
        try:
            assert sum(each.ok for each in fanout.fetch((url for _ in range(6_000)), shape="async:64")) == 6_000
        finally:
            stop.set()
            spinner.join()
            sys.setswitchinterval(before)
            server.stdin.close()
            server.wait(60)
