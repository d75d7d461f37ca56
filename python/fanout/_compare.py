"""compare: the caller's function under Python's own four ways and fanout's, and what follows from the figures."""

from __future__ import annotations

import html
import json
import os
import statistics
import sys
import threading
import time
import typing

from . import _core
from ._compare_machines import Machines, on_ray
from ._compare_ways import Timed, on_a_thread, text_of
from ._compare_ways import ways as python_ways
from ._ray_nodes import connected
from ._run import _how, _is_coroutine_function, _open, _read_shape

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_no_gain = 1.15  # times as fast as the loop, or cores busy; less is none
_a_core = 0.15  # of one, used by other programs: then what computes shows little
_most_threads = 32
_most_in_flight = 64


class Row(typing.NamedTuple):
    """One way to run the function."""

    engine: str
    """"fanout" or "python"."""
    shape: str
    way: str
    """What that is: "fanout.map(f, xs, shape='threads:4')", "ThreadPoolExecutor(4)"."""
    wall: float | None
    """Seconds, the median of the rounds; None where it failed."""
    speedup: float | None
    """Over the plain loop of the same engine."""
    cpu: float | None
    """CPU seconds of all processes."""
    error: str | None


def has_gil() -> bool:
    """Whether this interpreter has the lock that lets one thread at a time run Python."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def could_be_free() -> bool:
    """Whether this is a free-threaded build of CPython, with the lock or without."""
    import sysconfig

    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _usage() -> list[float]:
    import resource

    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [sum(getattr(each, name) for each in spent) for name in ("ru_utime", "ru_stime", "ru_nvcsw", "ru_nivcsw")]


def _peak_memory() -> int:
    """Bytes: the peak of this process, which the engine has begin afresh with each row."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class _Measuring:
    """Runs the function as the engine's comparison asks for it, and under Python's own ways beside that, in turns."""

    def __init__(
        self,
        function: Callable[[typing.Any], typing.Any],
        inputs: list[typing.Any],
        peers: dict[str, list[tuple[str, int]]],
        timeout: float | None,
        how: dict[str, typing.Any],
        told: Callable[[str], object] | None,
    ) -> None:
        self.function, self.inputs, self.timeout, self.how, self.told = function, inputs, timeout, how, told
        self.peers = peers
        self.task = Timed(function, _is_coroutine_function(function))
        self.runs: dict[str, list[dict[str, typing.Any]]] = {shape: [] for each in peers.values() for shape, _ in each}
        self.failed: dict[str, str] = {}

    def __call__(self, shape: str, count: int, timeline: bool) -> dict[str, typing.Any]:
        """Called by the engine: the first `count` tasks under a shape."""
        if self.told and count == len(self.inputs):
            self.told(f"measuring {shape}")
        found = self._ours(shape, count)
        if count == len(self.inputs):
            for way, places in self.peers.get(shape, ()):
                self._theirs(way, places, timeline)
        return found

    def _ours(self, shape: str, count: int) -> dict[str, typing.Any]:
        tasks: list[tuple[typing.Any, ...]] = []
        before, began = _usage(), time.perf_counter()
        try:
            run = _open(self.function, self.inputs[:count], shape, self.timeout, self._options(shape))
        except Exception as refused:  # the function cannot leave this process, say
            tasks = [(index, 0, began, 0.0, -1.0, text_of(refused)) for index in range(count)]
            return self._figures(tasks, began, before, {}, 1, 1)
        try:
            for out in run:
                wrong = None if out.error is None else text_of(out.error)
                tasks.append((out.index, out.lane, out.started, out.elapsed, -1.0 if out.cpu is None else out.cpu, wrong))
        finally:
            run.close()
        cost = getattr(run, "cost", None) or {}
        read = _read_shape(shape, self.task.coroutine)
        return self._figures(tasks, began, before, cost, read.processes, read.processes * read.threads)

    def _options(self, shape: str) -> dict[str, typing.Any]:
        """Those that this shape has."""
        read = _read_shape(shape, self.task.coroutine)
        workers = read.model in ("processes", "auto") or read.processes > 1
        return {name: value for name, value in self.how.items() if workers or name == "window"}

    @staticmethod
    def _figures(
        tasks: list[typing.Any], began: float, before: list[float], cost: dict[str, int], processes: int, threads: int
    ) -> dict[str, typing.Any]:
        wall = time.perf_counter() - began
        user, system, voluntary, involuntary = (now - then for now, then in zip(_usage(), before))
        return {
            "wall": wall,
            "cpu_user": user,
            "cpu_system": system,
            "voluntary_switches": int(voluntary),
            "involuntary_switches": int(involuntary),
            "peak_rss_bytes": max(cost.get("peak_rss_bytes", 0), _peak_memory()),
            "processes": cost.get("processes", processes),
            "threads": cost.get("threads", threads),
            "ipc_bytes": cost.get("ipc_bytes", 0),
            "tasks": tasks,
        }

    def _theirs(self, shape: str, places: int, timeline: bool) -> None:
        if shape in self.failed:
            return
        if self.told:
            self.told(f"measuring Python's {shape}")
        way = python_ways[shape.partition(":")[0]][0]
        alone = min((each["wall"] for each in self.runs.get("sync", ())), default=30.0)
        before, began = _usage(), time.perf_counter()
        try:
            tasks = on_a_thread(lambda: way(self.task, list(enumerate(self.inputs)), places, 30 + 10 * alone))
        except KeyboardInterrupt:
            self.task.stopped = True  # what is under way ends with the call it is at
            raise
        except Exception as refused:  # it cannot be pickled, say
            self.failed[shape] = text_of(refused)
            return
        processes = places if shape.startswith("processes") else 1
        threads = 1 if shape == "sync" or (shape.startswith("async") and self.task.coroutine) else places
        figures = self._figures(tasks, began, before, {}, processes, threads)
        wrong = [each[5] for each in tasks if each[5] is not None]
        if wrong:
            self.failed[shape] = f"{len(wrong)} of {len(tasks)} tasks failed: {wrong[0]}"
            return
        figures["began"] = began
        figures["drawn"] = timeline
        self.runs[shape].append(figures)

    def rows_of_python(self) -> list[dict[str, typing.Any]]:
        """As the engine's rows in its report."""
        measured = {shape: [run for run in runs if not run["drawn"]] for shape, runs in self.runs.items()}
        loop = statistics.median_low(run["wall"] for run in measured["sync"]) if measured.get("sync") else None
        return [self._row(shape, measured[shape], loop) for shape in self.runs if measured[shape] or shape in self.failed]

    def _row(self, shape: str, runs: list[dict[str, typing.Any]], loop: float | None) -> dict[str, typing.Any]:
        row: dict[str, typing.Any] = {
            "engine": "python",
            "shape": shape,
            "error": self.failed.get(shape),
            "wall_s": None,
            "speedup": None,
            "of_bound": None,
            "interpreter": {
                "path": sys.executable,
                "version": ".".join(map(str, sys.version_info[:3])),
                "gil": has_gil(),
                "library": None,
            },
            "failures": len(self.inputs) if shape in self.failed else 0,
            "timeline": None,
        }
        if shape in self.failed:
            return row
        walls = [run["wall"] for run in runs]
        run = sorted(runs, key=lambda each: each["wall"])[(len(runs) - 1) // 2]
        took = sorted(each[3] for each in run["tasks"])
        cpu = run["cpu_user"] + run["cpu_system"]
        row.update(
            wall_s=run["wall"],
            walls_s=walls,
            median_s=run["wall"],
            spread=(max(walls) - min(walls)) / run["wall"],
            speedup=None if loop is None else loop / run["wall"],
            cpu_s=cpu,
            cpu_user_s=run["cpu_user"],
            cpu_system_s=run["cpu_system"],
            cores_used=cpu / run["wall"],
            peak_rss_bytes=run["peak_rss_bytes"],
            voluntary_switches=run["voluntary_switches"],
            involuntary_switches=run["involuntary_switches"],
            processes=run["processes"],
            threads=run["threads"],
            startup_s=max(0.0, min(each[2] for each in run["tasks"]) - run["began"]),
            ipc_bytes=None,
            latency_s={name: took[min(len(took) - 1, int(len(took) * share))] for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))},
            timeline=self._timeline(shape),
        )
        return row

    def _timeline(self, shape: str) -> dict[str, typing.Any] | None:
        drawn = [run for run in self.runs[shape] if run["drawn"]]
        if not drawn:
            return None
        run = drawn[-1]
        lanes: dict[int, int] = {}
        tasks = []
        for index, lane, started, elapsed, cpu, _ in sorted(run["tasks"], key=lambda each: each[2]):
            number = lanes.setdefault(lane, len(lanes))
            begin = started - run["began"]
            tasks.append([index, number, begin, begin + elapsed, None if cpu < 0 else cpu, 1, None])
        kind = "process" if shape.startswith("processes") else "thread"
        return {"lanes": [f"{kind} {number + 1}" for number in range(len(lanes))], "ready_s": None, "tasks": tasks}


def _claims(work: dict[str, typing.Any]) -> list[str]:
    """What the figures say about the interpreter's lock."""
    version = ".".join(map(str, sys.version_info[:2]))
    said = []
    computes = (work.get("cpu_share") or 0.0) >= 0.75
    others = work.get("others_cores") or 0.0
    if computes and others > _a_core:
        return [f"Other programs used {others:.2f} cores, so this run shows nothing about the GIL. Run it again on a quiet machine."]
    for row in work["rows"]:
        if not row["shape"].startswith("threads") or row["error"] or not row["speedup"] or int(row["shape"].partition(":")[2] or 2) < 2:
            continue
        who = "fanout's" if row["engine"] == "fanout" else "Python's"
        figures = f"{who} {row['shape']} ran {row['speedup']:.2f} x as fast as one after another and kept {row['cores_used']:.2f} cores busy"
        gained = row["speedup"] >= _no_gain
        together = row["cores_used"] >= _no_gain
        if not has_gil():
            why = "this interpreter has no GIL, so threads compute together" if computes and together else "this interpreter has no GIL"
        elif computes and not gained and not together:
            why = f"the GIL of Python {version} lets one thread compute at a time"
        elif computes and together:
            why = "the function gives the GIL back while it computes"
        elif not computes and gained:
            why = "a thread gives the GIL back while it waits"
        else:
            continue
        said.append(f"{figures}: {why}.")
    if not has_gil():
        said.append("Without a GIL, threads do what otherwise takes worker processes, and share objects: locks are yours to take.")
    elif could_be_free():
        said.append("This is a free-threaded build with its GIL switched on; PYTHON_GIL=0 switches it off, and the verdict on threads may change.")
    return said


class Comparison:
    """What `fanout.compare` found. `print` it, or let a notebook show it.

    best     the shape to choose, as text; None where the figures do not show one: `doubt` says why
    kind     what the function does with its time: "I/O-bound", "mixed", "CPU-bound", "lock-bound", "memory-bound"
    why      kind, bound and choice in a few sentences, with the figures of this run
    claims   what the run shows about the interpreter's lock (GIL), a sentence each
    rows     a Row for each way
    machines with on="ray": what the nodes took, what crossing to them costs, and from how many tasks on they pay
    report   all figures, as `fanout compare --json` has them
    """

    machines: Machines | None = None

    def __init__(self, report: dict[str, typing.Any], table: Callable[[int], str], ways: dict[tuple[str, str], str]) -> None:
        self.report = report
        self._table = table
        self._ways = ways
        self._work: dict[str, typing.Any] = report["workloads"][0]

    @property
    def best(self) -> str | None:
        found: str | None = self._work["best"]
        return found

    @property
    def kind(self) -> str | None:
        found: str | None = self._work["kind"]
        return found

    @property
    def why(self) -> str:
        said: str = self._work["why"]
        return said

    @property
    def doubt(self) -> str | None:
        found: str | None = self._work["doubt"]
        return found

    @property
    def claims(self) -> list[str]:
        return list(self.report.get("claims", ()))

    @property
    def rows(self) -> list[Row]:
        return [
            Row(
                each["engine"], each["shape"], self._ways.get((each["engine"], each["shape"]), each["shape"]),
                None if each["error"] else each["wall_s"], each["speedup"], None if each["error"] else each["cpu_s"], each["error"],
            )
            for each in self._work["rows"]
        ]  # fmt: skip

    def _fastest(self) -> tuple[str, float] | None:
        """The shape to choose here, or the one with the least time where none is; and the seconds of its tasks."""
        took = {each.shape: each.wall for each in self.rows if each.engine == "fanout" and each.wall is not None}
        if not took:
            return None
        shape = self.best if self.best in took else min(took, key=lambda each: took[each])
        return shape, took[shape]

    def _said(self) -> list[str]:
        fastest = self._fastest()
        return self.claims + ([self.machines.said(fastest[0])] if self.machines and fastest else [])

    def to_json(self) -> str:
        """The report as text; `fanout compare` shows and compares such reports."""
        return json.dumps(self.report)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """One self-contained page with figures, and each task on an axis of time where `timeline=True` was asked for.

        Written to `path`, where that is given; returned in any case.
        """
        page = _core.report_page(self.to_json(), "fanout.compare(…)", time.strftime("%Y-%m-%d %H:%M"))
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(page)
        return page

    def __str__(self) -> str:
        import shutil

        width = min(shutil.get_terminal_size().columns, 100)
        theirs = [each for each in self.rows if each.engine == "python"]
        lines = [self._table(width).rstrip("\n")]
        if theirs:
            name = max(len(each.way) for each in theirs)
            lines.append("\nPython's own ways:")
            lines += [f"  {each.way:<{name}}  {_figures(each)}" for each in theirs]
        if said := self._said():
            import textwrap

            lines.append("")
            lines += [textwrap.fill(each, width, initial_indent="- ", subsequent_indent="  ") for each in said]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<fanout.Comparison of {self._work['description']}: {self.best or 'no shape is clearly best'}>"

    def _repr_html_(self) -> str:
        most = max((each.speedup or 0.0 for each in self.rows), default=1.0) or 1.0
        body = []
        for each in self.rows:
            bold = "font-weight:bold;" if each.engine == "fanout" and each.shape == self.best else ""
            if each.error:
                figures = f'<td colspan="3" style="text-align:left">{html.escape(each.error)}</td>'
            else:
                width = 100 * (each.speedup or 0.0) / most
                colour = "#2a78d6" if each.engine == "fanout" else "#c98500"
                bar = f'<div style="width:{width:.0f}%;height:0.8em;background:{colour}"></div>'
                speedup = "" if each.speedup is None else f"{each.speedup:.2f} ×"
                figures = f'<td>{each.wall:.3f} s</td><td>{speedup}</td><td style="min-width:12em">{bar}</td>'
            body.append(
                f'<tr style="{bold}"><td style="text-align:left">{each.engine}</td>'
                f'<td style="text-align:left"><code>{html.escape(each.way)}</code></td>{figures}</tr>'
            )
        verdict = f"<p><b>{html.escape(self.best)}</b>. " if self.best else "<p>"
        claims = "".join(f"<li>{html.escape(each)}</li>" for each in self._said())
        return (
            f"<div><p>{html.escape(self._work['description'])}</p>"
            '<table><thead><tr><th style="text-align:left">engine</th><th style="text-align:left">way</th><th>time</th>'
            f"<th>speed-up</th><th></th></tr></thead><tbody>{''.join(body)}</tbody></table>"
            f"{verdict}{html.escape(self.why)}</p>{f'<ul>{claims}</ul>' if claims else ''}</div>"
        )


def _figures(row: Row) -> str:
    if row.error:
        return row.error
    speedup = "" if row.speedup is None else f"{row.speedup:7.2f} x"
    return f"{row.wall:9.3f} s {speedup}"


def _usual_shapes(coroutine: bool, count: int) -> list[str]:
    cores = _core.available_cores()
    if coroutine:
        shapes = ["sync", f"async:{max(2, min(count, _most_in_flight))}", f"processes:{cores}"]
    else:
        shapes = ["sync", f"threads:{max(2, cores)}", f"threads:{max(2, min(count, _most_threads))}", f"processes:{cores}"]
    return list(dict.fromkeys(shapes))


def _peers_of(shapes: list[str], coroutine: bool) -> dict[str, list[tuple[str, int]]]:
    """Which of Python's ways are measured in turn with which shape, and with how many places each."""
    read = {shape: _read_shape(shape, coroutine) for shape in shapes}
    most = {kind: max((each.tasks for each in read.values() if each.model == kind), default=0) for kind in ("threads", "async", "processes")}
    waiting = max(most["threads"], most["async"]) or max(2, _core.available_cores())
    places = {"sync": 1, "threads": waiting, "async": waiting, "processes": most["processes"] or _core.available_cores()}
    found: dict[str, list[tuple[str, int]]] = {}
    for kind, count in places.items():
        beside = [shape for shape in shapes if shape.partition(":")[0] == kind] or shapes
        found.setdefault(beside[-1], []).append((kind if kind == "sync" else f"{kind}:{count}", count))
    return found


def compare(
    function: Callable[[typing.Any], typing.Any],
    inputs: Iterable[typing.Any],
    *,
    shapes: list[str] | None = None,
    rounds: int = 3,
    settle_within: float = 5.0,
    python: bool = True,
    timeline: bool = False,
    timeout: float | None = None,
    progress: bool | Callable[[str], object] = False,
    on: str | None = None,
    **how: typing.Any,
) -> Comparison:
    """Runs `function` on `inputs` under each of `shapes`, and under Python's own four ways; says which to choose, and why.

        print(fanout.compare(f, xs))

    The function may be a coroutine function. It is run often: on all inputs, `rounds` times for each way, some more where
    their order is not clear. So give it some inputs that take about equally long, a second or so together. What it
    returns is dropped. Its failures fail the row.

    shapes         as of `map`; the first should be "sync". Default: those that may fit
    rounds         how often each way is measured, in turns; the median counts
    settle_within  seconds of further rounds, where the order is not clear
    python         whether to measure a plain loop, threading, asyncio and multiprocessing too
    timeline       measure each way once more and keep when each task ran, for `to_html`
    timeout        seconds for each task
    progress       True to say on standard error what is being measured, or a function that is told
    on             "ray": run it on all nodes of a Ray cluster too, and say from how many tasks on machines pay
    **how          options of worker processes, as of `map`

    Raises ValueError without inputs. An exception of the function does not end the comparison; Ctrl-C does. Two
    comparisons at once disturb each other.
    """
    if not callable(function):
        raise TypeError(f"the function cannot be called: {function!r}")
    given = list(inputs)
    if not given:
        raise ValueError("compare needs at least one input")
    if on not in (None, "ray"):
        raise ValueError(f"on is 'ray', not {on!r}")
    coroutine = _is_coroutine_function(function)
    under = [*dict.fromkeys(shapes)] if shapes is not None else _usual_shapes(coroutine, len(given))
    for each in under:
        _read_shape(each, coroutine)
    for option in how:
        if option not in _how:
            raise TypeError(f"there is no option {option!r} here; there are {', '.join(sorted(_how))}")
    if on is not None:  # now, and not after minutes
        for option in how:
            if option != "retries":
                raise TypeError(f"{option} is not an option of on='ray'; retries and timeout are")
        connected()
    told = progress if callable(progress) else (lambda what: print(what, file=sys.stderr)) if progress else None
    measuring = _Measuring(function, given, _peers_of(under, coroutine) if python else {}, timeout, how, told)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    tasks = f"{len(given)} {'call' if len(given) == 1 else 'calls'} of {name}"
    made = _core.Comparison("own", tasks, len(given), under, rounds, settle_within, timeline, measuring)
    report = json.loads(made.json())
    work = report["workloads"][0]
    ways = {("fanout", shape): f"fanout.map(f, xs, shape={shape!r})" for shape in under}
    for row in measuring.rows_of_python():
        kind, _, places = row["shape"].partition(":")
        ways["python", row["shape"]] = python_ways[kind][2 if coroutine else 1].format(n=places)
        bound = work["lower_bound_s"]
        if row["wall_s"] and bound:
            row["of_bound"] = min(1.0, bound / row["wall_s"])
        work["rows"].append(row)
    claims = _claims(work)
    if claims:
        report["claims"] = claims
    found = Comparison(report, made.table, ways)
    fastest = found._fastest()
    if on is not None and fastest is not None:
        if told:
            told("measuring ray")
        found.machines = on_ray(function, given, fastest[1] / len(given), timeout, how)
        report["machines"] = found.machines._asdict()
    return found
