"""Everything that a seed decides before a run begins."""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.agreement.quorum import faults_most
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.adversary.follow_coin import COIN_FOLLOWER
from swarm_consensus.simulation.adversary.follow_throws import THROWS_FOLLOWER
from swarm_consensus.simulation.adversary.liars import LIARS
from swarm_consensus.simulation.adversary.styles import STYLES

# (robots, weight of the draw): small swarms break as well as large ones, and are far faster.
LYING_SIZES = ((4, 60), (7, 20), (10, 7), (13, 3))
CRASHING_SIZES = ((3, 40), (5, 35), (7, 25))
LYING_SHARE = 0.8
# Steps, times n squared, after which the adversary is tired. Against a common coin patience is of
# no use to it; against local ones it could go on for thousands of rounds.
PATIENCE_COMMON = 600
PATIENCE_LOCAL = 60


@value
class Plan:
    """
    The draw of one seed.

    :param robots: n; f, `faults`, follows from it.
    :param lies: whether the faulty robots may do anything, or only crash.
    :param common: whether the coin is a common one.
    :param style: how messages are ordered, see styles.py.
    :param liars: strategy of each robot that lies, by its place.
    :param crashes: the step in which a robot crashes for good, by its place.
    :param restarts: how many reboots of honest robots there are at most.
    :param restart_chance: of a reboot in a step, as long as some are left.
    :param loses: chance that a message on its way to a robot that reboots is lost, or on its way
        from one that crashes for good.
    :param reach: chance of each receiver to hear what a robot says amid which its power fails.
    :param epochs: how many are run, one after the other.
    :param apart: statements are taken apart and arrive word by word.
    :param value_bytes: one of these is the size of an input.
    :param piece_bytes: size of a piece of a value.
    :param tick_chance: that a robot asks for missing pieces in a step.
    :param tired_after: steps after which the adversary delivers in random order.
    """

    robots: int
    faults: int
    lies: bool
    common: bool
    style: str
    liars: dict[int, str]
    crashes: dict[int, int]
    restarts: int
    restart_chance: float
    loses: float
    reach: float
    epochs: int
    apart: bool
    value_bytes: tuple[int, ...]
    piece_bytes: int
    tick_chance: float
    tired_after: int

    @property
    def honest(self) -> tuple[int, ...]:
        """Return the robots that follow the protocol, also those that crash for good."""
        return tuple(robot for robot in range(self.robots) if robot not in self.liars)


def draw(seed: int) -> Plan:
    """Draw everything from a seed."""
    random = Random(f'{seed}/plan')
    lies = random.random() < LYING_SHARE
    sizes = LYING_SIZES if lies else CRASHING_SIZES
    robots = random.choices([n for n, _ in sizes], [weight for _, weight in sizes])[0]
    faults = faults_most(robots, lies)
    common = lies and random.random() < 0.6
    script = COIN_FOLLOWER if common else THROWS_FOLLOWER
    style = random.choice([*STYLES, script, script])
    faulty = random.sample(range(robots), faults if random.random() < 0.9 else faults - 1)
    liars: dict[int, str] = {}
    if lies:
        one = random.choice(list(LIARS))
        mixed = random.random() < 0.3
        for robot in sorted(faulty):
            liars[robot] = random.choice(list(LIARS)) if mixed else one
    crashes = {} if lies else {robot: _moment(random, robots) for robot in sorted(faulty)}
    restarts = random.choice([0, 0, 1, 3, 8])
    if style == script:
        # It commands all f liars itself, and wants robots that stand still.
        if lies:
            liars = dict.fromkeys(sorted(random.sample(range(robots), faults)), 'silent')
        crashes, restarts = {}, 0
    return Plan(
        robots=robots,
        faults=faults,
        lies=lies,
        common=common,
        style=style,
        liars=liars,
        crashes=crashes,
        restarts=restarts,
        restart_chance=random.choice([0.002, 0.02, 0.1]),
        loses=random.choice([0.0, 0.5, 1.0]),
        epochs=random.choice([1, 2, 3]) if robots <= 7 else 1,
        apart=style == script or robots <= 7 and random.random() < 0.4,
        value_bytes=random.choice([(0, 10), (10,), (100,), (10, 300)]),
        piece_bytes=random.choice([64, 8192]),
        tick_chance=random.choice([0.0, 0.01, 0.1]),
        tired_after=(PATIENCE_COMMON if common else PATIENCE_LOCAL) * robots**2,
        reach=random.choice([0.2, 0.5, 0.8]),
    )


def _moment(random: Random, robots: int) -> int:
    """Return the step in which a robot crashes for good, 0 for one that never says a word."""
    return random.choice([0, random.randrange(4 * robots**2), random.randrange(2 * robots**3)])
