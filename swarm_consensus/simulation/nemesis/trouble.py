"""One source of faults: what all of them have in common."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from swarm_consensus.protocols.raft import Role
from swarm_consensus.runtime.config import MILLISECOND
from swarm_consensus.simulation.probe import Probe
from swarm_consensus.simulation.world import World


class Trouble:
    """
    A source of faults, independent of all others.

    :param world: where it strikes.
    :param random: a stream of its own, so that another source changes nothing in this one.
    """

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.healed = False

    def strike(self) -> None:
        """Do something bad now, and plan for its end where it has one."""
        raise NotImplementedError

    def heal(self) -> None:
        """Undo all that still lasts, for good: what is planned must do nothing any more."""
        self.healed = True

    def note(self, text: str) -> None:
        """Say what is done, for the trace."""
        self.world.observer.noted(self.world.now_ns, text)

    def later(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Do something after a while, unless all was healed until then."""

        def act() -> None:
            if not self.healed:
                action()

        self.world.at(self.world.now_ns + delay_ns, act)

    def milliseconds(self, low: int, high: int) -> int:
        """Return a random time between two numbers of milliseconds, in nanoseconds."""
        return self.random.randint(low * MILLISECOND, high * MILLISECOND)

    def leaders(self) -> list[str]:
        """Return the robots that lead, as they believe."""
        found = []
        for robot in self.world.robots:
            runtime = self.world.runtime(robot)
            if runtime is not None and Probe(runtime).look()[0] is Role.LEADER:
                found.append(robot)
        return found

    def victim(self) -> str:
        """Return a robot, up or down: often one that leads, where it hurts most."""
        leaders = self.leaders()
        if leaders and self.random.random() < 0.5:
            return self.random.choice(leaders)
        return self.random.choice(self.world.robots)
