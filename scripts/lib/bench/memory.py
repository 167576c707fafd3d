"""Bytes a flow: the table by its own account, and what the kernel says the process took for it. And a login."""
from . import pairs, pipeline_program

TARGETS = pipeline_program.TARGETS
BUDGET_BYTES = 136
BUDGET_FROM_FLOWS = 10_000  # below, whole pages and the fixed pools are most of it


def measure(binaries, arguments):
    return pipeline_program.run(binaries, arguments, "memory", "memory")


def show(result):
    print(f"   {'flows in a full table, index at 85 %':<44} {'table, B/flow':>13} {'resident, B/flow':>16} {'MiB':>8}")
    for row in result["memory"]:
        if row["flows_in_table"] != row["flows"]:
            raise RuntimeError(f"of {row['flows']:,} flows the table took {row['flows_in_table']:,}")
        budget = BUDGET_BYTES if row["flows"] >= BUDGET_FROM_FLOWS else None
        print(f"   {row['flows']:<44,} {row['table_bytes_per_flow']:13.1f} {row['resident_bytes_per_flow']:16.1f}"
              f" {row['resident_bytes'] / 2**20:8.1f}  "
              + pairs.judged(row["table_bytes_per_flow"], budget, at_most=True))
    for row in result["memory"]:
        print(f"   a login with {row['flows']:,} live flows: {row['login_ms']:.2f} ms of the worker's time in"
              f" {row['login_ticks']:,} rounds, {row['login_flows']:,} flows judged again")
