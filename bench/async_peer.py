"""What bench/async_*.cpp measures, written for asyncio on uvloop: one line for each figure, name and value.

Times are nanoseconds for one operation, the best of three rounds; idle_task is bytes for one sleeping task.
"""

import asyncio
import gc
import queue
import resource
import sys
import threading
import time

try:
    import uvloop
except ImportError:
    sys.exit("needs uvloop (Debian's python3-uvloop)")

ROUNDS = 3


async def trivial(value):
    return value


async def gather(count, slice_size=1_000):
    for start in range(0, count, slice_size):
        await asyncio.gather(*(trivial(i) for i in range(start, start + slice_size)))


async def spawn_and_join(count, slice_size=1_000):
    for start in range(0, count, slice_size):
        async with asyncio.TaskGroup() as group:
            for i in range(start, start + slice_size):
                group.create_task(trivial(i))


async def hand_over(count, capacity=64):
    channel = asyncio.Queue(capacity)

    async def produce():
        for i in range(count):
            await channel.put(i)

    async def consume():
        for _ in range(count):
            await channel.get()

    await asyncio.gather(produce(), consume())


async def hand_over_between_threads(count, capacity=64):
    channel = queue.Queue(capacity)

    def produce():
        for i in range(count):
            channel.put(i)

    producer = threading.Thread(target=produce)
    producer.start()
    for _ in range(count):
        channel.get()
    producer.join()


async def semaphore(count, waiters=1_000):
    permits = asyncio.Semaphore(10)

    async def take_turns():
        for _ in range(count // waiters):
            async with permits:
                await asyncio.sleep(0)  # so that the others have to wait

    await asyncio.gather(*(take_turns() for _ in range(waiters)))


async def timers(count):
    for _ in range(count):
        async with asyncio.timeout(3600):
            await asyncio.sleep(0)  # a task that has to wait, so that the timer is of use


def nanoseconds(work, count):
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        asyncio.run(work(count))
        best = min(best, (time.perf_counter_ns() - started) / count)
    return best


def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def idle(count):
    gc.collect()
    before = resident()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(count)]
    await asyncio.sleep(0)
    used = (resident() - before) / count
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return used


def main():
    uvloop.install()
    print(f"idle_task {asyncio.run(idle(200_000)):.0f}")
    for name, work, count in (
        ("gather", gather, 1_000_000),
        ("spawn_and_join", spawn_and_join, 1_000_000),
        ("channel_one_loop", hand_over, 300_000),
        ("channel_two_threads", hand_over_between_threads, 300_000),
        ("semaphore", semaphore, 300_000),
        ("timers", timers, 1_000_000),
    ):
        print(f"{name} {nanoseconds(work, count):.0f}", flush=True)


if __name__ == "__main__":
    main()
