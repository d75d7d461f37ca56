"""fetch, get, Client and AsyncClient, against the embedded origin of the command-line tool."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import fanout
import pytest


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
