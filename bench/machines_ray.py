"""What Ray costs, and what fanout on Ray costs: bench/machines ray runs this in a network namespace with loopback alone.

Prints a line of JSON for each figure. Needs ray, fanout, and FANOUT_TOOL."""

import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

import fanout
import fanout.ray

SMALL = {"object_store_memory": 80 << 20}


def nap(_: int) -> None:
    time.sleep(0.001)


def spin(_: int) -> int:
    """Some 10 ms of one core."""
    total = 0
    for number in range(100_000):
        total += number
    return total


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(**figures: object) -> None:
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}), flush=True)


def one_millisecond(tasks: int) -> None:
    task = ray.remote(num_cpus=1)(nap)
    ray.get([task.remote(n) for n in range(8)])
    fanout.map(nap, range(8), shape="ray")
    bare = seconds(lambda: ray.get([task.remote(n) for n in range(tasks)]))
    ours = seconds(lambda: fanout.map(nap, range(tasks), shape="ray"))
    threads = seconds(lambda: fanout.map(nap, range(tasks), shape="ray:threads:32"))
    report(what="1 ms tasks, a second", tasks=tasks, bare_ray=tasks / bare, ray=tasks / ours, ray_threads_32=tasks / threads,
           ray_of_bare=bare / ours, threads_of_bare=bare / threads)


def against_hybrid(urls: int) -> None:
    tool = fanout.ray.tool()
    origin = subprocess.Popen([tool, "serve", "--port", "0", "--until-eof", "--latency", "50ms"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    port = origin.stdout.readline().rsplit(":", 1)[1].strip().rstrip("/")
    with tempfile.TemporaryDirectory() as folder:
        hosts = [f"h{n}.example" for n in range(200)]
        pages = [f"http://{hosts[n % 200]}:{port}/bytes/{1 + n % 100}" for n in range(urls)]
        listed = os.path.join(folder, "urls.txt")
        with open(listed, "w") as file:
            file.write("".join(page + "\n" for page in pages))
        resolve = ["--resolve", f"*:{port}:127.0.0.1"]
        alone = seconds(lambda: subprocess.run([tool, "fetch", "-s", "hybrid:64", "-o", os.path.join(folder, "one.jsonl"), *resolve,
                                                "-i", listed], check=True, stderr=subprocess.DEVNULL))
        fanout.ray.fetch(pages[:10], os.path.join(folder, "warm"), shards=1, options=resolve)
        shared = seconds(lambda: fanout.ray.fetch(listed, os.path.join(folder, "ray"), shards=20,
                                                  options=["-s", "hybrid:64", *resolve]))
    origin.stdin.close()
    origin.wait()
    report(what="a fetch, seconds", urls=urls, hybrid=alone, ray=shared, overhead=shared / alone - 1)


def main() -> int:
    brief = "--brief" in sys.argv
    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "num_cpus": 1, "include_dashboard": False})
    ray.init(address=cluster.address, logging_level="error", log_to_driver=False)
    tasks = 300 if brief else 1500
    fanout.map(spin, range(4), shape="ray")
    one = seconds(lambda: fanout.map(spin, range(tasks), shape="ray"))
    against_hybrid(4_000 if brief else 40_000)
    cluster.add_node(**SMALL, num_cpus=1)
    cluster.wait_for_nodes()
    fanout.map(spin, range(100), shape="ray")
    two = seconds(lambda: fanout.map(spin, range(tasks), shape="ray"))
    report(what="nodes of one core, a second", tasks=tasks, one=tasks / one, two=tasks / two, two_of_one=one / two)
    one_millisecond(500 if brief else 4000)
    ray.shutdown()
    cluster.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
