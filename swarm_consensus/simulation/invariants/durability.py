"""
What is committed is on the disks of a quorum, and what a robot knows only grows.

An entry that is applied somewhere before a quorum has it durably can still be lost, whether or
not it is in this run; so this finds an acknowledgement that was given too early at once.
"""

from __future__ import annotations

from swarm_consensus.protocols.raft import Entry, Membership
from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class Durability(Invariant):
    """Disks at the moment of the first application, and term and commit index of each boot."""

    name = 'durability'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._seen: dict[str, tuple[int, int]] = {}

    def booted(self, robot: RobotFacts) -> None:
        """Hold that a boot begins in no earlier term than the last one was seen in."""
        self._seen[robot.name] = (robot.term, robot.commit)

    def looked(self, robot: RobotFacts) -> None:
        """Hold that term and commit index do not fall while a robot runs."""
        term, commit = self._seen[robot.name]
        if robot.term < term or robot.commit < commit:
            self.broken(
                f'{robot.name} was at term {term}, commit {commit}, and is at term {robot.term}, '
                f'commit {robot.commit}'
            )
        self._seen[robot.name] = (robot.term, robot.commit)

    def applied(self, robot: RobotFacts, entry: Entry, first: bool) -> None:
        """Hold that a quorum has the entry on disk when the first robot applies it."""
        if not first or robot.probe is None:
            return
        holders = {
            name
            for name, other in self.facts.robots.items()
            if other.holds(entry)
        }
        # It was committed by the rules of one of the two.
        membership = robot.probe.membership
        then = robot.probe.membership_at(entry.index)
        if not (_is_quorum(membership, holders) or _is_quorum(then, holders)):
            self.broken(
                f'{robot.name} applies {entry}, which only {", ".join(sorted(holders))} of '
                f'{membership} have on disk'
            )


def _is_quorum(membership: Membership, holders: set[str]) -> bool:
    halves = [membership.voters, membership.outgoing] if membership.joint else [membership.voters]
    return all(2 * len(holders.intersection(half)) > len(half) for half in halves)
