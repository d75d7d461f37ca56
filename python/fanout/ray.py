"""Ray: `fanout.map(f, xs, shape="ray")` on every machine of a Ray cluster, and `fanout.ray.fetch`.

    fanout.map(f, xs, shape="ray")                  # each node: worker processes on all its cores
    fanout.map(f, xs, shape="ray:threads:32")       # each node: this shape
    fanout.map(f, xs, shape="ray:3x2x4x1")          # three nodes: 2 processes of 4 threads each

    report = fanout.ray.fetch("urls.txt", "/shared/pages")

One actor on each node of Ray holds the engine and runs the local shape on what it gets; the actor reserves none of Ray's
CPUs. Needs Ray 2 (`pip install ray`), and connects to the cluster that `ray.init` has connected to, or that it finds.
Nodes may come and go. Ray restarts nothing here (`max_task_retries=0`): of a node that is lost, tasks without an outcome
fail with `WorkerDied`, or run on other nodes as often as `retries` says.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import typing

from ._errors import Error
from ._ray_nodes import connected

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["FetchReport", "fetch"]


class FetchReport(typing.NamedTuple):
    """What became of a bulk fetch."""

    output: str  # the joined records
    shards: int
    attempts: list[dict[str, typing.Any]]  # of each: shard, node, status (None: its node was lost), seconds
    nodes: int  # that took part


class _OutputError(Error):
    """Something could not be written."""


class _Fetcher:
    """The actor: one on each node. It runs the engine as a program of its own, which commits the shard."""

    def fetch(self, command: list[str]) -> tuple[int, str]:
        done = subprocess.run([tool(), *command], capture_output=True, text=True, preexec_fn=_end_with_parent)
        return done.returncode, done.stderr[-2000:]


def _end_with_parent() -> None:
    """An attempt whose actor was killed does not go on asking servers, while its shard is fetched elsewhere."""
    import ctypes

    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def tool() -> str:
    """The command-line tool: of this package, or FANOUT_TOOL."""
    return os.environ.get("FANOUT_TOOL") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "fanout")


def _run_tool(arguments: list[str], lines: Iterable[str] | None = None) -> None:
    """Runs it; `lines` are its standard input. Raises `Error` with what it said."""
    with subprocess.Popen(
        [tool(), *arguments], stdin=subprocess.DEVNULL if lines is None else subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="surrogateescape",
    ) as running:  # fmt: skip
        if running.stdin is not None and lines is not None:
            with contextlib.suppress(BrokenPipeError), running.stdin as pipe:
                for line in lines:
                    pipe.write(line.strip() + "\n")
        said = running.stdout.read().strip() if running.stdout else ""
    if running.returncode != 0:
        raise (_OutputError if running.returncode == 3 else Error)(said)


def _begin(urls: typing.Any, out: str, shards: int | None, nodes: int, options: list[str], suffix: str) -> int:
    """Makes the shards' lists, or finds those of a call that was cut off. How many shards the job has."""
    from_file = isinstance(urls, (str, os.PathLike))
    made: dict[str, typing.Any] = {"options": options, "suffix": suffix, "list": None}
    if from_file:
        about = os.stat(urls)
        made["list"] = [os.path.abspath(urls), about.st_size, about.st_mtime_ns]
    elif isinstance(urls, (list, tuple)):
        made["list"] = hashlib.sha256("\n".join(urls).encode("utf-8", "surrogateescape")).hexdigest()
    mark = os.path.join(out, "job.json")
    if os.path.exists(mark):
        with open(mark) as file:
            before = json.load(file)
        if shards is not None and shards != before["shards"]:
            raise ValueError(f"{out} has a job of {before['shards']} shards, not {shards}")
        for name, value in made.items():
            if before[name] != value:
                raise ValueError(f"{out} has a job with another {name}: {before[name]}, not {value}; take another directory")
        return int(before["shards"])
    shards = shards or 20 * max(1, nodes)
    split = ["job", "split", "--shards", str(shards), "-o", os.path.join(out, "list-{index}.txt")]
    if from_file:
        _run_tool([*split, os.fspath(urls)])
    else:
        _run_tool([*split, "-"], urls)
    with open(mark + ".new", "w") as file:
        json.dump({"shards": shards, **made}, file)
    os.replace(mark + ".new", mark)  # the lists are whole
    return shards


def fetch(
    urls: typing.Any, out: str, *, shards: int | None = None, options: Iterable[str] = (), suffix: str = ".jsonl",
    attempts: int = 5, progress: Callable[[int, int], object] | None = None, output: str | None = None,
) -> FetchReport:  # fmt: skip
    """Fetches URLs on all nodes of a Ray cluster, into files of the directory `out`, which all nodes see.

    urls        a file of them, one in a line, or an iterable; lines of JSON as `fanout fetch -i` takes them
    shards      into how many the job is cut (default: 20 for each node that is there). All URLs of a host are in one, so
                limits for a host hold; limits for an address are per node
    options     of `fanout fetch`, such as ["--timeout", "10"]; not -o and not -i
    suffix      of what a shard writes: ".jsonl", ".jsonl.gz"
    attempts    at a shard; after as many it raises `Error`
    progress    called with how many shards are done, and how many there are
    output      where the joined records go (default: `out`/all and the suffix)

    Two shards at most are handed to a node. A shard whose node is lost goes to another one; each attempt writes files of
    its own, and the first manifest that is linked counts (docs/machines.md), so each record is in the output once.
    Requests may be sent again. Nodes that join take part. A call that was cut off goes on when it is made again, with what
    is in `out`; `ValueError` where the options are not those of that call, or the list, if it is a file or a list.
    """
    ray = connected()
    os.makedirs(out, exist_ok=True)
    out = os.path.abspath(out)
    alive = [each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU")]
    options = list(options)
    shards = _begin(urls, out, shards, len(alive), options, suffix)
    place = ["--into", out, "--shards", str(shards), "--suffix", suffix]
    lists = os.path.join(out, "list-{index}.txt")
    records = _run_shards(ray, shards, attempts, progress, lambda shard: [
        "job", "shard", *place, "--index", str(shard), "--", "-i", lists, *options,
    ])  # fmt: skip
    joined = output or os.path.join(out, "all" + suffix)
    _run_tool(["job", "gather", *place, "-o", joined])
    return FetchReport(joined, shards, records, len({each["node"] for each in records}))


def _run_shards(
    ray: typing.Any, shards: int, attempts: int, progress: Callable[[int, int], object] | None, command: Callable[[int], list[str]]
) -> list[dict[str, typing.Any]]:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    lost = (ray.exceptions.RayActorError, ray.exceptions.NodeDiedError, ray.exceptions.ActorUnschedulableError)
    todo = collections.deque(range(shards))
    tried: dict[int, int] = collections.defaultdict(int)
    records: list[dict[str, typing.Any]] = []
    actors: dict[str, typing.Any] = {}
    calls: dict[typing.Any, tuple[int, str, float]] = {}
    done = 0
    looked = 0.0
    try:
        while done < shards:
            if time.monotonic() - looked > 0.5:
                looked = time.monotonic()
                for each in ray.nodes():
                    if each["Alive"] and each["Resources"].get("CPU") and each["NodeID"] not in actors:
                        where = NodeAffinitySchedulingStrategy(each["NodeID"], soft=False)
                        actors[each["NodeID"]] = ray.remote(_Fetcher).options(
                            num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=1, scheduling_strategy=where
                        ).remote()  # fmt: skip
            for name, actor in actors.items():
                while todo and sum(node == name for _, node, _ in calls.values()) < 2:
                    shard = todo.popleft()
                    calls[actor.fetch.remote(command(shard))] = (shard, name, time.monotonic())
            if not calls:
                time.sleep(0.1)
                continue
            ready, _ = ray.wait(list(calls), num_returns=1, timeout=0.5)
            for call in ready:
                shard, name, since = calls.pop(call)
                status, said = None, "its node was lost"
                try:
                    status, said = ray.get(call)
                except lost:
                    actors.pop(name, None)
                records.append({"shard": shard, "node": name, "status": status, "seconds": time.monotonic() - since})
                if status == 0:
                    done += 1
                    if progress is not None:
                        progress(done, shards)
                    continue
                if status == 2:
                    raise Error(said.strip())
                tried[shard] += 1
                if tried[shard] >= attempts:
                    raise (_OutputError if status == 3 else Error)(f"shard {shard} failed {attempts} times: {said.strip()}", "task_failed", 0.0, attempts)
                todo.append(shard)
    finally:
        for actor in actors.values():
            ray.kill(actor)
    return records


# What `fanout fetch --on ray` runs.


def _statuses(out: str, shards: int) -> set[int]:
    """Of the fetches of all shards: 1 where a request failed."""
    found = set()
    for shard in range(shards):
        with open(os.path.join(out, f"shard-{shard}.json")) as file:
            found.add(json.load(file)["status"])
    return found


def _mark_joined(out: str, status: int) -> None:
    """The same command then has nothing to do. Lists and shards are not needed any more."""
    mark = os.path.join(out, "job.json")
    with open(mark) as file:
        job = json.load(file)
    with open(mark + ".new", "w") as file:
        json.dump({**job, "joined": status}, file)
    os.replace(mark + ".new", mark)
    _remove_shards(out)


def _joined(out: str, output: str) -> int | None:
    """The exit status of a job that is joined already."""
    mark = os.path.join(out, "job.json")
    if not os.path.exists(mark):
        return None
    with open(mark) as file:
        status: int | None = json.load(file).get("joined")
    if status is not None and not os.path.exists(output):  # to be fetched again
        _remove_shards(out)
        os.unlink(mark)
        return None
    return status


def _remove_shards(out: str) -> None:
    for name in os.listdir(out):
        if name.startswith(("list-", "shard-")):
            os.unlink(os.path.join(out, name))


def _stop(*_: object) -> None:
    raise SystemExit(75)


def main(arguments: list[str] | None = None) -> int:
    """Exit status as of `fanout fetch`."""
    parser = argparse.ArgumentParser(prog="fanout fetch --on ray")
    parser.add_argument("--address")
    parser.add_argument("--list")
    parser.add_argument("--url", action="append", default=[])
    parser.add_argument("--output", required=True)
    parser.add_argument("--suffix", required=True)
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("options", nargs="*")
    given = parser.parse_args(arguments)
    out = given.output + ".shards"
    done, told = 0, -1.0

    def tell(text: str) -> None:
        print("fanout fetch: " + text, file=sys.stderr, flush=True)

    def progress(now: int, shards: int) -> None:
        nonlocal done, told
        done = now
        if not given.quiet and (now == shards or time.monotonic() - told >= 1):
            told = time.monotonic()
            tell(f"{now} of {shards} shards")

    signal.signal(signal.SIGTERM, _stop)
    try:
        if given.list:
            open(given.list, "rb").close()
    except OSError as why:
        tell(f"-i {given.list}: {why.strerror}")
        return 2
    try:
        before = _joined(out, given.output)
        if before is not None:
            _begin(given.list or given.url, out, None, 1, given.options, given.suffix)
            if not given.quiet:
                tell(f"all records are in {given.output}; remove it to fetch them again")
            return before
        try:
            import ray  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            tell(f"--on ray: {sys.executable} has no Ray: pip install 'ray>=2'")
            return 2
        try:  # "auto" is RAY_ADDRESS, or the cluster of this machine; none is started
            ray.init(address=given.address or "auto", logging_level="error", log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as why:
            tell(f"--on ray: there is no Ray cluster to connect to: {str(why).strip().splitlines()[0]}")
            return 2
        report = fetch(
            given.list or given.url, out, options=given.options, suffix=given.suffix, progress=progress, output=given.output
        )
        status = 0 if _statuses(out, report.shards) == {0} else 1
        _mark_joined(out, status)
    except (KeyboardInterrupt, SystemExit) as why:
        tell(f"{done} shards more are whole; run the same command again to go on")
        return 130 if isinstance(why, KeyboardInterrupt) else 75
    except (_OutputError, OSError) as why:
        tell(f"--on ray: {why}; run the same command again to go on")
        return 3
    except (Error, ValueError, RuntimeError) as why:
        tell(f"--on ray: {why}")
        return 2
    if not given.quiet:
        tell(f"{report.shards} shards on {report.nodes} nodes of Ray, {len(report.attempts)} attempts; records in {report.output}")
    return status
