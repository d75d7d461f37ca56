"""Bulk fetch. Its parts, each alone: bench_bulk_parts, which measures them without a network; times are of CPU where
neighbours on the machine would count otherwise. Then whole jobs: bulk_job_figures, names_figures.
"""

import json
import os
import pathlib
import tempfile

import bulk_job_figures
import names_figures
from programs import run


def part(program, name, directory):
    """What bench_bulk_parts says of one part, which may write files in that directory."""
    return json.loads(run([program, name], cwd=directory, env={**os.environ, "TMPDIR": directory}).stdout)


def measure(fanout, rounds, figures, whole=False):
    """`whole`: sizes of the bars, which take most of an hour; otherwise some minutes."""
    rounds = rounds if whole else min(rounds, 3)
    program = pathlib.Path(fanout).resolve().with_name("bench_bulk_parts")
    with tempfile.TemporaryDirectory() as directory:
        def best(name, key):
            results = [part(program, name, directory) for _ in range(rounds)]
            return min(results, key=lambda each: each[key])

        print("\nhost scheduler, 1 million hosts with 10 URLs each, delay 1 s: CPU of a pick and of an add, us; memory")
        for name in ("scheduler", "scheduler_shuffled"):
            result = best(name, "pick_us")
            print(f"  {name:<20} {result['pick_us']:.3f}  {result['add_us']:.3f}  {result['idle_host_bytes']:.0f} B an idle host")
            figures.add(f"{name.replace('_', ', ')}: CPU of a pick", result["pick_us"], "<= 1.0 us", result["pick_us"] <= 1.0,
                        " us")
        figures.add("memory of an idle host", result["idle_host_bytes"], "<= 120 B", result["idle_host_bytes"] <= 120, " B")

        result = part(program, "sorted_list", directory)
        print(f"\na list whose first 2 million lines are one host: {result['hosts_busy']:.0f} of {result['of']} hosts busy, "
              f"peak {result['peak_bytes'] / 1e6:.1f} MB, {result['disk_bytes'] / 1e6:.0f} MB on disk")
        figures.add("sorted list: hosts busy", result["hosts_busy"], ">= 990", result["hosts_busy"] >= 990)
        figures.add("sorted list: peak memory", result["peak_bytes"] / 1e6, "< 100 MB", result["peak_bytes"] < 100e6, " MB")

        result = best("journal", "resume_s")
        print(f"\njournal, 10 million records: {result['write_ns']:.0f} ns and {result['bytes']:.2f} bytes a record, "
              f"read in {result['resume_s']:.2f} s")
        figures.add("journal: bytes a record", result["bytes"], "<= 3", result["bytes"] <= 3)
        figures.add("journal: 10 million are resumed", result["resume_s"], "<= 1 s", result["resume_s"] <= 1, " s")

        result = max((part(program, "warc", directory) for _ in range(rounds)), key=lambda each: each["small_per_s"])
        print(f"\nWARC, a response and a request each: {result['small_per_s']:.0f} exchanges of 1 KiB a second of CPU, "
              f"{result['large_per_s']:.0f} of 20 KiB")
        figures.add("WARC: exchanges of 1 KiB a second of CPU", result["small_per_s"], ">= 30000", result["small_per_s"] >= 30000)

        results = [part(program, "sinks", directory) for _ in range(rounds)]
        print("\nsinks, records with a body of 1 KiB a second of CPU, of all threads; journal and closing included")
        for what, key, bar in (("JSONL.zst", "jsonl_zst_per_s", 100_000), ("SQLite", "sqlite_per_s", 150_000),
                               ("directory", "directory_per_s", 40_000)):
            rate = max(each[key] for each in results)
            print(f"  {what:<10} {rate:.0f}")
            figures.add(f"{what}: records of 1 KiB a second of CPU", rate, f">= {bar}", rate >= bar)

        if whole:
            measure_dedupe(program, directory, figures)
    bulk_job_figures.measure(fanout, rounds, figures, whole)
    names_figures.measure(fanout, rounds, figures, 5_000 if whole else 1_000)


def measure_dedupe(program, directory, figures):
    result = part(program, "dedupe", directory)
    print(f"\ndedupe, 100 million URLs: {result['seconds']:.1f} s, CPU {result['cpu_seconds']:.1f} s, "
          f"peak {result['peak_bytes'] / 2**20:.0f} MiB")
    figures.add("dedupe of 100 million", result["seconds"], "<= 60 s", result["seconds"] <= 60, " s")
    figures.add("its peak memory", result["peak_bytes"] / 2**20, "<= 100 MiB", result["peak_bytes"] <= 100 * 2**20, " MiB")
