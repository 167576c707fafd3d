"""All trials: without Weir, with Weir and a blocked name, with Weir and an allowed name."""

import concurrent.futures
import dataclasses
import queue
import time

from . import site, trial
from .judge import Seen

BARE, BLOCK, ALLOW = "bare", "blocked", "allowed"
# The kernel of a client that has ended resends its request with growing pauses. This is the least
# time a request has to arrive late, before it is judged.
SETTLE_SECONDS = 2

RULES = f"drop host {trial.BLOCKED} id evasion\n"


@dataclasses.dataclass
class Row:
    strategy: object
    protocol: str
    outcomes: dict = dataclasses.field(default_factory=dict)  # BARE, BLOCK, ALLOW -> Outcome

    @property
    def works(self):
        """Without Weir the application gets a complete request for the name, and the strategy has
        done something to it. Whether the server likes the request is another matter."""
        bare = self.outcomes[BARE]
        return bare.seen is Seen.REQUEST and bool(bare.applied or not self.strategy.acts)

    @property
    def refused(self):
        """The application got the request without Weir, and would not answer it."""
        return self.works and not self.outcomes[BARE].answered

    @property
    def leaked(self):
        blocked = self.outcomes[BLOCK]
        return blocked.answered or blocked.seen is Seen.REQUEST

    @property
    def passes(self):
        """An allowed name gets as far as it does without Weir."""
        allowed = self.outcomes[ALLOW]
        return allowed.answered or (self.refused and allowed.seen is Seen.REQUEST)

    @property
    def good(self):
        """What a blocker must show; a strategy that does not work must not leak either."""
        if self.leaked:
            return False
        return self.passes or not self.works or self.strategy.conflicting


def rows_of(strategies, protocols):
    return [Row(strategy, protocol) for strategy in strategies
            for protocol in strategy.protocols if protocol in protocols]


def attempt(where, number, row, phase, name):
    # Without the appliance, and for an allowed name, the strategy itself must work.
    outcome = trial.run(where, number, (row.strategy, row.protocol), name, mixed=phase is BLOCK)
    # A request that comes later, resent as it is, says nothing of what the strategy can do.
    outcome.seen = outcome.reached()
    return outcome


def run_phase(where, rows, phase, name, progress):
    """One trial of each row, as many at a time as there are lanes."""
    free = queue.SimpleQueue()
    for number in range(site.LANES):
        free.put(number)

    def one(row):
        number = free.get()
        try:
            row.outcomes[phase] = attempt(where, number, row, phase, name)
            # On a busy machine a client may have waited too little: a true stall happens again.
            expected = phase is not BLOCK and not row.strategy.conflicting
            if expected and not row.outcomes[phase].answered:
                row.outcomes[phase] = attempt(where, number, row, phase, name)
        finally:
            free.put(number)
        return row

    with concurrent.futures.ThreadPoolExecutor(site.LANES) as pool:
        pending = [pool.submit(one, row) for row in rows]
        for done, future in enumerate(concurrent.futures.as_completed(pending), 1):
            progress(phase, done, len(rows), future.result())


def run(where, rows, appliance, progress, settle=SETTLE_SECONDS):
    """All phases; the appliance is started between the first and the second."""
    run_phase(where, rows, BARE, trial.BLOCKED, progress)
    appliance.start_dataplane()
    run_phase(where, rows, BLOCK, trial.BLOCKED, progress)
    run_phase(where, rows, ALLOW, trial.ALLOWED, progress)
    time.sleep(settle)
    # Now: once the appliance has stopped, the bridge forwards what clients still resend.
    for row in rows:
        row.outcomes[BLOCK].seen = row.outcomes[BLOCK].reached()
