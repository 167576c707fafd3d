"""weir-dataplane and weir-control in the lab: their files, their start, their end."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

from .lab import wait_for

INDENT_COLUMNS = 3  # what the demonstration puts before a table's lines

RULES = """\
# The lab's policy: one name and one port are refused, the DNS server can never be.
protect ip {dns}
# The port comes first: behind a rule about names it would wait until the name is known.
drop    port tcp/23 from inside  reason "lab: a refused port" id lab-telnet
reject  host games.lab.example   class games reason "lab: a refused name" id lab-games
"""

ACCOUNTS = """\
account,ip,mac,group,room,seat
s2023001,10.20.0.11,,students,library,1
s2023002,10.20.0.12,,students,library,2
t0042,10.20.0.13,,staff,office-5,
s2023004,10.20.0.14,,students,dormitory-3,417
s2023001,2001:db8:20::11,,students,library,1
s2023002,2001:db8:20::12,,students,library,2
t0042,2001:db8:20::13,,staff,office-5,
s2023004,2001:db8:20::14,,students,dormitory-3,417
"""

# Short idle times, so that a session of a demonstration ends while one looks.
CONFIG = """\
sensor = "lab"

[ports]
inside = "{inside}"
outside = "{outside}"

[dpdk]
args = {eal}

[workers]
cores = [{core}]
idle = "sleep"

[policy]
mode = "{mode}"
rules = {rules}

[fail]
mode = "open"

[flows]
max = 100000
udp_s = 5
icmp_s = 5

[journal]
dir = "{home}/journal"
max_bytes = {journal_bytes}

[control]
listen = "127.0.0.1:{port}"
socket = "{home}/control.sock"
data_dir = "{home}/data"
dataplane_socket = "{home}/dataplane.sock"

[audit]
store = "embedded"
retention_days = 365

[accounts]
registry = "{home}/accounts.csv"
{accounts}

[incidents]
profiles = ["cn-police-24h"]
"""


class ProgramFailed(RuntimeError):
    """A program did not start, or a command was refused; the message is what it said."""


def free_port(preferred=0):
    """The preferred TCP port of the loopback when nobody has it, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise ProgramFailed("no free port on 127.0.0.1")


def eal_arguments():
    """A machine with too few hugepages for the packet buffers goes without any."""
    memory = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    pages = int(re.search(r"HugePages_Free:\s+(\d+)", memory)[1])
    return [] if pages >= 256 else ["--no-huge"]


def find_records(value, key):
    """Every object that has `key`, wherever it stands in decoded JSON."""
    if isinstance(value, dict):
        if key in value:
            return [value]
        value = list(value.values())
    if isinstance(value, list):
        return [record for item in value for record in find_records(item, key)]
    return []


class Appliance:
    """The two programs with their files below `home`, all of it removed with the lab."""

    def __init__(self, lab, build, port=0, mode="enforce", rules=RULES, accounts=""):
        self.lab = lab
        self.build = pathlib.Path(build)
        self.home = lab.state / "weir"
        self.port = free_port(port)
        self.config = self.home / "weir.toml"
        self.rules = self.home / "rules" / "lab.rules"
        self.summary = self.home / "summary.json"
        self.processes = {}
        self.settings = {
            "inside": lab.inside, "outside": lab.outside, "eal": json.dumps(eal_arguments()),
            "core": (os.cpu_count() or 1) - 1, "mode": mode, "home": self.home,
            "rules": json.dumps([f"{self.home}/rules/*.rules"]), "port": self.port,
            "journal_bytes": 64 << 20, "accounts": accounts,
        }
        for folder in ("rules", "journal", "data", "log"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        self.rules.write_text(rules.format(dns=lab.names["LAB_DNS4"]), encoding="utf-8")
        (self.home / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
        self.write_config()

    def write_config(self, extra="", **changes):
        self.settings.update(changes)
        self.config.write_text(CONFIG.format(**self.settings) + extra, encoding="utf-8")

    def write_accounts(self, accounts):
        """The registry, as an operator's script would: the whole file in one step."""
        rows = "".join(f"{account},{ip},,,,\n" for ip, account in accounts.items())
        fresh = self.home / "accounts.csv.fresh"
        fresh.write_text("account,ip,mac,group,room,seat\n" + rows, encoding="utf-8")
        fresh.rename(self.home / "accounts.csv")

    def program(self, name):
        folder = {"weir-dataplane": "dataplane/app", "weir-replay": "dataplane/app",
                  "weir-control": "control/app", "weirctl": "control/cli"}[name]
        return self.build / folder / name

    # ------------------------------------------------------------------ start and end

    def log_path(self, name):
        return self.home / "log" / f"{name}.log"

    def log_tail(self, name, lines=12):
        text = self.log_path(name).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def start(self, name, *arguments):
        if not self.program(name).exists():
            raise ProgramFailed(f"{self.program(name)} is not built")
        with self.log_path(name).open("ab") as log:
            process = subprocess.Popen(
                [self.program(name), "--config", self.config, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C is for the script, which then ends them in order
            )
        self.processes[name] = process
        self.lab.own(name, process)
        return process

    def _await_ready(self, name, check, seconds=30):
        process = self.processes[name]
        wait_for(seconds, lambda: process.poll() is not None or check())
        if process.poll() is not None:
            raise ProgramFailed(
                f"{name} ended with code {process.returncode}:\n{self.log_tail(name)}")
        if not check():
            raise ProgramFailed(f"{name} not ready within {seconds} s:\n{self.log_tail(name)}")

    def start_dataplane(self):
        self.start("weir-dataplane", "--summary", self.summary)
        self._await_ready("weir-dataplane", lambda: self.ask({"cmd": "status"}).get("ok"))

    def start_control(self):
        self.start("weir-control")
        self._await_ready("weir-control", lambda: self.weirctl("status").returncode == 0)

    def running(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def kill(self, name):
        """As a crash: no chance to say good-bye."""
        self.processes[name].kill()
        self.processes.pop(name).wait(10)
        self.lab.disown(name)

    def stop(self, name, seconds=15):
        """As an operator: SIGTERM, and only after `seconds` by force. The exit code, or None."""
        process = self.processes.pop(name, None)
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        self.lab.disown(name)
        return process.returncode

    def stop_all(self):
        for name in ("weir-dataplane", "weir-control"):
            self.stop(name)

    # ------------------------------------------------------------------ questions

    def ask(self, request):
        """One request to the data plane's control socket; {} when nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(5)
                link.connect(str(self.home / "dataplane.sock"))
                link.sendall(json.dumps(request).encode() + b"\n")
                with link.makefile("rb") as replies:
                    return json.loads(replies.readline() or b"{}")
        except OSError:
            return {}

    def weirctl(self, *arguments, timeout=20):
        command = [self.program("weirctl"), "--socket", self.home / "control.sock"]
        columns = shutil.get_terminal_size(fallback=(140, 24)).columns - INDENT_COLUMNS
        return subprocess.run(
            [*map(str, command), *map(str, arguments)],
            capture_output=True, text=True, timeout=timeout, check=False,
            env={**os.environ, "COLUMNS": str(columns)},
        )

    def weirctl_json(self, *arguments):
        """What `weirctl -j …` says, decoded: one document, or a list of its JSON lines."""
        done = self.weirctl("-j", *arguments)
        if done.returncode != 0:
            raise ProgramFailed(
                f"weirctl {' '.join(map(str, arguments))}: exit {done.returncode}: "
                f"{(done.stderr or done.stdout).strip()}")
        try:
            return json.loads(done.stdout or "[]")
        except json.JSONDecodeError:
            return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def sessions(self, *filters):
        answer = self.weirctl_json("sessions", "--reason", "lab check", *filters)
        return find_records(answer, "session_id")

    def incidents(self):
        return find_records(self.weirctl_json("incidents"), "state")

    def metrics(self):
        """The scraped samples: {'weir_x_total{port="inside"}': 12.0}."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples
