"""
Reliable broadcast among four robots: one value for all or none for anybody, whatever a liar does.

Where single pieces are enough, every lie is tried: what the liar offers, echoes and is ready for,
towards each robot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement, product
from random import Random

from agreement_net import Order, chosen, first_in_first_out, shuffled
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.agreement.broadcast import PieceRules, ReliableBroadcast
from swarm_consensus.protocols.agreement.messages import Piece
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice

FOUR = Thresholds(4, 1, True)
RULES = PieceRules(value_bytes_max=64, piece_bytes=4)
LIAR = 3
A, B = b'a', b'b'
# ('piece', piece), ('echo', hash), ('ready', hash)
Word = tuple[str, Piece | bytes]


def cut(value: bytes, proposer: int) -> tuple[Piece, ...]:
    return RULES.cut('s', 1, proposer, value)


def root(value: bytes) -> bytes:
    found = RULES.root(cut(value, 0)[0])
    assert found is not None
    return found


class Net:
    """Honest robots, each with its part in the broadcast of one proposer."""

    def __init__(
        self, honest: Sequence[int], proposer: int, thresholds: Thresholds = FOUR
    ) -> None:
        self.proposer = proposer
        self.voices = {robot: Voice('s', 1, thresholds.robots) for robot in honest}
        self.robots = {
            robot: ReliableBroadcast(thresholds, robot, proposer, voice, RULES)
            for robot, voice in self.voices.items()
        }
        self.waiting: list[tuple[int, int, Word]] = []

    def say(self, sender: int, word: Word) -> None:
        self.waiting += [(sender, to, word) for to in self.robots if to != sender]

    def propose(self, value: bytes) -> None:
        for piece in cut(value, self.proposer):
            self.robots[self.proposer].receive_piece(self.proposer, piece)
            self.say(self.proposer, ('piece', piece))
        self.flush(self.proposer)

    def flush(self, robot: int) -> None:
        if self.voices[robot].silent:
            return
        statement = self.voices[robot].take_new()
        for _, echoed in statement.echoes:
            assert self.robots[robot].held is not None, 'an echo without the value'
            self.say(robot, ('echo', echoed))
        for _, ready in statement.readies:
            self.say(robot, ('ready', ready))

    def pull(self, attempt: int) -> None:
        """Ask those who hold what is missing somewhere, one at a time."""
        for robot, rb in self.robots.items():
            wanted = rb.wanted()
            if wanted is None:
                continue
            of, indexes, holders = wanted
            asked = [holder for holder in range(16) if holders >> holder & 1]
            if asked and (holder := asked[attempt % len(asked)]) in self.robots:
                for piece in self.robots[holder].pieces('s', 1, of, indexes):
                    self.waiting.append((holder, robot, ('piece', piece)))

    def run(self, order: Order) -> None:
        attempts = 0
        while self.waiting or attempts < 8:
            if not self.waiting:
                self.pull(attempts)
                attempts += 1
                continue
            sender, to, (what, thing) = self.waiting.pop(order(len(self.waiting)))
            rb = self.robots[to]
            receive: Callable[[int, Piece | bytes], bool] = {
                'piece': rb.receive_piece, 'echo': rb.receive_echo, 'ready': rb.receive_ready
            }[what]
            consistent = receive(sender, thing)
            assert consistent or sender not in self.robots
            self.flush(to)

    def hold_to_all_or_none(self) -> bytes | None:
        delivered = {rb.delivered for rb in self.robots.values()}
        assert len(delivered) == 1, {robot: rb.delivered for robot, rb in self.robots.items()}
        return next(iter(delivered))


# What the liar does towards one robot: the value that it offers, echoes, and is ready for.
ONE = list(product((None, A, B), repeat=3))


def lie(net: Net, towards: Sequence[tuple[bytes | None, bytes | None, bytes | None]]) -> None:
    for robot, (offered, echoed, ready) in zip(net.robots, towards, strict=True):
        if offered is not None:
            net.waiting += [(LIAR, robot, ('piece', piece)) for piece in cut(offered, LIAR)]
        if echoed is not None:
            net.waiting.append((LIAR, robot, ('echo', root(echoed))))
        if ready is not None:
            net.waiting.append((LIAR, robot, ('ready', root(ready))))


def last_in_first_out(waiting: int) -> int:
    return waiting - 1


@pytest.mark.parametrize('name', ['first in first out', 'last in first out', 'shuffled'])
def test_whatever_a_lying_proposer_says_to_each_all_robots_get_one_value_or_none(
    name: str,
) -> None:
    delivered = set()
    # Which honest robot is which makes no difference.
    for seed, towards in enumerate(combinations_with_replacement(ONE, 3)):
        order = {
            'first in first out': first_in_first_out,
            'last in first out': last_in_first_out,
            'shuffled': shuffled(Random(seed)),
        }[name]
        net = Net(range(3), LIAR)
        lie(net, towards)
        net.run(order)
        delivered.add(net.hold_to_all_or_none())
    assert delivered == {None, A, B}


@settings(max_examples=150, deadline=None)
@given(
    towards=st.lists(st.sampled_from(ONE), min_size=3, max_size=3),
    pieces=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(['long value', 'other value']),
                  st.integers(0, 2)),
        max_size=8,
    ),
    order=st.lists(st.integers(0, 40), max_size=60),
)
def test_in_any_order_and_with_values_in_pieces_all_robots_get_one_value_or_none(
    towards: list[tuple[bytes | None, bytes | None, bytes | None]],
    pieces: list[tuple[int, str, int]],
    order: list[int],
) -> None:
    net = Net(range(3), LIAR)
    for robot, value, index in pieces:
        piece = cut(value.encode(), LIAR)[index]
        net.waiting.append((LIAR, robot, ('piece', piece)))
        if index == 2:
            net.waiting.append((LIAR, robot, ('echo', root(value.encode()))))
    lie(net, towards)
    net.run(chosen(order))
    net.hold_to_all_or_none()


@settings(max_examples=150, deadline=None)
@given(
    towards=st.lists(st.sampled_from(ONE), min_size=3, max_size=3),
    order=st.lists(st.integers(0, 40), max_size=60),
)
def test_what_an_honest_proposer_puts_in_is_what_all_get_whatever_a_liar_says_of_it(
    towards: list[tuple[bytes | None, bytes | None, bytes | None]], order: list[int]
) -> None:
    net = Net(range(3), proposer=0)
    net.propose(b'the value of it')
    # Also pieces of other values, said to be the proposer's.
    for robot, (offered, _, _) in enumerate(towards):
        if offered is not None:
            net.waiting.append((LIAR, robot, ('piece', cut(offered, 0)[0])))
    lie(net, [(None, echoed, ready) for _, echoed, ready in towards])
    net.run(chosen(order))
    assert net.hold_to_all_or_none() == b'the value of it'


def test_a_value_that_no_honest_robot_holds_is_never_delivered() -> None:
    net = Net(range(3), LIAR)
    lie(net, [(A, A, A), (None, A, A), (None, A, A)])
    net.run(first_in_first_out)
    # One honest echo and the liar's are f + 1: the value is pulled, and all get it after all.
    assert net.hold_to_all_or_none() == A
    net = Net(range(3), LIAR)
    lie(net, [(None, A, A), (None, A, A), (None, A, A)])
    net.run(first_in_first_out)
    assert net.hold_to_all_or_none() is None


@pytest.mark.parametrize('thresholds', [Thresholds(3, 1, False), Thresholds(5, 2, False)])
def test_where_robots_crash_a_delivered_value_reaches_all_that_stay(
    thresholds: Thresholds,
) -> None:
    outcomes = set()
    for seed in range(200):
        random = Random(seed)
        robots = range(thresholds.robots)
        net = Net(robots, 0, thresholds)
        net.propose(b'the value of it')
        # The proposer and others crash in the middle; what is still under way is lost in part.
        crashing = random.sample(robots, random.randint(0, thresholds.faults))
        before = set()
        for robot in crashing:
            for _ in range(random.randrange(12)):
                if net.waiting:
                    sender, to, (what, thing) = net.waiting.pop(random.randrange(len(net.waiting)))
                    rb = net.robots[to]
                    if what == 'piece':
                        rb.receive_piece(sender, thing)
                    else:
                        rb.receive_echo(sender, thing)
                    net.flush(to)
            before.add(net.robots.pop(robot).delivered)
            net.waiting = [
                (sender, to, word)
                for sender, to, word in net.waiting
                if to != robot and (sender != robot or random.getrandbits(1))
            ]
        net.run(shuffled(random))
        outcome = net.hold_to_all_or_none()
        outcomes.add(outcome)
        assert outcome is not None or before <= {None}, seed
        if 0 not in crashing:
            assert outcome == b'the value of it', seed
    assert outcomes == {None, b'the value of it'}
