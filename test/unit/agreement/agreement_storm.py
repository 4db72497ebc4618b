"""Bad weather of all kinds from one seed: slow robots, liars, crashes, reboots, lost pieces."""

from __future__ import annotations

from random import Random

from agreement_liars import STRATEGIES, WORDS_MAX, play
from agreement_net import BinaryNet, Make, coin_of, common, graded, shuffled
from subset_net import SubsetNet

from swarm_consensus.protocols.agreement.coin import fixed_coin
from swarm_consensus.protocols.agreement.messages import Piece
from swarm_consensus.protocols.agreement.quorum import Thresholds

FOUR = Thresholds(4, 1, True)
SEVEN = Thresholds(7, 2, True)
THREE_CRASH = Thresholds(3, 1, False)
FIVE_CRASH = Thresholds(5, 2, False)
REBOOTS_MAX = 6


def storm(seed: int) -> None:
    """Run one instance in bad weather; whatever it breaks is raised, with the seed."""
    random = Random(seed)
    kind = random.choice((one_bit_with_liars, one_bit_with_crashes, subset_with_liars,
                          subset_with_crashes))
    try:
        kind(random)
    except Exception as error:
        raise AssertionError(f'seed {seed}, {kind.__name__}: {error}') from error


def one_bit_with_liars(random: Random) -> None:
    thresholds = random.choice((FOUR, FOUR, SEVEN))
    make: Make
    if random.getrandbits(1):
        fixed = random.choice((fixed_coin, lambda round_: None))
        make = common(thresholds, coin_of(random), fixed=fixed)
    else:
        make = graded(thresholds, random)
    honest = range(thresholds.heard)
    inputs = {robot: random.getrandbits(1) for robot in honest}
    late = {robot: inputs.pop(robot) for robot in late_ones(random, honest)}
    left, chance = [REBOOTS_MAX], random.choice((0, 0, 0.05))

    def reboot(net: BinaryNet) -> None:
        if left[0] and random.random() < chance:
            left[0] -= 1
            net.reboot(random.choice(honest))

    play(
        make,
        inputs,
        range(thresholds.heard, thresholds.robots),
        random.choice([*STRATEGIES, 'two faces']),
        random,
        shuffled(random),
        random.sample(honest, random.randrange(len(honest))),
        reboot,
        late,
    )


def late_ones(random: Random, robots: range) -> list[int]:
    """Robots whose input comes late."""
    return random.sample(robots, random.choice((0, 0, 1, 2)))


def one_bit_with_crashes(random: Random) -> None:
    thresholds = random.choice((THREE_CRASH, FIVE_CRASH))
    robots = range(thresholds.robots)
    inputs = {robot: random.getrandbits(1) for robot in robots}
    late = {robot: inputs.pop(robot) for robot in late_ones(random, robots)}
    net = BinaryNet(graded(thresholds, random), {**inputs, **dict.fromkeys(late)})
    net.late.update(late)
    crashing = random.sample(robots, random.randint(0, thresholds.faults))
    left, chance = REBOOTS_MAX, random.choice((0, 0.05))
    words = 0
    while net.waiting or net.late:
        words += 1
        assert words < WORDS_MAX, f'no end: {net.where()}'
        net.propose_late(random)
        if not net.waiting:
            continue
        net.step(shuffled(random))
        if crashing and random.random() < 0.05:
            net.crash(crashing.pop(), random)
        if left and random.random() < chance:
            left -= 1
            net.reboot(random.choice(tuple(net.robots)))
    assert {net.hold_to_the_end(), *net.acted_on} == {net.hold_to_the_end()}


def subset_with_liars(random: Random) -> None:
    honest = range(3)
    some = random.sample(honest, random.randint(0, 3))
    rest = [robot for robot in honest if robot not in some]
    net = SubsetNet(
        FOUR, honest, common=random.random() < 0.5, seed=random.randrange(1000),
        faces=[(3, some), (3, rest)],
    )
    play_subset(net, random)


def subset_with_crashes(random: Random) -> None:
    thresholds = random.choice((THREE_CRASH, FIVE_CRASH))
    net = SubsetNet(
        thresholds, range(thresholds.robots), common=False, seed=random.randrange(1000)
    )
    play_subset(net, random, random.sample(range(thresholds.robots), thresholds.faults))


def play_subset(net: SubsetNet, random: Random, crashing: list[int] | None = None) -> None:
    for robot in net.robots:
        net.propose(robot, b'%d' % robot * random.choice((1, 9, 20)))
    for place, face in enumerate(net.faces):
        net.propose_at(face, b'face %d' % place)
    if random.random() < 0.5:
        net.waiting = [
            entry for entry in net.waiting
            if not isinstance(entry[2], Piece) or random.random() < 0.6
        ]
    left, chance = [REBOOTS_MAX], random.choice((0, 0.01, 0.05))

    def trouble() -> None:
        if left[0] and random.random() < chance:
            left[0] -= 1
            net.reboot(random.choice(tuple(net.robots)))
        if crashing and random.random() < 0.03:
            net.crash(crashing.pop(), random)

    net.run(shuffled(random), trouble)
    net.hold_to_the_promise()
