"""The workloads of `fanout compare` as Python programs, in the four classic forms. Run by the tool as

    python3 beside.py FORM CONFIG

with FORM about, calibrate, sync, threads, async or processes and CONFIG a JSON object; prints one JSON object.
What is timed is what a program of that form does between having its inputs and having its results: neither the start of
the interpreter nor its imports, but the start of threads and of the pool.
"""

import asyncio
import json
import multiprocessing
import platform
import queue
import resource
import sys
import threading
import time
import urllib.request
from urllib.parse import urlsplit

try:
    import requests
except ImportError:
    requests = None
try:
    import aiohttp
except ImportError:
    aiohttp = None


def gil_enabled():
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def count_primes(limit):
    """By trial division, in nothing but Python: the interpreter is what is measured."""
    count = 0
    for number in range(2, limit):
        divisor = 2
        while divisor * divisor <= number:
            if number % divisor == 0:
                break
            divisor += 1
        else:
            count += 1
    return count


def calibrate(config):
    limit, took = 1000, 0.0
    while took < 0.05:
        limit *= 2
        started = time.process_time()  # whatever else the machine does
        count_primes(limit)
        took = time.process_time() - started
    # Trial division up to n takes about n to the power of 1.5.
    return max(100, int(limit * (config["work_s"] / took) ** (1 / 1.5)))


# One session for each thread, as requests advises; each forgets its connections with the thread.
own = threading.local()


def fetch(url):
    if requests:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.trust_env = False
        response = own.session.get(url)
        response.raise_for_status()
        return len(response.content)
    with direct.open(url) as response:
        return len(response.read())


direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def fetch_async(url, session):
    if session:
        async with session.get(url) as response:
            response.raise_for_status()
            return len(await response.read())
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    writer.write(f"GET {target} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if int(head.split(b" ", 2)[1]) >= 400:
        raise RuntimeError(head.split(b"\r\n", 1)[0].decode("latin-1"))
    return len(body)


def one_task(config):
    """Returns what it found and the times it computed, as far as they are known."""
    if config["workload"] == "io":
        return fetch(config["url"]), None
    if config["workload"] == "mixed":
        time.sleep(config["wait_s"])
    started = time.perf_counter()
    found = count_primes(config["limit"])
    return found, [[started, time.perf_counter()]]


async def one_task_async(config, session):
    if config["workload"] == "io":
        return await fetch_async(config["url"], session), None
    if config["workload"] == "mixed":
        await asyncio.sleep(config["wait_s"])
    started = time.perf_counter()
    found = count_primes(config["limit"])
    return found, [[started, time.perf_counter()]]


def timed(job):
    index, config, lane = job
    started, cpu = time.perf_counter(), time.thread_time()
    found, computing = one_task(config)
    if lane is None:
        lane = multiprocessing.current_process().name
    return found, [index, lane, started, time.perf_counter(), time.thread_time() - cpu, 1, computing]


def run_sync(config):
    return [timed((index, config, "thread 1")) for index in range(config["tasks"])]


def run_threads(config):
    jobs, done, failures = queue.SimpleQueue(), [], []
    for index in range(config["tasks"]):
        jobs.put(index)

    def work(lane):
        try:
            while True:
                done.append(timed((jobs.get_nowait(), config, lane)))
        except queue.Empty:
            pass
        except Exception as failed:  # is thrown where the threads are awaited
            failures.append(failed)

    threads = [threading.Thread(target=work, args=(f"thread {at + 1}",)) for at in range(config["places"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return done


def run_async(config):
    async def everything():
        places = asyncio.Semaphore(config["places"])

        async def one(index, session):
            async with places:
                started = time.perf_counter()
                found, computing = await one_task_async(config, session)
                return found, [index, "thread 1", started, time.perf_counter(), None, 1, computing]

        async def all_of_them(session):
            return await asyncio.gather(*(one(index, session) for index in range(config["tasks"])))

        if aiohttp and config["workload"] == "io":
            async with aiohttp.ClientSession() as session:
                return await all_of_them(session)
        return await all_of_them(None)

    return asyncio.run(everything())


def run_processes(config):
    with multiprocessing.Pool(config["places"]) as pool:
        done = pool.map(timed, [(index, config, None) for index in range(config["tasks"])], chunksize=1)
        config["ended"] = time.perf_counter()
        pool.close()
        pool.join()  # what they used is counted when they have ended
    return done


def library_of(form, config):
    if config["workload"] != "io":
        return None
    if form == "async":
        return f"aiohttp {aiohttp.__version__}" if aiohttp else "asyncio"
    return f"requests {requests.__version__}" if requests else "urllib"


def used():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return [getattr(own, name) + getattr(children, name) for name in ("ru_utime", "ru_stime", "ru_nvcsw", "ru_nivcsw")]


def measure(form, config):
    places = config["places"]
    before, begun = used(), time.perf_counter()
    done = {"sync": run_sync, "threads": run_threads, "async": run_async, "processes": run_processes}[form](config)
    ended = config.get("ended", time.perf_counter())
    user, system, voluntary, involuntary = (after - was for after, was in zip(used(), before))
    if len({found for found, _ in done}) > 1:
        raise RuntimeError("the tasks came to different results")
    tasks = sorted((task for _, task in done), key=lambda task: task[0])
    names = sorted({task[1] for task in tasks}, key=lambda name: (len(name), name))
    for task in tasks:
        task[1] = names.index(task[1])
        task[2] -= begun
        task[3] -= begun
        task[6] = task[6] and [[start - begun, end - begun] for start, end in task[6]]
    apart = form == "processes"
    took = sorted(task[3] - task[2] for task in tasks)
    # Of the children only the largest is told; they are all alike.
    children = places * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if apart else 0
    return {
        "wall_s": ended - begun,
        "cpu_s": user + system,
        "cpu_user_s": user,
        "cpu_system_s": system,
        "cores_used": (user + system) / (ended - begun),
        "peak_rss_bytes": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + children),
        "voluntary_switches": voluntary,
        "involuntary_switches": involuntary,
        "processes": places if apart else 1,
        "threads": places if form in ("threads", "processes") else 1,
        "startup_s": min(task[2] for task in tasks),
        "latency_s": {name: took[min(len(took) - 1, int(len(took) * share))]
                      for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1))},
        "library": library_of(form, config),
        "timeline": {"lanes": [f"process {at + 1}" for at in range(len(names))] if apart else names, "tasks": tasks},
    }


def main():
    form, config = sys.argv[1], json.loads(sys.argv[2])
    if form == "about":
        answer = {"version": platform.python_version(), "gil": gil_enabled()}
    elif form == "calibrate":
        answer = {"limit": calibrate(config)}
    else:
        answer = measure(form, config)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
