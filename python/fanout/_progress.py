"""A bar: a line of standard error in a terminal, an element in a notebook, nothing elsewhere."""

from __future__ import annotations

import sys
import typing

if typing.TYPE_CHECKING:
    from ._run import Progress

_width = 30


def line(state: Progress) -> str:
    rate = state.finished / state.elapsed if state.elapsed > 0 else 0.0
    failures = f", {state.failures} failed" if state.failures else ""
    if state.total is None:
        return f"{state.finished} [{state.elapsed:.1f} s, {rate:.1f}/s{failures}]"
    share = state.finished / state.total if state.total else 1.0
    filled = round(share * _width)
    bar = "█" * filled + "░" * (_width - filled)
    left = f", {(state.total - state.finished) / rate:.0f} s left" if rate and state.finished < state.total else ""
    return f"{share:4.0%} {bar} {state.finished}/{state.total} [{state.elapsed:.1f} s, {rate:.1f}/s{left}{failures}]"


class Bar:
    def __init__(self, total: int | None) -> None:
        self._display: typing.Any = None
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        if "ipykernel" in sys.modules:
            from IPython.display import display  # type: ignore[import-not-found]

            self._display = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, state: Progress) -> None:
        if self._display is not None:
            self._display.update({"text/plain": line(state)}, raw=True)
        elif self._terminal:
            sys.stderr.write(f"\r\x1b[K{line(state)}")
            sys.stderr.flush()

    def close(self) -> None:
        if self._terminal and self._display is None:
            sys.stderr.write("\n")
