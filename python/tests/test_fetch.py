"""fetch, get, Client and AsyncClient, against the embedded origin of the command-line tool."""

from __future__ import annotations

import asyncio
import http.server
import itertools
import json
import keyword
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import fanout
import pytest
from fanout._fetch import options_of


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    command = [sys.executable, "-m", "fanout", "serve", "--port", "0", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        try:
            url = server.stdout.readline().split()[-1]
            fanout.get(url)  # the client that calls without options share stays
            yield url
        finally:
            server.stdin.close()
            server.wait(60)


@pytest.mark.parametrize("shape", ["sync", "async:8", "hybrid:8", "threads:2", "processes:2", "auto"])
def test_each_request_has_one_response(origin: str, shape: str) -> None:
    urls = [f"{origin}/bytes/{n}" for n in range(100)]
    responses = list(fanout.fetch(urls, shape=shape))
    assert sorted(each.index for each in responses) == list(range(100))
    for each in responses:
        assert each.ok and each.status == each.status_code == 200 and each.error is None
        assert each.url == each.final_url == urls[each.index]
        assert len(each.content) == each.bytes == each.index
        assert bytes(each.body) == each.content
        assert each.elapsed > 0 and each.attempts == 1


def test_they_overlap(origin: str) -> None:
    started = time.monotonic()
    assert all(each.ok for each in fanout.fetch([f"{origin}/delay/300"] * 20, shape="async:20"))
    assert time.monotonic() - started < 20 * 0.3


def test_the_parts_of_a_response(origin: str) -> None:
    response = fanout.get(f"{origin}/headers", headers={"X-Test": "here"})
    assert response.json()["X-Test" if "X-Test" in response.json() else "x-test"] == "here"
    assert response.headers["content-type"].startswith("application/json")
    assert ("content-length", str(response.bytes)) in [(name.lower(), value) for name, value in response.raw_headers]
    assert response.encoding == "utf-8" and response.text == response.content.decode()
    assert response.raise_for_status() is response
    with pytest.raises(TypeError):
        response.body[0] = 1


def test_bodies_outlive_their_responses(origin: str) -> None:
    views = [each.body for each in fanout.fetch([f"{origin}/bytes/100000"] * 5, shape="async:5")]
    assert all(len(view) == 100_000 for view in views) and len({bytes(view) for view in views}) == 1


def test_failures_are_values(origin: str) -> None:
    by_kind = {
        each.error.kind: each
        for each in fanout.fetch(
            [f"{origin}/status/404", f"{origin}/garbage", "http://127.0.0.1:1/", "http://no url/", f"{origin}/never"],
            timeout=0.5,
        )
        if each.error is not None
    }
    assert sorted(by_kind) == ["connect", "invalid_request", "protocol", "status", "timeout"]
    assert by_kind["status"].status == 404 and not by_kind["status"].ok
    with pytest.raises(fanout.Error):
        by_kind["status"].raise_for_status()
    assert by_kind["timeout"].status == 0


def test_requests_with_everything(origin: str) -> None:
    request = {"url": f"{origin}/echo", "id": "mine", "method": "PUT", "headers": {"X-A": "1"}, "body": "text"}
    (response,) = fanout.fetch([request])
    assert response.id == "mine"
    seen = response.json()
    assert seen["method"] == "PUT" and seen["body"] == "text"


def test_options_have_the_names_of_the_command_line(origin: str) -> None:
    (response,) = fanout.fetch([f"{origin}/redirect/3"], max_redirects=2)
    assert response.error is not None
    (response,) = fanout.fetch([f"{origin}/headers"], user_agent="me/1", headers={"X-B": "2"}, auth=("a", "b"))
    seen = {name.lower(): value for name, value in response.json().items()}
    assert seen["user-agent"] == "me/1" and seen["x-b"] == "2" and seen["authorization"] == "Basic YTpi"
    (response,) = fanout.fetch([f"{origin}/echo"], json={"a": 1})
    assert json.loads(response.json()["body"]) == {"a": 1} and response.json()["method"] == "POST"
    (response,) = fanout.fetch([f"{origin}/echo"], data="@/etc/hostname")  # a text, not a file
    assert response.json()["body"] == "@/etc/hostname"
    (response,) = fanout.fetch([f"{origin}/bytes/1000"], max_bytes=10)
    assert response.error is not None and response.error.kind == "too_large"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeuot": 3}, "timeuot"),
        ({"timeout": "soon"}, "soon"),
        ({"insecure": "yes"}, "insecure"),
        ({"shape": "asink:3"}, "asink:3"),
        ({"window": 0}, "window"),
        ({"proxy": True}, "proxy"),
        ({"user_agent": ["a", "b"]}, "one value"),
        ({"cacert": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_options_that_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises((TypeError, ValueError, fanout.Error)) as refused:
        fanout.fetch(["http://127.0.0.1:1/"], **options)  # type: ignore[arg-type]
    assert words in str(refused.value)


def test_inputs_that_are_no_requests(origin: str) -> None:
    with pytest.raises(TypeError):
        list(fanout.fetch([f"{origin}/", 3]))  # type: ignore[list-item]

    def raising() -> Iterator[str]:
        yield f"{origin}/"
        raise LookupError("no more of them")

    with pytest.raises(LookupError):
        list(fanout.fetch(raising()))


def test_an_infinite_list_is_read_as_far_as_needed(origin: str) -> None:
    pulled = 0

    def urls() -> Iterator[str]:
        nonlocal pulled
        for pulled in itertools.count(1):
            yield f"{origin}/bytes/10"

    for count, response in enumerate(fanout.fetch(urls(), shape="async:8"), 1):
        assert response.ok and pulled - count <= 512
        if count == 3000:
            break
    pulled = 0
    for count, _ in enumerate(fanout.fetch(urls(), shape="async:8", window=5), 1):
        assert pulled - count <= 5
        if count == 50:
            break


def test_break_stops_what_is_under_way(origin: str) -> None:
    started = time.monotonic()
    for _ in fanout.fetch(itertools.chain([f"{origin}/"], itertools.repeat(f"{origin}/never")), shape="async:50"):
        break
    with fanout.fetch(itertools.repeat(f"{origin}/never"), shape="async:50"):
        pass
    assert time.monotonic() - started < 20


def test_ctrl_c_stops(origin: str) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        list(fanout.fetch([f"{origin}/never"] * 10))
    timer.join()


def test_async_for(origin: str) -> None:
    async def main() -> None:
        seen = set()
        async for each in fanout.fetch((f"{origin}/bytes/{n}" for n in range(2000)), shape="async:32"):
            seen.add(each.index)
        assert seen == set(range(2000))
        async for _ in fanout.fetch([]):
            pytest.fail("a response to nothing")

    asyncio.run(main())


def test_client_from_several_threads(origin: str) -> None:
    with fanout.Client(user_agent="me") as client:

        def work(base: int) -> bool:
            return all(client.get(f"{origin}/bytes/{n}").bytes == n for n in range(base, base + 30))

        assert all(fanout.map(work, range(0, 240, 30), shape="threads:8"))
        assert client.post(f"{origin}/echo", json=[1]).json()["method"] == "POST"
        assert client.get(f"{origin}/status/404").status == 404
        with pytest.raises(fanout.Error) as failed:
            client.get("http://127.0.0.1:1/")
        assert failed.value.kind == "connect"
    with pytest.raises(RuntimeError):
        client.get(f"{origin}/")


def test_async_client(origin: str) -> None:
    async def main() -> None:
        async with fanout.AsyncClient() as client:
            responses = await asyncio.gather(*(client.get(f"{origin}/bytes/{n}") for n in range(300)))
            assert [each.bytes for each in responses] == list(range(300))
            with pytest.raises(fanout.Error):
                await client.get("http://127.0.0.1:1/")
            waiting = asyncio.ensure_future(client.get(f"{origin}/never"))
            done, _ = await asyncio.wait([waiting], timeout=0.1)
            assert not done
            waiting.cancel()
            assert (await client.get(f"{origin}/bytes/7")).bytes == 7
            left = asyncio.ensure_future(client.get(f"{origin}/never"))
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await left

    asyncio.run(main())


def test_after_fork(origin: str) -> None:
    with fanout.Client() as client:
        client.get(f"{origin}/")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                client.get(f"{origin}/")
            except RuntimeError as refused:
                status = 0 if "fork" in str(refused) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.get(f"{origin}/").ok


def test_the_end_of_the_program_with_a_fetch_under_way(origin: str) -> None:
    code = f"""
import fanout, itertools
kept = iter(fanout.fetch(itertools.chain(["{origin}/"], itertools.repeat("{origin}/never"))))
next(kept)
fanout.get("{origin}/")
client = fanout.Client()
client.get("{origin}/")
print("over", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == "over\n", done.stderr


# Every option of the command line.

NOT_ABOUT_HTTP = {
    # inputs, shapes and outputs of the command itself; a program has them as arguments or as Python
    "help", "config", "url", "input", "output", "shape", "jobs", "fail", "fail-with-body", "include", "remote-name",
    "remote-header-name", "rotate", "on-close", "restart", "retry-failed", "drain-time", "usr1", "dedupe", "glob", "url-column", "output-dir", "create-dirs", "dump-header", "write-out", "har", "verbose", "stderr", "no-clobber", "remove-on-error", "summary", "quiet",
    "name", "since", "shard", "progress", "metrics", "on",
}  # fmt: skip


def test_every_option_of_fanout_fetch_is_a_keyword() -> None:
    from fanout import _core
    from fanout._fetch import keyword_of

    told = subprocess.run([sys.executable, "-m", "fanout", "fetch", "--help"], capture_output=True, text=True, check=True).stdout
    there = set(re.findall(r"^ +(?:-[^ ,]+,? *)?--([a-z0-9][a-z0-9.-]*)", told, re.MULTILINE))
    assert len(there) > 60
    known = set(_core.http_option_names())
    # test_limits_of_hosts, test_robots_and_retries
    hosts = {"per-host", "host-delay", "rate", "host-rate", "robots", "per-ip", "retry-budget", "give-up-after"}
    assert there - known - hosts <= NOT_ABOUT_HTTP, sorted(there - known - hosts - NOT_ABOUT_HTTP)
    assert len({keyword_of(name) for name in known}) == len(known)
    for name in known & there:
        takes_value, repeated, _ = _core.http_option_names()[name]
        word = keyword_of(name) + ("_" if keyword.iskeyword(keyword_of(name)) else "")
        assert word.isidentifier()
        if not takes_value:
            assert options_of({word: True}) == [(name, "")] and options_of({word: False}) == []


def test_limits_of_hosts(origin: str) -> None:
    responses = list(fanout.fetch([f"{origin}/delay/20"] * 6, shape="async:6", per_host=1))
    assert all(each.ok for each in responses)
    with fanout.fetch((f"{origin}/bytes/{n}" for n in range(5)), host_delay=0.01, rate=1000, host_rate="60000/m") as run:
        assert sorted(each.index for each in run) == list(range(5))
    for wrong in ({"per_host": 0}, {"rate": "fast"}, {"host_rate": "3/d"}, {"rate": -1}, {"host_delay": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            fanout.fetch([], **wrong)  # type: ignore[arg-type]


def test_robots_and_retries(origin: str) -> None:
    asked: list[str] = []

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            busy = self.path == "/busy" and asked.count("/busy") < 3
            body = b"User-agent: examplebot\nDisallow: /private/\n" if self.path == "/robots.txt" else b"page"
            self.send_response(503 if busy else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            there = f"http://127.0.0.1:{server.server_port}"
            urls = [f"{there}/private/1", f"{there}/page", f"{there}/private/2"]
            found = {each.index: each for each in fanout.fetch(urls, robots=True, user_agent="examplebot/1.0", per_ip=1)}
            assert asked == ["/robots.txt", "/page"]
            assert found[1].ok and isinstance(found[0].error, fanout.Error) and found[0].error.kind == "refused_by_policy"
            retried = list(fanout.fetch([f"{there}/busy"], retry=5, retry_delay=0.01, retry_budget="50%", give_up_after=30))
            assert retried[0].ok and retried[0].attempts == 3
        finally:
            server.shutdown()
            thread.join()
    for wrong in ({"per_ip": 0}, {"retry_budget": "much"}, {"retry_budget": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            fanout.fetch([], **wrong)  # type: ignore[arg-type]


# Tables.


def urls_of(origin: str) -> list[object]:
    return [
        *({"url": f"{origin}/bytes/{n}", "id": f"ü{n}"} for n in range(20)),
        f"{origin}/status/404",
        "http://127.0.0.1:1/",
    ]


def test_arrow_stream(origin: str) -> None:
    nanoarrow = pytest.importorskip("nanoarrow")
    rows = {row["index"]: row for row in nanoarrow.ArrayStream(fanout.fetch(urls_of(origin))).read_all().to_pylist()}
    assert sorted(rows) == list(range(22))
    for n in range(20):
        assert rows[n]["url"] == rows[n]["final_url"] == f"{origin}/bytes/{n}" and rows[n]["id"] == f"ü{n}"
        assert rows[n]["status"] == 200 and rows[n]["bytes"] == n == len(rows[n]["body"])
        assert rows[n]["error"] is None and rows[n]["error_kind"] is None and rows[n]["file"] is None
        assert rows[n]["elapsed"] > 0 and rows[n]["attempts"] == 1
    assert rows[20]["status"] == 404 and rows[20]["error_kind"] == "status" and rows[20]["id"] is None
    assert rows[21]["status"] == 0 and rows[21]["error_kind"] == "connect" and "127.0.0.1" in rows[21]["error"]


def test_to_arrow_and_pandas(origin: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = fanout.fetch(urls_of(origin)).to_arrow()
    assert table.num_rows == 22 and table.schema.field("body").type == pyarrow.large_binary()
    table.validate(full=True)
    assert sum(map(len, filter(None, table["body"].to_pylist()))) >= sum(range(20))
    assert fanout.fetch([]).to_arrow().num_rows == 0
    pytest.importorskip("pandas")
    frame = fanout.fetch(urls_of(origin), bodies=False).to_pandas()
    assert sorted(frame["index"]) == list(range(22)) and frame["body"].isna().all()


def test_what_the_inputs_raise_comes_through_a_table(origin: str) -> None:
    pytest.importorskip("pyarrow")

    def broken() -> Iterator[str]:
        yield f"{origin}/bytes/1"
        raise LookupError("the list is broken")

    with pytest.raises(LookupError, match="the list is broken"):
        fanout.fetch(broken()).to_arrow()


def test_a_stream_that_nobody_reads_is_freed(origin: str) -> None:
    capsule = fanout.fetch([f"{origin}/bytes/1"]).__arrow_c_stream__()
    assert "arrow_array_stream" in repr(capsule)
    del capsule


# Files.


def test_bodies_in_files(origin: str, tmp_path: Path) -> None:
    urls = [f"{origin}/bytes/{n}" for n in (0, 10, 100_000)]
    found = {each.index: each for each in fanout.fetch(urls, save_to=tmp_path / "pages")}
    for index, size in enumerate((0, 10, 100_000)):
        assert found[index].ok and found[index].bytes == size and len(found[index].content) == 0
        assert (tmp_path / "pages" / found[index].file).stat().st_size == size
    again = list(fanout.fetch(urls, save_to=tmp_path / "pages", overwrite=True))
    assert all(each.ok for each in again)


def test_download(origin: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    response = fanout.download(f"{origin}/bytes/30000000", path)
    assert response.bytes == path.stat().st_size == 30_000_000 and response.status == 200
    assert path.read_bytes() == fanout.get(f"{origin}/bytes/30000000").content
    with pytest.raises(fanout.Error) as raised:
        fanout.download(f"{origin}/never", tmp_path / "none", timeout=0.2)
    assert raised.value.kind == "timeout" and not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="goes to a file"):
        fanout.download(f"{origin}/bytes/1", "-")


def test_an_exception_in_the_loop_stops_within_a_second(origin: str) -> None:
    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        for _ in fanout.fetch(itertools.chain([f"{origin}/bytes/1"], itertools.repeat(f"{origin}/delay/60000"))):
            raise ZeroDivisionError
    import gc

    gc.collect()
    assert time.monotonic() - started < 10  # not the 60 s of those under way
