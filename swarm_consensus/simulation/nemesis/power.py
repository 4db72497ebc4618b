"""Troubles of the power: robots go down, between steps or within one, and come back."""

from __future__ import annotations

from random import Random

from swarm_consensus.simulation.fuse import CrashPoint, Fuse
from swarm_consensus.simulation.nemesis.trouble import Trouble
from swarm_consensus.simulation.world import World


class Crashes(Trouble):
    """A robot goes down at once, or at a point of one of its next steps."""

    def __init__(self, world: World, random: Random) -> None:
        super().__init__(world, random)
        # Whether robots come back at once, before the others take note.
        self._down_ms_max = random.choice([5, 300, 1500])

    def strike(self) -> None:
        """Bring a robot down."""
        robot = self.victim()
        if not self.world.up(robot):
            return
        if self.random.random() < 0.3:
            self.world.crash(robot)
        else:
            point = self.random.choice(list(CrashPoint))
            self.world.arm(robot, Fuse(point, self.random.choice([1, 1, 2, 5])))
            self.note(f'{robot} will crash {point.value}')
        self._come_back(robot)

    def _come_back(self, robot: str) -> None:
        self.later(self.milliseconds(1, self._down_ms_max), lambda: self._start(robot))

    def _start(self, robot: str) -> None:
        if not self.world.up(robot) and not self.world.start(robot):
            self.note(f'{robot} cannot boot: its disk is full')
            self._come_back(robot)

    def heal(self) -> None:
        """Let no fuse blow any more."""
        super().heal()
        for robot in self.world.robots:
            self.world.arm(robot, None)


class Blackouts(Crashes):
    """All robots go down in the same moment, and come back one by one."""

    def strike(self) -> None:
        """Bring all robots down."""
        for robot in self.world.robots:
            if self.world.up(robot):
                self.world.crash(robot)
                self._come_back(robot)


class Flickers(Crashes):
    """The power fails right after a write, as often as it can, and is back at once."""

    def strike(self) -> None:
        """Let a robot go down after its next write and come back right then."""
        robot = self.victim()
        if not self.world.up(robot):
            return
        point = self.random.choice([CrashPoint.AFTER_WRITE, CrashPoint.AFTER_SEND])
        self.world.arm(robot, Fuse(point))
        self.note(f'{robot} will flicker {point.value}')
        self._watch(robot, 200)

    def _watch(self, robot: str, tries: int) -> None:
        if not self.world.up(robot):
            self._start(robot)
        elif tries:
            self.later(self.milliseconds(1, 3), lambda: self._watch(robot, tries - 1))
        else:
            self.world.arm(robot, None)
