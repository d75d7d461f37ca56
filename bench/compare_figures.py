"""Whether `fanout compare` says the right thing, and whether `auto` chooses it: workloads whose right answer is known."""

import concurrent.futures
import contextlib
import json
import multiprocessing
import pathlib
import statistics
import subprocess
import tempfile
import time

# What copies of 32 MiB are depends on the machine's memory and caches: measured by other means, see `kinds_of_copies`.
BY_THE_MACHINE = None
PARALLEL = {"threads:2", "processes:2", "hybrid:8"}
TWO = "sync,async:8,threads:2,processes:2,hybrid:8"

# Arguments, the kinds of work that are right, and the shapes that are right: those that cannot be told apart by what they
# do to the work are all there, and the verdict is to choose what needs least of those that are equally fast.
KNOWN = [
    ("io --latency 50ms", {"I/O-bound"}, {"async:5"}),
    ("io --latency 100ms --tasks 3", {"I/O-bound"}, {"async:5"}),
    ("io --latency 20ms --tasks 20 --shapes sync,threads:20,async:20", {"I/O-bound"}, {"async:20"}),
    ("io --latency 20ms --tasks 40 --shapes sync,threads:10,async:40", {"I/O-bound"}, {"async:40"}),
    ("io --latency 50ms --shapes sync,threads:5", {"I/O-bound"}, {"threads:5"}),
    ("io --latency 50ms --shapes sync,processes:5", {"I/O-bound"}, {"processes:5"}),
    ("io --latency 50ms --tasks 1 --shapes sync,async:5,threads:5", {"I/O-bound"}, {"sync", "async:5"}),
    ("cpu --work 40ms --tasks 8 --shapes " + TWO, {"CPU-bound"}, PARALLEL),
    ("cpu --work 10ms --tasks 40 --shapes " + TWO, {"CPU-bound"}, PARALLEL),
    ("cpu --work 1ms --tasks 400 --shapes " + TWO, {"CPU-bound"}, PARALLEL),
    ("cpu --work 100ms --tasks 1 --shapes sync,async:5", {"CPU-bound"}, {"sync", "async:5"}),
    ("cpu --work 40ms --tasks 8 --shapes sync,async:8,threads:2", {"CPU-bound"}, {"threads:2"}),
    ("cpu --work 40ms --tasks 8 --shapes sync,async:8,processes:2", {"CPU-bound"}, {"processes:2"}),
    ("mixed --latency 40ms --tasks 8 --shapes sync,async:8,threads:8,hybrid:8", {"mixed"}, {"threads:8", "hybrid:8"}),
    ("mixed --latency 40ms --share 35% --tasks 8 --shapes sync,async:8,threads:8,hybrid:8", {"mixed"},
     {"threads:8", "hybrid:8"}),
    ("mixed --latency 30ms --share 65% --tasks 8 --shapes sync,async:8,threads:8", {"mixed"}, {"threads:8"}),
    ("mixed --latency 50ms --share 3% --tasks 5", {"I/O-bound"}, {"async:5", "threads:5", "hybrid:5"}),
    ("mixed --latency 5ms --share 90% --tasks 8 --shapes sync,async:8,threads:8,hybrid:8", {"CPU-bound"},
     {"threads:8", "hybrid:8"}),
    ("lock --work 40ms --tasks 8 --shapes " + TWO, {"lock-bound"}, {"processes:2"}),
    ("lock --work 10ms --tasks 40 --shapes " + TWO, {"lock-bound"}, {"processes:2"}),
    ("lock --work 40ms --share 90% --tasks 8 --shapes " + TWO, {"lock-bound"}, {"processes:2"}),
    ("memory --work 60ms --size 32MiB --tasks 8 --shapes " + TWO, BY_THE_MACHINE, PARALLEL),
    ("memory --work 40ms --size 16KiB --tasks 8 --shapes " + TWO, {"CPU-bound"}, PARALLEL),
    ("urls -i {list} --shapes sync,threads:4,async:20", {"I/O-bound"}, {"async:20"}),
]

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


@contextlib.contextmanager
def list_of_pages(fanout):
    """A list of twenty slow pages, and the server that has them."""
    server = subprocess.Popen([fanout, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        base = line[line.index("http://"):].split()[0].rstrip("/")
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "urls")
            path.write_text("".join(f"{base}/delay/{20 + i % 3}\n" for i in range(20)))
            yield path
    finally:
        server.terminate()
        server.wait()


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


def kinds_of_copies():
    """The right kinds of work for copies of 32 MiB, by what they cost beside each other more than copies in a cache do.

    At 1.5 and more, one core takes most of what two can, and the work is bound by memory; up to 1.15, two cores copy
    nearly twice as much, and nothing speaks for the memory. Between the two there is something to be said for both.
    """
    price = price_of_company(32 << 20) / price_of_company(4 << 10)
    kinds = {"memory-bound"} if price >= 1.5 else {"CPU-bound"} if price <= 1.15 else {"CPU-bound", "memory-bound"}
    print(f"  copies of 32 MiB cost {price:.2f} times as much CPU beside each other: {' or '.join(sorted(kinds))}")
    return kinds


def measure_verdicts(fanout, figures, turns=3):
    right = total = 0
    print(f"\nverdicts on {len(KNOWN)} workloads, {turns} times")
    copies = kinds_of_copies()
    with list_of_pages(fanout) as path:
        for turn in range(turns):
            for arguments, kinds, shapes in KNOWN:
                found = compare(fanout, arguments.format(list=path).split())
                total += 1
                kinds = copies if kinds is BY_THE_MACHINE else kinds
                if found["kind"] in kinds and found["best"] in shapes:
                    right += 1
                    continue
                walls = ", ".join(f"{row['shape']} {row['wall_s']:.3f} s, {row['cores_used']:.2f} cores"
                                  for row in found["rows"])
                print(f"  turn {turn + 1}, {arguments}: said {found['kind']}, {found['best']}, with noise of "
                      f"{found['noise']:.2f}; right are {sorted(kinds)}, {sorted(shapes)}; {walls}")
    print(f"  {right} of {total} right")
    figures.add("compare: right verdicts on workloads with known answers", right / total, "1", right == total)


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
