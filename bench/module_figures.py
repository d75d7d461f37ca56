#!/usr/bin/env python3
"""What the Python module costs beside its peers: ./dev bench python. Run by bench/python, in an environment that has the
module and the peers. Contenders take turns in one run, best of the rounds; a failed request fails the run."""

import argparse
import asyncio
import concurrent.futures
import multiprocessing
import multiprocessing.pool
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import fanout

ROUNDS = 3


def best(contenders, rounds=ROUNDS):
    """Seconds of each, by name: the contenders in turns, the best of all rounds."""
    found = {}
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            took = time.perf_counter() - started
            found[name] = min(found.get(name, took), took)
    return found


def bar(what, reached, target, floor, unit="x"):
    mark = "ok" if reached >= target else "floor" if reached >= floor else "MISSED"
    print(f"  {what:<58} {reached:8.2f} {unit}  target {target}, floor {floor}  {mark}", flush=True)


def most(what, reached, target, floor, unit):
    mark = "ok" if reached <= target else "floor" if reached <= floor else "MISSED"
    print(f"  {what:<58} {reached:8.2f} {unit}  target {target}, floor {floor}  {mark}", flush=True)


class Nginx:
    """On a core of its own, where there are two."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        (root / "small").write_bytes(b"x" * 102)
        (root / "large").write_bytes(b"x" * 100_000)
        self.port = free_port()
        (root / "conf").write_text(
            f"worker_processes 1; daemon off; pid {root}/pid; error_log stderr crit;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {root}/b; proxy_temp_path {root}/p;\n"
            f" fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n"
            f" server {{ listen 127.0.0.1:{self.port}; root {root}; sendfile on; }} }}\n"
        )
        os.chmod(root, 0o755)
        self.process = subprocess.Popen([program, "-p", str(root), "-c", str(root / "conf")])
        os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(500):
            if self.listens():
                return
            time.sleep(0.01)
        raise RuntimeError("nginx did not start")

    def listens(self):
        import socket

        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Fetching.


def by_fanout(url, count, size):
    def run():
        total = sum(len(response.content) for response in fanout.fetch(repeated(url, count), shape="async:64"))
        assert total == count * size, total

    return run


def repeated(url, count):
    return (url for _ in range(count))


def by_async_client(url, count, tasks):
    async def main():
        async with fanout.AsyncClient() as client:
            left = iter(range(count))

            async def work():
                for _ in left:
                    (await client.get(url)).raise_for_status()

            await asyncio.gather(*(work() for _ in range(tasks)))

    return lambda: uvloop_run(main())


def uvloop_run(coroutine):
    import uvloop

    return uvloop.run(coroutine)


def by_aiohttp(url, count, tasks):
    import aiohttp

    async def main():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            left = iter(range(count))

            async def work():
                for _ in left:
                    async with session.get(url) as response:
                        await response.read()
                        assert response.status == 200

            await asyncio.gather(*(work() for _ in range(tasks)))

    return lambda: uvloop_run(main())


def by_pycurl(url, count, size):
    import pycurl

    def run():
        multi = pycurl.CurlMulti()
        left, done, total = count, 0, 0
        bodies = {}

        def begin(handle):
            nonlocal left
            left -= 1
            bodies[handle] = []
            handle.setopt(pycurl.WRITEFUNCTION, bodies[handle].append)
            multi.add_handle(handle)

        handles = []
        for _ in range(min(64, count)):
            handle = pycurl.Curl()
            handle.setopt(pycurl.URL, url)
            handles.append(handle)
            begin(handle)
        while done < count:
            while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
                pass
            _, ended, failed = multi.info_read()
            assert not failed, failed
            for handle in ended:
                multi.remove_handle(handle)
                done += 1
                total += sum(map(len, bodies[handle]))
                if left:
                    begin(handle)
            if not ended:
                multi.select(0.1)
        assert total == count * size, total

    return run


def by_download(url, path):
    def run():
        assert fanout.download(url, path, max_bytes=2 << 30).bytes == 1 << 30
        path.unlink()

    return run


def by_pycurl_file(url, path):
    import pycurl

    def run():
        with open(path, "wb") as file:
            handle = pycurl.Curl()
            handle.setopt(pycurl.URL, url)
            handle.setopt(pycurl.WRITEDATA, file)
            handle.perform()
            handle.close()
        assert path.stat().st_size == 1 << 30
        path.unlink()

    return run


def by_requests(url, count):
    import requests

    local = threading.local()

    def page(_):
        if not hasattr(local, "session"):
            local.session = requests.Session()
        response = local.session.get(url)
        assert response.status_code == 200
        return response.content

    def run():
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            assert sum(1 for _ in pool.map(page, range(count))) == count

    return run


def fetching(nginx, tool):
    small, large = f"{nginx.url}/small", f"{nginx.url}/large"
    counts = {"fanout.fetch": 40_000, "fanout fetch (no Python)": 40_000, "pycurl multi": 20_000, "aiohttp + uvloop": 6_000, "requests": 1_000}
    lists = Path(nginx.folder.name) / "urls"
    lists.write_text(f"{small}\n" * counts["fanout fetch (no Python)"])
    own = lambda: subprocess.run(  # noqa: E731
        [tool, "fetch", "-i", str(lists), "-s", "async:64", "-o", "/dev/null"], check=True, stderr=subprocess.DEVNULL
    )
    contenders = {
        "fanout.fetch": by_fanout(small, counts["fanout.fetch"], 102),
        "fanout fetch (no Python)": own,
        "pycurl multi": by_pycurl(small, counts["pycurl multi"], 102),
        "aiohttp + uvloop": by_aiohttp(small, counts["aiohttp + uvloop"], 64),
        "requests": by_requests(small, counts["requests"]),
    }
    rates = {name: counts[name] / took for name, took in best(contenders).items()}
    print("\nSmall responses, 64 in flight, requests/s:")
    for name, rate in rates.items():
        print(f"  {name:<30} {rate:10,.0f}")
    ours = rates["fanout.fetch"]
    bar("fetch over aiohttp + uvloop", ours / rates["aiohttp + uvloop"], 8, 5)
    bar("fetch over pycurl multi", ours / rates["pycurl multi"], 1.5, 1.2)
    bar("fetch over requests in threads", ours / rates["requests"], 40, 40)
    bar("fetch over the same run without Python", ours / rates["fanout fetch (no Python)"], 0.85, 0.7)

    stop = threading.Event()

    def spin():
        while not stop.is_set():
            pass

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        beside = {name: counts[name] / took for name, took in best({n: contenders[n] for n in ("fanout.fetch", "pycurl multi", "aiohttp + uvloop")}, 1).items()}
    finally:
        stop.set()
        spinner.join()
    print("Beside a Python thread that spins, requests/s:", {name: round(rate) for name, rate in beside.items()})
    bar("fetch over aiohttp + uvloop", beside["fanout.fetch"] / beside["aiohttp + uvloop"], 10, 6)
    bar("fetch over pycurl multi", beside["fanout.fetch"] / beside["pycurl multi"], 3, 2)

    took = best({"fanout": by_async_client(small, 12_000, 64), "aiohttp": by_aiohttp(small, 6_000, 64)})
    bar("AsyncClient.get in 64 tasks over aiohttp", (12_000 / took["fanout"]) / (6_000 / took["aiohttp"]), 6, 4)
    took = best({"fanout": by_async_client(small, 2_000, 1), "aiohttp": by_aiohttp(small, 2_000, 1)})
    bar("AsyncClient.get one at a time over aiohttp", took["aiohttp"] / took["fanout"], 1.6, 1.3)
    took = best({"fanout": by_fanout(large, 4_000, 100_000), "pycurl": by_pycurl(large, 4_000, 100_000)})
    bar("100 KB bodies over pycurl", took["pycurl"] / took["fanout"], 1, 1)
    huge, into = Path(nginx.folder.name) / "huge", Path(nginx.folder.name) / "into"
    with open(huge, "wb") as file:
        file.truncate(1 << 30)
    took = best({"fanout": by_download(f"{nginx.url}/huge", into), "pycurl": by_pycurl_file(f"{nginx.url}/huge", into)})
    bar("1 GiB streamed to a file over pycurl", took["pycurl"] / took["fanout"], 1, 1)


# Functions.


def double(x):
    return 2 * x


def same(x):
    return x


def submit_all(pool, count):
    def run():
        futures = [pool.submit(double, x) for x in range(count)]
        assert sum(future.result() for future in concurrent.futures.as_completed(futures)) == count * (count - 1)

    return run


def functions():
    print("\nFunctions of Python, two workers or threads:")
    count = 200_000
    with multiprocessing.pool.ThreadPool(2) as theirs, concurrent.futures.ThreadPoolExecutor(2) as futures:
        took = best({
            "fanout": lambda: fanout.map(double, range(count), shape="threads:2"),
            **{f"ThreadPool {chunk}": (lambda chunk=chunk: theirs.map(double, range(count), chunk)) for chunk in (100, 1000, 10_000)},
            "ThreadPoolExecutor": lambda: list(futures.map(double, range(count // 20))),
        })  # fmt: skip
    best_chunk = min(took[name] for name in took if name.startswith("ThreadPool "))
    bar("threads: map over ThreadPool.map at its best chunk", best_chunk / took["fanout"], 1, 1)
    bar("threads: map over ThreadPoolExecutor", took["ThreadPoolExecutor"] * 20 / took["fanout"], 50, 50)

    with fanout.ProcessPool(2) as ours, multiprocessing.Pool(2) as theirs, concurrent.futures.ProcessPoolExecutor(2) as futures:
        ours.submit(double, 1).result()
        calls = 1_000
        took = best({
            "fanout": lambda: [ours.call(double, 1) for _ in range(calls)],
            "submit": lambda: [ours.submit(double, 1).result() for _ in range(calls)],
            "Pool.apply": lambda: [theirs.apply(double, (1,)) for _ in range(calls)],
        })  # fmt: skip
        print(f"  a call there and back: {took['fanout'] / calls * 1e6:.0f} us, submit and result {took['submit'] / calls * 1e6:.0f} us, Pool.apply {took['Pool.apply'] / calls * 1e6:.0f} us")
        bar("a call there and back over Pool.apply", took["Pool.apply"] / took["fanout"], 10, 6)
        took = best({
            "fanout": lambda: list(ours.map(double, range(count))),
            "fanout.map": lambda: fanout.map(double, range(count), shape="processes:2"),
            **{f"Pool {chunk}": (lambda chunk=chunk: theirs.map(double, range(count), chunk)) for chunk in (100, 1000, 10_000)},
            **{f"Executor {chunk}": (lambda chunk=chunk: list(futures.map(double, range(count), chunksize=chunk))) for chunk in (1000, 10_000)},
        })  # fmt: skip
        pool = min(took[name] for name in took if name.startswith("Pool"))
        executor = min(took[name] for name in took if name.startswith("Executor"))
        print(f"  tiny integers: ProcessPool.map {took['fanout'] / count * 1e9:.0f} ns each, Pool.map {pool / count * 1e9:.0f}; fanout.map {took['fanout.map'] / count * 1e9:.0f}, its workers' start included")
        bar("tiny integers over Pool.map at its best chunk", pool / took["fanout"], 1, 1)
        bar("tiny integers over ProcessPoolExecutor at its best", executor / took["fanout"], 2.5, 2)
        took = best({"fanout": submit_all(ours, 5_000), "Executor": submit_all(futures, 5_000)})
        bar("submit + as_completed over ProcessPoolExecutor", took["Executor"] / took["fanout"], 8, 5)
        try:
            import numpy
        except ImportError:
            return
        arrays = [numpy.ones(1 << 17) for _ in range(64)]
        took = best({
            "fanout": lambda: list(ours.map(len, arrays)),
            "Pool": lambda: theirs.map(len, arrays, 1),
        })  # fmt: skip
        bar("1 MiB arrays, GB/s", 64 * (1 << 20) / took["fanout"] / 1e9, 2.5, 2.5, "GB/s")
        bar("1 MiB arrays over Pool", took["Pool"] / took["fanout"], 3, 3)


def sleep(_):
    time.sleep(0.4)


async def sleep_async(_):
    await asyncio.sleep(0.4)


def starting():
    print("\nStarting:")
    bare = [sys.executable, "-c", "pass"]
    with_module = [sys.executable, "-c", "import fanout"]
    took = best({"bare": lambda: subprocess.run(bare, check=True), "import": lambda: subprocess.run(with_module, check=True)}, 10)
    most("import fanout", (took["import"] - took["bare"]) * 1e3, 15, 50, "ms")
    took = best({"bare": lambda: subprocess.run(bare, check=True), "first": lambda: fanout.map(double, [1], shape="processes:1")}, 10)
    most("first result of a worker over a bare interpreter", took["first"] / took["bare"], 2, 2, "x")
    took = best({
        "threads": lambda: fanout.map(sleep, range(5), shape="threads:5"),
        "async": lambda: fanout.map(sleep_async, range(5), shape="async:5"),
        "processes": lambda: fanout.map(sleep, range(5), shape="processes:5"),
    })  # fmt: skip
    for name, limit in (("threads", 1.02), ("async", 1.02), ("processes", 1.15)):
        most(f"five tasks that wait 0.4 s, {name}, over 0.400 s", took[name] / 0.4, limit, limit, "x")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nginx", default=os.environ.get("FANOUT_NGINX", "nginx"))
    parser.add_argument("--tool", required=True, help="the command-line tool, for the run without Python")
    parser.add_argument("only", nargs="*", help="starting, functions, fetching; all without")
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, fanout {fanout.__version__}, load {os.getloadavg()[0]:.1f}; best of {ROUNDS} rounds")
    if not given.only or "starting" in given.only:
        starting()
    if not given.only or "functions" in given.only:
        functions()
    if not given.only or "fetching" in given.only:
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})  # the client has one core, the server the other
        nginx = Nginx(given.nginx)
        try:
            fetching(nginx, given.tool)
        finally:
            nginx.close()


if __name__ == "__main__":
    main()
