"""Sessions and conversations of captures, side by side."""
import collections
import dataclasses

import capture_oracle

from . import boundaries, dissection, expectation, records


class NotComparable(RuntimeError):
    """The programs do not even agree on how many frames there are."""


@dataclasses.dataclass
class Result:
    """Of one capture, or of several added up."""

    captures: int = 0
    frames: int = 0
    shown: int = 0  # conversations that tshark shows
    sessions: int = 0  # flows that Weir has sessions of
    equal: int = 0  # in both, with the same packets and octets each way
    records: int = 0  # sessions, of which a flow may have several, one after the other
    tcp_sessions: int = 0
    tcp_streams: int = 0
    tcp_alike: int = 0  # sessions that are one stream, and the whole of it
    frames_by_reason: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    flows_by_reason: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    unexplained: list = dataclasses.field(default_factory=list)  # words

    def add(self, other):
        for field in dataclasses.fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, collections.Counter):
                mine.update(theirs)
            else:
                setattr(self, field.name, mine + theirs)

    def words(self):
        lines = [f"{self.captures} captures, {self.frames} frames; {self.shown} conversations, {self.sessions} flows, "
                 f"{self.equal} equal; {self.records} sessions, of TCP {self.tcp_sessions} for {self.tcp_streams} "
                 f"streams, {self.tcp_alike} one to one"]
        for reason, frames in sorted(self.frames_by_reason.items(), key=lambda each: -each[1]):
            lines.append(f"{frames:7} frames, {self.flows_by_reason[reason]:4} flows that differ: {reason.value}")
        return [*lines, f"not explained: {len(self.unexplained)}"]


def expect_all(path, dissect=dissection.dissect):
    """What is to be expected of each frame of the capture."""
    capture = capture_oracle.Capture(path)
    frames, _ = dissect(path)
    if len(frames) != len(capture.records):
        raise NotComparable(f"tshark reads {len(frames)} frames, the oracle {len(capture.records)}")
    all_expected = [expectation.expect(frame, capture.link_type, record)
                    for frame, record in zip(frames, capture.records)]
    expectation.join_fragments(all_expected, lambda: dissect(path, singly=True)[0])
    return all_expected


def compare(all_expected, told, by_session=True):
    """The expected frames against the session records; not session by session where another clock stamped the frames.
    """
    shown = expectation.totals(one.shown for one in all_expected if one.shown)
    expected = expectation.totals(one.session for one in all_expected if one.session)
    sessions = records.totals(told)
    result = Result(1, len(all_expected), len(shown), len(sessions))
    if by_session:
        compare_sessions(all_expected, told, result)
    reasons = reasons_of_flows(all_expected)
    for one in all_expected:
        result.frames_by_reason.update(one.reasons)
    for flow in shown.keys() | sessions.keys():
        if shown.get(flow) == sessions.get(flow):
            result.equal += 1
        else:
            result.flows_by_reason.update(reasons[flow])
    for flow in sorted(expected.keys() | sessions.keys(), key=str):
        if expected.get(flow) != sessions.get(flow):
            result.unexplained.append(f"{flow}: expected {expected.get(flow)}, Weir {sessions.get(flow)}")
    return result


def compare_sessions(all_expected, told, result):
    """One by one: which frames each session has, and which streams these are."""
    times = boundaries.clock([one.frame for one in all_expected])
    sessions, faults = boundaries.deal(all_expected, told, times)
    result.records = len(sessions)
    result.tcp_sessions, result.tcp_streams, result.tcp_alike = boundaries.tcp_counts(sessions)
    splits, unsplit = boundaries.check_splits(sessions, times)
    streams = boundaries.check_streams(sessions)
    for one in all_expected:
        one.reasons |= splits[one.frame.number] | streams[one.frame.number]
    result.unexplained += faults + unsplit


def reasons_of_flows(all_expected):
    """The reasons of all frames that a flow has, or loses."""
    reasons = collections.defaultdict(set)
    for one in all_expected:
        for view in (one.shown, one.session):
            if view:
                reasons[view.flow] |= one.reasons
    return reasons


def compare_capture(path, program, dissect=dissection.dissect):
    """(the result, what was expected of each frame)."""
    all_expected = expect_all(path, dissect)
    told, _ = records.replay(program, path)
    return compare(all_expected, told), all_expected
