"""compare on machines: the caller's function on the nodes of Ray, what crossing to them costs, and from how many tasks on
they pay."""

from __future__ import annotations

import statistics
import time
import typing

from ._run import _open

if typing.TYPE_CHECKING:
    from collections.abc import Callable

_many = 2000  # tasks that do nothing, for what crossing costs each
_calls = 20
_clearly = 0.9  # of the time here; a machine varies by more than the rest


class Machines(typing.NamedTuple):
    """The function on all nodes of a cluster. Times are in seconds."""

    engine: str
    """"ray"."""
    nodes: int
    wall: float | None
    """Of all tasks, with the start; None where it failed."""
    start: float
    """Until the nodes run tasks: actors and workers begin, and import what the function needs."""
    round_trip: float
    """Of one call to a node that does nothing, the median."""
    bytes_per_task: float
    """Of its input and its result, as they are sent."""
    per_task: float
    """What each task costs there, of many: its share of the nodes' time, or what it costs to send it."""
    here: float
    """What each task costs on this machine in its best shape."""
    pays_from: int | None
    """So many tasks take as long there as here; None: no number does."""
    error: str | None

    def said(self, shape: str) -> str:
        """In a few sentences. `shape`: the best one here."""
        where = f"{self.nodes} node{'' if self.nodes == 1 else 's'} of Ray"
        if self.error:
            return f"On {where}: {self.error}"
        took = f"On {where}: {self.wall:.3f} s. " if self.wall is not None else ""
        costs = (
            f"Machines cost {self.start:.2f} s to start, {_time(self.round_trip)} for a call there and back, and "
            f"{self.bytes_per_task:.0f} bytes a task. A task takes {_time(self.here)} here ({shape}) and {_time(self.per_task)} there"
        )
        if self.pays_from is None:
            return f"{took}{costs}, so machines never pay for such tasks."
        return f"{took}{costs}, so machines pay from about {_rounded(self.pays_from):,} such tasks on."


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


def _rounded(count: int) -> int:
    """To two digits: it is an estimate."""
    step = 10 ** max(0, len(str(count)) - 2)
    return int(max(1, round(count / step) * step))


def break_even(start: float, there: float, here: float) -> int | None:
    """How many tasks take as long there as here: start + n * there = n * here."""
    if there >= here * _clearly:
        return None
    return max(1, round(start / (here - there)))


def _nothing(_: object) -> None:
    return None


class _Echo:
    """An actor that does nothing."""

    def call(self) -> None:
        return None


def _round_trip(ray: typing.Any) -> float:
    actor = ray.remote(_Echo).options(num_cpus=0, max_restarts=0, max_task_retries=0).remote()
    try:
        ray.get(actor.call.remote())
        took = []
        for _ in range(_calls):
            began = time.perf_counter()
            ray.get(actor.call.remote())
            took.append(time.perf_counter() - began)
        return statistics.median(took)
    finally:
        ray.kill(actor)


def _run(
    function: Callable[[typing.Any], typing.Any], inputs: typing.Any, timeout: float | None, how: dict[str, typing.Any]
) -> tuple[float, list[typing.Any], str | None]:
    """Seconds, the results, and what failed first."""
    results, wrong = [], None
    began = time.perf_counter()
    run = _open(function, inputs, "ray", timeout, how)
    try:
        for out in run:
            if out.error is None:
                results.append(out.value)
            elif wrong is None:
                wrong = f"{type(out.error).__name__}: {out.error}"
    finally:
        run.close()
    return time.perf_counter() - began, results, wrong


def on_ray(
    function: Callable[[typing.Any], typing.Any], inputs: list[typing.Any], here: float, timeout: float | None, how: dict[str, typing.Any]
) -> Machines:
    """`here`: seconds that each task costs on this machine. Raises what `ray` cannot begin with."""
    from ._ray_nodes import connected

    ray = connected()
    from ray import cloudpickle  # type: ignore[import-not-found,unused-ignore]

    nodes = len([each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU")])
    begun, _, wrong = _run(_nothing, [0], timeout, {})
    round_trip = _round_trip(ray)
    wall, results = 0.0, list[typing.Any]()
    if wrong is None:
        wall, results, wrong = _run(function, inputs, timeout, how)
    if wrong is not None:
        return Machines("ray", nodes, None, begun, round_trip, 0.0, 0.0, here, None, wrong)
    # What a task costs is seen from how much longer twice as many take: the start has the imports of the function, too.
    twice, _, wrong = _run(function, inputs * 2, timeout, how)
    if wrong is None and twice <= wall:
        wrong = (
            f"{wall:.3f} s, and {twice:.3f} s for twice as many tasks: what a task costs there is less than this run can show. "
            "Give more inputs, or ones that take longer"
        )
    if wrong is not None:
        return Machines("ray", nodes, wall, begun, round_trip, 0.0, 0.0, here, None, wrong)
    crossing = max(0.0, _run(_nothing, range(_many), timeout, {})[0] - begun) / _many
    there = max(crossing, (twice - wall) / len(inputs))
    start = max(begun, wall - there * len(inputs))
    sent = sum(len(cloudpickle.dumps(each)) for each in inputs) + sum(len(cloudpickle.dumps(each)) for each in results)
    return Machines("ray", nodes, wall, start, round_trip, sent / len(inputs), there, here, break_even(start, there, here), None)
