"""fetch: many URLs, by the engine of the command-line tool."""

from __future__ import annotations

import os
import typing

from . import _core

if typing.TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from types import TracebackType

    from ._response import Response

    Request = str | dict[str, typing.Any]

_least_window = 512
_rows = 8192  # of a batch for tables
_row_bytes = 64 << 20  # bodies of a batch
_feed_time = 0.005  # seconds of pulling before what was pulled is handed over


def keyword_of(option: str) -> str:
    """The name of an option of the command line as a keyword: "connect-timeout" is connect_timeout, "http1.1" http1_1.

    "verify" is verify_sha256, as verify=False says in Python that certificates are not looked at (requests, httpx).
    """
    if option == "verify":
        return "verify_sha256"
    return option.replace("-", "_").replace(".", "_")


def options_of(how: dict[str, typing.Any]) -> list[tuple[str, str]]:
    """Keyword arguments as options of the command line. Each is named as there, with _ for -."""
    known = _core.http_option_names()
    keywords = {keyword_of(name): name for name in known}
    made: list[tuple[str, str]] = []
    for name, value in how.items():
        if value is None:
            continue
        for option, text in _spelled(name, value):
            option = keywords.get(option.rstrip("_"), option)
            if option not in known:
                raise TypeError(f"there is no option {name!r} of a fetch; there are {', '.join(sorted(keywords))}")
            takes_value, repeated, _ = known[option]
            if not takes_value:
                if not isinstance(text, bool):
                    raise TypeError(f"{name} is True or False, not {value!r}")
                if text:
                    made.append((option, ""))
            elif isinstance(text, (list, tuple)):
                if not repeated:
                    raise TypeError(f"{name} takes one value, not {value!r}")
                made.extend((option, str(each)) for each in text)
            elif isinstance(text, bool):
                raise TypeError(f"{name} takes a value, not {value!r}")
            else:
                made.append((option, str(text)))
    return made


def _spelled(name: str, value: typing.Any) -> list[tuple[str, typing.Any]]:
    import json

    if name in ("headers", "header"):
        pairs = value.items() if isinstance(value, dict) else None
        return [("header", [f"{field}: {text}" if text else f"{field};" for field, text in pairs] if pairs is not None else value)]
    if name == "verify":
        return [("cacert", value)] if isinstance(value, str) else [("insecure", not value)]
    if name == "auth":
        return [("user", value if isinstance(value, str) else ":".join(value))]
    if name == "cookies":
        text = "; ".join(f"{field}={each}" for field, each in value.items()) if isinstance(value, dict) else value
        return [("cookie", text)]
    if name == "json":
        return [("json", value if isinstance(value, str) else json.dumps(value))]
    if name == "data":  # curl reads a file for @name; a program that passes on somebody's data must not
        if isinstance(value, dict):
            from urllib.parse import urlencode

            value = urlencode(value, doseq=True)
        return [("data-raw", value.decode("latin-1") if isinstance(value, bytes) else value)]
    if name == "timeout" and isinstance(value, (int, float)):
        return [("timeout", f"{value:f}s" if isinstance(value, float) else f"{value}s")]
    return [(name, value)]


class Fetch:
    """A fetch under way: an iterator, and an asynchronous one, of a Response for each request, as they complete.

    Leaving the loop, an exception in it and Ctrl-C stop what is under way; so does close(), and a `with` block at its end.
    One thread, or one event loop, at a time.
    """

    def __init__(self, urls: Iterable[Request], run: _core.FetchRun, window: int) -> None:
        self._urls = iter([urls] if isinstance(urls, (str, dict)) else urls)
        self._run = run
        self._window = window
        self._given = self._taken = 0
        self._ended = False
        self._raised: BaseException | None = None

    def _feed(self) -> None:
        import itertools
        import time

        room = self._window - (self._given - self._taken)
        if self._ended or room < self._window // 4:
            return
        began = time.perf_counter()
        while room > 0:
            batch = list(itertools.islice(self._urls, min(room, 64)))
            if batch:
                self._run.give(batch)
                self._given += len(batch)
                room -= len(batch)
            if len(batch) < 64 and room > 0:
                self._ended = True
                self._run.end()
                return
            if time.perf_counter() - began > _feed_time and self._taken:
                return

    def __iter__(self) -> Iterator[Response]:
        from ._response import Response

        make = Response._of
        try:
            while not (self._ended and self._given == self._taken):
                self._feed()
                if self._ended and self._given == self._taken:
                    break
                records = self._run.take(True)
                if not records:
                    break
                self._taken += len(records)
                for record in records:
                    yield make(record)
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[Response]:
        import asyncio

        from ._response import Response

        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        loop.add_reader(self._run.fileno(), arrived.set)
        try:
            while True:
                self._feed()
                if self._ended and self._given == self._taken:
                    break
                arrived.clear()
                records = self._run.take(False)
                if not records:
                    await arrived.wait()
                    records = self._run.take(False) or self._run.take(True)
                    if not records:
                        break
                self._taken += len(records)
                for record in records:
                    yield Response._of(record)
        finally:
            loop.remove_reader(self._run.fileno())
            self.close()

    # For programs that read tables.

    def _batches(self) -> Iterator[list[_core.Record]]:
        """Records in lists of a size that suits a table."""
        batch: list[_core.Record] = []
        size = 0
        try:
            for response in self:
                batch.append(response._record)
                size += response.bytes
                if len(batch) == _rows or size >= _row_bytes:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch
        except BaseException as raised:
            self._raised = raised
            raise

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """All responses by Arrow's C stream interface: for pyarrow.table(run), polars.DataFrame(run) and their like.

        Columns: index, url, id, final_url, status, bytes, elapsed (s), attempts, error_kind, error, file, body.
        """
        return _core.arrow_stream(self._batches())

    def to_arrow(self) -> typing.Any:
        """All responses as a pyarrow.Table; needs pyarrow 14 or newer. Its columns are those of __arrow_c_stream__."""
        try:
            import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise ImportError("to_arrow() makes a table of pyarrow, which is not installed: pip install pyarrow") from None
        try:
            return pyarrow.table(self)
        except Exception:
            if self._raised is not None:  # of the inputs, say, or Ctrl-C
                raise self._raised from None
            raise

    def to_pandas(self, **how: typing.Any) -> typing.Any:
        """All responses as a pandas.DataFrame, through to_arrow(); `how` is for pyarrow's Table.to_pandas."""
        return self.to_arrow().to_pandas(**how)

    def close(self) -> None:
        """Stops what is under way; returns within a second."""
        self._run.close()

    def __enter__(self) -> Fetch:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def _host_limits(how: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Takes the options about hosts out of `how`; a rate is so many a second, or a text as of the command line: "30/m"."""
    limits: dict[str, typing.Any] = {}
    for name in ("per_host", "per_ip", "host_delay", "rate", "host_rate", "robots", "retry_budget", "give_up_after"):
        value = how.pop(name, None)
        if value is None:
            continue
        if name in ("per_host", "per_ip"):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is 1 or more, not {value!r}")
        elif name in ("rate", "host_rate"):
            value = _rate_of(name, value)
        elif name == "retry_budget":
            value = _share_of(value)
        limits[name] = value
    return limits


def _share_of(value: object) -> float:
    """How many retries each request earns: 0.1, or as of the command line "10%", "none" (no bound)."""
    text = str(value)
    try:
        share = 1e6 if text == "none" else float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise ValueError(f"retry_budget is a share such as 0.1, '10%' or 'none', not {value!r}")
    return share


def _rate_of(name: str, value: object) -> float:
    number, slash, unit = str(value).partition("/")
    seconds = {"": 1, "s": 1, "m": 60, "h": 3600}.get(unit)
    try:
        rate = float(number) / seconds if seconds and (unit or not slash) else 0.0
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError(f"{name} is a number of requests a second, or a text such as '30/m' or '100/h', not {value!r}")
    return rate


def open_run(
    shape: str, bodies: bool, headers: bool, how: dict[str, typing.Any], save_to: str = ""
) -> _core.FetchRun:
    limits = _host_limits(how)
    workers: dict[str, typing.Any] = {}
    if shape.startswith("processes") or shape[:1].isdigit():
        from ._workers import settings

        workers = settings()
    return _core.FetchRun(shape, options_of(how), bodies, headers, save_to, {**workers, **limits})


def fetch(
    urls: Iterable[Request] | Request,
    *,
    shape: str = "auto",
    bodies: bool = True,
    with_headers: bool = True,
    window: int | None = None,
    save_to: str | os.PathLike[str] | None = None,
    **options: typing.Any,
) -> Fetch:
    """Fetches what `urls` gives, and returns an iterator of a Response for each, as they complete.

        for response in fanout.fetch(urls, shape="async:64", timeout=10):
            print(response.url, response.status, response.error or len(response.content))

    A request is a URL or a dict {"url", "id"?, "method"?, "headers"?, "body"?}. One that fails is a Response with an
    `error`; it does not end the loop. Inputs are pulled as they are needed. The engine's threads never take the
    interpreter's lock.

    shape         "async:N", "hybrid:N", "processes:N", "PxTxC", "auto", ...
    bodies        False: bodies are counted and dropped
    with_headers  False: headers of responses are dropped
    window        how many requests may be under way or ahead
    per_host      at most so many requests are in flight to each host; per_ip: to each address
    host_delay    seconds from the start of one request to a host to that of the next, at least
    rate          at most so many requests are started a second, or as "30/m", "100/h"; host_rate: the same for each host
    robots        True: robots.txt of each host is read first and heeded, for the name that user_agent begins with
    retry_budget  with retry=N: how many retries each request earns for all of them, 0.1 or "10%"; requests that wait to be
                  retried hold no place, and hosts that cannot be reached are left alone. None: each is retried at its place
    give_up_after once only hosts are left that are to be left alone: after so many seconds their requests end
    save_to       a directory: each body goes to a file of its own there as it comes, named by `response.file`. Of a file
                  that is there the options overwrite, skip_existing and continue_ decide; otherwise it is an error

    All other options are those of `fanout fetch` that are about HTTP, by the same names (with _ for - and ., and continue_ for
    --continue): timeout, connect_timeout, max_bytes,
    max_redirects, proxy, user_agent, insecure, cacert, public_only, resolve, ... Besides, as elsewhere in Python:
    headers={...}, auth=(user, password), cookies={...}, json=..., data=..., verify=False.
    """
    folder = "" if save_to is None else os.path.join(os.fspath(save_to), "")
    run = open_run(shape, bodies, with_headers, options, folder)
    if window is not None and window < 1:
        run.close()
        raise ValueError(f"window is 1 or more, not {window}")
    return Fetch(urls, run, window or max(4 * run.in_flight, _least_window))


def download(url: Request, path: str | os.PathLike[str], **options: typing.Any) -> Response:
    """Fetches one URL into the file `path`, as it comes, without holding it in memory. Options are those of fetch.

    The file appears when it is whole; until then, and where the download fails, what has come is in PATH.part. A file
    that is there is replaced. Returns the Response, whose `bytes` is the size; raises its error where there is one.
    Ctrl-C stops it.
    """
    if os.fspath(path) in ("", "-") or os.fspath(path).endswith("/"):
        raise ValueError(f"a download goes to a file, not to {os.fspath(path)!r}")
    run = open_run("async:1", True, True, options, os.fspath(path))
    for response in Fetch([url], run, 1):
        return response.raise_for_status()
    raise RuntimeError("the download was stopped")
