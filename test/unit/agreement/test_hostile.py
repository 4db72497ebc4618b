"""Nothing that a robot sends raises, whatever state it meets, and a lone liar decides nothing."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
from subset_net import PIECES, IdealCommonCoin, SubsetNet, names

from swarm_consensus.protocols.agreement.broadcast import root_of
from swarm_consensus.protocols.agreement.messages import (
    DIGEST_BYTES,
    PIECES_MAX,
    ROBOTS_MAX,
    ROUNDS_MAX,
    Kind,
    Piece,
    Statement,
)
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.subset import CommonSubset, SubsetRules

FOUR = Thresholds(4, 1, True)
CRASH = Thresholds(3, 1, False)

VALUES = [b'', b'short', b'a value in more than one piece']
places = st.one_of(st.integers(0, 4), st.just(ROBOTS_MAX - 1))
rounds = st.one_of(st.integers(0, 3), st.sampled_from([63, 64, 65, 66, ROUNDS_MAX]))
roots = st.one_of(
    st.binary(max_size=DIGEST_BYTES),
    st.sampled_from([PIECES.root(PIECES.cut('s', 1, 0, value)[0]) for value in VALUES]),
)
links = st.lists(st.tuples(places, roots), max_size=4).map(tuple)
votes = st.lists(
    st.tuples(st.sampled_from(Kind), rounds, st.integers(0, 3), st.binary(max_size=2)), max_size=8
).map(tuple)
shares = st.lists(st.tuples(places, rounds, st.binary(max_size=4)), max_size=3).map(tuple)
statements = st.builds(
    Statement, st.just('s'), st.just(1), st.booleans(), links, links, votes, shares,
    st.binary(max_size=DIGEST_BYTES),
)
true_pieces = st.sampled_from(
    [piece for value in VALUES for who in range(4) for piece in PIECES.cut('s', 1, who, value)]
)
false_pieces = st.builds(
    Piece, st.just('s'), st.just(1), places, st.one_of(st.integers(0, 70), st.just(2**63)),
    st.lists(st.binary(max_size=DIGEST_BYTES), max_size=5).map(tuple),
    st.integers(0, PIECES_MAX - 1), st.binary(max_size=10),
)
messages = st.one_of(statements, statements, true_pieces, false_pieces)


@pytest.mark.parametrize('variant', ['common', 'graded', 'crash'])
@settings(max_examples=150, deadline=None)
@given(heard=st.lists(st.tuples(st.integers(1, 3), messages), max_size=25), proposes=st.booleans())
def test_nothing_that_robots_send_raises_or_fills_a_slot_twice(
    variant: str, heard: list[tuple[int, Statement | Piece]], proposes: bool
) -> None:
    thresholds = CRASH if variant == 'crash' else FOUR
    robots = names(thresholds.robots)
    coin = IdealCommonCoin(robots[0], 1, 1) if variant == 'common' else None
    rules = SubsetRules(robots, 0, thresholds, PIECES, coin)
    robot = CommonSubset(rules, 's', 1, Random(1))
    if proposes:
        robot.propose(b'mine')
    net = SubsetNet(thresholds, [], common=False, seed=1)
    for sender, message in heard:
        sender = min(sender, thresholds.robots - 1)
        if isinstance(message, Piece):
            robot.receive_piece(sender, message)
        else:
            robot.receive(sender, message)
        net.hold_to_slots(0, robot.voice.take_new())
        for proposer, root, indexes, _ in robot.wanted():
            robot.pieces(proposer, root, indexes)
    # All that it says can be taken up again, and by another robot.
    again = CommonSubset(rules, 's', 1, Random(2), robot.voice.everything(False))
    net.hold_to_slots(0, again.voice.everything(False))
    other = CommonSubset(SubsetRules(robots, 1, thresholds, PIECES, None), 's', 1, Random(1))
    assert other.receive(0, robot.voice.everything(True)) or variant == 'common'


@settings(max_examples=150, deadline=None)
@given(heard=st.lists(messages, max_size=25))
def test_one_liar_alone_settles_nothing_and_has_nobody_speak_for_it(
    heard: list[Statement | Piece],
) -> None:
    rules = SubsetRules(names(4), 0, FOUR, PIECES, IdealCommonCoin('r00', 1, 1))
    robot = CommonSubset(rules, 's', 1, Random(1))
    for message in heard:
        if isinstance(message, Piece):
            robot.receive_piece(3, message)
        else:
            robot.receive(3, message)
    said = robot.voice.everything(False)
    assert (said.votes, said.readies, said.shares) == ((), (), ())
    # It echoes what the liar itself put in, at most.
    assert {proposer for proposer, _ in said.echoes} <= {3}
    assert robot.vector is None and robot.inputs == (None,) * 4 and robot.speakers <= 1


def test_what_a_liar_has_a_robot_remember_is_bounded() -> None:
    rules = SubsetRules(names(4), 0, FOUR, PIECES, IdealCommonCoin('r00', 1, 1))
    robot = CommonSubset(rules, 's', 1, Random(1))
    for number in range(3000):
        value = b'%d' % number
        robot.receive(
            3,
            Statement(
                's', 1, False, ((0, value),), ((0, value),),
                ((Kind.SUPPORT, number, 0, b'\x0f'), (Kind.AUX, number, 1, b'\x0f')),
                ((0, number, value),),
            ),
        )
        robot.receive_piece(3, PIECES.cut('s', 1, 3, value)[0])
        robot.receive_piece(3, PIECES.cut('s', 1, 0, value)[0])
    for broadcast in robot._broadcasts:
        kept = (broadcast._values, broadcast._echoes, broadcast._echoed, broadcast._ready)
        assert max(map(len, kept)) <= 6
    for binary in robot._binaries:
        assert len(binary._rounds) <= 66
        assert all(len(at.shares) <= 1 for at in binary._rounds.values())


def test_a_hash_says_how_long_the_value_is() -> None:
    digests = (b'x' * DIGEST_BYTES, b'y' * DIGEST_BYTES)
    assert root_of(9, digests) != root_of(10, digests)
