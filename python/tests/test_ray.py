"""Ray, as a place where functions and bulk fetches run. ./dev test machines runs these.

Ray listens on all addresses and looks for others, so it is started only where loopback is the whole network."""

from __future__ import annotations

import collections
import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import functions
import pytest

import fanout
from fanout._compare_machines import Machines, break_even
from fanout._ray_nodes import local_shape
from fanout.ray import _begin, tool


def alone() -> bool:
    """Whether loopback is all that this network has."""
    lines = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    return [line.split(":")[0].strip() for line in lines] == ["lo"]


try:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
except ImportError:
    ray = None

needs_ray = pytest.mark.skipif(
    ray is None or not alone(),
    reason="Ray is not installed" if ray is None else "Ray is started in a private network namespace only (./dev test machines)",
)


# Without Ray.


def test_shapes_are_read() -> None:
    assert local_shape("ray", False) == (None, None)
    assert local_shape("ray", True) == (None, "async:64")
    assert local_shape("ray:threads:8", False) == (None, "threads:8")
    assert local_shape("ray:3x2x4x1", False) == (3, "2x4x1")
    assert local_shape("ray:2x4x1", False) == (None, "2x4x1")
    for wrong in ("ray:", "ray:nothing", "ray:0x1x1x1", "ray:ax1x1x1", "ray:auto", "ray:4x2x16"):
        with pytest.raises(ValueError):
            local_shape(wrong, False)


def test_a_list_is_cut_once(tmp_path: pathlib.Path) -> None:
    lines = [f"http://user@Host{n % 7}.example:80{n % 3}/{n}?q#f" for n in range(100)]
    lines += ['{"url": "http://host3.example/json"}', "", "http://[::1]:80/x"]
    out = str(tmp_path)
    assert _begin(iter(lines), out, 4, 1, [], ".jsonl") == 4
    found = [line for shard in range(4) for line in (tmp_path / f"list-{shard}.txt").read_text().splitlines()]
    assert sorted(found) == sorted(line for line in lines if line)
    assert _begin(iter(()), out, None, 9, [], ".jsonl") == 4, "the lists that are there go on"
    with pytest.raises(ValueError, match="another options"):
        _begin(iter(lines), out, 4, 1, ["-L"], ".jsonl")
    with pytest.raises(ValueError, match="another list"):
        _begin(lines, out, 4, 1, [], ".jsonl")
    with pytest.raises(ValueError, match="4 shards, not 5"):
        _begin(iter(lines), out, 5, 1, [], ".jsonl")


def test_a_list_that_has_changed_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "urls").write_text("http://a.example/\n")
    (tmp_path / "out").mkdir()
    assert _begin(tmp_path / "urls", str(tmp_path / "out"), None, 2, [], ".jsonl") == 40
    assert _begin(str(tmp_path / "urls"), str(tmp_path / "out"), None, 2, [], ".jsonl") == 40
    (tmp_path / "urls").write_text("http://b.example/x\n")
    with pytest.raises(ValueError, match="another list"):
        _begin(tmp_path / "urls", str(tmp_path / "out"), None, 2, [], ".jsonl")
    with pytest.raises(fanout.Error, match="nowhere"):  # a directory that is not there
        _begin(tmp_path / "urls", str(tmp_path / "nowhere"), 2, 1, [], ".jsonl")


def refused(tmp_path: pathlib.Path, name: str) -> str:
    env = {**os.environ, "FANOUT_PYTHON": sys.executable, "RAY_ADDRESS": ""}
    command = [tool(), "fetch", "--on", "ray", "-i", name, "-o", "p.jsonl"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and not (tmp_path / "p.jsonl.shards").exists(), done.stderr
    return done.stderr


def test_a_list_that_is_not_there(tmp_path: pathlib.Path) -> None:
    assert "-i none: No such file" in refused(tmp_path, "none")


@needs_ray
def test_no_list_is_begun_without_a_cluster(tmp_path: pathlib.Path) -> None:  # before there is one here
    (tmp_path / "urls").write_text("http://127.0.0.1:1/\n")
    assert "there is no Ray cluster to connect to" in refused(tmp_path, "urls")


# With Ray.


@pytest.fixture(autouse=True)
def nothing_is_left() -> None:
    """What Ray itself leaves open is not looked at, as conftest.py does for all other tests."""


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    nodes = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    for _ in range(2):
        nodes.add_node(**small)
    ray.init(address=nodes.address, logging_level="error", log_to_driver=False)
    nodes.small = small
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def where(_: int) -> str:
    time.sleep(0.01)
    return ray.get_runtime_context().get_node_id()


@needs_ray
def test_all_nodes_take_part(cluster) -> None:
    seen: set[str] = set()
    outcomes = fanout.as_completed(where, range(1_000_000), shape="ray:threads:2")
    for number, out in enumerate(outcomes):  # on a busy machine one may begin late
        seen.add(out.value)
        if len(seen) == 3:
            break
        assert number < 100_000, "one was never used"
    outcomes.close()


@needs_ray
@pytest.mark.parametrize("shape", ["ray", "ray:sync", "ray:threads:4", "ray:2x2x1", "ray:2x1x2x1"])
def test_each_input_has_one_outcome(cluster, shape: str) -> None:
    assert fanout.map(functions.double, range(500), shape=shape) == [2 * x for x in range(500)]


@needs_ray
def test_no_inputs(cluster) -> None:
    assert fanout.map(functions.double, [], shape="ray:sync") == []


@needs_ray
def test_failures_of_the_function_are_its_own(cluster) -> None:
    outcomes = list(fanout.as_completed(functions.fail_at_three, range(6), shape="ray:threads:2", ordered=True))
    assert [out.ok for out in outcomes] == [True, True, True, False, True, True]
    with pytest.raises(type(outcomes[3].error)):
        fanout.map(functions.fail_at_three, range(6), shape="ray:threads:2")
    unpicklable = list(fanout.as_completed(functions.return_lock, [1], shape="ray:sync"))
    assert isinstance(unpicklable[0].error, fanout.RemoteError)


@needs_ray
def test_coroutines_run_on_loops_of_the_nodes(cluster) -> None:
    assert fanout.map(functions.double_later, range(100), shape="ray") == [2 * x for x in range(100)]


@needs_ray
def test_a_worker_that_dies_under_a_node_is_an_outcome(cluster) -> None:
    outcomes = list(fanout.as_completed(functions.die_if_negative, [1, -1, 2, 3], shape="ray:processes:1", ordered=True))
    assert [out.ok for out in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1].error, fanout.WorkerDied)


@needs_ray
def test_memory_is_bounded_by_windows(cluster) -> None:
    pulled = 0

    def inputs():
        nonlocal pulled
        for number in range(100_000):
            pulled += 1
            yield number

    outcomes = fanout.as_completed(where, inputs(), shape="ray:threads:2")
    for _ in range(50):
        next(outcomes)
    assert pulled < 2000
    outcomes.close()


def kill_own_node_once(marked: tuple[str, int]) -> int:
    """The actor that has the task 5 ends, the first time."""
    mark, number = marked
    if number == 5:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return number


@needs_ray
def test_tasks_of_a_lost_node_have_one_outcome_each(cluster, tmp_path: pathlib.Path) -> None:
    inputs = [(str(tmp_path / "first"), number) for number in range(60)]
    outcomes = list(fanout.as_completed(kill_own_node_once, inputs, shape="ray:threads:2", ordered=True))
    assert [out.index for out in outcomes] == list(range(60))
    lost = [out for out in outcomes if not out.ok]
    assert lost and all(isinstance(out.error, fanout.WorkerDied) and "was lost" in str(out.error) for out in lost)
    assert 5 in [out.index for out in lost]
    assert [out.value for out in outcomes if out.ok] == [out.index for out in outcomes if out.ok]
    inputs = [(str(tmp_path / "second"), number) for number in range(60)]
    assert fanout.map(kill_own_node_once, inputs, shape="ray:threads:2", retries=2) == list(range(60))


def always_dies(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@needs_ray
def test_nodes_that_all_die_end_the_run(cluster) -> None:
    outcomes = []
    with pytest.raises(fanout.CannotStart, match="3 were lost one after another"):  # there are inputs that were not pulled
        for out in fanout.as_completed(always_dies, iter(range(1000)), shape="ray:1x1x1x1"):
            outcomes.append(out)
    assert {type(out.error) for out in outcomes} <= {fanout.WorkerDied, fanout.CannotStart}
    assert sorted(out.index for out in outcomes) == list(range(len(outcomes)))
    assert sum(isinstance(out.error, fanout.WorkerDied) for out in outcomes) >= 3


@needs_ray
def test_a_node_that_joins_half_way_is_used(cluster) -> None:
    seen: collections.Counter[str] = collections.Counter()
    joined = None
    outcomes = fanout.as_completed(where, range(1_000_000), shape="ray:threads:1")
    for number, out in enumerate(outcomes):
        seen[out.value] += 1
        if number == 20:
            joined = cluster.add_node(**cluster.small)
        if len(seen) == 4:
            break
        assert number < 100_000, "it was never used"
    outcomes.close()
    cluster.remove_node(joined)


# compare.


def test_from_how_many_tasks_machines_pay() -> None:
    assert break_even(start=2.0, there=0.001, here=0.003) == 1000
    assert break_even(start=2.0, there=0.00299, here=0.003) is None, "within what a machine varies by"
    assert break_even(start=2.0, there=0.1, here=0.003) is None
    pays = Machines("ray", 3, 1.5, 2.0, 0.001, 120.4, 0.001, 0.003, 1234, None).said("threads:4")
    assert pays == (
        "On 3 nodes of Ray: 1.500 s. Machines cost 2.00 s to start, 1.00 ms for a call there and back, and 120 bytes a task. "
        "A task takes 3.00 ms here (threads:4) and 1.00 ms there, so machines pay from about 1,200 such tasks on."
    )
    never = Machines("ray", 1, 1.5, 2.0, 0.0005, 120.4, 1.5, 0.003, None, None).said("sync")
    assert never.startswith("On 1 node of Ray:") and never.endswith("3.00 ms here (sync) and 1.50 s there, so machines never pay for such tasks.")
    assert "500 us for a call" in never
    assert Machines("ray", 2, None, 2.0, 0.0, 0.0, 0.0, 0.0, None, "OSError: gone").said("sync") == "On 2 nodes of Ray: OSError: gone"
    with pytest.raises(ValueError, match="on is 'ray', not 'slurm'"):
        fanout.compare(functions.double, [1], on="slurm")
    with pytest.raises(TypeError, match="initializer is not an option of on='ray'"):
        fanout.compare(functions.double, [1], on="ray", initializer=print)


@needs_ray
def test_compare_says_when_machines_pay(cluster) -> None:
    shapes = {"shapes": ["sync"], "rounds": 1, "settle_within": 0.0, "python": False, "on": "ray"}
    waits = fanout.compare(functions.wait_for, [0.2] * 12, **shapes)
    found = waits.machines
    assert found.nodes == 3 and found.error is None
    assert 0.2 <= found.here < 0.4 and found.per_task < 0.2 and found.pays_from > 1
    assert 10 < found.bytes_per_task < 1000 and 0 < found.round_trip < found.start
    assert "machines pay from about" in str(waits) and "machines pay from about" in waits._repr_html_()
    assert json.loads(waits.to_json())["machines"]["nodes"] == 3 and "<html" in waits.to_html()
    tiny = fanout.compare(functions.double, range(3000), **shapes)
    assert tiny.machines.pays_from is None and "machines never pay" in str(tiny)
    failing = fanout.compare(functions.fail_at_three, range(2), **shapes)
    assert failing.machines.error is None
    assert fanout.compare(functions.fail_with_markup, range(2), **shapes).machines is None


# Bulk fetches.


@pytest.fixture
def origin():
    served = subprocess.Popen(
        [tool(), "serve", "--port", "0", "--until-eof", "--latency", "20ms"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield served.stdout.readline().split()[-1].rstrip("/")
    served.stdin.close()
    served.wait()


def fetched(file: str) -> list[str]:
    with open(file) as lines:
        return sorted(json.loads(line)["url"] for line in lines)


@needs_ray
def test_a_fetch_on_all_nodes_has_each_record_once(cluster, origin: str, tmp_path: pathlib.Path) -> None:
    urls = [f"{origin}/bytes/{n}" for n in range(50)] + [f"{origin.replace('127.0.0.1', 'localhost')}/bytes/{n}" for n in range(50)]
    calls = []
    report = fanout.ray.fetch(urls, str(tmp_path), shards=9, progress=lambda done, of: calls.append((done, of)))
    assert fetched(report.output) == sorted(urls)
    assert calls == [(done, 9) for done in range(1, 10)]
    again = fanout.ray.fetch(urls, str(tmp_path))
    assert again.shards == 9 and fetched(again.output) == sorted(urls)
    with pytest.raises(ValueError, match="9 shards"):
        fanout.ray.fetch(urls, str(tmp_path), shards=4)


@needs_ray
def test_ray_data_is_a_source_and_a_sink(cluster, origin: str, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("pyarrow")
    data = pytest.importorskip("ray.data")
    data.DataContext.get_current().enable_progress_bars = False
    urls = [f"{origin}/bytes/{n}" for n in range(20)]
    dataset = data.from_items([{"url": url, "n": n} for n, url in enumerate(urls)])
    report = fanout.ray.fetch((row["url"] for row in dataset.iter_rows()), str(tmp_path), shards=3)
    records = data.read_json(report.output, file_extensions=None)
    assert sorted(row["url"] for row in records.iter_rows()) == sorted(urls)


@needs_ray
def test_wrong_options_end_a_fetch(cluster, tmp_path: pathlib.Path) -> None:
    with pytest.raises(fanout.Error, match="no-such-option"):
        fanout.ray.fetch(["http://localhost/"], str(tmp_path), shards=1, options=["--no-such-option"])


def on_ray(cluster, *arguments: str, cwd: pathlib.Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "FANOUT_PYTHON": sys.executable, "RAY_ADDRESS": cluster.address}
    return subprocess.run([tool(), "fetch", "--on", "ray", *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=120)


@needs_ray
def test_the_command_line_fetches_on_all_nodes(cluster, origin: str, tmp_path: pathlib.Path) -> None:
    urls = [f"http://h{n % 9}.example/bytes/{n}" for n in range(60)]
    there = ["--connect-to", "::" + origin.split("//")[1]]
    (tmp_path / "urls").write_text("\n".join(urls))
    plain = subprocess.run([tool(), "fetch", "-q", "-i", "urls", "-o", "one.jsonl", *there], cwd=tmp_path, capture_output=True)
    assert plain.returncode == 0
    done = on_ray(cluster, "-i", "urls", "-o", "pages.jsonl", *there, "--progress", "plain", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "60 of 60 shards" in done.stderr and "records in pages.jsonl" in done.stderr
    assert fetched(str(tmp_path / "pages.jsonl")) == fetched(str(tmp_path / "one.jsonl")) == sorted(urls)
    assert [each.name for each in (tmp_path / "pages.jsonl.shards").iterdir()] == ["job.json"]
    again = on_ray(cluster, "-i", "urls", "-o", "pages.jsonl", *there, cwd=tmp_path)
    assert again.returncode == 0 and "all records are in pages.jsonl" in again.stderr
    (tmp_path / "pages.jsonl").unlink()
    (tmp_path / "pages.jsonl.shards" / "shard-0.json").write_text("{}")  # of a kill while they were removed
    again = on_ray(cluster, "-i", "urls", "-o", "pages.jsonl", *there, cwd=tmp_path)
    assert again.returncode == 0 and fetched(str(tmp_path / "pages.jsonl")) == sorted(urls), again.stderr
    failed = on_ray(cluster, f"{origin}/bytes/1", "http://127.0.0.1:1/", "-o", "some.jsonl.gz", "-q", cwd=tmp_path)
    assert failed.returncode == 1 and "fanout" not in failed.stderr, failed.stderr
    with gzip.open(tmp_path / "some.jsonl.gz") as file:
        assert sorted(json.loads(line)["url"] for line in file) == ["http://127.0.0.1:1/", f"{origin}/bytes/1"]


@needs_ray
def test_the_command_line_goes_on(cluster, origin: str, tmp_path: pathlib.Path) -> None:
    urls = [f"http://h{n % 90}.example/bytes/{n}" for n in range(900)]
    (tmp_path / "urls").write_text("\n".join(urls))
    env = {**os.environ, "FANOUT_PYTHON": sys.executable, "RAY_ADDRESS": cluster.address}
    arguments = ["-i", "urls", "-o", "pages.jsonl", "-s", "async:1", "--connect-to", "::" + origin.split("//")[1]]
    for number, status in ((signal.SIGTERM, 75), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
        begun = subprocess.Popen([tool(), "fetch", "--on", "ray", *arguments], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for line in begun.stderr:
            if " of 60 shards" in line:
                begun.send_signal(number)
                break
        said = begun.stderr.read()
        assert begun.wait(60) == status, said
        assert number == signal.SIGKILL or "run the same command again to go on" in said
    refused = on_ray(cluster, *arguments, "-L", cwd=tmp_path)
    assert refused.returncode == 2 and "another options" in refused.stderr
    done = on_ray(cluster, *arguments, "-q", cwd=tmp_path)
    assert done.returncode == 0 and "fanout" not in done.stderr, done.stderr
    assert fetched(str(tmp_path / "pages.jsonl")) == sorted(urls)


def victims() -> list[int]:
    """Actors that fetch, and what they run."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if line.startswith(b"ray::_Fetcher") or b"\0job\0shard\0" in line or b"\0fetch\0-o\0" in line:
                found.append(int(entry.name))
    return found


@needs_ray
def test_kills_lose_and_double_no_record(cluster, origin: str, tmp_path: pathlib.Path) -> None:
    """40 shards, and until they are done a SIGKILL every two seconds, or FANOUT_TEST_KILL_SECONDS."""
    every = float(os.environ.get("FANOUT_TEST_KILL_SECONDS", "2"))
    origin_port = origin.rsplit(":", 1)[1]
    hosts = [f"127.0.{n % 50}.{1 + n % 200}" for n in range(400)]
    urls = [f"http://{host}:{origin_port}/bytes/{n}?{m}" for n, host in enumerate(hosts) for m in range(8)]
    over = threading.Event()
    killed = []

    def kill() -> None:
        number = 0
        while not over.wait(every):
            found = victims()
            if found:
                killed.append(found[number % len(found)])
                number += 1
                try:
                    os.kill(killed[-1], signal.SIGKILL)
                except ProcessLookupError:
                    killed.pop()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        report = fanout.ray.fetch(
            urls, str(tmp_path), shards=40, attempts=50, options=["-s", "async:1"]
        )
    finally:
        over.set()
        killer.join()
    assert killed, "nothing was killed: the fetch was too short"
    assert len(report.attempts) >= 40
    assert fetched(report.output) == sorted(urls)
