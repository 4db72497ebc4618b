"""
Troubles of the disks.

Which faults are legal: a write that has not returned may be there after a crash or not (the
crash points of nemesis/power.py), wholly and never in part, since a torn tail is cut. A write that
returned must be there: Raft's safety rests on it, and a disk that forgets it silently, were it
only one, can lose what was committed. So damage is always found by the robot that has it, which
then comes back without its log and without a vote (`HardState.lost`), and without what it said in
agreements; and no more robots are damaged than the others are a quorum without, or the swarm could
never go on, nor more than the level agreed bears, where there are subjects of it.
"""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY
from swarm_consensus.simulation.nemesis.trouble import Trouble
from swarm_consensus.simulation.probe import Probe
from swarm_consensus.simulation.world import World


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


class Rots(Trouble):
    """A disk is found damaged when its robot boots."""

    def __init__(self, world: World, random: Random) -> None:
        super().__init__(world, random)
        self._damaged: set[str] = set()

    def strike(self) -> None:
        """Damage the disk of a robot, which goes down and comes back."""
        world, robot = self.world, self.victim()
        self._damaged = {other for other in self._damaged if not self._is_back(other)}
        if not self._is_spared(robot):
            return
        if world.up(robot):
            world.crash(robot)
        disk = world.disk(robot)
        first, last = disk.stored
        records = [key for key in disk.record_keys if key != RECORDS_LOST_KEY]
        if records and self.random.random() < 0.5:
            key = self.random.choice(records)
            self.note(f'record {key!r} on the disk of {robot} rots')
            disk.rot_record(key)
        elif last >= first and self.random.random() < 0.7:
            index = self.random.randint(first, last)
            self.note(f'entry {index} on the disk of {robot} rots')
            disk.rot_entry(index)
        else:
            self.note(f'term and vote on the disk of {robot} rot')
            disk.rot_state()
        self._damaged.add(robot)
        self.later(self.milliseconds(1, 500), lambda: self._start(robot))

    def _start(self, robot: str) -> None:
        if not self.world.up(robot) and not self.world.start(robot):
            self.later(self.milliseconds(50, 100), lambda: self._start(robot))

    def _is_back(self, robot: str) -> bool:
        """Return whether a robot that was damaged is a member like any other."""
        runtime = self.world.runtime(robot)
        if runtime is None:
            return False
        probe = Probe(runtime)
        return not probe.lost and not probe.forgot_what_it_said

    def _is_spared(self, victim: str) -> bool:
        """Return whether the robots that are whole are a quorum without one more."""
        without = self._damaged | {victim}
        known = False
        for robot in self.world.robots:
            runtime = self.world.runtime(robot)
            if runtime is None:
                continue
            known = True
            if len(without) > Probe(runtime).faults_max:
                return False
            membership = Probe(runtime).membership
            for half in (membership.voters, membership.outgoing):
                whole = [voter for voter in half if voter not in without]
                if half and 2 * len(whole) <= len(half):
                    return False
        return known
