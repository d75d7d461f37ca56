"""The client over HTTP/2 beside h2load, against one nghttpd on the other core: small responses and bodies of 1 MiB, with
and without TLS; and instructions a request, by callgrind. The client is complete: every feature is on, as by default.
"""

import contextlib
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import http2_peers
from programs import fail, pinned, run, timed

MEBIBYTE = 1 << 20

# What, over TLS, path, requests, connections, streams of each, bodies kept; target and bar of the rate, of h2load's.
CASES = [
    ("small", False, "small", 100_000, 1, 100, True, 0.95, 0.80),
    ("small", False, "small", 100_000, 8, 32, True, 0.95, 0.80),
    ("small", False, "small", 60_000, 64, 1, True, 0.90, 0.75),
    ("small", True, "small", 100_000, 1, 100, True, 0.90, 0.75),
    ("1 MiB, dropped", False, "large", 3_000, 1, 10, False, 0.95, 0.85),
    ("1 MiB, dropped", True, "large", 2_000, 1, 10, False, 0.90, 0.80),
    ("1 MiB, kept", False, "large", 3_000, 1, 10, True, 0.90, 0.80),
    ("1 MiB, kept", True, "large", 2_000, 1, 10, True, 0.80, 0.65),
]
CPU_BAR = 1.30  # of h2load's, for small responses
INSTRUCTIONS_TARGET, INSTRUCTIONS_BAR = 19_000, 22_000


@contextlib.contextmanager
def nghttpd(core, secure):
    """On loopback; yields its port."""
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, "small").write_text("hello")
        pathlib.Path(directory, "large").write_bytes(b"x" * MEBIBYTE)
        key, certificate = pathlib.Path(directory, "key"), pathlib.Path(directory, "certificate")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-keyout", key, "-out", certificate])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        how = [port, key, certificate] if secure else ["--no-tls", port]
        server = subprocess.Popen(
            pinned(core, ["nghttpd", "--address=127.0.0.1", f"--htdocs={directory}", "--max-concurrent-streams=1000",
                          "--window-bits=24", "--connection-window-bits=26", *how]),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > deadline:
                        fail("nghttpd did not start")
                    time.sleep(0.02)
            yield port
        finally:
            server.terminate()
            server.wait()


def run_h2load(url, count, connections, streams):
    """Requests a second, and CPU microseconds a request."""
    printed, cpu = timed(pinned(0, ["h2load", "-t1", f"-n{count}", f"-c{connections}", f"-m{streams}", "-w24", "-W26",
                                    url]))
    if f"{count} succeeded, 0 failed" not in printed:
        fail(f"h2load had failures:\n{printed}")
    return float(re.search(r"finished in \S+, ([\d.]+) req/s", printed)[1]), cpu * 1e6 / count


def run_ours(program, url, count, connections, streams, keep):
    """The same. The program fails if any request does."""
    printed, cpu = timed(pinned(0, [program, url, count, connections, streams, "keep" if keep else "drop"]))
    return float(re.search(r": (\d+) requests/s", printed)[1]), cpu * 1e6 / count


def instructions_per_request(program, url):
    """Of the client, by the difference of two runs: what it does once is not counted."""
    def counted(requests):
        done = run(pinned(0, ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, url, requests,
                              1, 100]))
        return int(re.search(r"Collected : (\d+)", done.stderr)[1])
    return (counted(22_000) - counted(2_000)) / 20_000


def measure_memory(fanout, figures):
    """Of a session that is idle, and of a request whose answer does not come. Each has to have what it says in the end."""
    program = pathlib.Path(fanout).with_name("bench_idle_connections")
    with nghttpd(1, False) as port:
        printed = run([program, f"http://127.0.0.1:{port}/small", 2_000, "http2"]).stdout
        print(f"\nHTTP/2: {printed.strip()}")
        idle = float(re.search(r"(\d+) bytes each resident", printed)[1])
        figures.add("HTTP/2: memory of an idle session (target 28,000)", idle, "<= 32000 B", idle <= 32_000, " B")
    with subprocess.Popen([fanout, "serve", "--port", "0", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().split()[-1]
        printed = run([program, f"{url}/never", 10_000, "streams"]).stdout
        server.stdin.close()
    print(f"HTTP/2: {printed.strip()}")
    stream = float(re.search(r"(\d+) bytes each resident", printed)[1])
    figures.add("HTTP/2: memory of a stream in flight (target 1,500)", stream, "<= 2000 B", stream <= 2_000, " B")


def measure(fanout, rounds, figures):
    for program in ("h2load", "nghttpd"):
        if not shutil.which(program):
            fail(f"{program} is not installed (Debian's nghttp2-client and nghttp2-server)")
    program = pathlib.Path(fanout).with_name("bench_http2_client")
    measure_memory(fanout, figures)
    with nghttpd(1, False) as plain, nghttpd(1, True) as secure:
        for what, tls, path, count, connections, streams, keep, target, bar in CASES:
            url = f"https://127.0.0.1:{secure}/{path}" if tls else f"http://127.0.0.1:{plain}/{path}"
            name = f"HTTP/2{' over TLS' if tls else ''}, {what}, {connections} x {streams}"
            print(f"\n{name}: requests/s (CPU us a request)")
            ratios, cpu_ratios = [], []
            for _ in range(rounds):
                theirs, their_cpu = run_h2load(url, count, connections, streams)
                ours, our_cpu = run_ours(program, url, count, connections, streams, keep)
                ratios.append(ours / theirs)
                cpu_ratios.append(our_cpu / their_cpu)
                print(f"  h2load {theirs:>9.0f} ({their_cpu:.2f})   fanout {ours:>9.0f} ({our_cpu:.2f})   "
                      f"ratio {ratios[-1]:.3f}, CPU {cpu_ratios[-1]:.3f}")
            ratio, cpu = statistics.median(ratios), statistics.median(cpu_ratios)
            figures.add(f"{name}: client / h2load (target {target})", ratio, f">= {bar}", ratio >= bar)
            if path == "small":
                figures.add(f"{name}: CPU of h2load's", cpu, f"<= {CPU_BAR}", cpu <= CPU_BAR)
        print("\nother clients over TLS, small, 1 x 100: requests/s")
        url = f"https://127.0.0.1:{secure}/small"
        http2_peers.measure(lambda: run_ours(program, url, 100_000, 1, 100, True)[0], url, 100, min(rounds, 3), figures)
        if not shutil.which("valgrind"):
            print("\n  NOT MEASURED: instructions a request; Debian's valgrind is not installed")
            return
        count = instructions_per_request(program, f"http://127.0.0.1:{plain}/small")
        print(f"\ninstructions a request over HTTP/2, 1 x 100: {count:.0f}")
        figures.add(f"instructions a request over HTTP/2 (target {INSTRUCTIONS_TARGET})", count,
                    f"<= {INSTRUCTIONS_BAR}", count <= INSTRUCTIONS_BAR)
