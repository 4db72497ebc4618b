"""
Troubles of the disks.

Which faults are legal: a write that has not returned may be there after a crash or not (the
crash points of nemesis/power.py), wholly and never in part, since a torn tail is cut. A write that
returned must be there: Raft's safety rests on it, and a disk that forgets it silently, were it
only one, can lose what was committed. So damage is always found by the robot that has it, which
then comes back without its log and without a vote (`HardState.lost`); and no more robots are
damaged than the others are a quorum without, or the swarm could never go on.
"""

from __future__ import annotations

from swarm_consensus.simulation.nemesis.trouble import Trouble


class FullDisks(Trouble):
    """A disk has no room for a while."""

    def strike(self) -> None:
        """Fill the disk of a robot."""
        robot = self.victim()
        self.world.disk(robot).full = True
        self.note(f'the disk of {robot} is full')
        self.later(self.milliseconds(20, 800), lambda: self._make_room(robot))

    def _make_room(self, robot: str) -> None:
        self.world.disk(robot).full = False
        self.note(f'the disk of {robot} has room')

    def heal(self) -> None:
        """Make room everywhere."""
        super().heal()
        for robot in self.world.robots:
            self.world.disk(robot).full = False
