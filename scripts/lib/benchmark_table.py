#!/usr/bin/env python3
"""Prints a repeated Google Benchmark as a table: the median CPU time of the runs, the least, the most.

usage: benchmark_table.py RESULTS [--json]

RESULTS is what --benchmark_out wrote. With --json the same numbers as one JSON object.
"""
import collections
import json
import pathlib
import statistics
import sys


def read(path: str) -> tuple[dict, list[dict]]:
    results = json.loads(pathlib.Path(path).read_text())
    runs: dict[str, list[float]] = collections.defaultdict(list)
    for run in results["benchmarks"]:
        if run.get("error_occurred"):
            sys.exit(f"{run['name']}: {run['error_message']}")
        if run["run_type"] == "iteration":
            runs[run["run_name"].removeprefix("BM_")].append(run["cpu_time"])
    rows = [
        {
            "name": name,
            "runs": len(times),
            "median_ns": round(statistics.median(times), 1),
            "least_ns": round(min(times), 1),
            "most_ns": round(max(times), 1),
        }
        for name, times in sorted(runs.items())
    ]
    return results["context"], rows


def main() -> None:
    context, rows = read(sys.argv[1])
    if sys.argv[2:] == ["--json"]:
        print(json.dumps({"mhz_per_cpu": context["mhz_per_cpu"], "benchmarks": rows}, indent=1))
        return
    print(f"   {'ns of CPU time':<28} {'median':>9} {'least':>9} {'most':>9}")
    for row in rows:
        print(f"   {row['name']:<28} {row['median_ns']:9.0f} {row['least_ns']:9.0f} {row['most_ns']:9.0f}")


if __name__ == "__main__":
    main()
