"""Whether `auto` chooses as well as the best fixed shape, and what copies are on this machine."""

import concurrent.futures
import json
import multiprocessing
import statistics
import subprocess
import time

# What copies of 32 MiB are depends on the machine's memory and caches: measured by other means, see `kinds_of_copies`.
BY_THE_MACHINE = None

# Work of three seconds and more under its best shape.
LONG = [
    ("io --latency 100ms --tasks 2000", "threads:64,async:64,hybrid:64"),
    ("cpu --work 20ms --tasks 300", "threads:2,processes:2,hybrid:64"),
    ("mixed --latency 20ms --tasks 300", "threads:32,async:64,hybrid:64"),
    ("mixed --latency 50ms --share 10% --tasks 1100", "threads:32,async:64,hybrid:64"),
    ("lock --work 20ms --tasks 300", "threads:2,processes:2"),
    ("memory --work 20ms --size 8MiB --tasks 300", "threads:2,processes:2,hybrid:64"),
]


def compare(fanout, arguments):
    done = subprocess.run([fanout, "compare", *arguments, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: compare {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout)["workloads"][0]


def copy_for(seconds, size, start):
    """CPU seconds of one copy, for so long after the start."""
    source, target = bytearray(size), bytearray(size)
    target[:] = source  # the pages are there after this
    start.wait()
    copies, before, until = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        target[:] = source
        copies += 1
    return (time.process_time() - before) / copies


def price_of_company(size, turns=5):
    """CPU seconds of a copy beside another one, over those of one alone."""
    with multiprocessing.Manager() as manager, concurrent.futures.ProcessPoolExecutor(2) as pool:
        def costs(count):
            start = manager.Barrier(count)
            copying = [pool.submit(copy_for, 0.2, size, start) for _ in range(count)]
            return statistics.mean(each.result() for each in copying)
        alone, beside = zip(*[(costs(1), costs(2)) for _ in range(turns)])
    return statistics.median(beside) / statistics.median(alone)


def price_of_copies():
    """CPU time of a copy of 32 MiB beside another one, over that alone, and over the same of copies in a cache."""
    return price_of_company(32 << 20) / price_of_company(4 << 10)


def kinds_of_copies(prices):
    """The right kinds of work for copies of 32 MiB, by what `price_of_copies` gave before and after they were judged.

    At 1.6 and more, one core takes most of what two can, and the work is bound by memory; up to 1.15, two cores copy
    nearly twice as much, and nothing speaks for the memory. Between the two there is something to be said for both.
    """
    return {"memory-bound"} if min(prices) >= 1.6 else {"CPU-bound"} if max(prices) <= 1.15 else {"CPU-bound", "memory-bound"}


def measure_auto(fanout, figures):
    print("\nauto beside fixed shapes, runs of three seconds and more: seconds")
    worst = 0
    for arguments, shapes in LONG:
        found = compare(fanout, [*arguments.split(), "--rounds", "1", "--shapes", f"auto,{shapes}"])
        walls = {row["shape"]: row["wall_s"] for row in found["rows"]}
        auto = walls.pop("auto")
        best = min(walls, key=walls.get)
        ratio = auto / walls[best]
        worst = max(worst, ratio)
        print(f"  {arguments:<50} auto {auto:>7.3f}   best {best:<12} {walls[best]:>7.3f}   ratio {ratio:.3f}")
    figures.add("auto / the best fixed shape, at worst", worst, "<= 1.15", worst <= 1.15)
