"""10,000 names that are blocked, and 10,000 others that resemble them and must all be answered."""

import itertools
import random
import string
import subprocess
import sys
import time

from weirlab import clients

from .strategy import HTTP, TLS

COUNT = 10_000
CONTROLS = 25  # blocked names that are asked too, to see that the rules are at work
AT_ONCE = 32
SCHEMES = {HTTP: "http", TLS: "https"}
ALL = {HTTP: COUNT, TLS: COUNT}  # how many allowed names are asked for over which protocol
SECONDS_MAX = 600
SEED = 3


def label(dice, shortest=3, longest=12):
    return "".join(dice.choices(string.ascii_lowercase + string.digits,
                                k=dice.randint(shortest, longest)))


def blocked_names(count=COUNT):
    """(verb's selector, name): every second one with all names below it."""
    dice = random.Random(SEED)
    names = set()
    while len(names) < count:
        names.add(".".join(label(dice) for _ in range(dice.randint(1, 3))) + ".example")
    return [("domain" if number % 2 else "host", name)
            for number, name in enumerate(sorted(names))]


def resembling(selector, name, letter):
    """Names that an inexact comparison would take for that one. Only a name below another is
    spared by `host` and not by `domain`."""
    first, rest = name.split(".", 1)
    yield f"{letter}{name}"  # one letter more in front
    yield f"{first}{letter}.{rest}"
    yield f"{letter}-{name}"
    yield f"{name}.net"  # the name itself is below another
    yield f"{first[1:]}.{rest}" if len(first) > 1 else f"{letter}{letter}.{rest}"
    yield f"{name[:-1]}"  # another top level
    yield f"{first}.{letter}.{rest}"
    if selector == "host":
        yield f"{letter}.{name}"


def allowed_names(blocked, count=COUNT):
    """The first so many names that resemble blocked ones and that no rule names."""
    dice = random.Random(SEED)
    hosts = {name for _, name in blocked}
    domains = {name for selector, name in blocked if selector == "domain"}

    def spared(name):
        labels = name.split(".")
        above = {".".join(labels[number:]) for number in range(len(labels))}
        return name not in hosts and not above & domains

    chosen = {}
    turns = itertools.cycle(blocked)
    for turn in range(100 * count):
        if len(chosen) == count:
            return list(chosen)
        selector, name = next(turns)
        kinds = list(resembling(selector, name, dice.choice(string.ascii_lowercase)))
        candidate = kinds[turn % len(kinds)]
        if spared(candidate):
            chosen[candidate] = None
    raise RuntimeError(f"only {len(chosen)} names resemble the blocked ones")


def rules(blocked):
    return "".join(f"drop {selector} {name}\n" for selector, name in blocked)


def ask(lab, names, scheme, seconds=8):
    """What was not answered, a line a name; in the lab's campus, through the appliance."""
    process = subprocess.run(
        lab.command("campus", sys.executable, "-B", clients.SCRIPTS / "many_names.py",
                    lab.clients[0], lab.names["LAB_WEB4"], scheme, AT_ONCE,
                    seconds),
        input="\n".join(names), capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    if process.returncode != 0:
        raise RuntimeError(f"many_names.py: {process.stderr.strip().splitlines()[-1]}")
    return process.stdout.splitlines()


def measure(lab, appliance, progress, counts=ALL):
    """(what went wrong, a line each; one line that says what was measured). The appliance is
    started, and runs with these rules afterwards."""
    blocked = blocked_names()
    allowed = allowed_names(blocked)
    controls = [name for _, name in blocked[::len(blocked) // CONTROLS]]
    appliance.stop("weir-dataplane")
    appliance.rules.write_text(rules(blocked), encoding="utf-8")
    appliance.start_dataplane()
    faults, missing = [], 0
    for protocol, count in counts.items():
        begun = time.monotonic()
        refused = ask(lab, allowed[:count], SCHEMES[protocol])
        if refused:  # a machine that is too busy for one answer has it the second time
            progress(f"names   asked again: {'; '.join(refused[:3])}")
            refused = ask(lab, [line.split()[0] for line in refused], SCHEMES[protocol])
        progress(f"names   {count:,} allowed names over {protocol}: {len(refused)} not answered, "
                 f"{time.monotonic() - begun:.0f} s")
        missing += len(refused)
        faults += [f"{protocol}: an allowed name: {line}" for line in refused]
        passed = len(controls) - len(ask(lab, controls, SCHEMES[protocol], seconds=2))
        progress(f"names   {len(controls)} blocked names over {protocol}: {passed} answered")
        if passed:
            faults.append(f"{protocol}: {passed} of {len(controls)} blocked names were answered")
    asked = " and ".join(f"{count:,} over {protocol}" for protocol, count in counts.items())
    return faults, (f"Allowed names that resemble {len(blocked):,} blocked ones, {asked}: "
                    f"{missing} not answered.")
