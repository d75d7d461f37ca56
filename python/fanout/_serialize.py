"""Functions, values and exceptions as pickles.

A function goes by its path where its module can be imported and has it under its name; otherwise, and that is the case
for `__main__` above all, by value, which takes cloudpickle. `__main__` is never run again. So are values: pickle first,
and cloudpickle where it refuses, or where the pickle names `__main__`.
"""

from __future__ import annotations

from ._errors import RemoteError, RemoteTraceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pickle
    from collections.abc import Callable
    from typing import Any
else:
    # What module pickle takes its functions from: a worker that imports pickle itself, and with it re, starts later.
    import _pickle as pickle

_out_of_band = 16 * 1024  # bytes of a buffer that is worth a place of its own


def _cloudpickle(what: str, why: str) -> Any:
    try:
        import cloudpickle  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise pickle.PicklingError(
            f"{what} cannot go to a worker process: {why}. Install cloudpickle, or move it to a module that can be imported"
        ) from None
    return cloudpickle


def _name(value: object) -> str:
    return getattr(value, "__qualname__", None) or f"an object of {type(value).__module__}.{type(value).__qualname__}"


def dumps(value: object) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """The pickle of a value, and its large buffers apart from it."""
    buffers: list[pickle.PickleBuffer] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            apart = buffer.raw().nbytes >= _out_of_band
        except BufferError:  # not contiguous: within the pickle
            return True
        if apart:
            buffers.append(buffer)
        return not apart

    first: Exception | None = None
    why = "it is of __main__, which workers do not run"
    try:
        data = pickle.dumps(value, 5, buffer_callback=keep)
        if b"__main__" not in data:
            return data, buffers
    except Exception as refused:
        first = refused
        why = f"pickle says: {refused}"
    buffers.clear()
    by_value = _cloudpickle(_name(value), why)
    try:
        return by_value.dumps(value, 5, buffer_callback=keep), buffers
    except Exception as refused:
        raise pickle.PicklingError(f"{_name(value)} cannot be pickled: {refused}") from (first or refused)


def loads(data: Any, buffers: list[object]) -> object:
    return pickle.loads(data, buffers=buffers)


def dump_function(function: Callable[..., object]) -> bytes:
    data, buffers = dumps(function)
    if buffers:  # a callable object with a large array: in one piece
        data = pickle.dumps(pickle.loads(data, buffers=buffers), 5)
    return data


def load_function(data: bytes) -> object:
    return pickle.loads(data)


def dump_exception(error: BaseException) -> bytes:
    """An exception with its traceback. One that does not survive pickling becomes a RemoteError."""
    import traceback

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        data, buffers = dumps(error)
        if buffers or not isinstance(pickle.loads(data, buffers=buffers), BaseException):
            raise pickle.PicklingError("it is not the same afterwards")
    except Exception:
        stands_in = RemoteError(f"{type(error).__qualname__}: {_text(error)}")
        stands_in.type_name = f"{type(error).__module__}.{type(error).__qualname__}"
        data, _ = dumps(stands_in)
    return pickle.dumps((data, text), 5)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text cannot be had)"


def load_exception(data: bytes) -> BaseException:
    pickled, text = pickle.loads(data)
    try:
        error = pickle.loads(pickled)
    except Exception as unreadable:
        error = RemoteError(f"an exception of a worker cannot be unpickled here: {unreadable}")
    error.__cause__ = RemoteTraceback(text)
    assert isinstance(error, BaseException)
    return error
