"""TCP and ping through the lab: the kernel's bridge, the same with an nftables filter, Weir over AF_XDP, and, where it
is installed, dpdk-testpmd over the same ports: what AF_XDP leaves to a program that does nothing.

All offloads are off at every end, so each hands on one frame of at most 1514 bytes at a time.
"""
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import weirlab

from . import pairs
from .forwarders import EAL_PREFIXES, Missing, program, remove_eal_folders, running

TARGETS = ["weir-dataplane"]
PREFIX = "weirbench"
PINGS, PING_EVERY_S = 500, 0.001
STREAMS = (1, 4)
BUDGET_RATIO, BUDGET_ADDED_US = 1.0, 20
# Two rules, and the same two for nftables.
RULES = "drop ip 203.0.113.9 id b1\ndrop port tcp/23 id b2\n"
NFT_TABLE = "weirbench"
NFT = """table bridge weirbench {{
  chain forward {{
    type filter hook forward priority 0; policy accept;
    iifname != {{ "{inside}", "{outside}" }} accept
    ip daddr 203.0.113.9 drop
    ip saddr 203.0.113.9 drop
    tcp dport 23 drop
  }}
}}
"""
PROGRAMS = ("iperf3", "ping", "nft", "ip", "ethtool", "nginx", "dnsmasq", "gtlsserver", "gtlsclient")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


class Bench:
    """The lab with an iperf3 server, and the three ways to forward between its ports."""

    def __init__(self, lab, binaries, seconds):
        self.lab = lab
        self.binaries = binaries
        self.seconds = seconds

    def server(self):
        command = self.lab.command("internet", "iperf3", "-s", "-B", self.lab.names["LAB_WEB4"])
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        self.lab.own("iperf3", process)

    def tcp(self, streams):
        """Received bits a second, and what was sent again."""
        done = self.lab.run("campus", "iperf3", "-c", self.lab.names["LAB_WEB4"], "-t", self.seconds, "-P", streams,
                            "-O", "0.3", "-J", timeout=self.seconds + 30)
        told = json.loads(done.stdout or "{}")
        if done.returncode != 0 or "sum_received" not in told.get("end", {}):
            raise RuntimeError(f"iperf3: {told.get('error') or done.stderr.strip() or 'no result'}")
        return {"bits_per_second": told["end"]["sum_received"]["bits_per_second"],
                "sent_again": told["end"]["sum_sent"]["retransmits"]}

    def ping(self):
        """The median round trip in µs, and how many answers did not come."""
        done = self.lab.run("campus", "ping", "-n", "-c", PINGS, "-i", PING_EVERY_S, self.lab.names["LAB_WEB4"], timeout=60)
        times = [float(time) * 1000 for time in re.findall(r"time=([0-9.]+) ms", done.stdout)]
        if len(times) < PINGS / 2:
            raise RuntimeError(f"ping: {PINGS - len(times)} of {PINGS} answers did not come")
        return {"round_trip_us": statistics.median(times), "pings_lost": PINGS - len(times)}

    def traffic(self):
        # Wakes what sleeps and fills the neighbour tables; while a port starts, packets may still be lost.
        self.lab.run("campus", "ping", "-n", "-c", 100, "-i", PING_EVERY_S, self.lab.names["LAB_WEB4"], timeout=60)
        found = {f"tcp{streams}": self.tcp(streams) for streams in STREAMS}
        return found | self.ping()

    def bridge(self):
        for port in (self.lab.inside, self.lab.outside):
            # What an AF_XDP program has left attached would be paid for by the bridge.
            run("ip", "link", "set", "dev", port, "xdp", "off")
        return self.traffic()

    def nftables(self):
        run("nft", "-f", "-", input=NFT.format(inside=self.lab.inside, outside=self.lab.outside))
        try:
            return self.bridge()
        finally:
            run("nft", "delete", "table", "bridge", NFT_TABLE)

    def testpmd(self):
        ports = [f"--vdev=net_af_xdp{number},iface={port},busy_budget=0"
                 for number, port in enumerate((self.lab.inside, self.lab.outside))]
        command = ["stdbuf", "-oL", program("dpdk-testpmd"), "--no-huge", "-m", "512", "-l", f"0,{os.cpu_count() - 1}",
                   "--no-pci", "--file-prefix", EAL_PREFIXES[0], *ports, "--", "--forward-mode=io",
                   "--total-num-mbufs=32768", "--nb-cores=1"]
        # The driver's helper library would else pin maps in a file system that the lab does not have.
        with running(command, "Press enter to exit", os.environ | {"LIBXDP_SKIP_DISPATCHER": "1"}):
            return self.traffic()

    def weir(self, idle):
        appliance = weirlab.Appliance(self.lab, self.binaries, rules=RULES)
        written = appliance.config.read_text(encoding="utf-8")
        appliance.config.write_text(re.sub('idle = "[a-z]+"', f'idle = "{idle}"', written), encoding="utf-8")
        try:
            appliance.start_dataplane()
            found = self.traffic()
        finally:
            code = appliance.stop("weir-dataplane")
        if code != 0:
            raise RuntimeError(f"weir-dataplane ended with {code}: {appliance.log_tail('weir-dataplane')}")
        summary = json.loads(appliance.summary.read_text(encoding="utf-8"))
        if summary["rx_packets"] != summary["forwarded_packets"] + summary["dropped_packets"]:
            raise RuntimeError("weir-dataplane: received is not forwarded and dropped")
        if summary["rx_packets"] < PINGS:
            raise RuntimeError("weir-dataplane: the pings went past it")
        return found | {key: summary[key] for key in ("rx_packets", "forwarded_packets", "dropped_packets")}


def skipped():
    """What is told in place of a result where the lab cannot be; None where it can."""
    lacking = [name for name in PROGRAMS if not shutil.which(name)]
    if not lacking:
        return None
    return {"skipped": f"{', '.join(lacking)} not installed; scripts/setup --bench installs it"}


def measure(binaries, arguments):
    if instead := skipped():
        return instead
    with contextlib.ExitStack() as cleanup:
        lab = weirlab.Lab(PREFIX)
        cleanup.callback(lab.down)
        lab.up()
        bench = Bench(lab, binaries, max(1, round(arguments.seconds / 2)))
        bench.server()
        missing = None
        contenders = {"bridge": bench.bridge, "nftables": bench.nftables,
                      "weir, poll": lambda: bench.weir("poll"), "weir, sleep": lambda: bench.weir("sleep")}
        try:
            program("dpdk-testpmd")
            contenders["testpmd io"] = bench.testpmd
        except Missing as why:
            missing = str(why)
        try:
            rounds = pairs.alternate("lab", contenders, arguments.pairs)
        finally:
            remove_eal_folders()
    return {"cores": os.cpu_count(), "seconds": bench.seconds, "pings": PINGS, "rounds": rounds,
            "missing": missing}


def show(result):
    if "skipped" in result:
        print(f"   not measured: {result['skipped']}")
        return
    rounds = result["rounds"]
    pairs.head("ratios of a round", 8)
    for streams in STREAMS:
        key = f"tcp{streams}"
        for who in ("weir, poll", "weir, sleep"):
            for other in ("bridge", "nftables", "testpmd io"):
                if other not in rounds[0] or (who, other) == ("weir, sleep", "testpmd io"):
                    continue
                numbers = pairs.ratio(rounds, lambda one: one[who][key]["bits_per_second"],
                                      lambda one: one[other][key]["bits_per_second"])
                budget = BUDGET_RATIO if (who, other) == ("weir, poll", "bridge") else None
                pairs.show(f"{who} / {other}, {streams} stream{'s' * (streams > 1)}", numbers, "8.2f",
                           pairs.judged(numbers["median"], budget))
    if result["missing"]:
        print(f"   weir, poll / testpmd io: not measured: {result['missing']}")
    pairs.head("round trip added to the bridge's, µs", 8)
    for who in [who for who in rounds[0] if who != "bridge"]:
        numbers = pairs.difference(rounds, lambda one: one[who]["round_trip_us"], lambda one: one["bridge"]["round_trip_us"])
        budget = BUDGET_ADDED_US if who == "weir, poll" else None
        pairs.show(who, numbers, "8.1f", pairs.judged(numbers["median"], budget, at_most=True))
    show_absolute(rounds)
    told = [one[who] for one in rounds for who in one if who.startswith("weir")]
    dropped = sum(one["dropped_packets"] for one in told)
    for who in rounds[0]:
        lost = sum(one[who]["pings_lost"] for one in rounds)
        if lost:
            print(f"   {who}: {lost} of {len(rounds) * PINGS} pings were not answered")
    print(f"   Weir: {sum(one['rx_packets'] for one in told):,} packets received, {dropped:,} dropped, the rest forwarded;"
          f" {result['cores']} cores for sender, receiver, softirqs and worker")


def show_absolute(rounds):
    for streams in STREAMS:
        pairs.head(f"TCP, {streams} stream{'s' * (streams > 1)}, Gbit/s", 8)
        for who in rounds[0]:
            pairs.show(who, pairs.spread([one[who][f"tcp{streams}"]["bits_per_second"] / 1e9 for one in rounds]), "8.2f")
    pairs.head("round trip, µs", 8)
    for who in rounds[0]:
        pairs.show(who, pairs.spread([one[who]["round_trip_us"] for one in rounds]), "8.1f")
