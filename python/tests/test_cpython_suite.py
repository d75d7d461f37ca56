"""CPython's own tests of executors, run against ProcessPool, where the interpreter has them (`make install` brings them,
on Debian the package libpython3.11-testsuite). Some are about what ProcessPool does on purpose in another way: `DIFFERENT`
says which, and why. They are expected to fail, so the list stays true."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import sys
import typing
import unittest
import unittest.mock

import pytest

import fanout


def found(*places: str) -> typing.Any:
    """The class, by the place where a version of CPython has it; None where there is none."""
    for place in places:
        module, _, name = place.rpartition(".")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, unittest.SkipTest):
            continue
    return None


def of_cpython(module: str, name: str) -> typing.Any:
    package = "test.test_concurrent_futures"
    return found(f"{package}.{module}.{name}", f"{package}.{name}")


SUITES = {
    "wait": of_cpython("test_wait", "WaitTests"),
    "as_completed": of_cpython("test_as_completed", "AsCompletedTests"),
    "executor": of_cpython("executor", "ExecutorTest"),
    "process_pool": of_cpython("test_process_pool", "ProcessPoolExecutorTest"),
    "initializer": of_cpython("test_init", "InitializerMixin"),
    "failing_initializer": of_cpython("test_init", "FailingInitializerMixin"),
    "shutdown": of_cpython("test_shutdown", "ExecutorShutdownTest"),
    "process_pool_shutdown": of_cpython("test_shutdown", "ProcessPoolShutdownTest"),
    "deadlock": of_cpython("test_deadlock", "ExecutorDeadlockTest"),
}

MIXIN = found("test.test_concurrent_futures.util.ExecutorMixin", "test.test_concurrent_futures.ExecutorMixin")
pytestmark = pytest.mark.skipif(SUITES["executor"] is None, reason="this interpreter comes without the tests of CPython")

_inside = "it looks at ProcessPoolExecutor's own _processes"
_goes_on = "the task's failure is WorkerDied, and the pool goes on: CPython's is broken, with BrokenProcessPool for all tasks"
_own_failure = "the failure is that of the task alone, with its cause; CPython's pool is broken"
DIFFERENT = {
    "process_pool.test_idle_process_reuse_multiple": _inside,
    "process_pool.test_idle_process_reuse_one": _inside,
    "process_pool.test_killed_child": _inside + "; " + _goes_on,
    "process_pool.test_max_tasks_per_child": _inside,
    "process_pool.test_max_tasks_per_child_defaults_to_spawn_context": "there are no contexts: a worker is a new interpreter",
    "process_pool.test_ressources_gced_in_workers": "the pool is older than the Manager, whose key its workers do not know",
    "process_pool.test_saturation": _inside,
    "process_pool.test_traceback": "the cause is a fanout.RemoteTraceback",
    "failing_initializer.test_initializer": "CannotStart, with what the initializer raised; a pool never breaks",
    "process_pool_shutdown.test_processes_terminate": _inside,
    "deadlock.test_crash_at_task_unpickle": _goes_on,
    "deadlock.test_crash_during_func_exec_on_worker": _goes_on,
    "deadlock.test_crash_during_result_pickle_on_worker": _goes_on,
    "deadlock.test_error_at_task_unpickle": _own_failure,
    "deadlock.test_error_during_result_unpickle_in_result_handler": _own_failure,
    "deadlock.test_exit_at_task_unpickle": _own_failure,
    "deadlock.test_exit_during_result_unpickle_in_result_handler": _own_failure,
    "deadlock.test_shutdown_deadlock": _goes_on,
    "deadlock.test_shutdown_deadlock_pickle": "it looks at ProcessPoolExecutor's own _executor_manager_thread",
}


def cases() -> list[typing.Any]:
    made = []
    for suite, of in SUITES.items():
        for name in sorted(each for each in dir(of) if each.startswith("test_")) if of else ():
            why = DIFFERENT.get(f"{suite}.{name}")
            marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
            made.append(pytest.param(suite, name, marks=marks, id=f"{suite}.{name}"))
    return made


class Executor(fanout.ProcessPool):
    """It has no contexts of multiprocessing: workers are new interpreters, as with "spawn"."""

    def __init__(self, max_workers: int | None = None, mp_context: object = None, **options: typing.Any) -> None:
        super().__init__(max_workers, **options)


@pytest.fixture(autouse=True)
def nothing_is_left() -> None:
    """Tests that are expected to fail leave their executor, so what conftest.py looks for is not looked for here."""


def of_fanout(run_script: typing.Any) -> typing.Any:
    """Scripts name the class in concurrent.futures; they have ours."""
    return lambda *given, **how: run_script(
        *[each.replace("from concurrent.futures import Executor", "from fanout import ProcessPool as Executor") for each in given], **how
    )


@pytest.mark.parametrize(("suite", "name"), cases())
def test_of_cpython(suite: str, name: str) -> None:
    of = SUITES[suite]
    attributes = {"executor_type": Executor, "get_context": lambda self: multiprocessing.get_context("spawn")}
    bases = (of,) if issubclass(of, MIXIN) else (MIXIN, of)
    case = type(suite, (*bases, unittest.TestCase), attributes)
    result = unittest.TestResult()
    module = sys.modules[of.__module__]
    script = getattr(module, "assert_python_ok", None)
    with unittest.mock.patch.object(module, "assert_python_ok", of_fanout(script)) if script else contextlib.nullcontext():
        case(name).run(result)
    for _, text in result.failures + result.errors:
        pytest.fail(text, pytrace=False)
    if result.skipped:
        pytest.skip(result.skipped[0][1])
