"""Large bodies: to a file, through a pipe and to a directory, beside curl: time and memory, as ratios."""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

from programs import fail, nginx

MIB = 1024 * 1024
SIZE = 1024 * MIB
SEVERAL = 8
SHAPES = ["sync", "threads:8", "async:8", "processes:2"]
MOST_TIME, MOST_MEMORY = 1.1, 1.2


def files(directory):
    return lambda port: f"""sendfile on; access_log off; default_type application/octet-stream;
                            server {{ listen 127.0.0.1:{port}; root {directory}; }}"""


def family(pid):
    """A process and those that it started, as far as they are there."""
    try:
        children = [int(each) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children")
                    for each in path.read_text().split()]
    except OSError:
        children = []
    return [pid, *(each for child in children for each in family(child))]


def peak_memory(pid):
    """In bytes; 0 of a process that has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


class memory_watch(threading.Thread):
    """The largest memory of any process of a command. (What `wait4` tells begins with that of this interpreter.)"""

    def __init__(self, pid):
        super().__init__()
        self.pid, self.peak, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.01):
            self.peak = max([self.peak, *map(peak_memory, family(self.pid))])

    def stop(self):
        self.ended.set()
        self.join()
        return self.peak


def measured(command, output=subprocess.DEVNULL, errors=None):
    """Seconds, and the largest memory of any of its processes, in bytes."""
    begun = time.monotonic()
    child = subprocess.Popen(list(map(str, command)), stdout=output, stderr=errors)
    watch = memory_watch(child.pid)
    if output == subprocess.PIPE:
        with child.stdout as pipe:
            received = 0
            buffer = bytearray(MIB)
            while count := os.readv(pipe.fileno(), [buffer]):
                received += count
        if received != SIZE:
            fail(f"{command} wrote {received} bytes, not {SIZE}")
    status = child.wait()
    took = time.monotonic() - begun
    if status != 0:
        fail(f"{' '.join(map(str, command))} exited with {status}")
    return took, watch.stop()


def expect(paths, size):
    for path in paths:
        if path.stat().st_size != size:
            fail(f"{path} has {path.stat().st_size} bytes, not {size}")
        path.unlink()


def to_file(fanout, url, into):
    path = into / "file"

    def once(command):
        cost = measured(command)
        expect([path], SIZE)
        return cost

    return (lambda: once(["curl", "-s", "-o", path, f"{url}/large"]),
            lambda shape: once([fanout, "fetch", "-q", "-s", shape, "-o", path, f"{url}/large"]))


def to_pipe(fanout, url, _):
    return (lambda: measured(["curl", "-s", f"{url}/large"], subprocess.PIPE),
            lambda shape: measured([fanout, "fetch", "-q", "-s", shape, f"{url}/large"], subprocess.PIPE))


def to_directory(fanout, url, into):
    ours = into / "bodies"

    def theirs():
        names = [f"{into}/{i}" for i in range(SEVERAL)]
        each = [word for name in names for word in ("-o", name, f"{url}/part")]
        cost = measured(["curl", "-s", "-Z", "--parallel-max", SEVERAL, *each],
                        errors=subprocess.DEVNULL)  # -Z shows its progress whatever -s says
        expect(map(pathlib.Path, names), SIZE // SEVERAL)
        return cost

    def once(shape):
        cost = measured([fanout, "fetch", "-q", "-s", shape, "-o", f"{ours}/", *[f"{url}/part"] * SEVERAL])
        bodies = [each for each in ours.iterdir() if not each.name.startswith("records.")]
        if len(bodies) != SEVERAL:
            fail(f"{len(bodies)} bodies, not {SEVERAL}")
        expect(bodies, SIZE // SEVERAL)
        shutil.rmtree(ours)
        return cost

    return theirs, once


def measure(fanout, rounds, figures):
    cases = [("1 GiB to a file", to_file), ("1 GiB through a pipe", to_pipe),
             (f"{SEVERAL} bodies of {SIZE // SEVERAL // MIB} MiB to a directory", to_directory)]
    with tempfile.TemporaryDirectory() as served, tempfile.TemporaryDirectory() as into:
        os.chmod(served, 0o755)
        block = os.urandom(MIB)
        for name, size in (("large", SIZE), ("part", SIZE // SEVERAL)):
            with open(pathlib.Path(served, name), "wb") as file:
                for _ in range(size // MIB):
                    file.write(block)
        with nginx(1, files(served)) as port:
            for name, make in cases:
                theirs, ours = make(fanout, f"http://127.0.0.1:{port}", pathlib.Path(into))
                theirs()  # the files are in memory then
                times, memories = {shape: [] for shape in SHAPES}, {shape: [] for shape in SHAPES}
                print(f"\n{name}: seconds, and MB of the largest process")
                for _ in range(rounds):
                    seconds, peak = theirs()
                    line = f"  curl {seconds:.3f} s {peak / 1e6:.1f} MB"
                    for shape in SHAPES:
                        our_seconds, our_peak = ours(shape)
                        times[shape].append(our_seconds / seconds)
                        memories[shape].append(our_peak / peak)
                        line += f"   {shape} {our_seconds:.3f} s {our_peak / 1e6:.1f} MB"
                    print(line, flush=True)
                for shape in SHAPES:
                    for what, ratios, most in (("time", times, MOST_TIME), ("memory", memories, MOST_MEMORY)):
                        ratio = statistics.median(ratios[shape])
                        figures.add(f"{name}, {shape}: {what} / curl's", ratio, f"<= {most}", ratio <= most)
