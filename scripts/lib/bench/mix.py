"""A campus's traffic through the pipeline, and what nDPI takes of the time."""
from . import pairs, pipeline_program

TARGETS = pipeline_program.TARGETS


def measure(binaries, arguments):
    return pipeline_program.run(binaries, arguments, "mix", "mix,ndpi")


def show(result):
    pairs.head("nDPI: cycles with it / without", 9)
    for row in result["ndpi_share"]:
        told = f"{max(0, row['share']):.0%} of the time"
        if row["flows_without_place"]:
            told += f"; {row['flows_without_place']:,} flows found no place"
        pairs.show(row["what"], row["ratio"], "9.2f", told)
    pairs.head("cycles a packet", 9)
    pairs.show("mix, without nDPI", result["mix"]["cycles_per_packet"], "9.0f")
    for row in result["ndpi_share"]:
        for how in ("without", "with"):
            pairs.show(f"{row['what']}, {how}", row[how], "9.0f")
    show_kinds(result["mix"])
    pipeline_program.show_core_share(result)


def show_kinds(mix):
    print(f"   {'the mix':<44} {'flows':>9} {'packets':>9} {'bytes':>9}")
    totals = {key: sum(kind[key] for kind in mix["kinds"]) for key in ("flows", "packets", "bytes")}
    for kind in mix["kinds"]:
        print(f"   {kind['kind']:<44} " + " ".join(f"{kind[key] / totals[key]:9.1%}" for key in totals))
    print(f"   {mix['flows_created']:,} flows for {mix['packets']:,} packets, {mix['flows_in_table']:,} in the table,"
          f" {mix['names_found']:,} names, {mix['dropped_by_policy']:,} packets dropped by the policy")
