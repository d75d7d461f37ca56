"""Whether `fanout compare` names the right shape: works whose answer is known, on a quiet machine and next to others.

What is right follows from how a work is made, by the arithmetic written next to it, for two cores: a wrong winner is a
shape that needs over 10 % more time than the best of those compared. To name none is right only where other programs
use the cores that the tasks need.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from compare_figures import BY_THE_MACHINE, kinds_of_copies, price_of_copies
from programs import fail

BENCH = pathlib.Path(__file__).parent
CORES = 2
TAKEN = 0.15  # of a core: more, and the machine was not quiet
NOISE = 0.20  # the same computation varied by more, though no program used the cores: the machine was not quiet
AGAIN = 3     # times that such a comparison is measured at most

IO, CPU, MIXED, LOCK = {"I/O-bound"}, {"CPU-bound"}, {"mixed"}, {"lock-bound"}
PARALLEL = {"threads:2", "processes:2", "hybrid:8"}
TWO = "sync,async:8,threads:2,processes:2,hybrid:8"


@dataclasses.dataclass
class Work:
    name: str
    run: str        # arguments of fanout compare; of bench_verdict_work after "="; URLs on the server after "@"
    kinds: set      # the right ones
    right: set      # shapes that are not slower than the best; of equals, those that need least
    light: bool = False  # waits, and hardly computes: next to one busy core, it is to be judged as well


# Known since the beginning.
KNOWN = [
    Work("slow pages", "io --latency 50ms", IO, {"async:5"}, True),
    Work("three pages", "io --latency 100ms --tasks 3", IO, {"async:3", "async:5"}, True),
    Work("twenty pages", "io --latency 20ms --tasks 20 --shapes sync,threads:20,async:20", IO, {"async:20"}, True),
    Work("forty pages", "io --latency 20ms --tasks 40 --shapes sync,threads:10,async:40", IO, {"async:40"}, True),
    Work("pages, threads", "io --latency 50ms --shapes sync,threads:5", IO, {"threads:5"}, True),
    Work("pages, processes", "io --latency 50ms --shapes sync,processes:5", IO, {"processes:5"}, True),
    Work("one page", "io --latency 50ms --tasks 1 --shapes sync,async:5,threads:5", IO, {"sync", "async:5"}, True),
    Work("eight primes", "cpu --work 40ms --tasks 8 --shapes " + TWO, CPU, PARALLEL),
    Work("forty primes", "cpu --work 10ms --tasks 40 --shapes " + TWO, CPU, PARALLEL),
    Work("400 primes", "cpu --work 1ms --tasks 400 --shapes " + TWO, CPU, PARALLEL),
    Work("one prime", "cpu --work 100ms --tasks 1 --shapes sync,async:5", CPU, {"sync", "async:5"}),
    Work("primes, threads", "cpu --work 40ms --tasks 8 --shapes sync,async:8,threads:2", CPU, {"threads:2"}),
    Work("primes, processes", "cpu --work 40ms --tasks 8 --shapes sync,async:8,processes:2", CPU, {"processes:2"}),
    Work("half computing", "mixed --latency 40ms --tasks 8 --shapes sync,async:8,threads:8,hybrid:8", MIXED,
         {"threads:8", "hybrid:8"}),
    Work("a third computing", "mixed --latency 40ms --share 35% --tasks 8 --shapes sync,async:8,threads:8,hybrid:8",
         MIXED, {"threads:8", "hybrid:8"}),
    Work("two thirds computing", "mixed --latency 30ms --share 65% --tasks 8 --shapes sync,async:8,threads:8", MIXED,
         {"threads:8"}),
    # 50 ms, and 5 times 1.5 ms on one thread or two
    Work("hardly computing", "mixed --latency 50ms --share 3% --tasks 5", IO, {"async:5", "threads:5", "hybrid:5"}),
    Work("mostly computing", "mixed --latency 5ms --share 90% --tasks 8 --shapes sync,async:8,threads:8,hybrid:8", CPU,
         {"threads:8", "hybrid:8"}),
    Work("a lock", "lock --work 40ms --tasks 8 --shapes " + TWO, LOCK, {"processes:2"}),
    Work("a lock, short tasks", "lock --work 10ms --tasks 40 --shapes " + TWO, LOCK, {"processes:2"}),
    Work("a lock for 90 %", "lock --work 40ms --share 90% --tasks 8 --shapes " + TWO, LOCK, {"processes:2"}),
    Work("copies of 32 MiB", "memory --work 60ms --size 32MiB --tasks 8 --shapes " + TWO, BY_THE_MACHINE, PARALLEL),
    Work("copies of 16 KiB", "memory --work 40ms --size 16KiB --tasks 8 --shapes " + TWO, CPU, PARALLEL),
    Work("a list of pages", "@sync,threads:4,async:20 20x1:wait/20", IO, {"async:20"}, True),
]


def uneven(what, least, step):
    """Twenty tasks whose lengths go up and down."""
    return " ".join(f"1x{what}{least + step * (i * 7 % 20):g}+c0.2" for i in range(20))


NEW = [
    # 4.2 s in total, the longest 0.4: twenty in flight take 0.4, five at least 0.84
    Work("uneven waits", "=sync,threads:5,async:5,async:20,hybrid:20 " + uneven("w", 20, 20), IO,
         {"async:20", "hybrid:20"}, True),
    # 0.58 s of computing in pieces of 10 to 48 ms: two cores take 0.29 to 0.31
    Work("uneven computing", "=sync,async:5,threads:2,threads:8,processes:2 " + uneven("c", 10, 2), CPU,
         {"threads:2", "threads:8", "processes:2"}),
    # 0.1 s on two cores, then 0.5 on one; with nine threads the long task has its share of a core from the start: 0.59
    Work("one long task", "=sync,async:9,threads:2,threads:9,processes:2 8xc25 1xc500", CPU,
         {"threads:2", "threads:9", "processes:2"}),
    # with five in flight the sixty short pages take 0.12 s before the long ones start
    Work("bursts", "@sync,threads:5,async:5,async:63 60x1:wait/10 3x1:wait/500", IO, {"async:63"}, True),
    # two hosts that serve two each: four in flight keep them busy, and take 0.5 s; two take 1.0, one 2.0
    Work("few hosts", "@sync,async:2,threads:12,async:40 40x2:turn/2/50", IO, {"threads:12", "async:40"}, True),
    # 150 pages of 60 ms: 0.06 s, 0.3 and 1.1
    Work("many hosts", "@threads:8,async:32,async:150 150x50:wait/60", IO, {"async:150"}, True),
    # one at a time: 0.6 s whatever is in flight, so nothing pays
    Work("a server that serves in turn", "@sync,threads:5,async:5,async:12 12x1:turn/1/50", IO, {"sync"}, True),
    # 200 pages of 70 ms, fifty at a time: 0.28 s with fifty and more, 0.88 with sixteen
    Work("a server that queues beyond fifty", "@async:5,async:16,async:64,async:200 200x1:turn/50/70", IO,
         {"async:64", "async:200"}, True),
    # 41 pieces: 0.205 s, or 0.21 where the last one is alone
    Work("more tasks than cores", "=sync,async:8,threads:2,threads:8,processes:2 41xc10", CPU,
         {"threads:2", "threads:8", "processes:2"}),
    Work("one task that does both", "=sync,async:5,threads:5 1xw100+c100", MIXED, {"sync", "async:5"}),
    Work("a thousand tiny ones", "=sync,async:8,threads:2,threads:8 1000xc0.2", CPU, {"threads:2", "threads:8"}),
    # 0.1 s of computing under 64 waits at a time: one thread takes it all, two take half
    Work("a thousand tiny waits", "=sync,threads:5,async:64,hybrid:64 1000xw1+c0.1", IO, {"hybrid:64"}),
    Work("copies with some computing", "=sync,async:6,threads:2,processes:2 6xm50+c5", BY_THE_MACHINE,
         {"threads:2", "processes:2"}),
    # while one thread holds the lock the other one computes: 0.42 s on two threads, 0.4 in two processes
    Work("a lock held half the time", "=sync,async:8,threads:2,processes:2 20xc20+l20", CPU,
         {"threads:2", "processes:2"}),
    # 0.1 s for all, then ten times 5 ms in turn; one after another 1.05
    Work("a lock after a wait", "=sync,threads:5,threads:10,async:10 10xw100+l5", IO, {"threads:10", "async:10"}, True),
    # the server computes on two threads: 0.4 s with two and more in flight, 0.8 with one, and 0.8 on one core
    Work("waits for a busy neighbour", "@sync,threads:2,async:2,async:20 20x1:busy/40", IO,
         {"threads:2", "async:2", "async:20"}),
]

WORKS = KNOWN + NEW

HOG = "while True: pass"
MEMORY_HOG = """
source, target = bytearray(64 << 20), bytearray(64 << 20)
while True: target[:] = source
"""

# What else runs, by the core that it runs on.
SURROUNDINGS = {
    "quiet": {},
    "hog": {0: HOG},
    "hogs": {0: HOG, 1: HOG},
    "memory": {0: MEMORY_HOG},
}


@contextlib.contextmanager
def others(which, cores):
    """Other programs that use the cores, until it is left."""
    # They end with this process, also when it is killed.
    running = [subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(cores[at]), sys.executable, "-c",
                                 program])
               for at, program in SURROUNDINGS[which].items()]
    try:
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


@contextlib.contextmanager
def slow_server():
    server = subprocess.Popen([sys.executable, BENCH / "verdict_server.py"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait()


def urls(port, what):
    """Of "20x5:wait/60": twenty URLs of five hosts in turn."""
    for each in what:
        count, hosts, path = re.fullmatch(r"(\d+)x(\d+):(.*)", each).groups()
        for i in range(int(count)):
            yield f"http://127.0.0.{1 + i % int(hosts)}:{port}/{path}?{i}\n"


def measure(work, fanout, port):
    """One comparison, as its JSON; of copies, with what they cost beside each other just before and just after."""
    before = price_of_copies() if work.kinds is BY_THE_MACHINE else None
    with tempfile.TemporaryDirectory() as directory:
        if work.run.startswith("="):
            command = [pathlib.Path(fanout).with_name("bench_verdict_work"), *work.run[1:].split()]
        elif work.run.startswith("@"):
            shapes, *what = work.run[1:].split()
            path = pathlib.Path(directory, "urls")
            path.write_text("".join(urls(port, what)))
            command = [fanout, "compare", "urls", "-i", path, "--json", "--shapes", shapes]
        else:
            command = [fanout, "compare", *work.run.split(), "--json"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{work.name}: {' '.join(map(str, command))} exited with {done.returncode}:\n{done.stderr}")
    found = json.loads(done.stdout)["workloads"][0]
    return {**found, "copies": [before, price_of_copies()]} if before else found


def judge(work, around, found):
    """"right", "cannot tell", "not quiet", or what is wrong."""
    kinds = kinds_of_copies(found["copies"]) if work.kinds is BY_THE_MACHINE else work.kinds
    if found["best"] is not None and found["best"] not in work.right:
        return "WRONG WINNER"
    if found["best"] is not None:
        return "right" if found["kind"] in kinds else "WRONG KIND"
    if found["others_cores"] > (1 if work.light else 0) + TAKEN:
        return "not quiet" if around == "quiet" else "cannot tell"
    return "not quiet" if found["noise"] > NOISE else "NOT NAMED"


def same_programs(fanout):
    """Changes when what is measured, or how, does."""
    digest = hashlib.sha256()
    for path in (fanout, pathlib.Path(fanout).with_name("bench_verdict_work"), BENCH / "verdict_server.py"):
        digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()[:16]


def chosen_cells(given):
    surroundings = given.surroundings.split(",") if given.surroundings else list(SURROUNDINGS)
    for each in surroundings:
        if each not in SURROUNDINGS:
            fail(f"there is no '{each}'; --only takes {', '.join(SURROUNDINGS)}")
    works = [work for work in WORKS if re.search(given.work or "", work.name)]
    if not works:
        fail(f"no work is called '{given.work}'")
    return [(around, work, turn) for around in surroundings for turn in range(given.turns) for work in works]


def read_done(path, programs, again):
    """What an earlier run with the same programs found."""
    if again or not path.exists():
        return {}
    text = path.read_text()
    if not text.endswith("\n"):  # a run that was killed in the middle of a line
        text = text[:text.rfind("\n") + 1]
        path.write_text(text)
    lines = map(json.loads, text.splitlines())
    return {(each["around"], each["work"], each["run"], each["turn"]): each["found"] for each in lines
            if each["programs"] == programs}


def say(around, work, verdict, found):
    rows = ", ".join(f"{row['shape']} {row['wall_s']:.3f}" for row in found["rows"])
    named = found["best"] or "none"
    print(f"  {around:<7} {work.name:<34} {verdict:<12} {found['kind']}, {named}; "
          f"others {found['others_cores']:.2f} cores"
          + (f", copies beside each other cost {' and '.join(f'{each:.2f}' for each in found['copies'])}" if "copies" in found else ""),
          flush=True)
    if verdict not in ("right", "cannot tell"):
        print(f"      right: {' or '.join(sorted(work.right))}; measured: {rows}; noise {found['noise']:.2f}"
              f"{'; doubt: ' + found['doubt'] if found['doubt'] else ''}")


def measure_verdicts(fanout, figures, given):
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[:CORES])  # the arithmetic is for two
    cells = chosen_cells(given)
    path = BENCH.parent / "build/bench/verdicts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    programs = same_programs(fanout)
    done = read_done(path, programs, given.again)
    print(f"\nverdicts: {len(cells)} comparisons, of which an earlier run has "
          f"{sum((a, w.name, w.run, t) in done for a, w, t in cells)}")
    count = {}
    measured = 0
    begun = time.monotonic()
    with slow_server() as port, path.open("w" if given.again else "a") as journal:
        for around in dict.fromkeys(around for around, _, _ in cells):
            with others(around, allowed):
                for _, work, turn in (cell for cell in cells if cell[0] == around):
                    key = (around, work.name, work.run, turn)
                    found = done.get(key)
                    for _ in range(AGAIN):
                        if found and judge(work, around, found) != "not quiet":
                            break
                        found = measure(work, fanout, port)
                        measured += 1
                        print(json.dumps({"around": around, "work": work.name, "run": work.run, "turn": turn,
                                          "programs": programs, "found": found}), file=journal, flush=True)
                    verdict = judge(work, around, found)
                    count.setdefault(around, {}).setdefault(verdict, 0)
                    count[around][verdict] += 1
                    say(around, work, verdict, found)
    os.sched_setaffinity(0, allowed)
    print(f"  {time.monotonic() - begun:.0f} s, {measured} comparisons measured; one is measured again, up to {AGAIN} "
          "times in all, if the machine was not quiet")
    for around, verdicts in count.items():
        print(f"  {around:<7} " + ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items())))
    wrong = sum(number for verdicts in count.values() for verdict, number in verdicts.items()
                if verdict in ("WRONG WINNER", "WRONG KIND", "NOT NAMED"))
    unknown = sum(verdicts.get("not quiet", 0) for verdicts in count.values())
    figures.add("compare: wrong winners or kinds, or none named without need", wrong, "0", wrong == 0)
    figures.add("compare: not judged, as the machine was not quiet", unknown, "0", unknown == 0)
