"""weir-dataplane against dpdk-testpmd (mac mode) on the same port: a looping capture in, everything swallowed out."""
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

TARGETS = ["pipeline_bench", "weir-dataplane"]
FLOWS, PACKETS = 1_000, 10_000
BUDGET = 0.75
CONFIG = """sensor = "bench"
[ports]
inside = "net_pcap0,rx_pcap={capture},infinite_rx=1"
outside = "net_null0,no-rx=1"
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
# Not by name: a server that sits on the client's own port is never believed to have acknowledged anything.
RULES = "drop ip 203.0.113.9 id b1\ndrop port tcp/23 id b2\n"


def make_home(binaries, folder):
    """The capture, the rules and the configuration that every run shares."""
    home = pathlib.Path(folder)
    for name in ("journal", "rules"):
        (home / name).mkdir()
    subprocess.run([binaries / "tests/bench/pipeline_bench", "--write", home / "flows.pcap",
                    "--flows", str(FLOWS), "--packets", str(PACKETS)], check=True)
    (home / "bench.rules").write_text(RULES)
    (home / "weir.toml").write_text(CONFIG.format(capture=home / "flows.pcap", home=home))
    return home


def run_weir(binaries, home, seconds):
    """Packets a second, and the summary; every packet must be accounted for."""
    out = home / "summary.json"
    command = [binaries / "dataplane/app/weir-dataplane", "--config", home / "weir.toml",
               "--duration", str(max(1, round(seconds))), "--summary", out]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if run.returncode != 0:
        raise RuntimeError(f"weir-dataplane: {(run.stderr or run.stdout).strip()[-400:]}")
    summary = json.loads(out.read_text())
    if summary["rx_packets"] != summary["forwarded_packets"] + summary["dropped_packets"]:
        raise RuntimeError("weir-dataplane: received is not forwarded and dropped")
    return summary["packets_per_second"]


def run_testpmd(program, home, seconds):
    """Packets a second that testpmd received and sent on in mac mode."""
    # Its lines as they come: it says when it begins.
    command = ["stdbuf", "-oL", program, "--no-huge", "-m", "1024", "-l", "0,1", "--file-prefix", "weirbench", "--no-pci",
               f"--vdev=net_pcap0,rx_pcap={home / 'flows.pcap'},infinite_rx=1", "--vdev=net_null0,no-rx=1", "--",
               "--forward-mode=mac", "--total-num-mbufs=32768", "--nb-cores=1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    told = []
    for line in process.stdout:
        told.append(line)
        if "Press enter to exit" in line:
            break
    begin = time.monotonic()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    elapsed = time.monotonic() - begin
    text = process.communicate(timeout=30)[0]
    total = re.findall(r"RX-total: (\d+)", text)  # the last one is of all ports
    if not total:
        raise RuntimeError(f"dpdk-testpmd: {(''.join(told) + text).strip()[-400:]}")
    return int(total[-1]) / elapsed


def measure(binaries, arguments):
    testpmd = shutil.which("dpdk-testpmd")
    if testpmd is None:
        raise RuntimeError("dpdk-testpmd is not installed; apt install dpdk has it")
    pairs = []
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        home = make_home(binaries, folder)
        for number in range(arguments.pairs):
            runs = {}
            # The one that goes first changes from pair to pair.
            for who in ("testpmd", "weir") if number % 2 == 0 else ("weir", "testpmd"):
                runs[who] = (run_testpmd(testpmd, home, arguments.seconds) if who == "testpmd"
                             else run_weir(binaries, home, arguments.seconds))
            pairs.append(runs)
    return {"flows": FLOWS, "packets_in_loop": PACKETS, "pairs": pairs}


def show(result):
    ratios = sorted(pair["weir"] / pair["testpmd"] for pair in result["pairs"])
    ratio = statistics.median(ratios)
    for who in ("testpmd", "weir"):
        rates = [pair[who] / 1e6 for pair in result["pairs"]]
        print(f"   {who:<10} {statistics.median(rates):7.2f} million packets a second"
              f"   ({min(rates):.2f} to {max(rates):.2f})")
    told = "met" if ratio >= BUDGET else "MISSED"
    print(f"   weir / testpmd {ratio:.2f} (pairs {ratios[0]:.2f} to {ratios[-1]:.2f}); budget ≥ {BUDGET}: {told}")
