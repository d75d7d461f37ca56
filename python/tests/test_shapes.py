"""One function under every shape: the same answers, and the same rules."""

from __future__ import annotations

import asyncio
import datetime
import gc
import itertools
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator

import fanout
import functions
import pytest

BLOCKING = ["sync", "threads:1", "threads:4", "processes:1", "processes:2", "2x2x1", "auto"]
HERE = ["sync", "threads:4", "auto"]
COROUTINE = ["sync", "async:1", "async:8", "processes:2", "auto"]


@pytest.mark.parametrize("shape", BLOCKING)
def test_map_keeps_the_order(shape: str) -> None:
    assert fanout.map(functions.double, range(200), shape=shape) == [2 * x for x in range(200)]


@pytest.mark.parametrize("shape", COROUTINE)
def test_map_of_a_coroutine_function(shape: str) -> None:
    assert fanout.map(functions.double_later, range(50), shape=shape) == [2 * x for x in range(50)]


@pytest.mark.parametrize("shape", BLOCKING)
def test_no_inputs(shape: str) -> None:
    assert fanout.map(functions.double, [], shape=shape) == []
    assert list(fanout.as_completed(functions.double, [], shape=shape)) == []


@pytest.mark.parametrize("shape", BLOCKING)
def test_map_raises_the_first_failure(shape: str) -> None:
    with pytest.raises(ValueError) as raised:
        fanout.map(functions.fail_at_three, range(10), shape=shape)
    assert raised.value.args == ("three", 3)


@pytest.mark.parametrize("shape", BLOCKING)
def test_each_input_has_one_outcome(shape: str) -> None:
    outcomes = list(fanout.as_completed(functions.fail_at_three, range(20), shape=shape))
    assert sorted(out.index for out in outcomes) == list(range(20))
    for out in outcomes:
        assert out.ok == (out.index != 3)
        assert out.elapsed >= 0
        if out.ok:
            assert out.value == out.index and out.error is None and out.result() == out.index
        else:
            assert isinstance(out.error, ValueError)
            with pytest.raises(ValueError):
                out.result()


@pytest.mark.parametrize("shape", ["threads:4", "processes:2", "async:8"])
def test_ordered_outcomes(shape: str) -> None:
    function = functions.double_later if shape.startswith("async") else functions.double
    outcomes = fanout.as_completed(function, range(300), shape=shape, ordered=True)
    assert [out.index for out in outcomes] == list(range(300))


@pytest.mark.parametrize("shape", BLOCKING)
def test_fail_fast_ends_with_the_failure(shape: str) -> None:
    outcomes = list(fanout.as_completed(functions.fail_at_three, itertools.count(), shape=shape, on_error="fail_fast"))
    assert not outcomes[-1].ok and all(out.ok for out in outcomes[:-1])


@pytest.mark.parametrize("shape", ["sync", "threads:2", "processes:2", "auto"])
def test_an_infinite_generator_in_bounded_memory(shape: str) -> None:
    pulled = 0

    def inputs() -> Iterator[int]:
        nonlocal pulled
        for pulled in itertools.count(1):
            yield pulled

    count = 0
    before = 0
    for out in fanout.imap(functions.double, inputs(), shape=shape):
        count += 1
        assert pulled - count <= 16_384
        if count == 5_000:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if count == 60_000:
            break
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB


def test_a_slow_function_is_not_read_ahead_for() -> None:
    pulled = 0

    def inputs() -> Iterator[int]:
        nonlocal pulled
        for pulled in itertools.count(1):
            yield 0

    for shape in ("threads:2", "processes:2"):
        pulled = 0
        for count, _ in enumerate(fanout.imap(_wait_a_little, inputs(), shape=shape), 1):
            assert pulled - count <= 8
            if count == 10:
                break


def _wait_a_little(_: int) -> None:
    functions.wait_for(0.02)


def test_a_window_of_ones_own() -> None:
    pulled = 0

    def inputs() -> Iterator[int]:
        nonlocal pulled
        for pulled in range(1, 101):
            yield pulled

    for shape in ("threads:2", "processes:2"):
        pulled = 0
        for count, _ in enumerate(fanout.as_completed(functions.double, inputs(), shape=shape, window=3), 1):
            assert pulled - count <= 3


@pytest.mark.parametrize("shape", ["sync", "threads:2", "processes:2", "async:2", "auto"])
def test_an_exception_of_the_inputs(shape: str) -> None:
    def inputs() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("no more of them")

    function = functions.double_later if shape.startswith("async") else functions.double
    with pytest.raises(LookupError):
        fanout.map(function, inputs(), shape=shape)
    with pytest.raises(LookupError):
        for _ in fanout.as_completed(function, inputs(), shape=shape):
            pass


def test_leaving_the_loop_kills_what_workers_are_at() -> None:
    started = time.monotonic()
    for _ in fanout.as_completed(_spin_unless_zero, itertools.chain([0], itertools.repeat(1)), shape="processes:2"):
        break
    assert time.monotonic() - started < 20


def _spin_unless_zero(x: int) -> int:
    if x:
        functions.spin(None)
    return x


def test_time_limits() -> None:
    (out,) = fanout.as_completed(functions.spin, [0], shape="processes:1", timeout=0.2)
    assert isinstance(out.error, fanout.TaskTimeout) and isinstance(out.error, TimeoutError)
    assert out.error.kind == "timeout"
    for shape in HERE:
        (out,) = fanout.as_completed(functions.wait_for, [0.1], shape=shape, timeout=0.01)
        assert isinstance(out.error, fanout.TaskTimeout) and "cannot be stopped" in str(out.error)
        (out,) = fanout.as_completed(functions.wait_for, [0], shape=shape, timeout=datetime.timedelta(hours=1)) \
            if shape == "threads:4" else fanout.as_completed(functions.wait_for, [0], shape=shape, timeout=3600)
        assert out.ok


def test_a_coroutine_over_its_limit_is_cancelled() -> None:
    cancelled = []

    async def wait(x: int) -> int:
        try:
            await asyncio.sleep(3600 if x else 0)
        except asyncio.CancelledError:
            cancelled.append(x)
            raise
        return x

    outcomes = list(fanout.as_completed(wait, [0, 1], shape="async:2", timeout=0.1, ordered=True))
    assert outcomes[0].ok and isinstance(outcomes[1].error, fanout.TaskTimeout)
    assert cancelled == [1]


def test_leaving_the_loop_cancels_coroutines() -> None:
    cancelled = threading.Event()

    async def wait(x: int) -> int:
        try:
            await asyncio.sleep(3600 if x else 0)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return x

    for _ in fanout.as_completed(wait, [0, 1], shape="async:2"):
        break
    else:
        pytest.fail("no outcome")
    gc.collect()
    assert cancelled.is_set()


def test_coroutines_overlap() -> None:
    meeting: list[int] = []

    async def meet(x: int) -> int:
        meeting.append(x)
        while len(meeting) < 8:
            await asyncio.sleep(0.001)
        return x

    assert fanout.map(meet, range(8), shape="async:8") == list(range(8))


def test_threads_overlap() -> None:
    barrier = threading.Barrier(4)
    fanout.map(lambda _: barrier.wait(30), range(8), shape="threads:4")


def test_auto_overlaps_what_waits() -> None:
    barrier = threading.Barrier(8)
    fanout.map(lambda _: barrier.wait(60), range(8), shape="auto")


def test_threads_keep_their_state_from_task_to_task() -> None:
    local = threading.local()

    def count(_: int) -> int:
        local.count = getattr(local, "count", 0) + 1
        return int(local.count)

    assert fanout.map(count, range(100), shape="threads:1") == list(range(1, 101))


def test_stop() -> None:
    stop = threading.Event()
    seen = []
    for out in fanout.as_completed(functions.double, itertools.count(), shape="threads:2", stop=stop):
        seen.append(out.index)
        if len(seen) == 5:
            stop.set()
    assert len(seen) == 5
    with pytest.raises(fanout.Cancelled):
        fanout.map(functions.double, itertools.count(), shape="threads:2", stop=stop)


def test_progress() -> None:
    seen = []
    fanout.map(functions.double, range(100), shape="threads:2", progress=seen.append)
    assert seen[-1].finished == 100 and seen[-1].total == 100 and seen[-1].failures == 0


def test_run_hands_outcomes_to_a_sink() -> None:
    sums: list[int] = []
    done = fanout.run(functions.double, range(10), lambda out: sums.append(out.value), shape="threads:2")
    assert sorted(sums) == [2 * x for x in range(10)] and done.finished == 10


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (functions.double, {"shape": "thread:2"}, "thread:2"),
        (functions.double, {"shape": "threads:0"}, "0"),
        (functions.double, {"shape": "async:4"}, "threads:4"),
        (functions.double_later, {"shape": "threads:4"}, "async:4"),
        (functions.double, {"shape": "2x2x2"}, "2x4x1"),
        (functions.double, {"shape": "processes:1", "timeout": -1}, "above 0"),
        (functions.double, {"shape": "threads:1", "timeout": "soon"}, "soon"),
        (functions.double, {"shape": "sync", "on_error": "ignore"}, "collect"),
    ],
)
def test_what_is_refused(function: object, options: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, TypeError)) as refused:
        list(fanout.as_completed(function, [1], **options))  # type: ignore[arg-type]
    assert words in str(refused.value)


def test_options_nobody_knows() -> None:
    for shape in ("sync", "threads:1", "processes:1", "auto"):
        with pytest.raises(TypeError) as refused:
            fanout.map(functions.double, [1], shape=shape, retires=3)
        assert "retires" in str(refused.value)


def test_ctrl_c_ends_a_run(tmp_path: object) -> None:
    for shape in ("threads:2", "processes:2", "async:2"):
        before = signal.getsignal(signal.SIGINT)
        interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        interrupt.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            if shape == "async:2":
                fanout.map(asyncio.sleep, itertools.repeat(0.05), shape=shape)
            else:
                fanout.map(functions.wait_for, itertools.repeat(0.05), shape=shape)
        interrupt.join()
        assert time.monotonic() - started < 20
        assert signal.getsignal(signal.SIGINT) is before


def test_from_within_a_running_loop() -> None:
    async def main() -> list[int]:
        return fanout.map(functions.double_later, range(5), shape="async:2")

    assert asyncio.run(main()) == [0, 2, 4, 6, 8]


# Several coroutines in flight in each of several workers.


def test_a_grid_of_coroutines() -> None:
    assert fanout.map(functions.double_later, range(100), shape="2x1x8") == [2 * x for x in range(100)]
    assert fanout.map(functions.double_later, range(20), shape="2x2x4") == [2 * x for x in range(20)]
    assert any(fanout.map(functions.meet_another, range(64), shape="2x1x16"))  # in flight at the same time, on one loop
    outcomes = list(fanout.as_completed(functions.own_process_later, range(40), shape="2x1x8"))
    assert len({out.value for out in outcomes}) == 2 and os.getpid() not in {out.value for out in outcomes}


def test_a_grid_of_coroutines_with_failures_and_limits() -> None:
    outcomes = {out.index: out for out in fanout.as_completed(functions.fail_later, range(6), shape="2x1x4", timeout=0.5)}
    assert sorted(outcomes) == list(range(6))
    assert isinstance(outcomes[3].error, ValueError) and "fail_later" in str(outcomes[3].error.__cause__)
    assert isinstance(outcomes[4].error, fanout.TaskTimeout)
    assert [outcomes[n].value for n in (0, 1, 2, 5)] == [0, 1, 2, 5]


def test_a_grid_needs_coroutines_for_several_in_flight() -> None:
    with pytest.raises(ValueError, match="async def"):
        fanout.map(functions.double, [1], shape="2x1x8")
    assert fanout.map(functions.double, [1, 2], shape="2x2x1") == [2, 4]


def test_a_grid_of_threads_has_all_of_them() -> None:
    all_there = threading.Barrier(4)
    assert sorted(fanout.map(lambda _: all_there.wait(20), range(4), shape="1x4x1")) == [0, 1, 2, 3]
