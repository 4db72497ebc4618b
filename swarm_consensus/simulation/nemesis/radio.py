"""Troubles of the radio: bad weather, cut and clogged links."""

from __future__ import annotations

from swarm_consensus.runtime.config import MILLISECOND
from swarm_consensus.simulation.nemesis.trouble import Trouble
from swarm_consensus.simulation.network import Faults


class Weather(Trouble):
    """Loss, repetition, delay and so reordering of frames, better and worse by turns."""

    def strike(self) -> None:
        """Change the weather."""
        choice = self.random.choice
        self.world.network.faults = Faults(
            loss=choice([0, 0, 0.02, 0.1, 0.3]),
            duplication=choice([0, 0, 0.1, 0.3]),
            delay_max_ns=choice([1, 1, 5, 30, 100]) * MILLISECOND,
        )
        self.note(f'weather: {self.world.network.faults}')

    def heal(self) -> None:
        """Let the sun shine."""
        super().heal()
        self.world.network.faults = Faults()


class Cuts(Trouble):
    """Partitions, of both directions or one, that last for a while."""

    def strike(self) -> None:
        """Cut links in one of several ways, in place of those that are cut."""
        network, robots = self.world.network, self.world.robots
        network.mend()
        kind = self.random.choice(['halves', 'halves', 'alone', 'pair', 'deaf', 'mute', 'bridge'])
        victim = self.victim()
        others = [robot for robot in robots if robot != victim]
        if kind == 'halves':
            side = [robot for robot in robots if self.random.random() < 0.5]
            network.split([side, [robot for robot in robots if robot not in side]])
        elif kind == 'alone':
            network.split([[victim], others])
        elif kind == 'pair' and others:
            # A leader with one follower: its entries get to few, and what they mean is open.
            friend = self.random.choice(others)
            network.split([[victim, friend], [robot for robot in others if robot != friend]])
        elif kind == 'bridge' and len(others) > 1:
            # Two halves that only one robot hears both of.
            half = len(others) // 2
            network.split([others[:half], others[half:]])
        for other in others:
            if kind == 'deaf':
                network.cut_one_way(other, victim)
            elif kind == 'mute':
                network.cut_one_way(victim, other)
        self.note(f'cut: {kind}, {victim}')
        self.later(self.milliseconds(50, 1500), self._mend)

    def _mend(self) -> None:
        self.note('cuts mended')
        self.world.network.mend()

    def heal(self) -> None:
        """Mend all links."""
        super().heal()
        self.world.network.heal()


class Clogs(Trouble):
    """Links that hold everything back for a while, and then let it go at once."""

    def strike(self) -> None:
        """Clog one link, or all links of a robot one after another (swizzle-clogging)."""
        network, robots = self.world.network, self.world.robots
        if len(robots) < 2:
            return
        now_ns = self.world.now_ns
        victim = self.victim()
        others = [robot for robot in robots if robot != victim]
        if self.random.random() < 0.5:
            others = [self.random.choice(others)]
        self.note(f'clogged: {victim} with {", ".join(others)}')
        for other in others:
            until_ns = now_ns + self.milliseconds(50, 1000)
            ways = self.random.choice([1, 2, 3])
            if ways & 1:
                network.clog(victim, other, until_ns)
            if ways & 2:
                network.clog(other, victim, until_ns)
