"""The page docs/evasion_results.md: the same results make the same page, whenever they were had."""

from .campaign import ALLOW, BARE, BLOCK
from .judge import Seen
from .strategy import PROTOCOLS

HEAD = """\
# Evasion strategies: results

Made by `scripts/evasion --table docs/evasion_results.md`; [evasion.md](evasion.md) says how each
cell is measured. Do not edit.

| in a cell | means |
|---|---|
| blocked | the request never became complete at the server's application; an allowed name passes |
| blocked, name seen | as above, but the name's octets arrived, in a request that stays incomplete |
| blocked, stalls | an allowed name stalls too: the strategy sends different octets for one place |
| blocked, refused | blocked; without Weir the application reads the request and answers: an error |
| breaks | without Weir no request arrives either: proves nothing; nothing leaked |
| **LEAKED** | the application got a complete request for the blocked name |
| **FAILS** | an allowed name gets no answer, although nothing conflicting was sent |
| – | does not apply |

"""


def verdict(row):
    """The words of one cell."""
    if row.leaked:
        return "**LEAKED**"
    if not row.works:
        return "breaks"
    words = "blocked"
    if row.outcomes[BLOCK].seen is Seen.NAME:
        words += ", name seen"
    if row.refused:
        words += ", refused"
    if row.passes:
        return words
    return words + (", stalls" if row.strategy.conflicting else ", **FAILS**")


def explanation(row):
    """What the three trials of a row came to and which clients they had, to look for a cause."""
    return "; ".join(
        f"{phase} ({outcome.client}): {'answered' if outcome.answered else outcome.said}, "
        f"{outcome.seen.name.lower()} seen, {outcome.applied} packets changed"
        for phase, outcome in ((phase, row.outcomes[phase]) for phase in (BARE, BLOCK, ALLOW)))


def count(rows):
    words = [verdict(row) for row in rows]
    leaked = sum(word == "**LEAKED**" for word in words)
    broken = sum(word == "breaks" for word in words)
    failing = sum("FAILS" in word for word in words)
    return (f"{len(rows)} trials of strategy and protocol: {len(rows) - leaked - broken} blocked "
            f"(of which {failing} fail for an allowed name), {leaked} leaked, {broken} do not work "
            "against this server.")


def page(rows, names):
    """The whole page; `names` is the line on the allowed names, empty when they were not asked."""
    out = [HEAD, count(rows), "\n"]
    if names:
        out += ["\n", names, "\n"]
    groups = list(dict.fromkeys(row.strategy.group for row in rows))
    for group in groups:
        out.append(f"\n## {group}\n\n| strategy | {' | '.join(PROTOCOLS)} |\n"
                   f"|{'---|' * (1 + len(PROTOCOLS))}\n")
        members = [row for row in rows if row.strategy.group == group]
        for strategy in dict.fromkeys(row.strategy for row in members):
            cells = {row.protocol: verdict(row) for row in members if row.strategy == strategy}
            out.append(f"| {strategy.name} | "
                       + " | ".join(cells.get(one, "–") for one in PROTOCOLS) + " |\n")
    return "".join(out)
