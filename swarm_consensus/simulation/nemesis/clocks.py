"""Troubles of time: robots that do nothing for a while, and clocks that change their speed."""

from __future__ import annotations

from swarm_consensus.simulation.nemesis.trouble import Trouble


class Stalls(Trouble):
    """A robot does nothing for a while, then gets all that came for it at once."""

    def strike(self) -> None:
        """Stall a robot."""
        robot = self.victim()
        if not self.world.up(robot):
            return
        self.world.stall(robot)
        self.note(f'{robot} stalls')
        self.later(self.milliseconds(20, 1000), lambda: self._resume(robot))

    def _resume(self, robot: str) -> None:
        self.note(f'{robot} goes on')
        self.world.resume(robot)

    def heal(self) -> None:
        """Let all go on."""
        super().heal()
        for robot in self.world.robots:
            self.world.resume(robot)


class Drifts(Trouble):
    """The clock of a robot becomes fast or slow."""

    def strike(self) -> None:
        """Change the speed of a clock."""
        robot = self.victim()
        permille = self.random.choice([500, 900, 1000, 1100, 2000])
        self.world.skew(robot, permille)
        self.note(f'the clock of {robot} runs at {permille} thousandths')

    def heal(self) -> None:
        """Let all clocks run as they should."""
        super().heal()
        for robot in self.world.robots:
            self.world.skew(robot, 1000)
