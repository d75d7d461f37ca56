"""A server that makes clients wait in known ways, for the figures of verdicts. Prints its port; ends with its input.

    /wait/MS    answers after so long, however many ask
    /turn/N/MS  each address serves N at a time, for so long each; others queue
    /busy/MS    computes for so long, on two threads: the client waits for a busy neighbour
"""

import asyncio
import collections
import concurrent.futures
import hashlib
import sys
import threading
import time

ADDRESSES = 51  # 127.0.0.1 and up
COMPUTING_THREADS = 2


def compute(seconds):
    """CPU time of this thread, without the interpreter's lock."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        hashlib.pbkdf2_hmac("sha256", b"neighbour", b"salt", 500)


class Server:
    def __init__(self):
        self.turns = collections.defaultdict(dict)
        self.threads = concurrent.futures.ThreadPoolExecutor(COMPUTING_THREADS)

    async def serve(self, path, address):
        kind, *numbers = path.strip("/").split("/")
        if kind == "wait":
            await asyncio.sleep(float(numbers[0]) / 1000)
        elif kind == "turn":
            turn = self.turns[address].setdefault(numbers[0], asyncio.Semaphore(int(numbers[0])))
            async with turn:
                await asyncio.sleep(float(numbers[1]) / 1000)
        elif kind == "busy":
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self.threads, compute, float(numbers[0]) / 1000)

    async def connection(self, reader, writer):
        address = writer.get_extra_info("sockname")[0]
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self.serve(head.split(b" ", 2)[1].decode().partition("?")[0], address)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main():
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    server = Server()
    first = await asyncio.start_server(server.connection, "127.0.0.1", 0, backlog=1024)
    port = first.sockets[0].getsockname()[1]
    others = [f"127.0.0.{i}" for i in range(2, ADDRESSES + 1)]
    async with first, await asyncio.start_server(server.connection, others, port, backlog=1024):
        print(port, flush=True)
        await ended.wait()


asyncio.run(main())
