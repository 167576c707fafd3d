"""The two namespaces and their servers, by way of scripts/lab."""

import os
import pathlib
import shlex
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


def wait_for(seconds, check, every=0.1):
    """Calls check() until it returns something true, and returns that; None when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() >= deadline:
            return None
        time.sleep(every)


class Lab:
    """One lab, named by its prefix. `names` holds what `scripts/lab env` prints."""

    def __init__(self, prefix="weir"):
        self.environment = dict(os.environ, WEIR_LAB_PREFIX=prefix, NO_COLOR="1")
        lines = shlex.split(self._lab("env").stdout)
        self.names = dict(line.split("=", 1) for line in lines)
        self.state = pathlib.Path(self.names["LAB_STATE"])
        self.inside = self.names["LAB_INSIDE"]
        self.outside = self.names["LAB_OUTSIDE"]
        self.clients = self.names["LAB_CLIENTS"].split()
        self.clients6 = self.names["LAB_CLIENTS6"].split()

    def _lab(self, *arguments):
        done = subprocess.run(
            [ROOT / "scripts" / "lab", *arguments],
            env=self.environment, capture_output=True, text=True, timeout=60,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise RuntimeError(f"scripts/lab {arguments[0]}: {said}")
        return done

    def up(self):
        return self._lab("up").stdout.strip()

    def down(self):
        return self._lab("down").stdout.strip()

    def command(self, where, *arguments):
        """The command line that runs `arguments` in a namespace, `where`: campus or internet."""
        namespace = self.names["LAB_CAMPUS" if where == "campus" else "LAB_INTERNET"]
        return ["ip", "netns", "exec", namespace, *map(str, arguments)]

    def run(self, where, *arguments, timeout=20, **options):
        """Runs to the end, output captured; a client that hangs counts as one that failed."""
        command = self.command(where, *arguments)
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, check=False, **options
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no end within {timeout} s")

    def leave_bridge(self):
        """Takes the appliance's ports out of the bridge: from now on only Weir forwards."""
        for port in (self.inside, self.outside):
            subprocess.run(["ip", "link", "set", port, "nomaster"], check=True, timeout=10)

    def own(self, name, process):
        """Leaves a pid file, so that `scripts/lab down` ends the process if nobody else does."""
        stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
        started = stat.rsplit(") ", 1)[1].split()[19]
        (self.state / "pid" / name).write_text(f"{process.pid} {started}\n", encoding="ascii")

    def disown(self, name):
        (self.state / "pid" / name).unlink(missing_ok=True)

    def requests(self):
        """What nginx has answered: (client address, client port, scheme, host, path, status)."""
        text = pathlib.Path(self.names["LAB_REQUESTS"]).read_text(encoding="utf-8")
        return [tuple(line.split()[:6]) for line in text.splitlines()]
