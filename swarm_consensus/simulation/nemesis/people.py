"""What people do in the midst of it: hand leadership over."""

from __future__ import annotations

from random import Random

from swarm_consensus.runtime.config import MILLISECOND
from swarm_consensus.runtime.events import TransferAsked
from swarm_consensus.simulation.nemesis.trouble import Trouble
from swarm_consensus.simulation.world import World


class Transfers(Trouble):
    """Somebody asks any robot that another one, or any other, shall lead."""

    def __init__(self, world: World, random: Random) -> None:
        super().__init__(world, random)
        self._key = 0

    def strike(self) -> None:
        """Ask."""
        self._key += 1
        robot = self.victim()
        target = self.random.choice(['', *self.world.robots])
        self.note(f'{robot} is asked that {target or "any other"} leads')
        self.world.put(robot, TransferAsked(self._key, target, 500 * MILLISECOND))
