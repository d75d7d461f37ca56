"""compare: the caller's function under Python's four ways and fanout's."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import fanout
import functions
import pytest
from fanout import _compare

FOUR = {"sync", "threads", "async", "processes"}


def shapes_of(found: fanout.Comparison, engine: str) -> list[str]:
    return [row.shape for row in found.rows if row.engine == engine]


def quick(function: object, inputs: list[object], **how: object) -> fanout.Comparison:
    return fanout.compare(function, inputs, rounds=1, settle_within=0.0, **how)  # type: ignore[arg-type]


def test_a_function_under_pythons_four_ways_and_ours() -> None:
    found = quick(functions.wait_for, [0.02] * 6, shapes=["sync", "threads:6", "processes:2"])
    assert shapes_of(found, "fanout") == ["sync", "threads:6", "processes:2"]
    assert {shape.partition(":")[0] for shape in shapes_of(found, "python")} == FOUR
    assert all(row.error is None and row.wall is not None and row.wall > 0.019 for row in found.rows)
    assert found.kind == "I/O-bound", found
    loop = [row for row in found.rows if row.shape == "sync"]
    assert len(loop) == 2 and all(row.wall is not None and row.wall >= 0.12 for row in loop)  # six waits, one after another
    assert "ThreadPoolExecutor(6)" in {row.way for row in found.rows}


def test_a_coroutine_function() -> None:
    found = quick(functions.wait_later, [0.02] * 6, shapes=["sync", "async:6", "processes:2"])
    assert all(row.error is None for row in found.rows), found.rows
    assert {shape.partition(":")[0] for shape in shapes_of(found, "python")} == FOUR
    assert found.kind == "I/O-bound"


def test_within_a_running_loop_as_in_a_notebook() -> None:
    async def main() -> fanout.Comparison:
        return quick(functions.double_later, [1, 2], shapes=["sync", "async:2"])

    assert all(row.error is None for row in asyncio.run(main()).rows)


def test_usual_shapes_fit_the_function() -> None:
    assert _compare._usual_shapes(True, 200)[:2] == ["sync", "async:64"]
    assert _compare._usual_shapes(False, 200)[0] == "sync"
    assert "threads:32" in _compare._usual_shapes(False, 200)
    assert all(len(set(each)) == len(each) for each in (_compare._usual_shapes(False, n) for n in (1, 2, 3, 500)))
    beside = _compare._peers_of(["sync", "threads:8"], False)
    assert sorted(way for each in beside.values() for way, _ in each)[0].startswith("async")
    assert {way.partition(":")[0] for each in beside.values() for way, _ in each} == FOUR


def test_it_shows_itself(tmp_path: Path) -> None:
    found = quick(functions.wait_for, [0.005] * 4, shapes=["sync", "threads:4"], timeline=True)
    text = str(found)
    assert "threads:4" in text and "multiprocessing.Pool" in text and " --" not in found.why
    assert max(map(len, text.splitlines())) <= 100
    shown = found._repr_html_()
    assert shown.count("<tr") == 1 + len(found.rows) and "wait_for" in shown
    page = found.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == page and page.lstrip().lower().startswith("<!doctype html")
    report = json.loads(found.to_json())
    assert all(row["timeline"] for row in report["workloads"][0]["rows"])
    assert report["workloads"][0]["rows"][0]["shape"] == "sync"


def test_failures_fail_their_rows_and_hostile_texts_stay_text() -> None:
    found = quick(functions.fail_with_markup, [1, 2], shapes=["sync", "threads:2"])
    assert found.best is None
    assert all(row.error and "<script>" in row.error for row in found.rows)
    assert "<script>" not in found._repr_html_()


def test_what_cannot_be_pickled_is_a_row_with_an_error() -> None:
    lock = threading.Lock()
    found = quick(lambda x: lock and x, [1, 2], shapes=["sync", "threads:2", "processes:2"])
    by_shape = {(row.engine, row.shape): row for row in found.rows}
    assert by_shape["fanout", "sync"].error is None
    assert by_shape["fanout", "processes:2"].error
    assert by_shape["python", "processes:2"].error


def test_ctrl_c_and_wrong_arguments_end_it() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(interrupt, [1, 2], shapes=["sync"])
    with pytest.raises(ValueError, match="at least one input"):
        fanout.compare(functions.double, [])
    with pytest.raises(ValueError, match="shape"):
        fanout.compare(functions.double, [1], shapes=["threads:none"])
    with pytest.raises(TypeError):
        fanout.compare(3, [1])  # type: ignore[arg-type]


def claims(cpu_share: float, *rows: tuple[str, str, float, float], others: float = 0.0) -> list[str]:
    made = [
        {"engine": engine, "shape": shape, "speedup": speedup, "cores_used": cores, "error": None}
        for engine, shape, speedup, cores in rows
    ]
    return _compare._claims({"rows": made, "cpu_share": cpu_share, "others_cores": others})


def test_what_is_said_about_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compare, "has_gil", lambda: True)
    monkeypatch.setattr(_compare, "could_be_free", lambda: False)
    said = claims(1.0, ("fanout", "threads:2", 1.02, 1.0), ("python", "threads:2", 0.97, 1.0))
    assert len(said) == 2 and all("lets one thread compute at a time" in each for each in said)
    assert "gives the GIL back while it computes" in claims(1.0, ("fanout", "threads:2", 1.9, 1.9))[0]
    assert claims(1.0, ("fanout", "threads:2", 1.3, 0.5)) == []  # no two threads computed together
    assert "while it waits" in claims(0.0, ("fanout", "threads:8", 7.9, 0.1))[0]
    (nothing,) = claims(1.0, ("fanout", "threads:2", 1.9, 1.9), others=1.5)
    assert "shows nothing about the GIL" in nothing
    monkeypatch.setattr(_compare, "has_gil", lambda: False)
    monkeypatch.setattr(_compare, "could_be_free", lambda: True)
    said = claims(1.0, ("fanout", "threads:2", 1.9, 1.9))
    assert "no GIL, so threads compute together" in said[0] and "locks are yours" in said[-1]
    monkeypatch.setattr(_compare, "has_gil", lambda: True)
    assert "PYTHON_GIL=0" in claims(1.0)[-1]


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import fanout\n"
        "def f(x):\n"
        "    return sum(range(x))\n"
        "print(fanout.compare(f, [2000] * 8, shapes=['sync', 'processes:2'], rounds=1, settle_within=0))\n"
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "8 calls of f" in ended.stdout and "processes:2" in ended.stdout
