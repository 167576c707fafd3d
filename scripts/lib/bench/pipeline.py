"""The pipeline without ports, by pipeline_bench, against the design's budgets."""
import json
import subprocess

TARGETS = ["pipeline_bench"]
CYCLES = {10_000: 150, 1_000_000: 250, 10_000_000: 350}
NEW_FLOWS = {"SYN alone": 500_000, "TLS with a name (8 packets)": 100_000,
             "QUIC Initial with a name (1 packet)": 30_000}


def measure(binaries, arguments):
    command = [binaries / "tests/bench/pipeline_bench", "--json", "--runs", str(arguments.pairs),
               "--flows", arguments.flows]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip() or "pipeline_bench failed")
    return json.loads(run.stdout)


def verdict(value, budget, at_most):
    if budget is None:
        return ""
    met = value <= budget if at_most else value >= budget
    return f"budget {'≤' if at_most else '≥'} {budget:,}: {'met' if met else 'MISSED'}"


def show(result):
    print(f"   {'established flows':<38} {'cycles/packet':>13} {'least':>9} {'most':>9}")
    for row in result["established"]:
        told = verdict(row["cycles_per_packet"], CYCLES.get(row["flows"]), True)
        print(f"   {row['flows']:<38,} {row['cycles_per_packet']:13.0f} {row['low']:9.0f} {row['high']:9.0f}  {told}")
    print(f"   {'new flows':<38} {'a second':>13} {'least':>9} {'most':>9}")
    for row in result["new_flows"]:
        told = verdict(row["flows_per_second"], NEW_FLOWS.get(row["what"]), False)
        print(f"   {row['what']:<38} {row['flows_per_second']:13,.0f} {row['low']:9,.0f} {row['high']:9,.0f}  {told}")
