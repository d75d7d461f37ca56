"""get, Client and AsyncClient: one request at a time, or many tasks that each make their own."""

from __future__ import annotations

import threading
import typing

from ._fetch import open_run
from ._response import Response

if typing.TYPE_CHECKING:
    import asyncio

    from typing_extensions import Self

    from . import _core

_in_flight = 1024


def _request(
    method: str, url: str, headers: dict[str, str] | None, body: bytes | str | None, json: typing.Any
) -> dict[str, typing.Any] | str:
    if json is not None:
        import json as codec

        if body is not None:
            raise TypeError("give body or json, not both")
        body = codec.dumps(json)
        headers = {"Content-Type": "application/json", **(headers or {})}
    if method == "GET" and not headers and body is None:
        return url
    return {"url": url, "method": method, "headers": headers, "body": body}


class Client:
    """Requests one by one, as requests.Session: connections stay open from one to the next.

        with fanout.Client(timeout=10) as client:
            print(client.get("http://example.org/").text)

    Options are those of fanout.fetch. Any thread may use it, many at once. A request that brings no response raises its
    error; a status of 400 or above is a Response, whose raise_for_status() raises. close() cancels what is under way.
    """

    def __init__(self, **options: typing.Any) -> None:
        self._run: _core.FetchRun = open_run(f"async:{_in_flight}", True, True, options)
        self._lock = threading.Lock()  # guards the numbers
        self._next = 0

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | str | None = None,
        json: typing.Any = None,
    ) -> Response:
        request = _request(method, url, headers, body, json)
        with self._lock:
            self._run.give([request])
            index = self._next
            self._next += 1
        response = Response._of(self._run.wait_for_record(index))
        if response.status == 0:
            response.raise_for_status()
        return response

    def get(self, url: str, **how: typing.Any) -> Response:
        return self.request("GET", url, **how)

    def head(self, url: str, **how: typing.Any) -> Response:
        return self.request("HEAD", url, **how)

    def post(self, url: str, **how: typing.Any) -> Response:
        return self.request("POST", url, **how)

    def put(self, url: str, **how: typing.Any) -> Response:
        return self.request("PUT", url, **how)

    def delete(self, url: str, **how: typing.Any) -> Response:
        return self.request("DELETE", url, **how)

    def close(self) -> None:
        self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        self.close()


class AsyncClient:
    """The same for coroutines of asyncio, or uvloop: `await client.get(url)`.

    It belongs to the event loop in which it is first used. A task that is cancelled does not wait any longer; its request
    ends by itself.
    """

    def __init__(self, **options: typing.Any) -> None:
        self._run: _core.FetchRun = open_run(f"async:{_in_flight}", True, True, options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = 0
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._new: list[typing.Any] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | str | None = None,
        json: typing.Any = None,
    ) -> Response:
        import asyncio

        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
            loop.add_reader(self._run.fileno(), self._arrived)
        elif self._loop is not loop:
            raise RuntimeError("this AsyncClient belongs to another event loop: make one in each")
        if not self._new:
            loop.call_soon(self._give)  # the requests of all tasks of this turn together
        self._new.append(_request(method, url, headers, body, json))
        future: asyncio.Future[Response] = loop.create_future()
        self._waiting[self._next] = future
        self._next += 1
        response = await future
        if response.status == 0:
            response.raise_for_status()
        return response

    def _give(self) -> None:
        new, self._new = self._new, []
        first = self._next - len(new)
        try:
            self._run.give(new)
        except Exception as refused:
            self._next = first
            for number in range(first, first + len(new)):
                future = self._waiting.pop(number)
                if not future.done():
                    future.set_exception(refused)

    def _arrived(self) -> None:
        for record in self._run.take(False):
            future = self._waiting.pop(record.index)
            if not future.done():
                future.set_result(Response._of(record))

    async def get(self, url: str, **how: typing.Any) -> Response:
        return await self.request("GET", url, **how)

    async def head(self, url: str, **how: typing.Any) -> Response:
        return await self.request("HEAD", url, **how)

    async def post(self, url: str, **how: typing.Any) -> Response:
        return await self.request("POST", url, **how)

    async def put(self, url: str, **how: typing.Any) -> Response:
        return await self.request("PUT", url, **how)

    async def delete(self, url: str, **how: typing.Any) -> Response:
        return await self.request("DELETE", url, **how)

    async def close(self) -> None:
        """Stops what is under way; tasks that wait for it are cancelled."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._run.fileno())
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()
        self._run.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, value: object, traceback: object) -> None:
        await self.close()


_shared: Client | None = None
_shared_process = 0
_shared_lock = threading.Lock()


def get(url: str, **how: typing.Any) -> Response:
    """GET of one URL, as requests.get. Options are those of Client, and headers.

    Without options calls share a client, and its connections.
    """
    options = {name: value for name, value in how.items() if name != "headers"}
    if options:
        with Client(**options) as client:
            return client.get(url, headers=how.get("headers"))
    global _shared, _shared_process
    import os

    with _shared_lock:
        if _shared is None or _shared_process != os.getpid():
            _shared, _shared_process = Client(), os.getpid()
            import atexit

            atexit.register(_close_shared)
    return _shared.get(url, headers=how.get("headers"))


def _close_shared() -> None:
    import os

    if _shared is not None and _shared_process == os.getpid():  # not in a fork
        _shared.close()
