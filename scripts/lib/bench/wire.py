"""weir-dataplane over ports, against dpdk-testpmd and Suricata between the same two, and ndpiReader on such a capture."""
import pathlib
import subprocess
import tempfile

from . import pairs, progress
from .forwarders import Missing, NdpiReader, Suricata, Testpmd, Weir

TARGETS = ["pipeline_bench", "weir-dataplane"]
FLOWS, LOOP_PACKETS = 1_000, 10_000
READER_PACKETS = 400_000  # of the same flows: 400 a flow
# Not by name: a server that sits on the client's own port is never believed to have acknowledged anything.
RULES = "drop ip 203.0.113.9 id b1\ndrop port tcp/23 id b2\n"
SURICATA_RULES = """drop ip any any <> 203.0.113.9 any (msg:"b1"; sid:1;)
drop tcp any any -> any 23 (msg:"b2"; sid:2;)
"""
BUDGETS = {"testpmd mac": 0.75, "suricata": 7}


def write_capture(binaries, path, packets):
    subprocess.run([binaries / "tests/bench/pipeline_bench", "--write", path, "--flows", str(FLOWS),
                    "--packets", str(packets)], check=True)
    return path


def contenders_of(binaries, home, capture):
    """({name: what runs}, {name: why it is not there})."""
    makers = {
        "weir": lambda: Weir(binaries, home, capture, RULES),
        "testpmd mac": lambda: Testpmd(capture, "mac"),
        "testpmd io": lambda: Testpmd(capture, "io"),
        "suricata": lambda: Suricata(home, capture, SURICATA_RULES),
        "ndpiReader": lambda: NdpiReader(write_capture(binaries, home / "long.pcap", READER_PACKETS)),
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
        progress.step("wire", "writing the captures")
        capture = write_capture(binaries, home / "flows.pcap", LOOP_PACKETS)
        there, missing = contenders_of(binaries, home, capture)
        runs = {name: lambda who=who: who.run(arguments.seconds) for name, who in there.items()}
        rounds = pairs.alternate("wire", runs, arguments.pairs)
    for one in rounds:
        for name, run in one.items():
            if run.get("dropped"):
                raise RuntimeError(f"{name} dropped {run['dropped']} packets that no rule means")
    return {"flows": FLOWS, "packets_in_loop": LOOP_PACKETS, "rounds": rounds, "missing": missing}


def rate(name):
    return lambda one: one[name]["packets_per_second"]


def show(result):
    rounds = result["rounds"]
    others = [name for name in rounds[0] if name != "weir"]
    pairs.head("ratios of a round", 8)
    for name in others:
        numbers = pairs.ratio(rounds, rate("weir"), rate(name))
        pairs.show(f"weir / {name}", numbers, "8.2f", pairs.judged(numbers["median"], BUDGETS.get(name)))
    for name, why in result["missing"].items():
        print(f"   weir / {name:<37} not measured: {why}")
    pairs.head("million packets a second", 8)
    for name in ["weir", *others]:
        pairs.show(name, pairs.spread([rate(name)(one) / 1e6 for one in rounds]), "8.2f")
