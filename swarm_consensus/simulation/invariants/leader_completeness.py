"""A leader has every entry that was committed in an earlier term (Raft paper, 5.4)."""

from __future__ import annotations

from swarm_consensus.simulation.facts import RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class LeaderCompleteness(Invariant):
    """The logs of those that lead a term later than that of the last commit."""

    name = 'leader completeness'

    def looked(self, robot: RobotFacts) -> None:
        """Hold that a leader has the last entry committed, and so all, by log matching."""
        committed = self.facts.committed
        if not committed or robot.leading <= self.facts.committed_in:
            return
        entry = committed[-1]
        if robot.commit >= entry.index:
            # What it has committed itself, state machine safety looks after.
            return
        term = robot.term_at(entry.index)
        if term != entry.term:
            has = 'ends before it' if term < 0 else f'has one of term {term} there'
            self.broken(
                f'{robot.name} leads term {robot.leading}, and its log {has}: {entry}, which was '
                f'committed by term {self.facts.committed_in}'
            )
