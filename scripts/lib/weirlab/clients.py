"""Real clients in the campus namespace. Each returns (succeeded, what was seen)."""

import pathlib
import subprocess
import sys

SCRIPTS = pathlib.Path(__file__).parent / "scripts"


class Clients:
    def __init__(self, lab):
        self.lab = lab
        self.web = lab.names["LAB_WEB4"]
        self.web6 = lab.names["LAB_WEB6"]
        self.dns_server = lab.names["LAB_DNS4"]
        self.certificate = lab.names["LAB_CA"]

    def curl(self, source, url, *options, seconds=8):
        """One GET from that source address; succeeds on status 200."""
        done = self.lab.run(
            "campus", "curl", "--silent", "--show-error", "--max-time", seconds,
            "--interface", source, "--cacert", self.certificate,
            "--write-out", "\n%{http_code}", *options, url, timeout=seconds + 5,
        )
        body, _, status = done.stdout.rpartition("\n")
        if done.returncode == 0 and status == "200":
            return True, body.strip()
        return False, done.stderr.strip() or f"curl exit {done.returncode}, status {status}"

    def dig(self, source, name, *options, kind="A"):
        """One question to the lab's DNS server; succeeds when there is an answer."""
        done = self.lab.run(
            "campus", "dig", "-b", source, f"@{self.dns_server}", name, kind,
            "+short", "+time=2", "+tries=1", *options,
        )
        answer = done.stdout.strip()
        return done.returncode == 0 and bool(answer), answer or done.stderr.strip()

    def http3(self, name, path="/"):
        """One GET over QUIC from the first client address (gtlsclient binds to no other).

        gtlsclient sends a name only where it has resolved one, so it is given a hosts file, in the
        mount namespace that `ip netns exec` makes for the command.
        """
        hosts = self.lab.state / "hosts"
        hosts.write_text(f"{self.web} {name}\n", encoding="ascii")
        done = self.lab.run(
            "campus", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
            "gtlsclient", "--no-quic-dump", "--exit-on-all-streams-close",
            "--handshake-timeout=4s", "--timeout=4s", name, "443", f"https://{name}{path}",
            timeout=15,
        )
        text = done.stdout + done.stderr
        answered = done.returncode == 0 and ":status: 200" in text
        return answered, "status 200" if answered else (text.strip().splitlines() or ["none"])[-1]

    def connect(self, source, port, seconds=3):
        """A bare TCP connection; succeeds when the handshake completes."""
        script = (
            "import socket, sys\n"
            "socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]),"
            " (sys.argv[4], 0)).close()\n"
        )
        done = self.lab.run("campus", "python3", "-c", script, self.web, port, seconds, source)
        return done.returncode == 0, (done.stderr.strip().splitlines() or ["connected"])[-1]

    def start(self, script, *arguments):
        """Starts a script of this folder's scripts/ as a campus client, its output piped."""
        return subprocess.Popen(
            self.lab.command("campus", sys.executable, "-B", SCRIPTS / script, *arguments),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )

    def start_download(self, url, source, path):
        """Starts a download into a file, for as long as it takes."""
        return subprocess.Popen(
            self.lab.command("campus", "curl", "--silent", "--interface", source,
                             "--cacert", self.certificate, "--no-buffer", "--output", path, url),
            stdin=subprocess.DEVNULL,
        )

    def ping(self, count, interval, target=None):
        """Starts a ping in the background; read its output with lost_pings()."""
        return subprocess.Popen(
            self.lab.command("campus", "ping", "-c", count, "-i", interval, "-W", "1",
                             target or self.web),
            stdout=subprocess.PIPE, text=True,
        )


def lost_pings(process, count, timeout=60):
    """The runs of sequence numbers that got no answer, as (first, last)."""
    output, _ = process.communicate(timeout=timeout)
    answered = {
        int(line.split("icmp_seq=")[1].split()[0])
        for line in output.splitlines() if "bytes from" in line
    }
    runs = []
    for sequence in range(1, count + 1):
        if sequence in answered:
            continue
        if runs and runs[-1][1] == sequence - 1:
            runs[-1] = (runs[-1][0], sequence)
        else:
            runs.append((sequence, sequence))
    return runs
