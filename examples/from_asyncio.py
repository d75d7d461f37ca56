"""The Python halves of docs/from-asyncio.md; examples/from_asyncio.cpp has the others, and prints the same."""

import asyncio
import time


async def square(x):
    await asyncio.sleep(0.001 * x)
    return x * x


async def refuse(x):
    raise ValueError(f"no {x}")


def slow_square(x):
    time.sleep(0.001)
    return x * x


# gather

async def together():
    a, b = await asyncio.gather(square(3), square(4))
    return a + b


# gather, with failures as results

async def settled():
    results = await asyncio.gather(square(3), refuse(4), return_exceptions=True)
    return sum(isinstance(result, Exception) for result in results)


# TaskGroup

async def grouped():
    async with asyncio.TaskGroup() as group:
        first = group.create_task(square(3))
        second = group.create_task(square(4))
    return first.result() + second.result()


# timeout

async def impatient():
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(3600)
        return "done"
    except TimeoutError:
        return "timeout"


# wait(FIRST_COMPLETED)

async def first():
    tasks = [asyncio.create_task(square(x)) for x in (90, 2)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return done.pop().result()


# as_completed

async def in_order_of_completion():
    seen = []
    for next_one in asyncio.as_completed([square(30), square(1), square(10)]):
        seen.append(await next_one)
    return seen


# Semaphore

async def politely(at_once, x):
    async with at_once:
        return await square(x)


async def limited():
    at_once = asyncio.Semaphore(2)
    return sum(await asyncio.gather(*(politely(at_once, x) for x in range(5))))


# Queue

async def produce(queue):
    for x in range(5):
        await queue.put(x)
    await queue.put(None)


async def consume(queue):
    total = 0
    while (x := await queue.get()) is not None:
        total += x
    return total


async def handed_over():
    queue = asyncio.Queue(2)
    _, total = await asyncio.gather(produce(queue), consume(queue))
    return total


# Event

async def starter(ready):
    await asyncio.sleep(0.001)
    ready.set()


async def signalled():
    ready = asyncio.Event()
    await asyncio.gather(starter(ready), ready.wait())
    return ready.is_set()


# to_thread

async def beside_the_loop():
    return await asyncio.to_thread(slow_square, 5)


# async generators

async def countdown(x):
    while x > 0:
        await asyncio.sleep(0)
        yield x
        x -= 1


async def collected():
    return [x async for x in countdown(3)]


# subprocesses

async def greeting():
    process = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode().strip()


async def main():
    print("together", await together())
    print("settled", await settled())
    print("grouped", await grouped())
    print("impatient", await impatient())
    print("first", await first())
    print("in_order_of_completion", *await in_order_of_completion())
    print("limited", await limited())
    print("handed_over", await handed_over())
    print("signalled", int(await signalled()))
    print("beside_the_loop", await beside_the_loop())
    print("collected", *await collected())
    print("greeting", await greeting())


asyncio.run(main())
