#!/usr/bin/env python3
"""Keeps the house in order: who may include whom, how long files, lines and functions may be.

usage: check_structure.py [--self-test] ROOT

Prints one line a fault, "file:line: what is wrong", and exits 1 when there are any.
"""
import argparse
import pathlib
import re
import subprocess
import sys

LINE_MAX = 100
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70

# Folder -> the folders whose headers it may include, besides itself. DESIGN: base <- packet <- parse <- {fragments,
# flow} <- {stream <- names, verdict} <- pipeline <- app; events <- base; rules <- base; verdict <- rules. Of the data plane,
# control sees base and events only.
BASE = {"dataplane/base"}
PACKET = BASE | {"dataplane/packet"}
MAY_INCLUDE = {
    "dataplane/base": set(),
    "dataplane/packet": BASE,
    "dataplane/parse": PACKET,
    "dataplane/fragments": PACKET | {"dataplane/parse"},
    "dataplane/flow": PACKET | {"dataplane/parse"},
    "dataplane/stream": PACKET | {"dataplane/flow"},
    "dataplane/names": BASE,
    "dataplane/dhcp": BASE,
    "dataplane/classify": PACKET,
    "dataplane/events": BASE,
    "dataplane/capture": PACKET,
    "dataplane/respond": PACKET | {"dataplane/parse"},
    "dataplane/spread": PACKET | {"dataplane/parse"},
    "dataplane/port": PACKET | {"dataplane/spread"},
    "rules/model": BASE,
    "rules/lists": BASE | {"rules/model"},
    "rules/compile": BASE | {"rules/model", "rules/lists"},
    "dataplane/identity": BASE | {"rules/compile"},
    "dataplane/verdict": PACKET | {"dataplane/flow", "dataplane/events", "dataplane/identity", "rules/model", "rules/lists",
                                   "rules/compile"},
    "dataplane/pipeline": PACKET | {"dataplane/parse", "dataplane/fragments", "dataplane/flow", "dataplane/stream",
                                    "dataplane/names", "dataplane/dhcp", "dataplane/classify", "dataplane/verdict", "dataplane/respond",
                                    "dataplane/events", "dataplane/identity", "rules/model", "rules/lists", "rules/compile"},
}
# Programs are at the edge and put the parts together.
REPLAY_SEES_OF_CONTROL = {"control/accounts"}  # docs/decisions: weir-replay --accounts
CONTROL_SEES = {"dataplane/base", "dataplane/events", "rules/model", "rules/lists", "rules/compile"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def folder_of(path, depth=2):
    return "/".join(path.split("/")[:depth])


def may_include(path, included):
    """Whether the file `path` may include `included`, both from the root."""
    own, other = folder_of(path), folder_of(included)
    if own == other or path.startswith("tests/"):
        return True
    if path.startswith("control/"):
        return other.startswith("control/") or other in CONTROL_SEES
    if own == "dataplane/app":
        replay = path.startswith("dataplane/app/replay/")
        return not other.startswith("control/") or (replay and other in REPLAY_SEES_OF_CONTROL)
    return other in MAY_INCLUDE.get(own, set())


def check_includes(path, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match and "/" in match[1] and not may_include(path, match[1]):
            yield number, f"{folder_of(path)} may not include {match[1]}"


def check_lengths(path, lines):
    if len(lines) > FILE_LINES_MAX:
        yield len(lines), f"a file of {len(lines)} lines; {FILE_LINES_MAX} at most"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX and "http" not in line:
            yield number, f"a line of {len(line)} characters; {LINE_MAX} at most"


def check_functions(lines):
    """Bodies that open on a line at the margin of a namespace or class and close at the same indent."""
    opened = None
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        text = line.strip()
        if opened is None:
            starts = text.endswith("{") and ("(" in text or text == "{" or text.endswith(") {"))
            if starts and not re.match(r"(class|struct|enum|union|namespace|extern)\b", text):
                opened = (number, indent)
        elif text.startswith("}") and indent <= opened[1]:
            length = number - opened[0] + 1
            if length > FUNCTION_LINES_MAX:
                yield opened[0], f"a function of {length} lines; {FUNCTION_LINES_MAX} at most"
            opened = None


def check_words(lines):
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield number, "a note to finish something: finish it, or file an issue"


def faults_of(path, text):
    lines = text.splitlines()
    yield from check_lengths(path, lines)
    if path.endswith((".h", ".cc")):
        yield from check_includes(path, lines)
        # A table of cases is one function, as long as it needs to be.
        if not path.startswith("tests/"):
            yield from check_functions(lines)
        yield from check_words(lines)
        if path.endswith(".h") and "#pragma once" not in text:
            yield 1, "a header without #pragma once"


def self_test():
    assert may_include("dataplane/pipeline/a.cc", "dataplane/flow/b.h")
    assert not may_include("dataplane/flow/a.cc", "dataplane/pipeline/b.h")
    assert not may_include("dataplane/base/a.cc", "rules/model/b.h")
    assert not may_include("control/api/a.cc", "dataplane/flow/b.h")
    assert may_include("control/api/a.cc", "dataplane/events/b.h")
    assert not may_include("dataplane/app/dataplane/a.cc", "control/accounts/b.h")
    long_function = ["void F() {"] + ["  x();"] * FUNCTION_LINES_MAX + ["}"]
    assert list(check_functions(long_function)) and not list(check_functions(long_function[1:20]))
    assert list(check_lengths("a.cc", ["x" * (LINE_MAX + 1)])) and not list(check_lengths("a.cc", ["x" * LINE_MAX]))


def tracked(root):
    """What git knows and has not ignored; outside a checkout, every file of the source folders."""
    try:
        out = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        out = [str(p.relative_to(root)) for p in pathlib.Path(root).rglob("*") if "build" not in p.parts]
    return sorted(p for p in out if p.endswith((".h", ".cc")) and (pathlib.Path(root) / p).is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("root")
    args = parser.parse_args()
    self_test()
    if args.self_test:
        return
    files = tracked(args.root)
    count = 0
    for path in files:
        for number, fault in faults_of(path, (pathlib.Path(args.root) / path).read_text(encoding="utf-8")):
            print(f"{path}:{number}: {fault}")
            count += 1
    print(f"{len(files)} files looked at, {count} faults")
    sys.exit(1 if count or not files else 0)


main()
