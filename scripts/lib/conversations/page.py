"""The counts in docs/conversations.md; the words around them are written by hand."""
from .expectation import Reason

BEGIN, END = "<!-- counts -->", "<!-- end of counts -->"


def with_counts(text, total):
    """The page with these counts. Every reason must have its heading in the text."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    missing = [reason.value for reason in Reason if f"## `{reason.value}`" not in text]
    if missing:
        raise ValueError(f"docs/conversations.md does not explain {', '.join(missing)}")
    return "\n".join([head + BEGIN, *table(total), END]) + tail


def table(total):
    lines = ["| | |", "|---|---|",
             f"| captures | {total.captures} |",
             f"| frames | {total.frames} |",
             f"| conversations that tshark shows | {total.shown} |",
             f"| flows that Weir has sessions of | {total.sessions} |",
             f"| the same in both, packets and bytes each way | {total.equal} |",
             f"| sessions | {total.records} |",
             f"| of TCP; tshark's streams; one to one | {total.tcp_sessions}; {total.tcp_streams}; {total.tcp_alike} |",
             f"| not explained | {len(total.unexplained)} |", "",
             "| reason | frames | flows that differ and have such frames |", "|---|---|---|"]
    for reason in Reason:
        lines.append(f"| [`{reason.value}`](#{reason.value}) | {total.frames_by_reason[reason]} | "
                     f"{total.flows_by_reason[reason]} |")
    return lines
