"""The pipeline without ports, by pipeline_bench, against the design's budgets."""
from . import pairs, pipeline_program

TARGETS = pipeline_program.TARGETS
CYCLES = {10_000: 150, 1_000_000: 250, 10_000_000: 350}
NEW_FLOWS = {"SYN alone": 500_000, "TLS with a name (8 packets)": 100_000,
             "QUIC Initial with a name (1 packet)": 30_000}


def measure(binaries, arguments):
    return pipeline_program.run(binaries, arguments, "pipeline", "established,new,harness")


def spread_of(row, key):
    return {"median": row[key], "least": row["least"], "most": row["most"]}


def show(result):
    pairs.head("cycles a packet, established flows", 9)
    for row in result["established"]:
        numbers = spread_of(row, "cycles_per_packet")
        pairs.show(f"{row['flows']:,}", numbers, "9.0f",
                   pairs.judged(numbers["median"], CYCLES.get(row["flows"]), at_most=True))
    pairs.head("new flows a second", 9)
    for row in result["new_flows"]:
        numbers = spread_of(row, "flows_per_second")
        pairs.show(row["what"], numbers, "9,.0f", pairs.judged(numbers["median"], NEW_FLOWS.get(row["what"])))
    harness = result["harness"]
    pairs.head("what the bench itself adds", 9)
    pairs.show(f"frames of a ring of {harness['ring_frames']:,} / of one batch", harness["ratio"], "9.2f")
    print(f"   reading the clock: {harness['timer_cycles_per_packet']:.1f} cycles a packet, counted with it")
    pipeline_program.show_core_share(result)
