"""What people do in the midst of it: hand leadership over, and change who votes."""

from __future__ import annotations

from random import Random

from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.events import ChangeAsked, TransferAsked
from swarm_consensus.simulation.nemesis.trouble import Trouble
from swarm_consensus.simulation.probe import Probe
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


class Changes(Trouble):
    """Somebody asks any robot for another membership, any one; at the end for the whole swarm."""

    def __init__(self, world: World, random: Random) -> None:
        super().__init__(world, random)
        self._key = 0

    def strike(self) -> None:
        """Ask for some voters, some learners, and the rest out of the swarm."""
        robots = list(self.world.robots)
        self.random.shuffle(robots)
        voters = self.random.randint(1, len(robots))
        learners = self.random.randint(voters, len(robots))
        self._ask(self.victim(), robots[:voters], robots[voters:learners])

    def heal(self) -> None:
        """Have all take part again: what was left out would never hear of the end."""
        super().heal()
        self._take_all_in()

    def _take_all_in(self) -> None:
        robots = list(self.world.robots)
        for leader in self.leaders():
            runtime = self.world.runtime(leader)
            assert runtime is not None
            membership = Probe(runtime).membership
            out = [robot for robot in robots if robot not in membership.robots]
            if out:
                self._ask(leader, list(membership.voters), [*membership.learners, *out])
        # Again until they are in: leaders come and go, and a change may be under way.
        self.world.at(self.world.now_ns + SECOND // 2, self._take_all_in)

    def _ask(self, robot: str, voters: list[str], learners: list[str]) -> None:
        self._key += 1
        self.note(f'{robot} is asked for voters {voters}, learners {learners}')
        self.world.put(
            robot, ChangeAsked(self._key, tuple(voters), tuple(learners), 500 * MILLISECOND)
        )
