"""The workloads of `fanout compare` as Python programs, in the four classic forms. Run by the tool as

    python3 beside.py FORM <CONFIG

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
import urllib.error
import urllib.request
from urllib.parse import urlsplit

aiohttp = requests = None  # where they fetch and can be imported


def import_libraries():
    global aiohttp, requests
    try:
        import requests
    except ImportError:
        pass
    try:
        import aiohttp
    except ImportError:
        pass


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


own = threading.local()
the_lock = threading.Lock()  # of this process


def copy_memory(size, passes):
    """A block belongs to its thread: tasks share nothing but the way to memory, and the interpreter's lock."""
    if len(getattr(own, "source", b"")) != size:
        own.source, own.target = bytearray(size), bytearray(size)
    for count in range(passes):
        own.source[count % size] = count & 0xff
        own.target[:] = own.source
    return own.target[(passes - 1) % size]


def cpu_time_of(work, *arguments):
    started = time.process_time()  # whatever else the machine does
    work(*arguments)
    return time.process_time() - started


def primes_for(seconds):
    limit, took = 1000, 0.0
    while took < min(0.05, seconds):
        limit *= 2
        took = cpu_time_of(count_primes, limit)
    # Trial division up to n takes about n to the power of 1.5.
    return max(100, int(limit * (seconds / took) ** (1 / 1.5)))


def calibrate(config):
    if config["workload"] == "memory":
        copy_memory(config["size"], 1)  # the pages are there after this
        passes, took = 1, cpu_time_of(copy_memory, config["size"], 1)
        while took < min(0.05, config["work_s"]):
            passes *= 2
            took = cpu_time_of(copy_memory, config["size"], passes)
        return {"limit": max(1, round(passes * config["work_s"] / took))}
    free = config["free_s"]
    return {"limit": primes_for(config["work_s"]), "free_limit": primes_for(free) if free > 0 else 0}


direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(what):
    """One session for each thread, as requests advises; each forgets its connections with the thread."""
    if requests:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.trust_env = False
        response = own.session.request(what["method"], what["url"], headers=dict(what["headers"]), data=what["body"])
        response.raise_for_status()
        return len(response.content)
    body = what["body"].encode() if what["body"] else None
    asked = urllib.request.Request(what["url"], body, dict(what["headers"]), method=what["method"])
    try:
        with direct.open(asked) as response:
            return len(response.read())
    except urllib.error.HTTPError as failed:
        with failed:  # it holds the connection, so it cannot leave a process of a pool
            raise OSError(str(failed)) from None


async def fetch_async(what, session):
    if session:
        body = what["body"].encode() or None
        async with session.request(what["method"], what["url"], headers=dict(what["headers"]), data=body) as response:
            response.raise_for_status()
            return len(await response.read())
    parts = urlsplit(what["url"])
    tls = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls or None)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    body = what["body"].encode()
    headers = [("Host", parts.netloc.rpartition("@")[2]), *what["headers"]]
    if body:
        headers.append(("Content-Length", len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(f"{what['method']} {target} HTTP/1.0\r\n{head}\r\n".encode() + body)
    try:
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if int(head.split(b" ", 2)[1]) >= 400:
        raise RuntimeError(head.split(b"\r\n", 1)[0].decode("latin-1"))
    return len(body)


def fetches(config):
    return config["workload"] in ("io", "urls")


def compute(config):
    """Returns what it found and the times it computed."""
    started = time.perf_counter()
    if config["workload"] == "memory":
        found = copy_memory(config["size"], config["limit"])
    elif config["workload"] == "lock":
        found, spans = 0, []
        if config["free_limit"]:
            found = count_primes(config["free_limit"])
            spans = [[started, time.perf_counter()]]
        with the_lock:
            started = time.perf_counter()
            found += count_primes(config["limit"])
            return found, [*spans, [started, time.perf_counter()]]
    else:
        found = count_primes(config["limit"])
    return found, [[started, time.perf_counter()]]


def one_task(config, request):
    if fetches(config):
        return fetch(request), None
    if config["workload"] == "mixed":
        time.sleep(config["wait_s"])
    return compute(config)


async def one_task_async(config, request, session):
    if fetches(config):
        return await fetch_async(request, session), None
    if config["workload"] == "mixed":
        await asyncio.sleep(config["wait_s"])
    return compute(config)


def usage(*whose):
    """Since they began: user and system time, switches, and the most memory."""
    all_of = [resource.getrusage(each) for each in whose]
    return [sum(getattr(each, name) for each in all_of)
            for name in ("ru_utime", "ru_stime", "ru_nvcsw", "ru_nivcsw", "ru_maxrss")]


def timed(job):
    """What the task found, its figures, and in a process of a pool what that has used so far."""
    index, config, request, lane = job
    started, cpu = time.perf_counter(), time.thread_time()
    found, computing = one_task(config, request)
    so_far = None
    if lane is None:
        lane = multiprocessing.current_process().name
        so_far = usage(resource.RUSAGE_SELF)
    return found, [index, lane, started, time.perf_counter(), time.thread_time() - cpu, 1, computing], so_far


def jobs_of(config, lane):
    requests_of = config.get("requests") or [None]
    rest = {name: value for name, value in config.items() if name != "requests"}
    return [(index, rest, requests_of[index % len(requests_of)], lane) for index in range(config["tasks"])]


def run_sync(config):
    return [timed(job) for job in jobs_of(config, "thread 1")]


def run_threads(config):
    jobs, done, failures = queue.SimpleQueue(), [], []
    for job in jobs_of(config, None):
        jobs.put(job)

    def work(lane):
        try:
            while True:
                done.append(timed((*jobs.get_nowait()[:3], lane)))
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

        async def one(job, session):
            index, what, request, lane = job
            async with places:
                started = time.perf_counter()
                found, computing = await one_task_async(what, request, session)
                return found, [index, lane, started, time.perf_counter(), None, 1, computing], None

        async def all_of_them(session):
            return await asyncio.gather(*(one(job, session) for job in jobs_of(config, "thread 1")))

        if aiohttp and fetches(config):
            async with aiohttp.ClientSession() as session:
                return await all_of_them(session)
        return await all_of_them(None)

    return asyncio.run(everything())


def run_processes(config):
    prepare = import_libraries if fetches(config) else None  # for workers that are no forks
    with multiprocessing.Pool(config["places"], prepare) as pool:
        done = pool.map(timed, jobs_of(config, None), chunksize=1)
        config["ended"] = time.perf_counter()  # what follows ends the pool
    return done


def library_of(form, config):
    if not fetches(config):
        return None
    if form == "async":
        return f"aiohttp {aiohttp.__version__}" if aiohttp else "asyncio"
    return f"requests {requests.__version__}" if requests else "urllib"


def used_by_workers(done):
    """What their last tasks saw; of a fork's children and a fork server's alike."""
    last = {}
    for _, task, so_far in done:
        if so_far:
            last[task[1]] = max(last.get(task[1], so_far), so_far)
    return [sum(figures) for figures in zip(*last.values())] if last else [0] * 5


def measure(form, config):
    if fetches(config):
        import_libraries()
    places = config["places"]
    before, begun = usage(resource.RUSAGE_SELF), time.perf_counter()
    done = {"sync": run_sync, "threads": run_threads, "async": run_async, "processes": run_processes}[form](config)
    ended = config.get("ended", time.perf_counter())
    *spent, _ = (after - was for after, was in zip(usage(resource.RUSAGE_SELF), before))
    *apart_spent, apart_memory = used_by_workers(done)
    user, system, voluntary, involuntary = map(sum, zip(spent, apart_spent))
    results = {found for found, _, _ in done}
    if config["workload"] != "urls" and len(results) > 1:
        raise RuntimeError("the tasks came to different results")
    tasks = sorted((task for _, task, _ in done), key=lambda task: task[0])
    names = sorted({task[1] for task in tasks}, key=lambda name: (len(name), name))
    for task in tasks:
        task[1] = names.index(task[1])
        task[2] -= begun
        task[3] -= begun
        task[6] = task[6] and [[start - begun, end - begun] for start, end in task[6]]
    apart = form == "processes"
    took = sorted(task[3] - task[2] for task in tasks)
    return {
        "wall_s": ended - begun,
        "cpu_s": user + system,
        "cpu_user_s": user,
        "cpu_system_s": system,
        "cores_used": (user + system) / (ended - begun),
        "peak_rss_bytes": 1024 * (usage(resource.RUSAGE_SELF)[-1] + apart_memory),
        "voluntary_switches": voluntary,
        "involuntary_switches": involuntary,
        "processes": places if apart else 1,
        "threads": places if form in ("threads", "processes") else 1,
        "startup_s": min(task[2] for task in tasks),
        "latency_s": {name: took[min(len(took) - 1, int(len(took) * share))]
                      for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1))},
        "library": library_of(form, config),
        "result": results.pop() if len(results) == 1 else None,
        "timeline": {"lanes": [f"process {at + 1}" for at in range(len(names))] if apart else names, "tasks": tasks},
    }


def main():
    form, config = sys.argv[1], json.load(sys.stdin)
    if form == "about":
        answer = {"version": platform.python_version(), "gil": gil_enabled()}
    elif form == "calibrate":
        answer = calibrate(config)
    else:
        answer = measure(form, config)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
