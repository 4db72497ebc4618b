"""
A leader commits by counting only entries of its own term; older ones come along (paper, 5.4.2).

An older entry that a majority holds can still be overwritten (figure 8), whether or not it is in
this run.
"""

from __future__ import annotations

from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class CommitRule(Invariant):
    """Term and commit index of each robot when it was last seen to lead."""

    name = 'commit rule'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._seen: dict[str, tuple[int, int]] = {}

    def looked(self, robot: RobotFacts) -> None:
        """Hold that the commit index of a leader moves to an entry of its term."""
        term, commit = self._seen.get(robot.name, (0, 0))
        self._seen[robot.name] = (robot.leading, robot.commit)
        if not robot.leading or robot.leading != term or robot.commit == commit:
            return
        of = robot.term_at(robot.commit)
        if of != term:
            self.broken(
                f'{robot.name} leads term {term} and commits up to {robot.commit}, an entry of '
                f'term {of}'
            )

    def crashed(self, robot: RobotFacts) -> None:
        """Forget what a boot was seen to do."""
        self._seen.pop(robot.name, None)
