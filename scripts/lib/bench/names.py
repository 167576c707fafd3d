"""What finding a name costs, by names_bench (Google Benchmark)."""
import collections
import json
import pathlib
import statistics
import subprocess
import tempfile

TARGETS = ["names_bench"]


def measure(binaries, arguments):
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        out = pathlib.Path(folder, "results.json")
        command = [binaries / "tests/bench/names_bench", f"--benchmark_repetitions={arguments.pairs}",
                   "--benchmark_min_time=0.1", "--benchmark_enable_random_interleaving=true",
                   f"--benchmark_out={out}", "--benchmark_out_format=json"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise RuntimeError(f"names_bench failed: {run.stderr.strip()[-300:]}")
        results = json.loads(out.read_text())
    runs = collections.defaultdict(list)
    for one in results["benchmarks"]:
        if one.get("error_occurred"):
            raise RuntimeError(f"{one['name']}: {one['error_message']}")
        if one["run_type"] == "iteration":
            runs[one["run_name"].removeprefix("BM_")].append(one["cpu_time"])
    return [{"name": name, "median_ns": statistics.median(times), "least_ns": min(times), "most_ns": max(times)}
            for name, times in sorted(runs.items())]


def show(rows):
    print(f"   {'ns of CPU time':<28} {'median':>9} {'least':>9} {'most':>9}")
    for row in rows:
        print(f"   {row['name']:<28} {row['median_ns']:9.0f} {row['least_ns']:9.0f} {row['most_ns']:9.0f}")
