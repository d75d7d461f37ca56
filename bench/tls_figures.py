"""TLS handshakes a second, beside `openssl s_time`, against one nginx: one connection after another, each with a GET,
the certificate verified, in full and resumed. Client and server have a core each.
"""

import contextlib
import pathlib
import re
import statistics
import tempfile
import time

from programs import fail, nginx, pinned, run, timed

SECONDS = 2


@contextlib.contextmanager
def https(protocol):
    """Its address, and the file of its certificate, which is its own issuer."""
    with tempfile.TemporaryDirectory() as directory:
        certificate, key = pathlib.Path(directory, "server.pem"), pathlib.Path(directory, "server.key")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", key, "-out", certificate])

        def http(port):
            return f"""
  keepalive_timeout 0;
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096; ssl_protocols {protocol};
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_session_cache builtin:1000; ssl_session_tickets on;
    location / {{ return 200 "$ssl_session_reused"; }}
  }}"""

        with nginx(1, http, connections=1024) as port:
            yield f"127.0.0.1:{port}", certificate


def openssl_rate(address, certificate, mode):
    """Handshakes a second, and CPU microseconds each.

    s_time counts whole seconds, so its run is timed from outside; its start-up takes some 10 ms of it.
    """
    started = time.perf_counter()
    printed, cpu = timed(pinned(0, ["openssl", "s_time", "-connect", address, "-www", "/", f"-{mode}", "-time",
                                         SECONDS, "-CAfile", certificate, "-verify", "3"]))
    took = time.perf_counter() - started
    # The run of -reuse is preceded by one connection; both print each connection as a letter, r for a resumed one.
    count = int(re.search(r"^(\d+) connections in \d+ real seconds", printed, re.M)[1])
    resumed = printed.count("r" * 10) * 10
    if mode == "reuse" and resumed < count / 2:
        raise SystemExit("bench: openssl s_time -reuse did not resume")
    return count / took, cpu * 1e6 / count


def our_rate(program, address, certificate, mode, in_flight=1):
    printed, cpu = timed(pinned(0, [program, f"https://{address}/", certificate, mode, SECONDS, in_flight]))
    return float(printed.split()[0]), cpu * 1e6 / int(re.search(r"of (\d+) resumed", printed)[1])


def measure(fanout, rounds, figures):
    program = pathlib.Path(fanout).parent / "bench_tls_handshakes"
    for protocol in ("TLSv1.3", "TLSv1.2"):
        new_ratios, gain_ratios = [], []
        print(f"\n{protocol} handshakes/s (CPU us each) with nginx on the other core, one after another, each with a GET")
        with https(protocol) as (address, certificate):
            for _ in range(rounds):
                theirs = {mode: openssl_rate(address, certificate, mode) for mode in ("new", "reuse")}
                ours = {mode: our_rate(program, address, certificate, mode) for mode in ("new", "reuse")}
                their_gain, our_gain = theirs["reuse"][0] / theirs["new"][0], ours["reuse"][0] / ours["new"][0]
                new_ratios.append(ours["new"][0] / theirs["new"][0])
                gain_ratios.append(our_gain / their_gain)
                line = "new {:>6.0f} ({:.0f}) reuse {:>6.0f} ({:.0f}), {:.2f} x"
                print("  s_time " + line.format(*theirs["new"], *theirs["reuse"], their_gain) +
                      "   fanout " + line.format(*ours["new"], *ours["reuse"], our_gain))
            together, cpu = our_rate(program, address, certificate, "new", 64)
            print(f"  fanout new, 64 at once {together:>6.0f} ({cpu:.0f})")
        new, gain = statistics.median(new_ratios), statistics.median(gain_ratios)
        figures.add(f"{protocol}: new handshakes / openssl s_time -new", new, ">= 0.9", new >= 0.9)
        figures.add(f"{protocol}: gain by resumption / that of s_time", gain, ">= 1", gain >= 1)
