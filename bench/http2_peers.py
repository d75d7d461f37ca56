"""Other clients over HTTP/2 and TLS, on one connection with 100 streams, as bench_http2_client: Go's net/http, Node,
`curl -Z` and httpx. Each says how many requests a second it made; one that is not installed is named.
"""

import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

from programs import pinned, pypi, run

NODE = """
const http2 = require('http2');
const [url, count, streams] = process.argv.slice(1);
const {origin, pathname} = new URL(url);
const session = http2.connect(origin, {rejectUnauthorized: false});
session.on('error', error => { console.error(error.message); process.exit(1); });
let begun = 0, ended = 0;
const start = process.hrtime.bigint();
function next() {
  if (begun++ >= +count) return;
  const request = session.request({':path': pathname});
  request.on('response', fields => { if (fields[':status'] !== 200) process.exit(1); });
  request.on('data', () => {});
  request.on('end', () => {
    if (++ended < +count) return next();
    console.log(Math.round(+count / (Number(process.hrtime.bigint() - start) / 1e9)));
    session.close();
  });
  request.end();
}
session.on('connect', () => { for (let i = 0; i < +streams; ++i) next(); });
"""

HTTPX = """
import asyncio, sys, time, httpx
async def main(url, count, streams):
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http2=True, verify=False, limits=limits, timeout=60) as client:
        left = iter(range(count))
        async def work():
            for _ in left:
                answer = await client.get(url)
                assert answer.status_code == 200 and answer.http_version == "HTTP/2"
        await client.get(url)
        start = time.monotonic()
        await asyncio.gather(*(work() for _ in range(streams)))
        print(round(count / (time.monotonic() - start)))
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def go(url, streams, directory):
    compiler = shutil.which("go")
    if not compiler:
        return None
    program = directory / "go_peer"
    if not program.exists():
        source = pathlib.Path(__file__).with_name("http2_peer.go")
        run([compiler, "build", "-o", program, source], env={**os.environ, "GOFLAGS": "", "GO111MODULE": "off"})
    return float(run(pinned(0, [program, url, 50_000, streams])).stdout)


def node(url, streams, directory):
    program = shutil.which("node")
    return program and float(run(pinned(0, [program, "-e", NODE, url, 15_000, streams])).stdout)


def curl(url, streams, directory):
    """By the whole time of the command, which has 20,000 transfers."""
    count = 20_000
    config = directory / "curl"
    if not config.exists():
        config.write_text(f'url = "{url}"\noutput = "/dev/null"\n' * count)
    start = time.monotonic()
    printed = run(pinned(0, ["curl", "-sS", "-k", "--http2", "-Z", "--parallel-max", streams, "-w", "%{http_code} %{http_version}\\n",
                             "-K", config])).stdout
    wall = time.monotonic() - start
    return count / wall if len(re.findall("^200 2$", printed, re.M)) == count else None


def httpx(url, streams, directory):
    python = pypi("httpx[http2]")
    return python and float(run(pinned(0, [python, "-c", HTTPX, url, 1_500, streams])).stdout)


# Name, how, target and bar of the client's rate over theirs.
PEERS = [("Go net/http", go, 3, 2.5), ("Node", node, 10, 8), ("curl -Z", curl, 8, 5), ("httpx", httpx, 150, 100)]


def measure(ours, url, streams, rounds, figures):
    """`ours()`: the client's rate now, so that it is measured beside each."""
    with tempfile.TemporaryDirectory() as directory:
        for name, rate_of, target, bar in PEERS:
            ratios = []
            for _ in range(rounds):
                theirs = rate_of(url, streams, pathlib.Path(directory))
                if not theirs:
                    print(f"  NOT MEASURED: {name} is not installed, or failed")
                    break
                now = ours()
                ratios.append(now / theirs)
                print(f"  {name:<12} {theirs:>9.0f}   fanout {now:>9.0f}   ratio {ratios[-1]:.1f}")
            if ratios:
                ratio = sorted(ratios)[len(ratios) // 2]
                figures.add(f"HTTP/2 over TLS, small, 1 x {streams}: client / {name} (target {target})", ratio, f">= {bar}", ratio >= bar)
