"""Liars for the tests of the agreements on one bit, and whole runs against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from agreement_net import BinaryNet, Make, Order, share_of

from swarm_consensus.protocols.agreement.messages import Kind

# Called before each word that arrives; may put words of liars on the net.
Lies = Callable[[BinaryNet, Random], None]

KINDS = (Kind.SUPPORT, Kind.AUX, Kind.CONF, Kind.SUPPORT_GRADE, Kind.GRADE, Kind.END)
VALUES = {
    Kind.SUPPORT: (0, 1),
    Kind.AUX: (0, 1),
    Kind.CONF: (1, 2, 3),
    Kind.SUPPORT_GRADE: (0, 1, 2),
    Kind.GRADE: (0, 1, 2),
    Kind.END: (0, 1),
}
# So many words of liars in one run, at most: a run has to end.
LIES_MAX = 150
# Far more than any run takes.
WORDS_MAX = 30_000


def silence(liars: Sequence[int]) -> Lies:
    return lambda net, random: None


def noise(liars: Sequence[int]) -> Lies:
    """Words of every kind about the rounds under way, to one robot each."""
    left = [LIES_MAX]

    def say(net: BinaryNet, random: Random) -> None:
        if not left[0] or random.random() < 0.5:
            return
        left[0] -= 1
        kind, liar = random.choice(KINDS), random.choice(liars)
        to = random.choice(tuple(net.robots))
        round_ = 0 if kind is Kind.END else max(0, net[to].round + random.choice((-1, 0, 0, 0, 1)))
        net.tell(liar, to, (kind, round_, random.choice(VALUES[kind])))
        if random.random() < 0.2:
            net.tell(liar, to, (None, round_, random.choice((b'none', share_of(liar, round_)))))

    return say


def against_each(liars: Sequence[int]) -> Lies:
    """To each robot the opposite of what it says itself."""
    heard = [0]

    def say(net: BinaryNet, random: Random) -> None:
        for robot, (kind, round_, value) in net.said[heard[0] : heard[0] + LIES_MAX]:
            for liar in liars:
                if kind is None:
                    net.lie(liar, (None, round_, share_of(liar, round_)), (robot,))
                elif kind is Kind.CONF:
                    net.lie(liar, (kind, round_, {1: 2, 2: 1, 3: 3}[value]), (robot,))
                else:
                    net.lie(liar, (kind, round_, 1 - value if value <= 1 else 2), (robot,))
        heard[0] = len(net.said)

    return say


STRATEGIES = {'silence': silence, 'noise': noise, 'against each': against_each}


def two_faces(
    liars: Sequence[int], honest: Sequence[int], random: Random
) -> list[tuple[int, int, list[int]]]:
    """
    Seats of liars that keep every rule, with 0 towards some robots and with 1 towards the others.

    What only two such faces can do together no single word shows to be a lie.
    """
    faces = []
    for liar in liars:
        some = [robot for robot in honest if random.getrandbits(1)]
        faces += [(liar, 0, some), (liar, 1, [robot for robot in honest if robot not in some])]
    return faces


def play(
    make: Make,
    inputs: dict[int, int],
    liars: Sequence[int],
    strategy: str,
    random: Random,
    order: Order,
    slow: Sequence[int] = (),
    between: Callable[[BinaryNet], None] = lambda net: None,
    late: dict[int, int] | None = None,
) -> BinaryNet:
    """
    Run an agreement to its end against a strategy, and hold it to what it promises.

    :param slow: robots that words reach only while no other words are on their way.
    :param between: called before each word.
    :param late: inputs of robots that have none at first.
    """
    late = late or {}
    honest = {**inputs, **dict.fromkeys(late)}
    if strategy == 'two faces':
        net = BinaryNet(make, honest, two_faces(liars, tuple(honest), random))
        lies = silence(liars)
    else:
        net = BinaryNet(make, honest)
        lies = STRATEGIES[strategy](liars)
    net.late.update(late)
    lies(net, random)
    for _ in range(WORDS_MAX):
        while net.late and not net.waiting:
            net.propose_late(random)
        net.propose_late(random)
        if not net.waiting:
            net.hold_to_the_end()
            return net
        between(net)
        prompt = [
            at for at, (_, seat, _) in enumerate(net.waiting) if seat.index not in slow
        ] if slow else ()
        if prompt:
            at = prompt[order(len(prompt))]
            net.step(lambda _, at=at: at)
        else:
            net.step(order)
        lies(net, random)
    raise AssertionError(f'no end after {WORDS_MAX} words: {net.where()}')
