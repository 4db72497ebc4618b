"""
The run of one seed: robots come and go, stall and are cut off on a bad radio; then all is healed.
"""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import MemberEvent
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.membership.air import Air, Radio
from swarm_consensus.simulation.membership.checks import Checks, Violation

SECOND = 50
TROUBLES = 40
# Between two troubles at most, and how long robots have at last to agree.
PAUSE = 6 * SECOND
CALM = 90 * SECOND


@value
class Report:
    """
    What a run came to.

    :param digest: hash of all that was sent and told.
    """

    robots: int
    deaths: int
    digest: str


def config_of(random: Random, named: tuple[str, ...]) -> SwimConfig:
    """Draw how the robots of a run are set up."""
    probe_ticks = random.choice((10, 25, 50))
    return SwimConfig(
        robot='any',
        incarnation=1,
        named=named,
        ticks_per_second=SECOND,
        probe_ticks=probe_ticks,
        probe_timeout_ticks=random.randint(3, (probe_ticks - 1) // 2),
        fresh_ticks=random.choice((0, 0, probe_ticks, 2 * probe_ticks)),
        targets_max=random.choice((1, 2, 8)),
        helpers=random.choice((0, 1, 3)),
        suspicion_multiplier=random.choice((2, 4)),
        suspicion_stretch=random.choice((1, 6)),
        confirmations=random.choice((0, 2, 3)),
        gossip_ticks=random.choice((2, 10)),
        sync_ticks=random.choice((5, 15)) * SECOND,
        reconnect_ticks=random.choice((2, 5)) * SECOND,
        keep_ticks=random.choice((20, 600)) * SECOND,
        awareness_max=random.choice((1, 4)),
        buddy=random.random() < 0.8,
    )


class Storm:
    """
    :param seed: decides everything.
    """

    def __init__(self, seed: int) -> None:
        self._random = random = Random(seed)
        self._names = [f'r{n + 1}' for n in range(random.randint(2, 12))]
        named = tuple(self._names[: random.randint(1, len(self._names))])
        self._checks = Checks()
        self._deaths = 0
        radio = Radio(
            loss=random.choice((0.0, 0.1, 0.3)), doubled=random.choice((0.0, 0.2)), delay_max=3
        )
        config = config_of(random, named)
        self.air = Air(
            random.getrandbits(32), config, radio, self._told, forgives_stalls=random.random() < 0.5
        )
        self._config = config

    def run(self) -> Report:
        """
        Run.

        :raises Violation: a promise is broken.
        """
        air, random = self.air, self._random
        for name in self._names:
            air.start(name)
        for _ in range(TROUBLES):
            self._trouble()
            air.run(random.randint(1, PAUSE))
            self._checks.look(air)
        air.heal()
        air.radio = Radio()
        for name in self._names:
            air.resume(name)
        if all(air.robots[name].swim is None for name in self._names):
            air.start(self._names[0])
        for _ in range(9):
            air.run(CALM // 9)
            self._checks.look(air)
        self._checks.agree(air)
        return Report(len(self._names), self._deaths, air.digest)

    def _trouble(self) -> None:
        air, random = self.air, self._random
        name = random.choice(self._names)
        robot = air.robots[name]
        kind = random.randrange(8)
        if robot.swim is None:
            air.start(name)
        elif kind == 0:
            air.crash(name)
        elif kind == 1:
            air.resume(name)
            air.leave(name)
        elif kind == 2:
            air.stall(name)
            air.after(random.randint(1, 10 * SECOND), lambda: air.resume(name))
        elif kind == 3:
            left = random.sample(self._names, random.randrange(len(self._names)))
            air.split([left, [other for other in self._names if other not in left]])
        elif kind == 4:
            air.cut(name, random.choice(self._names))
        elif kind == 5:
            air.crash(name)
            air.start(name)
        else:
            air.heal()

    def _told(self, now: int, name: str, event: MemberEvent) -> None:
        self._deaths += event.news.name == 'DIED'
        self._checks.told(self.air.robots[name], name, event)


def run_seed(seed: int) -> Report:
    """
    Run a seed.

    :raises Violation: a promise is broken.
    """
    try:
        return Storm(seed).run()
    except Violation as violation:
        raise Violation(f'seed {seed}: {violation}') from None
