"""The figures of docs/benchmarks.md, measured in one run.

Everything that is compared runs in turn, several rounds, on the same machine and against the same server, and the
figure is a ratio: machines drift, and an absolute number says little about another machine. A failed request fails the
benchmark. Of times the best round counts, as neighbours on the machine only ever add to them; of ratios between two
programs the median.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import body_figures
import bulk_figures
import compare_figures
import http2_figures
import http_figures
import tls_figures
import verdict_figures
from programs import fail, nginx, pinned, run

FETCHES = 200_000
CONNECTIONS = 64


class Figures:
    """What was reached, beside what was asked for."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, bar, met, unit=""):
        self.rows.append((name, f"{value:.3f}{unit}", bar, "met" if met else "MISSED"))

    def print(self):
        print(f"\n| {'figure':<66} | {'reached':>9} | {'bar':>11} |        |")
        print(f"|{'-' * 68}|{'-' * 10}:|{'-' * 12}:|--------|")
        for name, value, bar, verdict in self.rows:
            print(f"| {name:<66} | {value:>9} | {bar:>11} | {verdict:<6} |")

    @property
    def missed(self):
        return any(row[3] != "met" for row in self.rows)


def hello(port):
    return f"""keepalive_requests 1000000000; keepalive_timeout 1h;
               server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 'hello'; }} }}"""


def compare(fanout, workload, rounds):
    """The rows of five tasks of `fanout compare`, by shape."""
    found = json.loads(run([fanout, "compare", workload, "--tasks", "5", "--shapes",
                            "sync,threads:5,async:5,processes:5,hybrid:5", "--json", "--rounds", str(rounds)]).stdout)["workloads"][0]
    for row in found["rows"]:
        if row["failures"]:
            fail(f"{row['shape']} had {row['failures']} failures")
        row["wall_s"] = min(row["walls_s"])
    rows = {row["shape"]: row for row in found["rows"]}
    for row in found["rows"]:
        row["speedup"] = rows["sync"]["wall_s"] / row["wall_s"]
    return rows


def measure_shapes(fanout, rounds, figures):
    """Two workloads of `fanout compare`, five tasks each. Every shape has its turn in each round."""
    bound = 0.400
    io = compare(fanout, "io", rounds)
    print(f"\nfive fetches of a page that takes 0.400 s: seconds, best of {rounds} rounds")
    for shape, row in io.items():
        print(f"  {shape:<12} {row['wall_s']:.4f}")
    for shape, bar in (("threads:5", 1.01), ("async:5", 1.01), ("processes:5", 1.06)):
        reached = io[shape]["wall_s"] / bound
        figures.add(f"five fetches, {shape}: wall / 0.400 s", reached, f"<= {bar}", reached <= bar)
    reached = io["sync"]["wall_s"] / bound
    figures.add("five fetches, sync: wall / 0.400 s", reached, "5", 5 <= reached <= 5.05)

    cpu = compare(fanout, "cpu", 3 * rounds)
    print(f"\nfive equal computations: seconds, best of {3 * rounds} rounds; speed-up over sync; cores used")
    for shape, row in cpu.items():
        print(f"  {shape:<12} {row['wall_s']:.4f}  {row['speedup']:.3f}  {row['cores_used']:.2f}")
    for shape in ("threads:5", "processes:5"):
        speedup = cpu[shape]["speedup"]
        figures.add(f"five computations, {shape}: speed-up over sync", speedup, ">= 1.9", speedup >= 1.9)


def measure_fetch(fanout, rounds, figures):
    """Small keep-alive responses from nginx on the other core, beside wrk."""
    with nginx(1, hello) as port, tempfile.TemporaryDirectory() as directory:
        url = f"http://127.0.0.1:{port}"
        urls = pathlib.Path(directory, "urls")
        urls.write_text("".join(f"{url}/page/{i}\n" for i in range(FETCHES)))
        summary = pathlib.Path(directory, "summary.json")
        ratios, peaks = [], []
        print(f"\n{FETCHES} fetches, {CONNECTIONS} connections, nginx on the other core: requests/s")
        for _ in range(rounds):
            wrk = run(pinned(0, ["wrk", "-t1", f"-c{CONNECTIONS}", "-d2s", url])).stdout
            if "Socket errors" in wrk or "Non-2xx" in wrk:
                fail(f"wrk had failures:\n{wrk}")
            theirs = float(re.search(r"Requests/sec:\s+([\d.]+)", wrk)[1])
            with open(os.devnull, "w") as nowhere:
                command = [fanout, "fetch", "-q", "-s", f"async:{CONNECTIONS}", "-i", urls, "--summary", summary]
                if subprocess.run(pinned(0, command), stdout=nowhere).returncode != 0:
                    fail("a fetch failed")
            seen = json.loads(summary.read_text())
            if seen["succeeded"] != FETCHES or seen["bytes"] != 5 * FETCHES:
                fail(f"not everything came back: {seen}")
            ratios.append(seen["per_s"] / theirs)
            peaks.append(seen["peak_rss_bytes"] / 1e6)
            print(f"  wrk {theirs:>9.0f}   fanout fetch {seen['per_s']:>9.0f}   ratio {ratios[-1]:.3f}   "
                  f"peak {peaks[-1]:.1f} MB   cpu {seen['cpu_s'] * 1e6 / FETCHES:.2f} us a fetch")
        ratio = statistics.median(ratios)
        figures.add("fanout fetch -s async:64 / wrk -t1 -c64", ratio, ">= 0.7", ratio >= 0.7)
        figures.add("its peak memory", max(peaks), "< 40 MB", max(peaks) < 40, " MB")


# What the C++ benchmarks call a figure, and bench/async_peer.py and async_peer.go.
ASYNC_FIGURES = {
    "gather of trivial coroutines": "gather",
    "spawn and join in a task group": "spawn_and_join",
    "timeout, set and cancelled": "timers",
    "channel, one loop, capacity 64, with channel": "channel_one_loop",
    "channel, two threads, capacity 64": "channel_two_threads",
    "semaphore, 1,000 waiters, with channel": "semaphore",
    "memory of an idle sleeping task": "idle_task",
}


def peer_figures(command):
    """What one of the peers printed: a name and a number a line."""
    return {name: float(value) for name, value in (line.split() for line in run(command).stdout.splitlines())}


def measure_go():
    """The same figures for Go; empty where it is not installed."""
    go = shutil.which("go")
    if not go:
        print("\nGo is not installed (Debian's golang-go), so it is not measured")
        return {}
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory, "async_peer")
        source = pathlib.Path(__file__).with_name("async_peer.go")
        run([go, "build", "-o", program, source], env={**os.environ, "GOFLAGS": "", "GO111MODULE": "off"})
        return peer_figures([program])


def measure_async(fanout, figures):
    """asyncio's vocabulary beside plain Asio, asyncio on uvloop, and Go: ns an operation, bytes for the memory."""
    directory = pathlib.Path(fanout).parent
    printed = "".join(run([directory / name]).stdout for name in ("bench_async_tasks", "bench_async_sync"))
    uvloop = peer_figures([sys.executable, pathlib.Path(__file__).with_name("async_peer.py")])
    go = measure_go()
    print(f"\ncoroutines, beside plain Asio\n{printed}")
    print(f"{'ns an operation, bytes a task':<48} {'ours':>8} {'plain Asio':>12} {'uvloop':>8} {'Go':>8}")
    for name, of_theirs in ASYNC_FIGURES.items():
        found = re.search(rf"^{re.escape(name)} +(?:ours +)?([\d.]+) \S+ +(?:plain Asio +)?([\d.]+)", printed, re.M)
        ours, plain = float(found[1]), float(found[2])
        theirs = uvloop[of_theirs]
        beside = f"{go[of_theirs]:8.0f}" if go else f"{'-':>8}"
        print(f"{name:<48} {ours:8.0f} {plain:12.0f} {theirs:8.0f} {beside}")
        figures.add(f"{name}, of plain Asio", ours / plain, "<= 1.2", ours <= 1.2 * plain)
        if of_theirs == "idle_task":
            figures.add(name, ours, "<= 1024 B", ours <= 1024, " B")
        else:
            figures.add(f"{name}, faster than uvloop", theirs / ours, ">= 10", theirs >= 10 * ours)
    off = float(re.search(r"^debugging, off: for each child +([\d.]+) ns", printed, re.M)[1])
    figures.add("debugging while it is off, for each child", off, "<= 5 ns", off <= 5, " ns")


def measure_processes(fanout, figures):
    """Worker processes beside Python's pools, a raw socketpair and /bin/true."""
    directory = pathlib.Path(fanout).parent
    printed = run([directory / "bench_processes", fanout]).stdout
    peer = run([sys.executable, pathlib.Path(__file__).with_name("process_peer.py")]).stdout
    ours = {line[:52].strip(): float(line[52:].split()[0]) for line in printed.splitlines()}
    theirs = {name: float(value) for name, value in (line.split() for line in peer.splitlines())}
    print(f"\nworker processes\n{printed}")
    print("the same in Python: multiprocessing.Pool, ProcessPoolExecutor, joblib's loky")
    for name, value in theirs.items():
        print(f"  {name:<20} {value:>10.2f}")
    call = ours["one call there and back, process_pool"] / ours["raw socketpair round trip"]
    figures.add("one call there and back, of a raw round trip", call, "<= 1.3", call <= 1.3)
    tiny = min(ours["map of a trivial function, processes:1"], ours["map of a trivial function, processes:2"])
    figures.add("map of a trivial function, a task", tiny, "<= 50 ns", tiny <= 50, " ns")
    pooled = ours["map of a trivial function, process_pool of 2"]
    figures.add("map of a trivial function on a pool, a task", pooled, "<= 50 ns", pooled <= 50, " ns")
    large = max(ours["arguments of 1 MiB, processes:1"], ours["arguments of 1 MiB, processes:2"])
    figures.add("arguments of 1 MiB", large, ">= 3 GB/s", large >= 3, " GB/s")
    start = ours["five workers of the tool, ready"] / ours["five times /bin/true"]
    figures.add("five workers ready, of five times /bin/true", start, "<= 3", start <= 3)
    cpu = ours["computing, processes:2, of two cores"]
    figures.add("computing in two workers, of two cores", cpu, ">= 0.97", cpu >= 0.97)


@contextlib.contextmanager
def slow_dnsmasq(delay_ms):
    """dnsmasq on loopback that knows every host below bench.test, behind a wire of that length."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [
        subprocess.Popen(
            pinned(1, [os.environ["FANOUT_DNSMASQ"], "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                       "--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={port}", "--user=",
                       "--group=", "--pid-file=", "--cache-size=0", "--address=/bench.test/127.0.0.1", "--address=/bench.test/::1"]),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)]
    try:
        wire = subprocess.Popen(
            pinned(1, [sys.executable, pathlib.Path(__file__).with_name("delayed_udp.py"), port, delay_ms]),
            stdout=subprocess.PIPE, text=True)
        started.append(wire)
        yield int(wire.stdout.readline())
    finally:
        for each in started:
            each.terminate()
            each.wait()


def measure_dns(fanout, rounds, figures):
    """1,000 different names through dnsmasq with 50 ms latency, looked up together on one loop."""
    program = pathlib.Path(fanout).with_name("bench_dns_lookups")
    with slow_dnsmasq(50) as port:
        deadline = time.monotonic() + 10  # dnsmasq may not answer yet
        while subprocess.run([program, f"127.0.0.1:{port}", "1"], capture_output=True).returncode != 0:
            if time.monotonic() > deadline:
                fail("dnsmasq does not answer")
        print("\n1,000 names in both families through dnsmasq, 50 ms away, in seconds")
        seconds = []
        for _ in range(rounds):
            printed = run(pinned(0, [program, f"127.0.0.1:{port}", "1000"])).stdout
            seconds.append(float(re.search(r"([\d.]+) s$", printed, re.M)[1]))
            print(f"  {printed.strip()}")
    best = min(seconds)
    figures.add("1,000 names through dnsmasq with 50 ms latency", best, "< 0.5 s", best < 0.5, " s")


def measure_idle(fanout, figures):
    """Memory of open connections on which nothing happens."""
    with nginx(1, hello) as port:
        url = f"http://127.0.0.1:{port}"
        printed = run(pinned(0, [pathlib.Path(fanout).with_name("bench_idle_connections"), url, "10000"])).stdout
    print(f"\n{printed.strip()}")
    resident = float(re.search(r"([\d.]+) resident after the burst", printed)[1])
    figures.add("memory of an idle connection, 10,000 open", resident, "<= 8192 B", resident <= 8192, " B")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fanout", required=True, help="the release binary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--whole", action="store_true", help="bulk: 10 million URLs, 100,000 files, 100 million repeats")
    parser.add_argument("--only", dest="surroundings", metavar="LIST",
                        help=f"verdict: of the surroundings, only these: {', '.join(verdict_figures.SURROUNDINGS)}")
    parser.add_argument("--work", metavar="REGEX", help="verdict: only works whose name matches")
    parser.add_argument("--turns", type=int, default=1, help="verdict: how often each is compared [1]")
    parser.add_argument("--again", action="store_true",
                        help="verdict: forget what an earlier run found (build/bench/verdicts.jsonl), else it goes on")
    parser.add_argument("only", nargs="*",
                        choices=["shapes", "fetch", "bodies", "http", "http2", "async", "tls", "processes", "dns", "idle",
                                 "verdict", "auto", "bulk", []],
                        help="which parts; all by default")
    given = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        fail("needs two cores: one for the server, one for the client")

    model = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"{time.strftime('%Y-%m-%d')}, {len(os.sched_getaffinity(0))} cores of {model[1] if model else 'unknown'}, "
          f"Linux {platform.release()}, load {os.getloadavg()[0]:.2f}, {run([given.fanout, '--version']).stdout.strip()}")
    figures = Figures()
    if not given.only or "shapes" in given.only:
        measure_shapes(given.fanout, given.rounds, figures)
    if not given.only or "fetch" in given.only:
        measure_fetch(given.fanout, given.rounds, figures)
    if not given.only or "bodies" in given.only:
        body_figures.measure(given.fanout, given.rounds, figures)
    if not given.only or "http" in given.only:
        http_figures.measure(given.fanout, given.rounds, figures)
    if not given.only or "http2" in given.only:
        http2_figures.measure(given.fanout, given.rounds, figures)
    if not given.only or "async" in given.only:
        measure_async(given.fanout, figures)
    if not given.only or "tls" in given.only:
        tls_figures.measure(given.fanout, given.rounds, figures)
    if not given.only or "processes" in given.only:
        measure_processes(given.fanout, figures)
    if not given.only or "dns" in given.only:
        measure_dns(given.fanout, given.rounds, figures)
    if not given.only or "idle" in given.only:
        measure_idle(given.fanout, figures)
    if not given.only or "verdict" in given.only:
        verdict_figures.measure_verdicts(given.fanout, figures, given)
    if not given.only or "auto" in given.only:
        compare_figures.measure_auto(given.fanout, figures)
    if not given.only or "bulk" in given.only:
        bulk_figures.measure(given.fanout, given.rounds, figures, given.whole)
    figures.print()
    sys.exit(1 if figures.missed else 0)


if __name__ == "__main__":
    main()
