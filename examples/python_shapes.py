"""The four programs everybody writes first, as one: python3 examples/python_shapes.py"""

from __future__ import annotations

import asyncio
import time

import fanout


def wait(seconds: float) -> float:
    """A call that waits, such as a request."""
    time.sleep(seconds)
    return seconds


async def wait_async(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def count_primes(limit: int) -> int:
    """A call that computes."""
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


def main() -> None:
    waits = [0.2] * 5
    for shape in ("sync", "threads:5"):
        started = time.perf_counter()
        fanout.map(wait, waits, shape=shape)
        print(f"{shape:<12} {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    fanout.map(wait_async, waits, shape="async:5")
    print(f"{'async:5':<12} {time.perf_counter() - started:.2f} s")

    for out in fanout.as_completed(count_primes, [20_000] * 4, shape="processes:2"):
        print(out.index, out.value if out.ok else out.error, f"{out.elapsed:.2f} s")

    print(fanout.compare(count_primes, [5_000] * 8, rounds=1, settle_within=0))


if __name__ == "__main__":
    main()
