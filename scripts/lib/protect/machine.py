"""The machine that is looked at: its files and what its commands say.

With a root, files are read below it and a command's words from ROOT/commands/NAME, so that a machine
can be made up. What cannot be read is a warning, never the end.
"""

import pathlib
import subprocess

COMMANDS = {
    "route4": ["ip", "-4", "-j", "route", "show", "default"],
    "route6": ["ip", "-6", "-j", "route", "show", "default"],
    "address": ["ip", "-j", "address"],
    "sessions": ["ss", "-Htn", "state", "established"],
    "resolvectl": ["resolvectl", "dns"],
}
FILE_BYTES_MAX = 1 << 20
COMMAND_SECONDS = 10


class Machine:
    def __init__(self, root=None):
        self.made_up = root is not None
        self.root = pathlib.Path(root or "/")
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)

    def files(self, *patterns):
        """(path as the machine names it, text) of each file that there is, in order."""
        for pattern in patterns:
            for path in sorted(self.root.glob(pattern.lstrip("/"))):
                name = "/" + str(path.relative_to(self.root))
                text = self._read(path, name)
                if text is not None:
                    yield name, text

    def _read(self, path, name):
        try:
            if not path.is_file():
                return None
            with path.open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except OSError as problem:
            self.warn(f"{name}: {problem.strerror}")
            return None
        if len(content) > FILE_BYTES_MAX:
            self.warn(f"{name}: more than {FILE_BYTES_MAX} bytes, not read")
            return None
        return content.decode("utf-8", errors="replace")

    def command(self, name):
        """(the command, what it printed); nothing when it is not there."""
        line = " ".join(COMMANDS[name])
        if self.made_up:
            return line, self._read(self.root / "commands" / name, line) or ""
        return line, self._run(COMMANDS[name])

    def addresses_of(self, host):
        if self.made_up:
            known = self._read(self.root / "commands" / "getent", "getent") or ""
            return [line.split()[0] for line in known.splitlines() if line.split()[1:] == [host]]
        return [line.split()[0] for line in self._run(["getent", "ahosts", host]).splitlines() if line]

    def _run(self, command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=False)
        except FileNotFoundError:
            return ""
        except subprocess.TimeoutExpired:
            self.warn(f"{' '.join(command)}: no answer within {COMMAND_SECONDS} s")
            return ""
        return done.stdout
