"""Weir's session records as flows, to be held against what is expected."""
import collections
import json
import pathlib
import subprocess
import tempfile

from .dissection import ICMP, ICMP6, address_of
from .expectation import REQUESTS, Flow

SECONDS_A_CAPTURE = 120


class ReplayFailed(RuntimeError):
    """weir-replay ended in a way that it should not."""


def replay(program, capture):
    """The records of a capture, and what weir-replay says is wrong with the file."""
    with tempfile.TemporaryDirectory(prefix="weir-conversations-") as folder:
        path = pathlib.Path(folder) / "sessions.jsonl"
        done = subprocess.run([str(program), "--sessions", str(path), str(capture)], capture_output=True, text=True,
                              errors="replace", check=False, timeout=SECONDS_A_CAPTURE)
        if done.returncode not in (0, 1):
            raise ReplayFailed(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines], done.stderr.strip()


def flow_of(record):
    """(flow, whether the session's source is its low end)."""
    protocol = record["proto_number"]
    src = address_of(record["src_ip"]), record["src_port"] or 0
    dst = address_of(record["dst_ip"]), record["dst_port"] or 0
    if protocol in (ICMP, ICMP6):
        kind, code = record["icmp_type"], record["icmp_code"]
        request = REQUESTS[protocol].get(kind)
        if request is None:
            src = src[0], kind << 8 | code
        else:
            dst = dst[0], request << 8
    ends = tuple(sorted((src, dst)))
    return Flow(protocol, ends, tuple(record["vlan"])), src == ends[0]


def totals(records):
    """As expectation.totals()."""
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for record in records:
        flow, src_is_low = flow_of(record)
        to_dst = record["packets_to_dst"], record["bytes_to_dst"]
        to_src = record["packets_to_src"], record["bytes_to_src"]
        low, high = (to_dst, to_src) if src_is_low else (to_src, to_dst)
        for place, value in enumerate((*low, *high)):
            sums[flow][place] += value
    return sums
