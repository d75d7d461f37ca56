"""Fetches the URLs of the command line: python3 examples/python_fetch.py http://example.org/ …"""

from __future__ import annotations

import asyncio
import sys

import fanout


def in_a_loop(urls: list[str]) -> int:
    failed = 0
    for response in fanout.fetch(urls, shape="async:64", timeout=10):
        print(response.status, response.url, response.error or f"{len(response.content)} bytes")
        failed += not response.ok
    return failed


async def in_coroutines(urls: list[str]) -> list[str]:
    async with fanout.AsyncClient(timeout=10) as client:
        responses = await asyncio.gather(*(client.get(url) for url in urls))
    return [response.text for response in responses]


def main() -> None:
    urls = sys.argv[1:]
    failed = in_a_loop(urls)
    if failed == 0:
        print(sum(map(len, asyncio.run(in_coroutines(urls)))), "characters")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
