"""The snippets of docs/python.md run, and those that stand for the same leave the same results."""

from __future__ import annotations

import re
from pathlib import Path

import fanout
import pytest
from test_fetch import origin

__all__ = ["origin"]
PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def square(x: int) -> int:
    return x * x


def snippets() -> list[tuple[str, str]]:
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [(f"{number}", each) for number, each in enumerate(found)]


@pytest.mark.parametrize(("number", "source"), snippets())
def test_snippet(origin: str, number: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = source.splitlines()[0]
    if first.startswith("# before: "):
        pytest.importorskip(first.removeprefix("# before: "))
    urls = [f"{origin}/bytes/{n}" for n in range(20)]
    names = {"fanout": fanout, "square": square, "url": urls[5], "urls": urls, "results": [None] * 100}
    if "session" in source and "import requests" not in source and "requests" in source:
        names["requests"] = pytest.importorskip("requests")
    exec(compile(source, f"docs/python.md, snippet {number}", "exec"), names)
    if "results" in source:
        assert names["results"] == [x * x for x in range(100)]
    if "page =" in source:
        assert len(names["page"]) == 5  # type: ignore[arg-type]
    if "size =" in source:
        assert names["size"] == 5 == (tmp_path / "page.html").stat().st_size
    if "files =" in source:
        assert len(names["files"]) == 20 == len(list((tmp_path / "pages").iterdir()))  # type: ignore[arg-type]
    if "pages =" in source:
        pages: object = names["pages"]
        sizes = [len(each) for each in (pages.values() if isinstance(pages, dict) else pages)]  # type: ignore[attr-defined]
        assert sorted(sizes) == list(range(20))


def test_there_are_snippets() -> None:
    assert len(snippets()) > 12
