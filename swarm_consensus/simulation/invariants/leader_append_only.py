"""A leader never overwrites or deletes entries in its log; it only appends (Raft paper, 5.3)."""

from __future__ import annotations

from swarm_consensus.protocols.raft import Persist, Role
from swarm_consensus.simulation.facts import RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class LeaderAppendOnly(Invariant):
    """What a robot writes that led before and still does."""

    name = 'leader append-only'

    def wrote(self, robot: RobotFacts, persist: Persist) -> None:
        """Hold that the write of a leader begins right behind its log."""
        if not robot.leading or not persist.entries or robot.probe is None:
            return
        role, term, _, _ = robot.probe.look()
        if role is not Role.LEADER or term != robot.leading:
            return
        first = persist.entries[0]
        if first.index != robot.last_index + 1:
            self.broken(
                f'{robot.name} leads term {term} and writes {first} over a log that ends at '
                f'{robot.last_index}'
            )
