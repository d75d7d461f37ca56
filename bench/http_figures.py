"""Requests a second of the client beside wrk, against one nginx on the other core: small responses on 64, 1,024 and
10,000 connections, and 10 KiB bodies on 64. The client has every feature on, as by default, and keeps the bodies.
"""

import pathlib
import re
import resource
import statistics

from programs import fail, nginx, pinned, timed

BODY = 10 * 1024

# Path, connections, seconds of a run, bar. Opening 10,000 connections is part of both programs' time, so they get more.
CASES = [
    ("small", 64, 2, 0.9),
    ("small", 1024, 2, 1.0),
    ("small", 10000, 4, 1.0),
    ("large", 64, 2, 0.9),
]


def raise_descriptor_limit():
    """Up to the hard limit, for this process and all it starts; what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def responses(port):
    kibibyte = "fanout. " * 128
    return f"""
  keepalive_requests 1000000000; keepalive_timeout 1h;
  server {{
    listen 127.0.0.1:{port} backlog=16384;
    location /small {{ return 200 'hello'; }}
    location /large {{ set $k '{kibibyte}'; return 200 "$k$k$k$k$k$k$k$k$k$k"; }}
  }}"""


def run_wrk(url, connections, seconds):
    """Requests a second, and CPU microseconds a request."""
    printed, cpu = timed(pinned(0, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", url]))
    if "Socket errors" in printed or "Non-2xx" in printed:
        fail(f"wrk had failures:\n{printed}")
    made = int(re.search(r"(\d+) requests in", printed)[1])
    return float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1]), cpu * 1e6 / made


def run_ours(program, url, connections, seconds, body):
    """The same. The program fails if any request does."""
    printed, cpu = timed(pinned(0, [program, url, seconds, connections]))
    found = re.search(r"^(\d+) requests in \S+ s, (\d+) body bytes: (\d+) requests/s; (\d+) made", printed)
    if int(found[2]) != body * int(found[1]):
        fail(f"not every body came back whole: {printed}")
    return float(found[3]), cpu * 1e6 / int(found[4])


def measure(fanout, rounds, figures):
    program = pathlib.Path(fanout).with_name("bench_http_client")
    descriptors = raise_descriptor_limit()
    with nginx(1, responses, connections=min(descriptors - 100, 20000),
               main=f"worker_rlimit_nofile {descriptors};") as port:
        for path, connections, seconds, bar in CASES:
            size = "10 KiB" if path == "large" else "small"
            print(f"\n{size} keep-alive responses, {connections} connections, nginx on the other core: "
                  "requests/s (CPU us a request)")
            if descriptors < connections + 200:
                print(f"  NOT MEASURED: the hard limit of descriptors is {descriptors}, and both nginx and the client "
                      f"need {connections + 200}; raise it (ulimit -Hn, as root) and run this again")
                continue
            ratios = []
            for _ in range(rounds):
                url = f"http://127.0.0.1:{port}/{path}"
                theirs, their_cpu = run_wrk(url, connections, seconds)
                ours, our_cpu = run_ours(program, url, connections, seconds,
                                         BODY if path == "large" else len("hello"))
                ratios.append(ours / theirs)
                print(f"  wrk {theirs:>9.0f} ({their_cpu:.2f})   fanout {ours:>9.0f} ({our_cpu:.2f})   "
                      f"ratio {ratios[-1]:.3f}")
            ratio = statistics.median(ratios)
            figures.add(f"{size} responses, {connections} connections: client / wrk", ratio, f">= {bar}", ratio >= bar)
