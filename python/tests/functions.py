"""What the tests run in workers; it has a module of its own, as the functions of users have."""

from __future__ import annotations

import os
import signal
import time


def double(x: int) -> int:
    return 2 * x


def fail_at_three(x: int) -> int:
    if x == 3:
        raise ValueError("three", x)
    return x


def wait_for(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def spin(_: object) -> None:
    while True:
        pass


def die_by(number: int) -> int:
    if number:
        os.kill(os.getpid(), number)
        signal.pause()
    return number


def die_if_negative(x: int) -> int:
    if x < 0:
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()
    return x


def own_process(_: object) -> int:
    return os.getpid()


def same(value: object) -> object:
    return value


class Unpicklable(Exception):
    def __init__(self, a: int, b: int) -> None:  # pickle calls it with one argument
        super().__init__(a + b)


def raise_unpicklable(x: int) -> None:
    raise Unpicklable(x, x)


def return_lock(_: object) -> object:
    import threading

    return threading.Lock()


def exit_with(code: int) -> None:
    raise SystemExit(code)


state: list[object] = []


def remember(value: object) -> None:
    state.append(value)


def recall(_: object) -> list[object]:
    return state


def fail_to_begin() -> None:
    raise RuntimeError("no database")


async def double_later(x: int) -> int:
    import asyncio

    await asyncio.sleep(0)
    return 2 * x


def add(a: int, b: int = 1, *, c: int = 0) -> int:
    return a + b + c


def recurse(depth: int) -> int:
    import fanout

    if depth == 0:
        return 0
    return 1 + fanout.map(recurse, [depth - 1], shape="processes:1")[0]


async def wait_later(seconds: float) -> float:
    import asyncio

    await asyncio.sleep(seconds)
    return seconds


def fail_with_markup(_: object) -> None:
    raise ValueError("<script>alert(1)</script>")


def touch(path: str) -> None:
    with open(path, "w"):
        pass


async def own_process_later(_: object) -> int:
    import asyncio

    await asyncio.sleep(0.01)
    return os.getpid()


async def fail_later(x: int) -> int:
    import asyncio

    await asyncio.sleep(0)
    if x == 3:
        raise ValueError("three")
    if x == 4:
        await asyncio.sleep(60)
    return x


def work_a_moment(x: int) -> tuple[int, int]:
    sum(range(2000))
    return x, os.getpid()


met: list[object] = []


async def meet_another(_: object) -> bool:
    """Whether another call was in flight in this process; waits for it a while."""
    import asyncio

    if not met:
        met.append(asyncio.Event())
        try:
            await asyncio.wait_for(met[0].wait(), 10)  # type: ignore[attr-defined]
        except asyncio.TimeoutError:
            return False
    met[0].set()  # type: ignore[attr-defined]
    return True


def new_set(x: int) -> set[int]:
    return {x}


def put_into(given: tuple[object, int]) -> None:
    queue, value = given
    queue.put(value)  # type: ignore[attr-defined]


hoards = 300


def work_or_hoard(x: int) -> tuple[int, int]:
    """One of so many takes memory until there is none."""
    if x % hoards == hoards // 2:
        held = []
        while True:
            held.append(bytearray(16 << 20))
    return work_a_moment(x)
