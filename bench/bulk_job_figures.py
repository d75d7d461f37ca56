"""Whole jobs of `fanout fetch` against nginx on the other core: memory, journal, resuming, CPU and instructions of a
request, and small files beside other tools. Sizes are such that one run takes some minutes; `whole` takes those of the
bars: 10 million URLs and 100,000 files.
"""

import gzip
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

from programs import fail, nginx, pinned, pypi, run

PAIRS = 7


def pages(port):
    return f"""keepalive_requests 1000000000; keepalive_timeout 1h;
               server {{ listen 127.0.0.1:{port} backlog=4096;
                         location / {{ return 200 '0123456789012345678901234567890123456789012345678901234567890123'; }} }}"""


def list_of(path, port, count):
    with open(path, "w") as to:
        for begin in range(0, count, 100_000):
            to.write("".join(f"http://127.0.0.1:{port}/page/{i}\n" for i in range(begin, min(count, begin + 100_000))))
    return path


def cpu_of(command, **kwargs):
    """CPU seconds of a command that has to succeed, and its wall time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(list(map(str, command)), stderr=subprocess.PIPE, text=True, **{"stdout": subprocess.PIPE, **kwargs})
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))} exited with {done.returncode}: {done.stderr}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall, done.stdout


def resident(pid):
    """Bytes in memory now, and at most; (0, 0) of a process that has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", status)[1]) * 1024 for name in ("VmRSS", "VmHWM"))
    except (FileNotFoundError, ProcessLookupError, TypeError):
        return 0, 0


def measure_memory(fanout, directory, port, count, figures):
    """Peak, and whether memory grows after the first fifth of the list."""
    urls, records = list_of(directory / "urls", port, count), directory / "memory.jsonl"
    job = subprocess.Popen(pinned(0, [fanout, "fetch", "-q", "-s", "async:64", "-i", urls, "-o", records]),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log, fifth, last, peak = pathlib.Path(f"{records}.log"), 0, 0, 0
    while job.poll() is None:
        now, most = resident(job.pid)
        last, peak = now or last, max(peak, most)
        if not fifth and log.exists():
            done = [int(each) for each in re.findall(r'"done":(\d+)', log.read_text())]
            fifth = now if done and done[-1] >= count / 5 else 0
        time.sleep(0.1)
    if job.returncode != 0:
        fail(f"the job over {count} URLs exited with {job.returncode}")
    run([fanout, "job", "verify", records])
    print(f"\n{count} URLs from a file to JSON Lines: peak {peak / 1e6:.1f} MB, after a fifth {fifth / 1e6:.1f} MB, in the end "
          f"{last / 1e6:.1f} MB")
    figures.add(f"job of {count} URLs: peak memory", peak / 1e6, "< 150 MB", peak < 150e6, " MB")
    growth = last / fifth if fifth else 1
    figures.add("memory in the end, of that after a fifth", growth, "<= 1.05", growth <= 1.05)
    return urls, records


def resumed_in(fanout, urls, records):
    """Seconds of a run of which all is done."""
    os.rename(records, f"{records}.part")
    _, wall, _ = cpu_of([fanout, "fetch", "-q", "-s", "async:64", "-i", urls, "-o", records], stdout=subprocess.DEVNULL)
    return wall


def measure_resume(fanout, directory, port, urls, records, count, figures):
    """All is done, and the job goes on: what it takes beyond its start and end, and reading the list."""
    journal = pathlib.Path(f"{records}.journal").stat().st_size / count
    small, one = list_of(directory / "small.urls", port, 2), directory / "small.jsonl"
    run([fanout, "fetch", "-q", "-i", small, "-o", one])
    start = min(resumed_in(fanout, small, one) for _ in range(3))
    resumed = min(resumed_in(fanout, urls, records) for _ in range(3))
    _, read, _ = cpu_of(["cksum", urls])
    beyond = (resumed - start - read) * 1e7 / count
    print(f"\nresuming {count} that are done: {resumed:.2f} s, 2 that are done {start:.2f} s, reading the list alone (cksum) {read:.2f} s; "
          f"journal {journal:.2f} bytes a record")
    figures.add("resuming 10 million, beyond reading the list", beyond, "<= 1 s", beyond <= 1, " s")
    figures.add("journal of a job: bytes a record", journal, "<= 3", journal <= 3)


def measure_journal(fanout, directory, port, count, figures):
    """The same records with a journal and without, in pairs: to a file by -o, and to one that the shell opened."""
    urls, ratios = list_of(directory / "journal.urls", port, count), []
    for _ in range(PAIRS):
        with_it, _, _ = cpu_of(pinned(0, [fanout, "fetch", "-q", "--restart", "-s", "async:64", "-i", urls, "-o", directory / "with.jsonl"]))
        with open(directory / "without.jsonl", "w") as to:
            without, _, _ = cpu_of(pinned(0, [fanout, "fetch", "-q", "-s", "async:64", "-i", urls]), stdout=to)
        ratios.append(with_it / without)
    ratio = statistics.median(ratios)
    print(f"\n{count} URLs with and without a journal, CPU: " + " ".join(f"{each:.3f}" for each in ratios))
    figures.add("CPU with journal and log, of that without", ratio, "<= 1.03", ratio <= 1.03)


def measure_cpu(fanout, directory, port, count, figures):
    """CPU of a request of the whole tool, list and records included, and of wrk: the median of interleaved pairs."""
    urls = list_of(directory / "cpu.urls", port, count)
    for connections, bar, floor in ((64, 1.0, 0.85), (1024, 0.95, 0.8)):
        ratios = []
        for _ in range(PAIRS):
            theirs, _, printed = cpu_of(pinned(0, ["wrk", "-t1", f"-c{connections}", "-d2s", f"http://127.0.0.1:{port}/page/0"]))
            theirs /= int(re.search(r"(\d+) requests in", printed)[1])
            ours, _, _ = cpu_of(pinned(0, [fanout, "fetch", "-q", "-s", f"async:{connections}", "-i", urls, "-o",
                                           directory / "cpu.jsonl", "--restart"]))
            ratios.append(theirs / (ours / count))
        ratio = statistics.median(ratios)
        print(f"\nCPU a request, {connections} connections, wrk over fanout fetch: " + " ".join(f"{each:.3f}" for each in ratios))
        figures.add(f"CPU a request, {connections} connections: wrk / fanout fetch", ratio, f">= {floor} ({bar})", ratio >= floor)


def instructions(fanout, urls, records, directory):
    run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory / 'callgrind'}", fanout, "fetch", "-q", "-s",
         "async:64", "-i", urls, "-o", records, "--restart", "--progress", "none"])
    return int(re.search(r"^(?:summary|totals): (\d+)", (directory / "callgrind").read_text(), re.M)[1])


def measure_instructions(fanout, directory, port, figures):
    """Of the whole tool, by callgrind: what 4,000 URLs more take, of user code alone."""
    few, many = 1_000, 5_000
    counted = [instructions(fanout, list_of(directory / f"{count}.urls", port, count), directory / "counted.jsonl", directory)
               for count in (few, many)]
    each = (counted[1] - counted[0]) / (many - few)
    print(f"\ninstructions of a request, the whole tool: {each:.0f}")
    figures.add("instructions of a request, the whole tool", each, "<= 11000 (9000)", each <= 11_000)


AIOHTTP = """
import asyncio, pathlib, sys, aiohttp
async def main(urls, directory):
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector) as session:
        names = iter(enumerate(urls))
        async def work():
            for i, url in names:
                async with session.get(url) as response:
                    directory.joinpath(str(i)).write_bytes(await response.read())
        await asyncio.gather(*(work() for _ in range(64)))
asyncio.run(main(open(sys.argv[1]).read().split(), pathlib.Path(sys.argv[2])))
"""


def contenders(directory, urls):
    """Tools that fetch the same list into the same kind of directory; those that are not installed are named."""
    def curl(into):
        config = directory / "curl.config"
        config.write_text("".join(f'url = "{url}"\noutput = "{into}/{i}"\n' for i, url in enumerate(urls.read_text().split())))
        return ["curl", "-sS", "-Z", "--parallel-max", "64", "-K", config]

    def aria2(into):
        return ["aria2c", "-q", "-j", "64", "-x", "1", "--auto-file-renaming=false", "-d", into, "-i", urls]

    def wget2(into):
        return ["wget2", "-q", "--max-threads=64", "-P", into, "-i", urls]

    def aiohttp(into):
        return [pypi("aiohttp"), "-c", AIOHTTP, urls, into]

    there = {}
    for name, command, program in (("curl -Z", curl, "curl"), ("aria2c -j", aria2, "aria2c"), ("wget2", wget2, "wget2")):
        if shutil.which(program):
            there[name] = command
        else:
            print(f"{program} is not installed, so it is not measured")
    if pypi("aiohttp"):
        there["aiohttp"] = aiohttp
    else:
        print("aiohttp cannot be installed from PyPI, so it is not measured")
    return there


def measure_files(fanout, directory, port, count, rounds, figures):
    """Small files to a directory and to a web archive, beside other tools, each in its turn: seconds."""
    urls = list_of(directory / "files.urls", port, count)
    others = contenders(directory, urls)
    walls = {}
    for _ in range(rounds):
        for name, command in {**others, "directory": None, "archive": None}.items():
            with tempfile.TemporaryDirectory(dir=directory) as into:
                into = pathlib.Path(into)
                fetch = [fanout, "fetch", "-q", "-s", "async:64", "-i", urls, "-o"]
                of = (command(into) if command else [*fetch, f"{into}/"] if name == "directory" else [*fetch, into / "all.warc.gz"])
                _, wall, _ = cpu_of(pinned(0, of), stdout=subprocess.DEVNULL)
                walls.setdefault(name, []).append(wall)
    best = {name: min(each) for name, each in walls.items()}
    print(f"\n{count} files of 64 bytes, 64 connections, one core: seconds, best of {rounds}")
    for name, wall in best.items():
        print(f"  {name:<10} {wall:8.2f}")
    fastest = min((best[name] for name in others), default=None)
    for name in ("directory", "archive"):
        if fastest is None:
            print("no other tool is installed: nothing to compare with")
            break
        ratio = fastest / best[name]
        figures.add(f"{count} small files to one {name}, of the fastest other tool", ratio, ">= 3", ratio >= 3)


def measure_hybrid(fanout, directory, rounds, figures):
    """A loop on each core beside one loop, where the server is not the limit: pages of 1 MiB that come as gzip. To unpack
    one takes the client some milliseconds, and nginx, which sends a file, some 50 us. Requests a second of each pair.
    """
    count = 1_500
    words = ("<div class=", '"item">', 'href="/page/', "the ", "fetch ", "</div>\n", "<p>", "of ")
    state, text = 1, []
    while len(text) < 250_000:  # more than 1 MiB
        state = (state * 1_103_515_245 + 12_345) % 2**31
        text.append(words[(state >> 16) % len(words)] + (str(state >> 12) if (state >> 20) % 5 == 0 else ""))
    packed = directory / "packed"
    packed.mkdir()
    (packed / "page").write_bytes(gzip.compress("".join(text).encode()[:2**20], 6))

    def of(port):
        return f"""keepalive_requests 1000000000;
                   server {{ listen 127.0.0.1:{port}; root {directory}; default_type text/html;
                             location /packed/ {{ add_header Content-Encoding gzip; }} }}"""

    with nginx("0,1", of) as port:
        urls = directory / "packed.urls"
        urls.write_text(f"http://127.0.0.1:{port}/packed/page\n" * count)
        ratios = []
        print(f"\n{count} pages of 1 MiB as gzip ({(packed / 'page').stat().st_size >> 10} KiB each), both cores: seconds of "
              "async:16 and hybrid:16")
        for _ in range(rounds):
            walls = []
            for shape in ("async:16", "hybrid:16"):
                _, wall, _ = cpu_of([fanout, "fetch", "-q", "-s", shape, "-i", urls, "-o", directory / "packed.jsonl", "--restart"])
                walls.append(wall)
            ratios.append(walls[0] / walls[1])
            print(f"  {walls[0]:.2f}  {walls[1]:.2f}  ratio {ratios[-1]:.3f}")
        ratio = statistics.median(ratios)
        figures.add("hybrid on two cores, of async", ratio, ">= 1.7", ratio >= 1.7)


def measure(fanout, rounds, figures, whole):
    with tempfile.TemporaryDirectory() as directory:
        measure_hybrid(fanout, pathlib.Path(directory), rounds, figures)
    with nginx(1, pages) as port, tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        count = 10_000_000 if whole else 500_000
        urls, records = measure_memory(fanout, directory, port, count, figures)
        measure_resume(fanout, directory, port, urls, records, count, figures)
        records.unlink()
        measure_journal(fanout, directory, port, 400_000 if whole else 100_000, figures)
        measure_cpu(fanout, directory, port, 400_000 if whole else 100_000, figures)
        measure_instructions(fanout, directory, port, figures)
        measure_files(fanout, directory, port, 100_000 if whole else 10_000, min(rounds, 3), figures)
