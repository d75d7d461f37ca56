"""5,000 names over HTTPS, each on an address of its own: `fanout fetch` beside `curl -Z` and aiohttp. The names come from
dnsmasq, the pages from nginx on the other core, and the certificate from an authority of our own, which stands behind
those that the machine has, in the same file for all. curl and aiohttp ask the system's resolver, which takes no port: so
all of it runs in a network and a mount namespace (unshare), which has a loopback interface and an /etc/resolv.conf of
its own. Needs root.

    names_figures.py FANOUT NGINX DNSMASQ COUNT ROUNDS PYTHON     inside the namespaces; prints a line of JSON: seconds of each tool
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from programs import fail, nginx, pinned, pypi, run

AT_ONCE = 64
SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

AIOHTTP = """
import asyncio, json, ssl, sys, aiohttp
async def main(urls, certificates, to):
    connector = aiohttp.TCPConnector(limit=int(sys.argv[3]), ssl=ssl.create_default_context(cafile=certificates))
    async with aiohttp.ClientSession(connector=connector) as session:
        left = iter(urls)
        async def work():
            for url in left:
                async with session.get(url) as response:
                    to.write(json.dumps({"url": url, "status": response.status, "bytes": len(await response.read())}) + "\\n")
        await asyncio.gather(*(work() for _ in range(int(sys.argv[3]))))
asyncio.run(main(open(sys.argv[1]).read().split(), sys.argv[2], open(sys.argv[4], "w")))
"""


def bring_up_loopback():
    with socket.socket() as any_socket:
        ioctl = struct.pack("16sh14x", b"lo", 1 | 64)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, ioctl)  # SIOCSIFFLAGS


def certificates(directory):
    """A certificate for all the names, its key, and a file of the authorities to trust."""
    key, certificate, bundle = (directory / name for name in ("key", "certificate", "bundle"))
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=names.test", "-addext", "subjectAltName=DNS:*.names.test", "-keyout", key, "-out", certificate])
    trusted = pathlib.Path(SYSTEM_CERTIFICATES)
    bundle.write_text((trusted.read_text() if trusted.exists() else "") + certificate.read_text())
    return key, certificate, bundle


@contextlib.contextmanager
def names(directory, dnsmasq, count):
    """Yields the names; what asks for one finds its address."""
    hosts, resolv = directory / "hosts", directory / "resolv.conf"
    given = {f"n{i}.names.test": f"127.1.{i >> 8}.{i & 255}" for i in range(1, count + 1)}
    hosts.write_text("".join(f"{address} {name}\n" for name, address in given.items()))
    resolv.write_text("nameserver 127.0.0.1\n")
    run(["mount", "--bind", resolv, os.path.realpath("/etc/resolv.conf")])
    server = subprocess.Popen(
        pinned(1, [dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--user=", "--no-resolv", "--no-hosts",
                   f"--addn-hosts={hosts}", "--listen-address=127.0.0.1", "--bind-interfaces", f"--pid-file={directory / 'pid'}"]),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.getaddrinfo(f"n{count}.names.test", 443, socket.AF_INET)
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    fail("dnsmasq did not start, or knows no names")
                time.sleep(0.02)
        yield list(given)
    finally:
        server.terminate()
        server.wait()


def tools(fanout, directory, urls, bundle, python):
    """The commands, each with a function that says how many pages it brought."""
    lines, pages, config = directory / "lines", directory / "pages", directory / "curl.config"
    config.write_text("".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls.read_text().split()))

    def whole(path):
        return sum(json.loads(line)["status"] == 200 for line in path.read_text().splitlines())

    found = {
        "fanout": ([fanout, "fetch", "-q", "-s", f"async:{AT_ONCE}", "--cacert", bundle, "-i", urls, "-o", directory / "all.jsonl",
                    "--restart"], lambda: whole(directory / "all.jsonl")),
        "curl -Z": (["curl", "-sS", "-Z", "--parallel-max", AT_ONCE, "--cacert", bundle, "-w", "%{http_code}\\n", "-K", config],
                    lambda: pages.read_text().split().count("200")),
    }
    if python:
        found["aiohttp"] = ([python, "-c", AIOHTTP, urls, bundle, AT_ONCE, lines], lambda: whole(lines))
    return found, pages


def inside(fanout, nginx_program, dnsmasq, count, rounds, python):
    bring_up_loopback()
    os.environ["FANOUT_NGINX"] = nginx_program
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        key, certificate, bundle = certificates(directory)

        def pages(port):
            return f"""ssl_certificate {certificate}; ssl_certificate_key {key};
                       server {{ listen 0.0.0.0:443 ssl backlog=4096; location / {{ return 200 'a page'; }} }}
                       server {{ listen 127.0.0.1:{port}; }}"""

        with nginx(1, pages), names(directory, dnsmasq, count) as all_names:
            urls = directory / "urls"
            urls.write_text("".join(f"https://{name}/page\n" for name in all_names))
            commands, printed = tools(fanout, directory, urls, bundle, python)
            walls = {name: [] for name in commands}
            for number in range(rounds):
                for name, (command, brought) in commands.items():
                    if name == "curl -Z" and number > 0:
                        continue  # it takes minutes: it reads the authorities anew for each connection
                    began = time.monotonic()
                    with open(printed, "w") as to:
                        done = subprocess.run(pinned(0, command), stdout=to, stderr=subprocess.PIPE, text=True)
                    walls[name].append(time.monotonic() - began)
                    if done.returncode != 0 or brought() != count:
                        fail(f"{name} brought {brought()} pages of {count} (exit {done.returncode}): {done.stderr[-500:]}")
    print(json.dumps(walls))


def measure(fanout, rounds, figures, count):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        print("\n  NOT MEASURED: names over HTTPS; needs root and unshare")
        return
    walls = json.loads(run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, __file__, fanout,
                            os.environ["FANOUT_NGINX"], os.environ["FANOUT_DNSMASQ"], count, rounds, pypi("aiohttp") or ""]).stdout)
    best = {name: min(each) for name, each in walls.items()}
    print(f"\n{count} names over HTTPS, each on its own address, {AT_ONCE} at once: seconds of each round")
    for name, each in walls.items():
        print(f"  {name:<8} " + "  ".join(f"{wall:.2f}" for wall in each))
    for name, bar in (("curl -Z", 3), ("aiohttp", 5)):
        if name not in best:
            print(f"  NOT MEASURED: {name} is not installed")
            continue
        ratio = best[name] / best["fanout"]
        figures.add(f"{count} names over HTTPS: time of {name} / fanout", ratio, f">= {bar}", ratio >= bar)


if __name__ == "__main__":
    inside(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
