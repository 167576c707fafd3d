"""weir-dataplane over ports, against dpdk-testpmd and Suricata between the same two; and who reads captures, against
weir-replay: a port in a loop has one side, and the mix has two that must be told apart."""
import pathlib
import subprocess
import tempfile

from . import pairs, progress
from .forwarders import (Missing, NdpiReader, Suricata, SuricataReader, Testpmd, Weir, WeirReplay,
                         remove_eal_folders)

TARGETS = ["pipeline_bench", "weir-dataplane", "weir-replay"]
FLOWS, LOOP_PACKETS = 1_000, 10_000
MIX_FLOWS = 2_000  # at a time
READER_PACKETS = 400_000  # and, of the mix, what the last flows still have to say
# Not by name: a server that sits on the client's own port is never believed to have acknowledged anything.
RULES = "drop ip 203.0.113.9 id b1\ndrop port tcp/23 id b2\n"
SURICATA_RULES = """drop ip any any <> 203.0.113.9 any (msg:"b1"; sid:1;)
drop tcp any any -> any 23 (msg:"b2"; sid:2;)
"""
MIX_RULES = "drop host blocked.example id b1\ndrop port tcp/23 id b2\n"
MIX_SURICATA_RULES = """drop tls any any -> any any (msg:"b1"; tls.sni; content:"blocked.example"; bsize:15; sid:1;)
drop tcp any any -> any 23 (msg:"b2"; sid:2;)
"""
# (whose rate is divided, by whose): the budget.
BUDGETS = {("weir", "testpmd mac"): 0.75, ("weir", "suricata"): 7}


def write_capture(binaries, path, flows, packets, option="--write"):
    subprocess.run([binaries / "tests/bench/pipeline_bench", option, path, "--flows", str(flows),
                    "--packets", str(packets)], check=True)
    return path


def write_captures(binaries, home):
    progress.step("wire", "writing the captures")
    return {"flows": write_capture(binaries, home / "flows.pcap", FLOWS, LOOP_PACKETS),
            "long flows": write_capture(binaries, home / "long.pcap", FLOWS, READER_PACKETS),
            "mix": write_capture(binaries, home / "mix.pcap", MIX_FLOWS, READER_PACKETS, "--write-mix")}


def contenders_of(binaries, home, captures):
    """({name: what runs}, {name: why it is not there})."""
    flows, mix = captures["flows"], captures["mix"]
    makers = {
        "weir": lambda: Weir(binaries, home / "weir", flows, RULES),
        "testpmd mac": lambda: Testpmd(flows, "mac"),
        "testpmd io": lambda: Testpmd(flows, "io"),
        "suricata": lambda: Suricata(home / "suricata", flows, SURICATA_RULES),
        "ndpiReader": lambda: NdpiReader(captures["long flows"]),
        "weir-replay, mix": lambda: WeirReplay(binaries, home / "replay", mix, MIX_RULES),
        "suricata -r, mix": lambda: SuricataReader(home / "reader", mix, MIX_SURICATA_RULES),
        "ndpiReader, mix": lambda: NdpiReader(mix),
    }
    there, missing = {}, {}
    for name, make in makers.items():
        try:
            there[name] = make()
        except Missing as why:
            missing[name] = str(why)
    return there, missing


def measure(binaries, arguments):
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        home = pathlib.Path(folder)
        there, missing = contenders_of(binaries, home, write_captures(binaries, home))
        runs = {name: lambda who=who: who.run(arguments.seconds) for name, who in there.items()}
        try:
            rounds = pairs.alternate("wire", runs, arguments.pairs)
        finally:
            remove_eal_folders()
    for one in rounds:
        for name, run in one.items():
            if run.get("dropped"):
                raise RuntimeError(f"{name} dropped {run['dropped']} packets that no rule means")
    return {"flows": FLOWS, "packets_in_loop": LOOP_PACKETS, "rounds": rounds, "missing": missing}


def rate(name):
    return lambda one: one[name]["packets_per_second"]


def show(result):
    rounds = result["rounds"]
    pairs.head("ratios of a round", 8)
    for name in rounds[0]:
        ours = "weir-replay, mix" if "mix" in name else "weir"
        if name == ours:
            continue
        numbers = pairs.ratio(rounds, rate(ours), rate(name))
        pairs.show(f"{ours} / {name}", numbers, "8.2f", pairs.judged(numbers["median"], BUDGETS.get((ours, name))))
    for name, why in result["missing"].items():
        print(f"   weir / {name:<37} not measured: {why}")
    pairs.head("million packets a second", 8)
    for name in rounds[0]:
        pairs.show(name, pairs.spread([rate(name)(one) / 1e6 for one in rounds]), "8.2f")
