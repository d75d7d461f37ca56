"""The same as bench/processes.cpp with Python's pools: name and value, one line each.

multiprocessing.Pool at its best chunk size, concurrent.futures.ProcessPoolExecutor, and joblib's loky.
"""

import concurrent.futures
import multiprocessing
import time
import warnings

import joblib

warnings.filterwarnings("ignore")
PROCESSES = 2
CALLS = 2_000
TINY = 1_000_000
LARGE = 100
MEGABYTE = b"x" * (1 << 20)


def increment(x):
    return x + 1


def timed(count, work):
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / count


def say(name, value):
    print(name, value, flush=True)


def apply_one_by_one(call):
    for x in range(CALLS):
        assert call(x) == x + 1


def main():
    inputs, large = range(TINY), [MEGABYTE] * LARGE
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        pool.map(increment, range(100))
        say("pool_call_us", 1e6 * timed(CALLS, lambda: apply_one_by_one(lambda x: pool.apply(increment, (x,)))))
        say("pool_map_ns", 1e9 * min(timed(TINY, lambda c=chunk: pool.map(increment, inputs, c))
                                     for chunk in (10_000, 100_000, TINY // PROCESSES)))
        say("pool_gbps", (1 << 20) / 1e9 / timed(LARGE, lambda: pool.map(len, large, 1)))
    with concurrent.futures.ProcessPoolExecutor(PROCESSES) as pool:
        list(pool.map(increment, range(100)))
        say("executor_call_us", 1e6 * timed(CALLS, lambda: apply_one_by_one(lambda x: pool.submit(increment, x).result())))
        say("executor_map_ns", 1e9 * min(timed(TINY, lambda c=chunk: list(pool.map(increment, inputs, chunksize=c)))
                                         for chunk in (10_000, TINY // PROCESSES)))
        say("executor_gbps", (1 << 20) / 1e9 / timed(LARGE, lambda: list(pool.map(len, large))))
    with joblib.Parallel(n_jobs=PROCESSES, backend="loky") as pool:
        pool(joblib.delayed(increment)(x) for x in range(100))
        say("loky_map_ns", 1e9 * timed(TINY // 10, lambda: pool(joblib.delayed(increment)(x) for x in range(TINY // 10))))
        say("loky_gbps", (1 << 20) / 1e9 / timed(LARGE, lambda: pool(joblib.delayed(len)(x) for x in large)))


if __name__ == "__main__":
    main()
