"""The examples for Python run, and type checkers are strict about them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_fetch import origin

__all__ = ["origin"]
EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ["python_fetch.py", "python_shapes.py"]


def run(*arguments: str, timeout: float = 300) -> str:
    ended = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=timeout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_shapes() -> None:
    told = run(str(EXAMPLES / "python_shapes.py"))
    assert "threads:5" in told and "multiprocessing.Pool" in told


def test_fetch(origin: str) -> None:
    told = run(str(EXAMPLES / "python_fetch.py"), f"{origin}/bytes/10", f"{origin}/bytes/20")
    assert "200" in told and "30 characters" in told


def test_mypy_is_strict_about_the_examples(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    run("-m", "mypy", "--strict", "--cache-dir", str(tmp_path), *(str(EXAMPLES / each) for each in SCRIPTS))


def test_the_notebook() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("cloudpickle")
    book = nbformat.read(EXAMPLES / "python_tour.ipynb", as_version=4)
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    outputs = [each.outputs for each in book.cells if each.cell_type == "code"]
    assert outputs[1][0]["data"]["text/plain"] == "[0.05, 0.05, 0.05, 0.05]"
    assert outputs[2][0]["data"]["text/plain"] == "[168, 168, 168, 168]"
    assert "<table>" in outputs[3][0]["data"]["text/html"] and "multiprocessing.Pool" in outputs[3][0]["data"]["text/html"]
    kept = json.loads((EXAMPLES / "python_tour.ipynb").read_text())
    assert all(not each.get("outputs") for each in kept["cells"])  # without what somebody's machine said
