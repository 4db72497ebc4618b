"""Reliable broadcast: what Bracha's rules say, one robot at a time, and what liars try on them."""

from __future__ import annotations

from dataclasses import replace

from swarm_consensus.protocols.agreement.broadcast import (
    PieceRules,
    ReliableBroadcast,
    digest,
    root_of,
)
from swarm_consensus.protocols.agreement.messages import Piece
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice

FOUR = Thresholds(4, 1, True)
RULES = PieceRules(value_bytes_max=64, piece_bytes=4)
PROPOSER = 3


def robot(
    me: int = 0, thresholds: Thresholds = FOUR, proposer: int = PROPOSER
) -> ReliableBroadcast:
    return ReliableBroadcast(thresholds, me, proposer, Voice('s', 1), RULES)


def cut(value: bytes, proposer: int = PROPOSER) -> tuple[Piece, ...]:
    return RULES.cut('s', 1, proposer, value)


def root(value: bytes) -> bytes:
    found = RULES.root(cut(value)[0])
    assert found is not None
    return found


def sorted_by_root(*values: bytes) -> list[bytes]:
    return sorted(values, key=root)


def test_what_only_the_proposer_vouches_for_never_bars_the_way_to_what_others_hold() -> None:
    # The liar gives us one piece of a value that nobody else ever gets, and echoes it, so that we
    # would ask for the rest: it alone, for ever, were the smaller hash the one asked for first.
    bait, value = sorted_by_root(b'aaaaa', b'bbbbb')
    rb = robot()
    rb.receive_piece(PROPOSER, cut(bait)[0])
    rb.receive_echo(PROPOSER, root(bait))
    assert rb.wanted() == (root(bait), (1,), 0b1000)
    rb.receive_echo(1, root(value))
    rb.receive_echo(2, root(value))
    assert rb.wanted() == (root(value), (), 0b0110)


def test_what_robots_are_ready_for_is_asked_for_before_what_more_robots_echo() -> None:
    thresholds = Thresholds(10, 2, True)
    other, value = sorted_by_root(b'aaaaa', b'bbbbb')
    rb = robot(thresholds=thresholds)
    for sender in (1, 2, 3, 4, 5):
        rb.receive_echo(sender, root(other))
    assert rb.wanted() == (root(other), (), 0b111110)
    for sender in (6, 7, 8):
        rb.receive_ready(sender, root(value))
    rb.receive_echo(6, root(value))
    assert rb.wanted() == (root(value), (), 0b1000000)


def test_however_many_values_a_liar_spreads_the_one_that_is_delivered_has_room() -> None:
    # Far more robots than it takes to bear one liar: three values are echoed by f + 1 robots each,
    # a fourth was begun by the proposer, and the fifth is the one that all others deliver.
    thresholds = Thresholds(16, 1, True)
    rb = robot(thresholds=thresholds, proposer=15)
    *spread, begun, value = (bytes([letter]) * 8 for letter in b'abcde')
    rb.receive_piece(15, cut(begun, 15)[0])
    for place, lie in enumerate(spread):
        for sender in (1 + 2 * place, 2 + 2 * place):
            rb.receive_echo(sender, root(lie))
        rb.receive_piece(1 + 2 * place, cut(lie, 15)[0])
    for sender in range(7, 16):
        rb.receive_echo(sender, root(value))
        rb.receive_ready(sender, root(value))
    for piece in cut(value, 15):
        rb.receive_piece(7, piece)
    assert rb.delivered == value


def test_digests_of_another_length_are_no_digests_though_their_hash_is_that_of_the_value() -> None:
    # Kept, they would be handed on with every piece, and whoever asks us for one would refuse it.
    value = b'0123456789'
    first = cut(value)[0]
    own, second, third = first.digests
    shifted = replace(first, digests=(own, second + third[:1], third[1:]))
    assert root_of(shifted.size, shifted.digests) == root(value)
    assert RULES.root(shifted) is None
    rb = robot()
    rb.receive_piece(PROPOSER, shifted)
    for piece in cut(value):
        rb.receive_piece(PROPOSER, piece)
    assert rb.pieces('s', 1, root(value), ()) == cut(value)
    assert digest(value[:4]) == own
