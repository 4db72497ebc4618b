"""
No two robots apply different entries at an index (Raft paper, 5.4.3), and none skips one.

Equal logs must also make equal states: digests are compared wherever two robots stand at the same
index.
"""

from __future__ import annotations

from swarm_consensus.protocols.raft import Entry
from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class StateMachineSafety(Invariant):
    """What was applied first at each index, and the digest after it."""

    name = 'state machine safety'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._digests: dict[int, tuple[str, str]] = {}

    def applied(self, robot: RobotFacts, entry: Entry, first: bool) -> None:
        """Hold that it is the entry that was applied there first."""
        known = self.facts.committed[entry.index - 1]
        if known is not entry and known != entry:
            self.broken(f'{robot.name} applies {entry}, another robot applied {known}')

    def looked(self, robot: RobotFacts) -> None:
        """Hold that the state is that of others with as much applied."""
        if robot.probe is None or not robot.applied:
            return
        digest = robot.probe.digest
        known, other = self._digests.setdefault(robot.applied, (digest, robot.name))
        if known != digest:
            self.broken(
                f'{robot.name} has digest {digest} at index {robot.applied}, {other} had {known}'
            )
