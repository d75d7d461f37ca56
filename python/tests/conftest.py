from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

# What a shell starts in the background ignores SIGINT, and so would the tests and the programs that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def children() -> set[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        found = {int(each) for each in file.read().split()}
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children") as file:
                found |= {int(each) for each in file.read().split()}
        except FileNotFoundError:
            pass
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Processes and descriptors that a test leaves behind fail it."""
    before = children()
    open_before = descriptors()
    threads_before = threading.active_count()
    yield
    import gc

    gc.collect()
    assert children() <= before
    assert descriptors() <= open_before + 4, "descriptors are left"  # imports may open some
    assert threading.active_count() <= threads_before
