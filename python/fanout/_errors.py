"""What goes wrong with a task, apart from what its function raises."""

from __future__ import annotations


class Error(Exception):
    """A task failed for a reason that is not its function's own.

    `kind` is what a caller can act on: "timeout", "worker_died", "cannot_start", "cancelled", "too_large",
    "refused_by_policy"; of a fetch also "dns", "connect", "tls", "protocol", "status", "invalid_request",
    "digest_mismatch", "opted_out".
    """

    def __init__(self, message: str, kind: str = "task_failed", elapsed: float = 0.0, attempts: int = 1) -> None:
        super().__init__(message)
        self.kind = kind
        self.elapsed = elapsed
        self.attempts = attempts

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__))


class WorkerDied(Error):
    """The worker process ended while it ran this task. `signal` is what ended it; 0 if it exited by itself."""

    signal: int = 0


class TaskTimeout(Error, TimeoutError):
    """The task took longer than its time limit."""


class CannotStart(Error):
    """No worker process could be started for the task, which never ran."""


class Cancelled(Error):
    """The run or the pool was stopped before the task had ended."""


class RemoteError(Error):
    """Stands for an exception of a worker that cannot be pickled. `type_name` is its class."""

    type_name: str = ""


class RemoteTraceback(Exception):
    """The traceback of an exception, as text, from the worker where it was raised: its cause here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


_classes: dict[str, type[Error]] = {
    "worker_died": WorkerDied,
    "timeout": TaskTimeout,
    "cannot_start": CannotStart,
    "cancelled": Cancelled,
}


def _rebuild(kind: type[Error], args: tuple[object, ...], state: dict[str, object]) -> Error:
    made = kind.__new__(kind)
    made.args = args
    made.__dict__.update(state)
    return made


def make(kind: str, message: str, signal: int, elapsed: float, attempts: int) -> Error:
    """A failure of the engine's as an exception."""
    made = _classes.get(kind, Error)(message, kind, elapsed, attempts)
    if isinstance(made, WorkerDied):
        made.signal = signal
    return made
