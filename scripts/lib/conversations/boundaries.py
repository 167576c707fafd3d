"""Which frames each session of a flow is made of, and how that agrees with tshark's TCP streams.

The sessions of a flow follow each other. So the first takes as many of the flow's frames as it counts packets, the next
goes on from there; then directions, octets, first and last time of each must be those of its frames.
"""
import collections
import dataclasses
import datetime

from . import records
from .dissection import ICMP, ICMP6, TCP
from .expectation import Reason

FIN, SYN, RST = 1, 2, 4
FRAGMENT_REASONS = {Reason.FRAGMENT, Reason.FRAGMENT_INCOMPLETE, Reason.FRAGMENT_AGAIN, Reason.FRAGMENT_FIRST}
CLOCK_ERROR_US = 1  # captures in nanoseconds: what is less than a microsecond is cut at another place
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


@dataclasses.dataclass
class Session:
    """A session, its parts added up, with its frames."""

    flow: object
    records: list
    frames: list


def microseconds(text):
    since = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH
    return since // datetime.timedelta(microseconds=1)


def clock(frames):
    """The time of each frame by number, in microseconds, on a clock that does not go back."""
    now, times = None, {}
    for frame in frames:
        now = frame.time_ns if now is None else max(now, frame.time_ns)
        times[frame.number] = now // 1000
    return times


def group(told):
    """The records of each session, by flow, by start."""
    flows = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in told:
        flows[records.flow_of(record)[0]][record["session_id"]].append(record)
    grouped = {}
    for flow, sessions in flows.items():
        for parts in sessions.values():
            parts.sort(key=lambda record: record["part"])
        grouped[flow] = sorted(sessions.values(), key=lambda parts: (parts[0]["start"], parts[0]["session_id"]))
    return grouped


def deal(all_expected, told, times):
    """(sessions with their frames, what does not fit in words)."""
    of_flow = collections.defaultdict(list)
    for one in all_expected:
        if one.session:
            of_flow[one.session.flow].append(one)
    sessions, faults = [], []
    for flow, grouped in group(told).items():
        left = collections.deque(of_flow[flow])
        # Fragments are counted when they are whole or given up, so not in the order of frames.
        in_order = len(grouped) == 1 or not any(one.reasons & FRAGMENT_REASONS for one in left)
        for parts in grouped:
            taken = []
            for part in parts:
                wanted = part["packets_to_dst"] + part["packets_to_src"]
                frames = [left.popleft() for _ in range(min(wanted, len(left)))]
                faults += check(part, frames, times) if in_order else []
                taken += frames
            sessions.append(Session(flow, parts, taken))
    return sessions, faults


def check(part, frames, times):
    flow, src_is_low = records.flow_of(part)
    name = f"{flow}: session {part['session_id']} part {part['part']}"
    if not frames:
        return [f"{name}: no frames are left for it"]
    faults = []
    for way, from_low in (("dst", src_is_low), ("src", not src_is_low)):
        counts = [one.session.octets for one in frames if one.session.from_low == from_low]
        seen = part[f"packets_to_{way}"], part[f"bytes_to_{way}"]
        if (len(counts), sum(counts)) != seen:
            faults.append(f"{name}: to its {way} {seen}, its frames {len(counts), sum(counts)}")
    first, last = times[frames[0].frame.number], times[frames[-1].frame.number]
    if any(one.reasons & FRAGMENT_REASONS for one in frames):
        # Counted when the datagram is whole or given up: other packets of the flow may be counted before.
        begin, end = microseconds(part["start"]), microseconds(part["end"])
        if not first - CLOCK_ERROR_US <= begin <= end <= last + CLOCK_ERROR_US:
            faults.append(f"{name}: {part['start']} to {part['end']}, its frames from {first} to {last}")
        return faults
    if part["part"] == 0 and abs(microseconds(part["start"]) - first) > CLOCK_ERROR_US:
        faults.append(f"{name}: begins {part['start']}, its first frame at {first}")
    if abs(microseconds(part["end"]) - last) > CLOCK_ERROR_US:
        faults.append(f"{name}: ends {part['end']}, its last frame at {last}")
    return faults


def silence_needed_us(session, protocol):
    """How long nothing must be said before what follows is another session (dataplane/flow/limits.h)."""
    if protocol in (ICMP, ICMP6):
        return 30_000_000
    if protocol != TCP:
        return 120_000_000
    return 10_000_000 if is_closed(session) else 30_000_000


def is_closed(session):
    """After an RST, or a FIN from either end."""
    fins = {one.session.from_low for one in session.frames if flags_of(one) & FIN}
    return len(fins) == 2 or any(flags_of(one) & RST for one in session.frames)


def flags_of(one):
    return one.session.layer.tcp_flags


def stream_of(one):
    return one.session.layer.stream


def check_splits(sessions, times):
    """What ends one session of a flow and begins the next: (reasons by frame number, what has none in words)."""
    reasons, faults = collections.defaultdict(set), []
    of_flow = collections.defaultdict(list)
    for session in sessions:
        if session.frames:
            of_flow[session.flow].append(session)
    for flow, mine in of_flow.items():
        for before, after in zip(mine, mine[1:]):
            first = after.frames[0]
            if any(Reason.FRAGMENT_INCOMPLETE in one.reasons for one in (*before.frames, *after.frames)):
                continue  # counted when they are given up, which may be after the rest of the flow was closed
            silence_us = times[first.frame.number] - times[before.frames[-1].frame.number]
            one_stream = flow.protocol == TCP and stream_of(first) in {stream_of(one) for one in before.frames}
            begins_anew = is_closed(before) and flags_of(first) & SYN if flow.protocol == TCP else False
            if silence_us < silence_needed_us(before, flow.protocol) and not begins_anew:
                faults.append(f"{flow}: another session at frame {first.frame.number}, {silence_us} us after the last")
            elif one_stream:
                reason = Reason.STREAM_REOPENED if begins_anew else Reason.STREAM_SILENCE
                reasons[first.frame.number].add(reason)
    return reasons, faults


def check_streams(sessions):
    """Where one session holds several streams, or streams several flows: reasons by frame number."""
    reasons = collections.defaultdict(set)
    flows = collections.defaultdict(set)
    for session in sessions:
        if session.flow.protocol != TCP:
            continue
        seen = set()
        for one in session.frames:
            stream = stream_of(one)
            if stream is None or stream in seen:
                continue
            if seen:
                reasons[one.frame.number].add(Reason.STREAM_SYN if flags_of(one) & SYN else Reason.STREAM_MIDDLE)
            seen.add(stream)
            flows[stream].add(session.flow)
            if len(flows[stream]) > 1:
                reasons[one.frame.number].add(Reason.STREAM_FLOWS)
    return reasons


def tcp_counts(sessions):
    """(sessions of TCP with a frame that tshark gives a stream, streams, of these one to one)."""
    tcp = [session for session in sessions if session.flow.protocol == TCP]
    sets = [frozenset(stream_of(one) for one in session.frames) - {None} for session in tcp]
    uses = collections.Counter(stream for streams in sets for stream in streams)
    alike = sum(1 for streams in sets if len(streams) == 1 and uses[next(iter(streams))] == 1)
    return sum(1 for streams in sets if streams), len(uses), alike
