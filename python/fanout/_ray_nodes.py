"""Nodes on Ray, which run functions: `fanout.map(f, xs, shape="ray")`. fanout.ray says what they are."""

from __future__ import annotations

import collections
import threading
import time
import typing

from . import _core
from ._errors import CannotStart, RemoteError, WorkerDied

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["RayRun", "connected", "local_shape"]

_ahead = 0.1  # seconds of work that a node is given beyond what it has under way; messages take some milliseconds
_most_ahead = 16384
_together = 0.02  # seconds for which a node gathers outcomes of short tasks
_heartbeat = 1.0
_calls = 4  # of an actor that are under way, at most
_most_losses = 3  # actors that are lost one after another, before any of them had an outcome


def connected() -> typing.Any:
    """The module `ray`, connected to a cluster."""
    try:
        import ray  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise ImportError("shape='ray' needs Ray: pip install 'ray>=2'") from None
    if not ray.is_initialized():
        ray.init(logging_level="error")
    return ray


class _Engine:
    """The actor. `work` hands it inputs and takes outcomes."""

    def __init__(self, function: bytes, shape: str, timeout: float | None, how: dict[str, typing.Any]) -> None:
        from ray import cloudpickle  # type: ignore[import-not-found,unused-ignore]

        self._pickle = cloudpickle
        self._function = cloudpickle.loads(function)
        self._shape, self._timeout, self._how = shape, timeout, how
        self._changed = threading.Condition()  # guards what follows
        self._inputs: collections.deque[tuple[int, typing.Any]] = collections.deque()
        self._outcomes: list[tuple[typing.Any, ...]] = []
        self._broken: BaseException | None = None
        self._open = 0  # inputs whose outcomes have not been taken
        self._places = self.places()
        threading.Thread(target=self._run, name="fanout-ray", daemon=True).start()

    def places(self) -> int:
        shape = self._shape
        return int(_core.parse_shape(shape)[4]) or _core.available_cores()

    def work(self, first: int, inputs: bytes) -> tuple[list[tuple[typing.Any, ...]], bytes | None]:
        """Adds a batch, and returns outcomes: (index, is a value, pickle, started, elapsed, cpu)."""
        batch = self._pickle.loads(inputs) if inputs else []
        deadline = time.monotonic() + _heartbeat
        with self._changed:
            self._inputs.extend(enumerate(batch, first))
            self._open += len(batch)
            self._changed.notify_all()
            while not self._outcomes and not self._broken:
                left = deadline - time.monotonic()
                if left <= 0:
                    return [], None
                self._changed.wait(left)
            if not self._broken:  # while more wait here than can be under way, outcomes travel together
                self._changed.wait_for(self._is_short, _together)
            found, self._outcomes = self._outcomes, []
            self._open -= len(found)
            return found, self._pickle.dumps(self._broken) if self._broken else None

    def _is_short(self) -> bool:
        """Of inputs, soon. With the lock."""
        return self._open - len(self._outcomes) <= self._places

    def _add(self, done: tuple[typing.Any, ...]) -> None:
        with self._changed:
            self._outcomes.append(done)
            if len(self._outcomes) == 1 or self._is_short():
                self._changed.notify_all()

    def _feed(self, indices: list[int]) -> Iterator[typing.Any]:
        """Inputs, until none came for a while: who waits here delivers no outcomes meanwhile."""
        while True:
            with self._changed:
                if not self._inputs:
                    self._changed.notify_all()
                    if not self._changed.wait_for(lambda: self._inputs, _together):
                        return
                index, item = self._inputs.popleft()
            indices.append(index)
            yield item

    def _run_pool(self, workers: int) -> None:
        """Workers that stay: to start them takes longer than most tasks. A time counts from the hand-over to the pool."""
        from ._process_pool import ProcessPool

        def settle(index: int, began: float, future: typing.Any) -> None:
            error = future.exception()
            elapsed = time.perf_counter() - began
            out = _core.Outcome(index, None if error else future.result(), error, 0.0, elapsed)
            self._add(self._encoded(index, out))

        with ProcessPool(workers, timeout=self._timeout, **self._how) as pool:
            while True:
                with self._changed:
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._inputs)
                    taken = list(self._inputs)
                    self._inputs.clear()
                for index, item in taken:
                    began = time.perf_counter()
                    future = pool.submit(self._function, item)
                    future.add_done_callback(lambda done, index=index, began=began: settle(index, began, done))

    def _run(self) -> None:
        from ._run import _is_coroutine_function, as_completed

        try:
            model, processes, threads, _, _ = _core.parse_shape(self._shape)
            if (model == "processes" or processes > 1) and threads == 1 and not _is_coroutine_function(self._function):
                self._run_pool(processes)
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._inputs)
                indices: list[int] = []
                options = {"shape": self._shape, "timeout": self._timeout, **self._how}
                for out in as_completed(self._function, self._feed(indices), **options):
                    self._add(self._encoded(indices[out.index], out))
        except BaseException as broken:
            with self._changed:
                self._broken = broken
                self._changed.notify_all()

    def _encoded(self, index: int, out: _core.Outcome[typing.Any]) -> tuple[typing.Any, ...]:
        what = out.value if out.ok else out.error
        try:
            data = self._pickle.dumps(what)
            ok = out.ok
        except Exception as refused:
            lost = RemoteError(f"{type(what).__name__}: {what}" if not out.ok else f"its value cannot be pickled: {refused}")
            lost.type_name = type(what).__qualname__
            data, ok = self._pickle.dumps(lost), False
        return index, ok, data, out.elapsed, -1.0 if out.cpu is None else out.cpu


class _Batch(typing.NamedTuple):
    first: int
    inputs: list[typing.Any]
    attempt: int


class _Node:
    """An actor, as the program sees it."""

    def __init__(self, name: str, actor: typing.Any, places: int) -> None:
        self.name, self.actor, self.places = name, actor, places
        self.open: dict[int, tuple[typing.Any, int, float]] = {}  # by index: input, attempt, when it was sent
        self.calls: list[typing.Any] = []
        self.seconds: float | None = None  # of a task, as this node takes them one after another
        self.began: float | None = None
        self.finished = 0

    def count(self, outcomes: int) -> None:
        now = time.monotonic()
        if self.began is not None and outcomes:
            measured = (now - self.began) / outcomes
            self.seconds = measured if self.seconds is None else 0.5 * (self.seconds + measured)
        self.began = now if self.open else None
        self.finished += outcomes

    def ahead(self) -> int:
        if self.seconds is None:
            return 0
        return min(_most_ahead, int(_ahead / max(self.seconds, 1e-7)))


def local_shape(text: str, coroutine: bool) -> tuple[int | None, str | None]:
    """Machines (None: all) and the shape of each (None: its own cores) of "ray", "ray:SHAPE" or "ray:MxPxTxC"."""
    rest = text[len("ray:") :] if text != "ray" else ""
    if text.endswith(":"):
        raise ValueError(f"{text!r} is not a shape: write 'ray', or a shape after 'ray:'")
    machines = None
    if rest.count("x") == 3:
        count, rest = rest.split("x", 1)
        if not count.isdecimal() or int(count) == 0:
            raise ValueError(f"{text!r} is not a shape: MxPxTxC begins with a number of machines")
        machines = int(count)
    if not rest:
        return machines, "async:64" if coroutine else None
    from ._run import _read_shape

    if _read_shape(rest, coroutine).model == "auto":
        raise ValueError(f"{text!r}: a node of Ray needs a shape; auto is chosen while a run is under way")
    return machines, rest


class RayRun:
    """A run under way, as `fanout._run` has it."""

    held = 0

    def __init__(
        self, function: Callable[[typing.Any], typing.Any], inputs: Iterable[object], shape: str, coroutine: bool,
        timeout: float | None, how: dict[str, typing.Any],
    ) -> None:  # fmt: skip
        self._machines, self._local = local_shape(shape, coroutine)
        self._ray = connected()
        from ray import cloudpickle

        self._pickle = cloudpickle
        self._retries = int(how.pop("retries", 0))
        for name in how:
            raise TypeError(f"{name} is not an option of shape={shape!r}; retries and timeout are")
        self._function = self._ray.put(cloudpickle.dumps(function))
        self._timeout = timeout
        self._source = iter(inputs)
        self._next = 0
        self._ended = False
        self._again: collections.deque[_Batch] = collections.deque()
        self._reserve: collections.deque[typing.Any] = collections.deque()  # pulled, and not sent
        self._nodes: dict[str, _Node] = {}
        self._opening: dict[typing.Any, tuple[str, typing.Any]] = {}
        self._looked = 0.0
        self._losses = 0
        self._why = "Ray has no node"
        self._closed = False

    # Nodes.

    def _look_for_nodes(self) -> None:
        """Nodes that are there, and have no actor yet."""
        if time.monotonic() - self._looked < 0.5:
            return
        self._looked = time.monotonic()
        taken = set(self._nodes) | {name for name, _ in self._opening.values()}
        for each in self._ray.nodes():
            if not each["Alive"] or each["NodeID"] in taken or not each["Resources"].get("CPU"):
                continue
            if self._machines is not None and len(taken) >= self._machines:
                return
            taken.add(each["NodeID"])
            self._open(each["NodeID"], int(each["Resources"]["CPU"]))

    def _open(self, name: str, cores: int) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # type: ignore[import-not-found,unused-ignore]

        actor = (
            self._ray.remote(_Engine)
            .options(
                num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=_calls,
                scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False),
            )
            .remote(self._function, self._local or f"processes:{cores}", self._timeout, {})
        )  # fmt: skip
        self._opening[actor.places.remote()] = (name, actor)

    def _lose(self, node: _Node, why: BaseException) -> Iterator[_core.Outcome[typing.Any]]:
        del self._nodes[node.name]
        self._losses = 0 if node.finished else self._losses + 1
        self._why = str(why).strip().splitlines()[0] if str(why).strip() else type(why).__name__
        for index, (item, attempt, sent) in sorted(node.open.items()):
            if attempt <= self._retries:
                self._again.append(_Batch(index, [item], attempt + 1))
            else:
                elapsed = time.monotonic() - sent
                lost = WorkerDied(
                    f"node {node.name} was lost with this task, which may have been begun there: {self._why}",
                    "worker_died", elapsed, attempt,
                )  # fmt: skip
                yield _core.Outcome(index, None, lost, 0.0, elapsed)

    # Inputs.

    def _pull(self, most: int) -> None:
        while len(self._reserve) < most and not self._ended:
            try:
                self._reserve.append(next(self._source))
            except StopIteration:
                self._ended = True

    def _fill(self) -> None:
        """Gives each node what it can have under way, and short tasks ahead; ever less of these at the end."""
        nodes = list(self._nodes.values())
        self._pull(sum(node.places + 2 * node.ahead() for node in nodes))
        for node in nodes:
            ahead = node.ahead()
            if self._ended:
                ahead = min(ahead, len(self._reserve) // (2 * len(nodes)))
            room = node.places + ahead - len(node.open)
            # Not one by one, where much is sent ahead.
            if len(node.calls) < _calls and (room >= min(max(1, ahead // 4), node.places) or not node.open):
                batch = self._take(room)
                if batch:
                    self._send(node, batch)
            if node.open and not node.calls:
                self._send(node, None)

    def _take(self, most: int) -> _Batch | None:
        if most <= 0:
            return None
        if self._again:
            return self._again.popleft()
        count = min(most, len(self._reserve))
        if count == 0:
            return None
        batch = _Batch(self._next, [self._reserve.popleft() for _ in range(count)], 1)
        self._next += count
        return batch

    def _send(self, node: _Node, batch: _Batch | None) -> None:
        now = time.monotonic()
        if batch is None:
            node.calls.append(node.actor.work.remote(0, b""))
            return
        for index, item in enumerate(batch.inputs, batch.first):
            node.open[index] = (item, batch.attempt, now)
        if node.began is None:
            node.began = now
        node.calls.append(node.actor.work.remote(batch.first, self._pickle.dumps(batch.inputs)))

    # Outcomes.

    def __iter__(self) -> Iterator[_core.Outcome[typing.Any]]:
        exceptions = self._ray.exceptions
        lost = (exceptions.RayActorError, exceptions.NodeDiedError, exceptions.ActorUnschedulableError)
        self._pull(1)
        while not (self._ended and not self._reserve and not self._again and not any(n.open for n in self._nodes.values())):
            self._look_for_nodes()
            if self._losses >= _most_losses:
                yield from self._give_up()
                return
            self._fill()
            waited = list(self._opening) + [call for node in self._nodes.values() for call in node.calls]
            if not waited:
                time.sleep(0.05)
                continue
            ready, _ = self._ray.wait(waited, num_returns=1, timeout=0.5)
            for call in ready:
                if call in self._opening:
                    name, actor = self._opening.pop(call)
                    try:
                        self._nodes[name] = _Node(name, actor, self._ray.get(call))
                    except lost as why:
                        self._losses, self._why = self._losses + 1, str(why)
                    continue
                node = next(each for each in self._nodes.values() if call in each.calls)
                node.calls.remove(call)
                try:
                    found, broken = self._ray.get(call)
                except lost as why:
                    yield from self._lose(node, why)
                    continue
                if broken is not None:
                    raise self._pickle.loads(broken)
                yield from self._settle(node, found)

    def _settle(self, node: _Node, found: list[tuple[typing.Any, ...]]) -> Iterator[_core.Outcome[typing.Any]]:
        settled = []
        for index, ok, data, elapsed, cpu in found:
            if node.open.pop(index, None) is None:
                continue
            what = self._pickle.loads(data)
            settled.append(_core.Outcome(index, what if ok else None, None if ok else what, 0.0, elapsed, cpu))
        node.count(len(settled))
        if settled:
            self._losses = 0
        self._fill()  # before anything waits for whoever takes the outcomes
        yield from settled

    def _give_up(self) -> Iterator[_core.Outcome[typing.Any]]:
        """No node lives long enough for an outcome."""
        for node in list(self._nodes.values()):
            self._retries = 0
            yield from self._lose(node, RuntimeError(self._why))
        message = f"no node of Ray ran the task; {_most_losses} were lost one after another: {self._why}"
        while self._again:
            batch = self._again.popleft()
            yield _core.Outcome(batch.first, None, WorkerDied(message, "worker_died", 0.0, batch.attempt - 1))
        while self._reserve:
            self._reserve.popleft()
            yield _core.Outcome(self._next, None, CannotStart(message, "cannot_start"))
            self._next += 1
        if not self._ended:
            raise CannotStart(message, "cannot_start")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for _, actor in self._opening.values():
            self._ray.kill(actor)
        for node in self._nodes.values():
            self._ray.kill(node.actor)
