#!/usr/bin/env python3
"""What scripts/run shows: the lab up, Weir between its two sides, real clients through it, then
the record, the refusals, the incident and the metrics, each checked.

    demonstration.py BUILD_FOLDER [--stay]

Runs as root. Exits 0 when every expectation was met, and takes everything down however it ends.
"""

import argparse
import datetime
import json
import os
import signal
import sys
import time

from weirlab import Appliance, Clients, Lab, ProgramFailed, wait_for

SESSION_SECONDS = 25  # bound for the last session to be closed, stored and joined


class Screen:
    """Steps as they happen, and how many went wrong."""

    def __init__(self):
        plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ and os.environ["NO_COLOR"]
        codes = ("", "", "", "") if plain else ("\033[1m", "\033[32m", "\033[31m", "\033[0m")
        self.bold, self.green, self.red, self.end = codes
        self.failures = 0

    def title(self, text):
        print(f"\n{self.bold}== {text}{self.end}", flush=True)

    def say(self, text):
        print("\n".join("   " + line for line in str(text).splitlines()), flush=True)

    def expect(self, met, what, detail=""):
        self.failures += not met
        word = f"{self.green}ok    " if met else f"{self.red}FAILED"
        detail = " ".join(str(detail).split())[:160]
        print(f"   {word}  {what}{self.end}{': ' if detail else ''}{detail}", flush=True)
        return met


def exchange(screen, clients, lab):
    """The clients' side: what must pass passes, what must be refused is refused."""
    first, second, third, fourth = lab.clients
    screen.title("Clients in campus talk to servers in internet / 客户端访问")
    screen.expect(*told(clients.curl(first, "http://www.lab.example/"), "HTTP   www.lab.example"))
    screen.expect(*told(clients.curl(second, "https://shop.lab.example/"),
                        "TLS    shop.lab.example"))
    screen.expect(*told(clients.curl(lab.clients6[2], "https://files.lab.example/megabyte",
                                     "--output", "/dev/null"), "TLS    files.lab.example, IPv6"))
    screen.expect(*told(clients.dig(third, "files.lab.example"), "DNS    files.lab.example, UDP"))
    screen.expect(*told(clients.dig(third, "files.lab.example", "+tcp", kind="AAAA"),
                        "DNS    files.lab.example, TCP"))
    screen.expect(*told(clients.http3("video.lab.example"), "QUIC   video.lab.example, HTTP/3"))

    screen.title("What the policy forbids / 被策略阻断")
    met, seen = clients.curl(fourth, "https://games.lab.example/")
    screen.expect(not met and "reset by peer" in seen, "refused  TLS games.lab.example", seen)
    met, seen = clients.connect(third, lab.names["LAB_TELNET_PORT"])
    screen.expect(not met and "timed out" in seen, "refused  port tcp/23", seen)


def told(result, what):
    met, seen = result
    return met, what, seen


def complete(record):
    """A passed session as it must be stored: who, what, when, how much each way."""
    return (record.get("state") == "closed"
            and record.get("account") and record.get("name") and record.get("app")
            and record.get("start") and record.get("end")
            and record.get("bytes_to_dst", 0) > 0 and record.get("bytes_to_src", 0) > 0)


# (what, account, name, name source, protocol) of the sessions that must be in the record.
PASSED = (
    ("HTTP", "s2023001", "www.lab.example", "http_host", "tcp"),
    ("TLS", "s2023002", "shop.lab.example", "tls_sni", "tcp"),
    ("TLS over IPv6", "t0042", "files.lab.example", "tls_sni", "tcp"),
    ("DNS over UDP", "t0042", "files.lab.example", "dns_query", "udp"),
    ("DNS over TCP", "t0042", "files.lab.example", "dns_query", "tcp"),
    ("QUIC", "s2023001", "video.lab.example", "quic_sni", "udp"),
)
# (what, account, field, value, rule) of the refused ones.
REFUSED = (
    ("name", "s2023004", "name", "games.lab.example", "lab-games"),
    ("port", "t0042", "dst_port", 23, "lab-telnet"),
)


def passed_session(sessions, wanted):
    _, account, name, source, proto = wanted
    return next((s for s in sessions if complete(s) and s["account"] == account
                 and (s["name"], s["name_source"], s["proto"]) == (name, source, proto)), None)


def refused_session(sessions, wanted):
    _, account, field, value, rule = wanted
    return next((s for s in sessions if s.get("account") == account and s.get(field) == value
                 and s.get("rule") == rule and s.get("verdict") in ("drop", "reject")), None)


def show_sessions(screen, appliance):
    screen.title("Sessions, with accounts / 会话与账号")

    def all_there():
        found = appliance.sessions()
        whole = (all(passed_session(found, wanted) for wanted in PASSED)
                 and all(refused_session(found, wanted) for wanted in REFUSED))
        return found if whole else None

    screen.say("waiting until the last one is closed and stored …")
    sessions = wait_for(SESSION_SECONDS, all_there, every=0.5) or appliance.sessions()
    table = appliance.weirctl("sessions", "--reason", "demonstration", "--format", "table")
    screen.say(table.stdout or table.stderr)
    for wanted in PASSED:
        found = passed_session(sessions, wanted)
        screen.expect(found, f"recorded {wanted[0]}", found and
                      f"{found['account']} {found['name']} {found['app']} "
                      f"{found['bytes_to_dst']} bytes out, {found['bytes_to_src']} in")

    screen.title("Blocked, and by which rule / 阻断与规则")
    for wanted in REFUSED:
        found = refused_session(sessions, wanted)
        screen.expect(found, f"blocked {wanted[0]} {wanted[3]}", found and
                      f"{found['account']}, {found['verdict']} by rule {found['rule']}")


def hours_left(incident):
    """Hours from the incident's discovery to its first deadline, and from now."""
    def moment(text):
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

    due = min(moment(clock["due"]) for clock in incident["deadlines"])
    now = datetime.datetime.now(datetime.timezone.utc)
    return ((due - moment(incident["discovered"])).total_seconds() / 3600,
            (due - now).total_seconds() / 3600)


def show_incidents(screen, appliance):
    screen.title("Incidents, with deadlines / 事件与上报时限")
    incidents = wait_for(10, appliance.incidents, every=0.5) or []
    screen.say(appliance.weirctl("incidents").stdout)
    screen.expect(len(incidents) == 1, "one incident", f"{len(incidents)} found")
    for incident in incidents:
        whole, left = hours_left(incident)
        screen.expect(whole == 24 and 23.5 < left <= 24, f"deadline of {incident.get('id')}",
                      f"24 h after discovery, {left:.2f} h from now")


def show_metrics(screen, appliance):
    screen.title("Metrics / 指标")
    samples = appliance.metrics()
    for name in ("weir_port_receive_packets_total", "weir_verdicts_total",
                 "weir_audit_records_total", "weir_incidents_open", "weir_policy_version"):
        found = {key: value for key, value in samples.items() if key.split("{")[0] == name}
        screen.expect(sum(found.values()) > 0, name,
                      ", ".join(f"{key[len(name):]} {value:g}" for key, value in found.items()))
    screen.say(f"scraped {len(samples)} samples from http://127.0.0.1:{appliance.port}/metrics")


def show_where(screen, appliance):
    home = appliance.home
    screen.title("Where things are / 入口")
    screen.say(f"API      http://127.0.0.1:{appliance.port}/ with the token in {home}/data/token")
    screen.say(f"metrics  http://127.0.0.1:{appliance.port}/metrics")
    screen.say(f"weirctl  {appliance.program('weirctl')} --socket {home}/control.sock sessions …")
    screen.say("a client scripts/lab exec campus curl http://www.lab.example/")


def stay(screen, appliance):
    screen.say("\nrunning until Ctrl-C / 按 Ctrl-C 结束")
    try:
        while all(appliance.running(name) for name in ("weir-dataplane", "weir-control")):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
    screen.expect(False, "a program ended by itself")
    for name in ("weir-dataplane", "weir-control"):
        if not appliance.running(name):
            screen.say(f"{name}:\n{appliance.log_tail(name)}")


def end(screen, appliance):
    """Both programs end in order; the data plane's own account of its work comes last."""
    screen.title("The end, in order / 有序结束")
    code = appliance.stop("weir-dataplane")
    screen.expect(code == 0, "weir-dataplane ended", f"code {code}")
    code = appliance.stop("weir-control")
    screen.expect(code == 0, "weir-control ended", f"code {code}")
    try:
        summary = json.loads(appliance.summary.read_text(encoding="utf-8"))
        total = summary.get("total", summary)
        keys = ("rx_packets", "tx_packets", "dropped_packets", "sessions_recorded", "events_lost")
        screen.expect(total["events_lost"] == 0, "summary",
                      ", ".join(f"{key} {total[key]}" for key in keys))
    except (OSError, KeyError, ValueError) as problem:
        screen.expect(False, "summary", problem)


def start_forwarding(screen, lab, appliance):
    """A kernel without AF_XDP still gets its demonstration, by AF_PACKET and without the bridge."""
    try:
        appliance.start_dataplane()
    except ProgramFailed as problem:
        if "AF_XDP" not in str(problem):
            raise
        screen.say(problem)
        screen.say("no AF_XDP here: the ports leave the bridge, so this run is not fail-open")
        lab.leave_bridge()
        appliance.start_dataplane()
    screen.say(f"weir-dataplane forwards between {lab.inside} and {lab.outside}")


def demonstrate(screen, lab, build, wants_to_stay):
    screen.title("Lab / 实验网络")
    screen.say(lab.up())
    appliance = Appliance(lab, build, port=8443)
    try:
        screen.title("Weir starts / 启动")
        start_forwarding(screen, lab, appliance)
        appliance.start_control()
        screen.say(f"weir-control listens on 127.0.0.1:{appliance.port}")
        exchange(screen, Clients(lab), lab)
        show_sessions(screen, appliance)
        show_incidents(screen, appliance)
        show_metrics(screen, appliance)
        show_where(screen, appliance)
        if wants_to_stay:
            stay(screen, appliance)
        end(screen, appliance)
    finally:
        appliance.stop_all()


def interrupted(signum, _frame):
    raise KeyboardInterrupt(signal.Signals(signum).name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--stay", action="store_true")
    options = parser.parse_args()
    for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(signum, interrupted)
    screen = Screen()
    lab = Lab(os.environ.get("WEIR_LAB_PREFIX", "weir"))
    code = 1
    try:
        demonstrate(screen, lab, options.build, options.stay)
        code = 1 if screen.failures else 0
    except KeyboardInterrupt as signal_name:
        screen.say(f"\nstopped by {signal_name}")
        code = 130
    except (ProgramFailed, RuntimeError) as problem:
        screen.expect(False, "stopped early")
        screen.say(problem)
    finally:
        for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # the clean-up is short, and runs to its end
        screen.say(lab.down())
    screen.title("everything as expected / 全部符合预期" if code == 0
                 else "not as expected / 与预期不符")
    return code


sys.exit(main())
