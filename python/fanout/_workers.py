"""How worker processes are started."""

from __future__ import annotations

import os
import sys

from ._serialize import dump_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Before anything is imported the worker gets the parent's search path: what the parent can import, it can.
_start = (
    "import os, sys; sys.path[:] = os.environ.pop('FANOUT_WORKER_PATH').split(os.pathsep); "
    "from fanout._worker import main; main()"
)
_flags = (
    "bytes_warning", "debug", "dev_mode", "dont_write_bytecode", "ignore_environment", "isolated", "no_site", "no_user_site",
    "optimize", "quiet", "safe_path", "verbose",
)  # fmt: skip


def command() -> list[str]:
    if not sys.executable:
        raise RuntimeError("worker processes need a Python interpreter to start, and sys.executable names none")
    flags: list[str] = []
    if any(getattr(sys.flags, name, 0) for name in _flags) or sys.warnoptions or sys._xoptions:
        import subprocess

        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-c", _start]


def settings(
    initializer: Callable[..., object] | None = None,
    initargs: tuple[object, ...] = (),
    environment: dict[str, str | None] | None = None,
    **rest: object,
) -> dict[str, object]:
    """Options of workers, as the engine takes them."""
    how: dict[str, object] = {name: value for name, value in rest.items() if value is not None}
    how["command"] = command()
    path = [os.getcwd() if each == "" else each for each in sys.path]
    variables = {**(environment or {}), "FANOUT_WORKER_PATH": os.pathsep.join(path)}
    how["environment"] = variables
    if "multiprocessing.managers" in sys.modules:
        # Proxies of a Manager, as a queue, then work in tasks, as they do in processes of multiprocessing. Who can read the
        # environment of a worker could read the key from this process as well.
        from multiprocessing.process import current_process

        variables["FANOUT_WORKER_AUTHKEY"] = bytes(current_process().authkey).hex()
    if initializer is not None:
        if not callable(initializer):
            raise TypeError("initializer must be a callable")
        how["initializer"] = (dump_function(initializer), (tuple(initargs), {}))
    return how
