"""Where the module works: scripts, -c, a terminal, zip files; and how a program with it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("cloudpickle")

UNGUARDED = """
import fanout
class Point:
    def __init__(self, x): self.x = x
factor = 3
def f(x): return Point(factor * x)
points = fanout.map(f, range(4), shape="processes:2")
assert all(type(each) is Point for each in points), points
print([each.x for each in points])
"""


def run(*arguments: str, source: str | None = None, timeout: float = 120) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], input=source, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('main')\n" + UNGUARDED)
    assert run(str(script)) == "main\n[0, 3, 6, 9]\n"  # main ran once


def test_a_command() -> None:
    assert run("-c", UNGUARDED) == "[0, 3, 6, 9]\n"


def test_standard_input() -> None:
    assert run("-", source=UNGUARDED) == "[0, 3, 6, 9]\n"


def test_a_terminal_session() -> None:
    lines = "import fanout\nf = lambda x: 3 * x\nfanout.map(f, range(3), shape='processes:2')\n"
    assert "[0, 3, 6]" in run("-i", "-q", source=lines)


def test_a_zip_application(tmp_path: Path) -> None:
    path = tmp_path / "app.pyz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("helper.py", "def f(x): return 3 * x\n")
        file.writestr("__main__.py", "import fanout, helper\nprint(fanout.map(helper.f, range(3), shape='processes:2'))\n")
    assert run(str(path)) == "[0, 3, 6]\n"


def test_a_module_run_as_main(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(UNGUARDED)
    done = subprocess.run([sys.executable, "-m", "job"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "[0, 3, 6, 9]\n", done.stderr


def test_without_cloudpickle_the_error_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cloudpickle.py").write_text("raise ImportError('hidden')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + UNGUARDED
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "Install cloudpickle" in done.stderr


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import fanout; new = set(sys.modules) - before;"
        "print(sorted(new & {'asyncio', 'numpy', 'cloudpickle', 'concurrent.futures', 'multiprocessing', 'pickle'}))"
    )
    assert run("-c", code) == "[]\n"


def test_the_end_of_the_program_finishes_a_pool() -> None:
    code = """
import fanout, time
pool = fanout.ProcessPool(2)
def f(x):
    time.sleep(0.05)
    return x
futures = [pool.submit(f, x) for x in range(10)]
futures[-1].add_done_callback(lambda future: print("last", future.result(), flush=True))
"""
    assert run("-c", code) == "last 9\n"


def test_the_end_of_the_program_with_a_run_under_way() -> None:
    code = """
import fanout, itertools, time
def f(x):
    time.sleep(0.01)
    return x
kept = [iter(fanout.as_completed(f, itertools.count(), shape=shape)) for shape in ("threads:2", "processes:2")]
async def g(x): return x
kept.append(iter(fanout.as_completed(g, itertools.count(), shape="async:2")))
for each in kept: next(each)
print("over", flush=True)
"""
    assert run("-c", code) == "over\n"


def test_ctrl_c_in_the_terminal_leaves_no_workers() -> None:
    code = """
import fanout, itertools, os, time
def f(x):
    time.sleep(0.01)
    return os.getpid()
seen = set()
try:
    for out in fanout.as_completed(f, itertools.count(), shape="processes:2"):
        if out.value not in seen:
            seen.add(out.value)
            print(out.value, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    workers = [int(process.stdout.readline())]
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to the whole group
    rest, errors = process.communicate(timeout=60)
    assert rest.endswith("interrupted\n"), errors
    assert process.returncode == 0
    for line in rest.splitlines()[:-1]:
        workers.append(int(line))
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def test_workers_die_with_a_killed_program() -> None:
    code = """
import fanout, os, time
def f(x):
    print(os.getpid(), flush=True)
    time.sleep(3600)
fanout.map(f, [0], shape="processes:1")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    pid = os.pidfd_open(worker)
    process.kill()
    process.wait(60)
    import select

    assert select.select([pid], [], [], 60)[0], "the worker is still there"
    os.close(pid)
    process.stdout.close()


def test_many_runs_leak_nothing() -> None:
    code = """
import fanout, os, resource, sys
def f(x): return x
def memory(): return int(open("/proc/self/statm").read().split()[1]) * 4
for _ in range(300): fanout.map(f, range(4), shape="threads:2")
with fanout.ProcessPool(1) as pool:
    for x in range(2000): pool.submit(abs, x).result()
    before, files = memory(), len(os.listdir("/proc/self/fd"))
    for x in range(10000): pool.submit(abs, x).result()
    for _ in range(2000): fanout.map(f, range(4), shape="threads:2")
    assert len(os.listdir("/proc/self/fd")) == files
    grown = memory() - before
print("grown by", grown, "KiB", file=sys.stderr)
assert grown < 4096, grown
"""
    run("-c", code)


def test_the_tool_comes_along() -> None:
    done = subprocess.run([sys.executable, "-m", "fanout", "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("fanout ") and done.returncode == 0
