"""Policies of a million names, swapped under a running data plane while real traffic passes it in the lab: every frame
that one end sends must come to the other, and what is listed must never answer."""
import contextlib
import json
import subprocess
import threading
import time

import weirlab

from . import pairs, progress
from .forwarders import remove_eal_folders
from .lab import PREFIX, Bench, skipped

TARGETS = ["weir-dataplane"]
NAMES = 1_000_000
LISTED = "www.lab.example"  # a site of the lab, behind a million others
RULES = 'list big from "{path}"\ndrop list big id big\ndrop host swap{number}.example id swapped\n'
# UDP both ways; far below what gets lost without any swap, as sender, receiver and compiler share the cores.
UDP_BITS_A_SECOND, UDP_BYTES = "16M", 200
RUN_SECONDS = 5
ASK_EVERY = 10


def write_list(path):
    with path.open("w", encoding="ascii") as out:
        for number in range(NAMES):
            out.write(f"0.0.0.0 n{number}.blocked{number % 1000}.example\n")
        out.write(f"0.0.0.0 {LISTED}\n")


class Traffic:
    """iperf3 run after run, until it is told to stop."""

    def __init__(self, lab):
        self.lab = lab
        self.ending = threading.Event()
        self.packets = 0
        self.failed = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        command = ("iperf3", "-c", self.lab.names["LAB_WEB4"], "-u", "--bidir", "-b", UDP_BITS_A_SECOND, "-l", UDP_BYTES,
                   "-t", RUN_SECONDS, "-J")
        while not self.ending.is_set() and self.failed is None:
            try:
                told = json.loads(self.lab.run("campus", *command, timeout=RUN_SECONDS + 30).stdout)
                self.packets += told["end"]["sum"]["packets"] + told["end"].get("sum_bidir_reverse", {}).get("packets", 0)
            except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
                self.failed = f"iperf3: {error!r}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.ending.set()
        self.thread.join()


def counters(lab, where):
    """Frames that the end there has sent, and got."""
    told = json.loads(lab.run(where, "ip", "-s", "-j", "link", "show", "dev", "eth0").stdout)[0]["stats64"]
    return told["tx"]["packets"], told["rx"]["packets"]


def settled(lab):
    """Both ends' counters, once nothing moves any more."""
    before = None
    for _ in range(50):
        now = counters(lab, "campus"), counters(lab, "internet")
        if now == before:
            return now
        before = now
        time.sleep(0.3)
    raise RuntimeError("the ends of the lab do not come to rest")


def install(appliance, path, number):
    source = {"name": "swap.rules", "text": RULES.format(path=path, number=number)}
    begin = time.monotonic()
    answer = appliance.ask({"cmd": "policy.install", "sources": [source]})
    if not answer.get("ok"):
        raise RuntimeError(f"the policy is not installed: {answer or 'no answer'}")
    return time.monotonic() - begin


def swap_all(lab, appliance, path, swaps):
    clients = weirlab.Clients(lab)
    took, asked, answered = [], 0, 0
    for number in range(1, swaps + 1):
        progress.step("swaps", f"{number} of {swaps}")
        took.append(install(appliance, path, number))
        if number % ASK_EVERY == 0:
            asked += 1
            answered += clients.curl(lab.clients[0], f"http://{LISTED}/", seconds=1)[0]
    return {"swap_s": pairs.spread(took), "asked": asked, "answered": answered}


def measure(binaries, arguments):
    if instead := skipped():
        return instead
    with contextlib.ExitStack() as cleanup:
        lab = weirlab.Lab(PREFIX)
        cleanup.callback(remove_eal_folders)
        cleanup.callback(lab.down)
        lab.up()
        Bench(lab, binaries, 1).server()
        path = lab.state / "big.list"
        write_list(path)
        appliance = weirlab.Appliance(lab, binaries, rules="drop port tcp/23\n")
        cleanup.callback(appliance.stop_all)
        appliance.start_dataplane()
        install(appliance, path, 0)
        lab.run("campus", "ping", "-n", "-c", 20, "-i", 0.01, lab.names["LAB_WEB4"], timeout=30)
        before = settled(lab)
        with Traffic(lab) as traffic:
            result = swap_all(lab, appliance, path, arguments.swaps)
        if traffic.failed:
            raise RuntimeError(traffic.failed)
        after = settled(lab)
        version = appliance.ask({"cmd": "policy.status"})["policy"]["version"]
        appliance.stop("weir-dataplane")
        summary = json.loads(appliance.summary.read_text(encoding="utf-8"))
    sent, got = ([after[end][kind] - before[end][kind] for end in (0, 1)] for kind in (0, 1))
    dropped = summary["dropped_packets"]
    if summary["rx_packets"] != summary["forwarded_packets"] + dropped:
        raise RuntimeError("weir-dataplane: received is not forwarded and dropped")
    if version < arguments.swaps:
        raise RuntimeError(f"version {version} after {arguments.swaps} swaps")
    return result | {"names": NAMES, "swaps": arguments.swaps, "datagrams": traffic.packets, "sent": sum(sent),
                     "got": sum(got), "dropped_by_rules": dropped, "lost": sum(sent) - sum(got) - dropped}


def show(result):
    if "skipped" in result:
        print(f"   not measured: {result['skipped']}")
        return
    if result["answered"]:
        raise RuntimeError(f"a listed site answered {result['answered']} times")
    pairs.head("a swap, from the request to the answer", 8)
    pairs.show(f"{result['names']:,} names in a list, seconds", result["swap_s"], "8.2f")
    told = "none lost" if result["lost"] == 0 else f"{result['lost']:,} LOST"
    print(f"   {result['swaps']:,} swaps under {result['sent']:,} frames both ways, {result['datagrams']:,} of them datagrams:"
          f" {result['got']:,} came, {result['dropped_by_rules']:,} dropped by the rules, {told};"
          f" a listed site asked {result['asked']:,} times, never answered")
    if result["lost"] != 0:
        raise RuntimeError("frames were lost")
