"""Web archives as others read them: warcio and FastWARC recompute both digests of every record, and `gzip -t` reads the
members.
"""

from __future__ import annotations

import base64
import collections
import gzip
import hashlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

PAGE = b"<html>" + b"a page, " * 40 + b"</html>"
PACKED = gzip.compress(PAGE, mtime=0)


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def message(status: str, body: bytes, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: text/html", *fields, "", ""]).encode() + body


CHUNKED, GZIP = "Transfer-Encoding: chunked", "Content-Encoding: gzip"
ANSWERS = {
    "/plain": message("200 OK", PAGE, f"Content-Length: {len(PAGE)}"),
    "/chunked/1": message("200 OK", chunks(PAGE, 1), CHUNKED),
    "/chunked/7": message("200 OK", chunks(PAGE, 7), CHUNKED),
    "/chunked/1000": message("200 OK", chunks(PAGE, 1000), CHUNKED),
    "/gzip": message("200 OK", PACKED, GZIP, f"Content-Length: {len(PACKED)}"),
    "/both": message("200 OK", chunks(PACKED, 5), GZIP, CHUNKED),
    "/empty": message("204 No Content", b""),
    "/same": message("304 Not Modified", b"", 'ETag: "1"'),
    "/head": message("200 OK", b"", f"Content-Length: {len(PAGE)}"),
    "/cut": message("200 OK", PAGE[:50], f"Content-Length: {len(PAGE)}"),
    "/until-close": message("200 OK", PAGE + b" until it closes", "Connection: close"),
    "/moved": message("302 Found", b"elsewhere", "Location: /plain", "Content-Length: 9"),
    "/missing": message("404 Not Found", b"none", "Content-Length: 4"),
}
ENDS_CONNECTION = {"/cut", "/until-close"}


class ScriptedServer:
    """Answers each request with the bytes of its path."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        with reader:
            while line := reader.readline():
                path = line.split()[1].decode()
                while reader.readline() not in (b"\r\n", b""):
                    pass
                connection.sendall(ANSWERS[path])
                if path in ENDS_CONNECTION:
                    return

    def end(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    scripted = ScriptedServer()
    yield scripted.listener.getsockname()[1]
    scripted.end()


@pytest.fixture(scope="module", params=["all.warc", "all.warc.gz"])
def archive(request: pytest.FixtureRequest, server: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("archive") / request.param
    lines = "".join(
        f'{{"url": "http://127.0.0.1:{server}{each}", "method": "{"HEAD" if each == "/head" else "GET"}"}}\n' for each in ANSWERS
    )
    listed = path.with_name("list.jsonl")
    listed.write_text(lines)
    done = subprocess.run(
        [sys.executable, "-m", "fanout", "fetch", "-q", "-s", "sync", "-i", listed, "-o", path],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1, done.stderr  # one was cut, one is missing
    return path


def test_gzip_takes_each_member(archive: Path) -> None:
    if archive.suffix == ".gz":
        subprocess.run(["gzip", "-t", archive], check=True)


def test_warcio_finds_no_fault(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = collections.namedtuple("arguments", "inputs verbose")([str(archive)], True)
    checker = Checker(arguments)
    checker.process_all()
    assert checker.exit_value == 0, capsys.readouterr().out


def test_fastwarc_finds_no_fault(archive: Path) -> None:
    kinds = collections.Counter()
    with open(archive, "rb") as file:
        for record in FastIterator(file, parse_http=False, verify_digests=False):
            kinds[record.headers["WARC-Type"]] += 1
            if "WARC-Block-Digest" in record.headers:
                assert record.verify_block_digest(), record.headers["WARC-Target-URI"]
    responses = len(ANSWERS) + 1  # /moved brings two
    assert kinds["response"] + kinds["revisit"] == responses
    assert kinds["request"] == responses


def test_the_records_say_what_was_sent(archive: Path) -> None:
    """What `warcio check` does not look at: payloads as they were before the transfer coding, one digest for one payload."""
    digests = {}
    with open(archive, "rb") as file:
        for record in ArchiveIterator(file, no_record_parse=False):
            uri = record.rec_headers.get_header("WARC-Target-URI") or ""
            assert "<" not in uri and ">" not in uri
            if record.rec_type not in ("response", "revisit"):
                continue
            path = "/" + uri.split("/", 3)[3]
            digests[path] = record.rec_headers.get_header("WARC-Payload-Digest")
            payload = record.raw_stream.read()
            if record.rec_type == "response" and digests[path]:
                expected = "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()
                chunked = (record.http_headers.get_header("transfer-encoding") or "") == "chunked"
                assert chunked or digests[path] == expected, path
            truncated = record.rec_headers.get_header("WARC-Truncated")
            assert (truncated is not None) == (path == "/cut"), path
    page = "sha1:" + base64.b32encode(hashlib.sha1(PAGE).digest()).decode()
    packed = "sha1:" + base64.b32encode(hashlib.sha1(PACKED).digest()).decode()
    for path in ("/plain", "/chunked/1", "/chunked/7", "/chunked/1000"):
        assert digests[path] == page, path
    assert digests["/gzip"] == digests["/both"] == packed


def test_a_cut_archive_is_found_by_our_own_reader(archive: Path, tmp_path: Path) -> None:
    def verified(path: Path) -> int:
        return subprocess.run([sys.executable, "-m", "fanout", "job", "verify", path], capture_output=True).returncode

    whole = archive.read_bytes()
    copy = tmp_path / archive.name
    copy.write_bytes(whole[:-5])
    assert verified(copy) != 0
    damaged = bytearray(gzip.decompress(whole) if archive.suffix == ".gz" else whole)
    damaged[damaged.index(b"a page, ")] ^= 1
    copy.write_bytes(gzip.compress(bytes(damaged)) if archive.suffix == ".gz" else damaged)
    assert verified(copy) != 0
