"""
The nemesis: sources of faults, each in a file with its kind, drawn and timed by the seed.

A new source is a `Trouble` and a line in SOURCES.
"""

from __future__ import annotations

from random import Random

from swarm_consensus.runtime.config import SECOND
from swarm_consensus.simulation.nemesis.clocks import Drifts, Stalls
from swarm_consensus.simulation.nemesis.disks import FullDisks, Rots
from swarm_consensus.simulation.nemesis.people import Changes, Transfers
from swarm_consensus.simulation.nemesis.power import Blackouts, Crashes, Flickers
from swarm_consensus.simulation.nemesis.radio import Clogs, Cuts, Weather
from swarm_consensus.simulation.nemesis.trouble import Trouble
from swarm_consensus.simulation.plan import Plan
from swarm_consensus.simulation.world import World

# Each source, how likely a seed has it, and how often it strikes beside the others.
SOURCES: tuple[tuple[type[Trouble], float, float], ...] = (
    (Weather, 0.7, 1.0),
    (Cuts, 0.6, 1.0),
    (Clogs, 0.3, 1.0),
    (Stalls, 0.3, 0.7),
    (Drifts, 0.2, 0.5),
    (FullDisks, 0.2, 0.5),
    (Transfers, 0.4, 1.0),
    (Changes, 0.5, 0.7),
    (Rots, 0.6, 0.4),
    (Flickers, 0.2, 2.0),
    (Blackouts, 0.1, 0.2),
    (Crashes, 0.6, 1.0),
)


class Nemesis:
    """
    All troubles of a run.

    :param seed: of the run.
    :param plan: of the run; it says what must not be, and how often all else strikes.
    """

    def __init__(self, seed: int, world: World, plan: Plan) -> None:
        self._world = world
        self._until_ns = 0
        self._vehemence = plan.vehemence
        self._troubles: list[tuple[Trouble, Random, float]] = []
        for source, likely, often in SOURCES:
            # A stream for each: a source that is added leaves the others as they are.
            random = Random(f'{seed}/{source.__name__}')
            if random.random() < likely and source.__name__ not in plan.absent:
                trouble = source(world, Random(random.getrandbits(64)))
                self._troubles.append((trouble, random, often))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the sources that this seed has."""
        return tuple(type(trouble).__name__ for trouble, _, _ in self._troubles)

    def begin(self, until_ns: int) -> None:
        """Strike again and again, until a time."""
        self._until_ns = until_ns
        for entry in self._troubles:
            self._plan(*entry)

    def _plan(self, trouble: Trouble, random: Random, often: float) -> None:
        pause_s = random.expovariate(self._vehemence * often)
        at_ns = self._world.now_ns + int(pause_s * SECOND)
        if at_ns >= self._until_ns:
            return

        def strike() -> None:
            trouble.strike()
            self._plan(trouble, random, often)

        self._world.at(at_ns, strike)

    def heal(self) -> None:
        """End all troubles, and start the robots that are down."""
        self._world.observer.noted(self._world.now_ns, 'all is healed')
        self._world.network.heal()
        for trouble, _, _ in self._troubles:
            trouble.heal()
        for robot in self._world.robots:
            if not self._world.up(robot) and not self._world.start(robot):
                raise RuntimeError(f'{robot} does not boot from a disk that has room')
