"""The programs of the wire part; each says packets a second.

The forwarders run for some seconds between the same two ports. In: net_pcap with infinite_rx=1, a capture in a loop.
Out: net_null that swallows everything and sends nothing. The readers read a capture from its beginning to its end.
"""
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from weirlab import wait_for

BY_SETUP = "not installed; scripts/setup --bench installs it"
SURICATA_BY_SETUP = "not installed; scripts/setup --bench --backports installs it"
START_SECONDS_MAX = 60
EAL_PREFIXES = ("weirbench", "weirbenchsuricata")
IN_PORT, OUT_PORT = "net_pcap0,rx_pcap={capture},infinite_rx=1", "net_null0,no-rx=1"

WEIR = """sensor = "bench"
[ports]
inside = "{inside}"
outside = "{outside}"
[dpdk]
args = ["--no-huge", "-m", "1024"]
[workers]
cores = [1]
idle = "poll"
[policy]
mode = "enforce"
rules = ["{home}/*.rules"]
[flows]
max = 100000
[journal]
dir = "{home}/journal"
[control]
data_dir = "{home}"
dataplane_socket = "{home}/dataplane.sock"
"""

# Inline (copy-mode ips), one thread a port, the two rules. What it does with a packet that fits no state is to let it
# pass, as the capture begins again for ever. `midstream`: it keeps the state of connections whose start it has not seen,
# as it would of those whose start it has.
SURICATA = """%YAML 1.1
---
default-rule-path: {home}
rule-files: [suricata.rules]
classification-file: /etc/suricata/classification.config
reference-config-file: /etc/suricata/reference.config
stats: {{enabled: yes, interval: 1}}
outputs:
  - eve-log: {{enabled: yes, filetype: regular, filename: eve.json, types: [{{stats: {{threads: no}}}}]}}
exception-policy: ignore
stream: {{midstream: true, midstream-policy: ignore, inline: auto}}
dpdk:
  eal-params:
    proc-type: primary
    no-huge: true
    m: 1024
    no-pci: true
    file-prefix: weirbenchsuricata
    vdev: ["{inside}", "{outside}"]
  interfaces:
{interfaces}
threading:
  set-cpu-affinity: yes
  cpu-affinity:
    - management-cpu-set: {{cpu: [{management_core}]}}
    - worker-cpu-set: {{cpu: [{worker_cores}], mode: exclusive}}
"""
SURICATA_READER = """%YAML 1.1
---
default-rule-path: {home}
rule-files: [suricata.rules]
classification-file: /etc/suricata/classification.config
reference-config-file: /etc/suricata/reference.config
stats: {{enabled: no}}
outputs: []
"""
SURICATA_PORT = """    - interface: {port}
      threads: 1
      copy-mode: ips
      copy-iface: {other}
      mempool-size: 32767
      mempool-cache-size: 257
      rx-descriptors: 1024
      tx-descriptors: 1024
      promisc: true
      multicast: true
      checksum-checks: true
      checksum-checks-offload: false
      mtu: 1500
"""


class Missing(Exception):
    """The program is not on this machine; the message says how to get it."""


def program(name, how=BY_SETUP):
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is {how}")
    return found


def remove_eal_folders():
    """What DPDK leaves of each --file-prefix."""
    for prefix in EAL_PREFIXES:
        shutil.rmtree(pathlib.Path("/var/run/dpdk", prefix), ignore_errors=True)


def output_until(process, mark):
    """The lines up to the one that has `mark`; all of them when the program ends before."""
    told = []
    for line in process.stdout:
        told.append(line)
        if mark in line:
            break
    return told


@contextlib.contextmanager
def running(command, ready, environment=None):
    """It has said `ready`, runs while the body does, and is ended then. Gives a list that is filled at the end with what
    it said."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, env=environment)
    told = []
    try:
        told.extend(output_until(process, ready))
        yield told
        process.send_signal(signal.SIGINT)
        told.append(process.communicate(timeout=START_SECONDS_MAX)[0])
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def run_for(command, ready, seconds):
    """Lets it run so long after it said `ready`, then ends it. (what it said, seconds it ran)."""
    with running(command, ready) as told:
        begin = time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - begin
    return "".join(told), elapsed


class Weir:
    def __init__(self, binaries, home, capture, rules):
        self.program = binaries / "dataplane/app/weir-dataplane"
        self.home = home
        (home / "journal").mkdir(parents=True)
        (home / "bench.rules").write_text(rules, encoding="utf-8")
        (home / "weir.toml").write_text(WEIR.format(home=home, inside=IN_PORT.format(capture=capture), outside=OUT_PORT),
                                        encoding="utf-8")

    def run(self, seconds):
        """Packets a second; every packet must be accounted for."""
        out = self.home / "summary.json"
        command = [self.program, "--config", self.home / "weir.toml", "--summary", out]
        log = self.home / "log"
        with log.open("w", encoding="utf-8") as to:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=to, stderr=to)
        try:
            wait_for(START_SECONDS_MAX, lambda: process.poll() is not None or self.answers())
            time.sleep(seconds)
            process.terminate()
            code = process.wait(START_SECONDS_MAX)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if code != 0:
            raise RuntimeError(f"weir-dataplane: {log.read_text(encoding='utf-8').strip()[-400:]}")
        summary = json.loads(out.read_text(encoding="utf-8"))
        if summary["rx_packets"] != summary["forwarded_packets"] + summary["dropped_packets"]:
            raise RuntimeError("weir-dataplane: received is not forwarded and dropped")
        return {"packets_per_second": summary["packets_per_second"], "dropped": summary["dropped_packets"],
                "packets": summary["rx_packets"]}

    def answers(self):
        """Whether its control socket does: it runs."""
        with socket.socket(socket.AF_UNIX) as link:
            return link.connect_ex(str(self.home / "dataplane.sock")) == 0


class Testpmd:
    """mode io: a packet is received and sent; mac: and its Ethernet addresses are written."""

    def __init__(self, capture, mode):
        # Its lines as they come: it says when it begins.
        self.command = ["stdbuf", "-oL", program("dpdk-testpmd"), "--no-huge", "-m", "1024", "-l", "0,1", "--no-pci",
                        "--file-prefix", EAL_PREFIXES[0], f"--vdev={IN_PORT.format(capture=capture)}", f"--vdev={OUT_PORT}",
                        "--", f"--forward-mode={mode}", "--total-num-mbufs=32768", "--nb-cores=1"]

    def run(self, seconds):
        told, elapsed = run_for(self.command, "Press enter to exit", seconds)
        total = re.findall(r"RX-total: (\d+)", told)  # the last one is of all ports
        if not total:
            raise RuntimeError(f"dpdk-testpmd: {told.strip()[-400:]}")
        return {"packets_per_second": int(total[-1]) / elapsed, "packets": int(total[-1])}


def suricata_cores():
    """(management, workers). With two cores both are the workers', one a port, and the management's threads may run
    anywhere: a core that does not exist is Suricata's way to say so."""
    cores = os.cpu_count() or 1
    return (0, "1, 2") if cores > 2 else (cores, "0, 1")


class Suricata:
    LONG_SECONDS = 10  # its threads tell their counters every three

    def __init__(self, home, capture, rules):
        found = program("suricata", SURICATA_BY_SETUP)
        version = subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stdout
        built = subprocess.run([found, "--build-info"], capture_output=True, text=True, check=False).stdout
        if not re.search(r"version [7-9]", version) or not re.search(r"DPDK support: +yes", built):
            raise Missing(f"suricata has no DPDK mode here ({version.strip() or 'no version'}); it takes 7 or newer")
        self.version = re.search(r"version (\S+)", version)[1]
        self.seconds_min = 0
        self.home = home
        home.mkdir()
        management, workers = suricata_cores()
        # Cores are given in this order: the port that has the traffic gets the one that Weir's worker has.
        ports = [SURICATA_PORT.format(port=port, other=other)
                 for port, other in (("net_null0", "net_pcap0"), ("net_pcap0", "net_null0"))]
        (self.home / "suricata.rules").write_text(rules, encoding="utf-8")
        (self.home / "suricata.yaml").write_text(SURICATA.format(
            home=self.home, inside=IN_PORT.format(capture=capture), outside=OUT_PORT, interfaces="".join(ports),
            management_core=management, worker_cores=workers), encoding="utf-8")
        self.command = [found, "-c", self.home / "suricata.yaml", "--dpdk", "-l", self.home, "--runmode", "workers"]

    def run(self, seconds):
        seconds = max(seconds, self.seconds_min)
        (self.home / "eve.json").unlink(missing_ok=True)
        told, elapsed = run_for(self.command, "Engine started", seconds)
        packets = re.search(r"net_pcap0: packets: (\d+)", told)
        if packets:
            return {"packets_per_second": int(packets[1]) / elapsed, "packets": int(packets[1]),
                    "dropped": self.statistics()[-1]["stats"]["ips"]["blocked"]}
        if "Engine started" not in told:
            raise RuntimeError(f"suricata: {told.strip()[-400:]}")
        # 7.0.10 may die of a double free while it ends, and take the sum with it.
        found = self.by_statistics()
        if found is None and seconds >= self.LONG_SECONDS:
            raise RuntimeError(f"suricata told no counters: {told.strip()[-400:]}")
        self.seconds_min = self.LONG_SECONDS
        return found or self.run(seconds)

    def statistics(self):
        lines = (self.home / "eve.json").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def by_statistics(self):
        """From the first to the last time that its threads told their counters; None where that is one time."""
        told = []
        for event in self.statistics():
            packets = event["stats"]["decoder"]["pkts"]
            if packets > 0 and (not told or packets > told[-1][1]):
                told.append((datetime.datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z"), packets,
                             event["stats"]["ips"]["blocked"]))
        if len(told) < 2:
            return None
        seconds = (told[-1][0] - told[0][0]).total_seconds()
        return {"packets_per_second": (told[-1][1] - told[0][1]) / seconds, "packets": told[-1][1], "dropped": told[-1][2]}


class WeirReplay:
    """Reads a capture once, as an appliance between its two sides would, with nDPI; start-up is counted."""

    def __init__(self, binaries, home, capture, rules):
        home.mkdir()
        (home / "bench.rules").write_text(rules, encoding="utf-8")
        self.summary = home / "summary.json"
        self.command = [binaries / "dataplane/app/weir-replay", "--rules", home / "bench.rules", "--inside", "10.0.0.0/8",
                        "--inside", "2001:db8::/33", "--summary", self.summary, capture]

    def run(self, _seconds=None):
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"weir-replay: {(done.stderr or done.stdout).strip()[-400:]}")
        summary = json.loads(self.summary.read_text(encoding="utf-8"))
        if summary["rx_packets"] != summary["forwarded_packets"] + summary["dropped_packets"]:
            raise RuntimeError("weir-replay: received is not forwarded and dropped")
        return {"packets_per_second": summary["rx_packets"] / summary["elapsed_s"], "packets": summary["rx_packets"],
                "names": summary["names_found"]}


class SuricataReader:
    """Reads a capture once with the two rules, in one thread, and writes nothing; start-up is not counted."""

    def __init__(self, home, capture, rules):
        home.mkdir()
        (home / "suricata.rules").write_text(rules, encoding="utf-8")
        (home / "suricata.yaml").write_text(SURICATA_READER.format(home=home), encoding="utf-8")
        self.command = [program("suricata", SURICATA_BY_SETUP), "-c", home / "suricata.yaml", "-r", capture, "-l", home,
                        "--runmode", "single", "-k", "all"]

    def run(self, _seconds=None):
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=300, check=False)
        packets = re.search(r"read 1 file, (\d+) packets", done.stdout)
        took = re.search(r"time elapsed ([0-9.]+)s", done.stdout)
        if done.returncode != 0 or not packets or not took:
            raise RuntimeError(f"suricata: {(done.stderr or done.stdout).strip()[-400:]}")
        return {"packets_per_second": int(packets[1]) / float(took[1]), "packets": int(packets[1])}


class NdpiReader:
    """Reads a capture once, with libpcap, and does nothing but label it: its own time, start-up not counted."""

    def __init__(self, capture):
        self.command = [program("ndpiReader"), "-i", capture]

    def run(self, _seconds=None):
        with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:  # it may leave files where it stands
            done = subprocess.run(self.command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
        packets = re.search(r"of (\d+) packets total", done.stdout)
        took = re.search(r"Packet Processing Time: +([0-9.]+) (m?)sec", done.stdout)
        if done.returncode != 0 or not packets or not took:
            raise RuntimeError(f"ndpiReader: {(done.stderr or done.stdout).strip()[-400:]}")
        seconds = float(took[1]) / (1000 if took[2] else 1)
        return {"packets_per_second": int(packets[1]) / seconds, "packets": int(packets[1])}
