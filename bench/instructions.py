"""Instructions a request by callgrind, against a server whose answers are ready-made bytes: of the client over HTTP/1.1 and
HTTP/2, and of the whole tool, from a list to JSON Lines. Other programs on the machine hardly change them,
so they are what CI holds the speed by: it fails where one is more than TOLERANCE over what was reached when it was last
changed. A change that saves takes its saving off REACHED; one that costs says in its commit why, and puts it on.

    instructions.py DIRECTORY    of a release with its benchmarks (./dev instructions)
"""

import pathlib
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from canned_server import Http1, Http2, canned_server
from programs import fail, run

FEW, MANY = 500, 2_500
TOLERANCE = 1.03  # how many requests are ready in one turn of the loop is chance: runs differ by up to 1 %

REACHED = {
    "client over HTTP/1.1, 64 connections": 9_850,
    "client over HTTP/2, 1 x 100 streams": 18_550,
    "fanout fetch, a list to JSON Lines": 12_050,
}


def counted(command, directory):
    out = pathlib.Path(tempfile.mkdtemp(dir=directory), "callgrind")
    run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command])
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def client(program, protocol, connections, streams, *how):
    def count(requests, directory):
        with canned_server(protocol) as port:
            return counted([program, f"http://127.0.0.1:{port}/page", requests, connections, streams, "keep", *how],
                           directory)
    return count


def tool(program):
    def count(requests, directory):
        directory = pathlib.Path(tempfile.mkdtemp(dir=directory))
        with canned_server(Http1) as port:
            urls = directory / "urls"
            urls.write_text("".join(f"http://127.0.0.1:{port}/page/{i:06}\n" for i in range(requests)))
            return counted([program, "fetch", "-q", "-s", "async:64", "-i", urls, "--progress", "none", "-o",
                            directory / "records.jsonl"], directory)
    return count


def measure(release):
    """By name. What a program does once is not counted: it is the difference of two runs."""
    release = pathlib.Path(release)
    bench, fanout = release / "bench_http2_client", release / "fanout"
    kinds = dict(zip(REACHED, (client(bench, Http1, 64, 1, "http1.1"), client(bench, Http2, 1, 100), tool(fanout))))
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(2) as at_once:
        runs = {name: [at_once.submit(count, requests, directory) for requests in (FEW, MANY)]
                for name, count in kinds.items()}
        return {name: (many.result() - few.result()) / (MANY - FEW) for name, (few, many) in runs.items()}


def main():
    if len(sys.argv) != 2:
        fail("instructions.py takes the directory of a release")
    if not shutil.which("valgrind"):
        fail("Debian's valgrind is not installed")
    failed = 0
    for name, reached in measure(sys.argv[1]).items():
        limit = REACHED[name] * TOLERANCE
        failed += reached > limit
        print(f"{name:<38} {reached:>7.0f} instructions a request, at most {limit:.0f}"
              f"{'    MORE THAN BEFORE' if reached > limit else ''}")
    print(f"instructions: {len(REACHED) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
