"""Reliable broadcast: what Bracha's rules say, one robot at a time, and what liars try on them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.agreement.broadcast import (
    PieceRules,
    ReliableBroadcast,
    digest,
    root_of,
)
from swarm_consensus.protocols.agreement.messages import PIECES_MAX, Piece
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice

FOUR = Thresholds(4, 1, True)
RULES = PieceRules(value_bytes_max=64, piece_bytes=4)
PROPOSER = 3


class Robot(ReliableBroadcast):
    """One robot, alone with what a test tells it."""

    def __init__(
        self, me: int = 0, thresholds: Thresholds = FOUR, proposer: int = PROPOSER
    ) -> None:
        self.voice = Voice('s', 1, thresholds.robots)
        super().__init__(thresholds, me, proposer, self.voice, RULES)

    def hear(self, what: str, value: bytes, *senders: int) -> None:
        receive = self.receive_echo if what == 'echo' else self.receive_ready
        for sender in senders:
            assert receive(sender, root(value))

    def get(self, value: bytes, sender: int = PROPOSER) -> None:
        for piece in cut(value):
            self.receive_piece(sender, piece)

    @property
    def echo(self) -> bytes | None:
        return self.voice.echoed(PROPOSER)

    @property
    def ready(self) -> bytes | None:
        return self.voice.was_ready(PROPOSER)


def cut(value: bytes, proposer: int = PROPOSER) -> tuple[Piece, ...]:
    return RULES.cut('s', 1, proposer, value)


def root(value: bytes) -> bytes:
    found = RULES.root(cut(value)[0])
    assert found is not None
    return found


def sorted_by_root(*values: bytes) -> list[bytes]:
    return sorted(values, key=root)


# -- Bracha's rules -------------------------------------------------------------------------------

A, B = b'a value', b'b value'


def test_the_first_value_of_the_proposer_is_echoed_once_all_pieces_are_here() -> None:
    rb = Robot()
    first, second = cut(A)
    rb.receive_piece(PROPOSER, second)
    assert rb.echo is None and rb.held is None and rb.begun
    rb.receive_piece(PROPOSER, first)
    assert rb.echo == root(A) and rb.held == A


def test_a_second_value_of_the_proposer_is_a_lie_and_is_not_echoed() -> None:
    rb = Robot()
    rb.get(A)
    assert not rb.receive_piece(PROPOSER, cut(B)[0])
    assert not rb.receive_piece(PROPOSER, cut(B)[1])
    assert rb.receive_piece(PROPOSER, cut(A)[0])
    assert rb.echo == root(A) and rb.pieces('s', 1, root(B), ()) == ()


def test_a_hash_that_f_robots_echo_may_be_a_lie_and_what_f_plus_1_echo_is_asked_for() -> None:
    rb = Robot()
    rb.hear('echo', A, 1)
    assert rb.wanted() is None
    rb.get(A, sender=1)
    assert rb.echo is None
    rb.hear('echo', A, 2)
    assert rb.wanted() == (root(A), (), 0b0110)
    rb.get(A, sender=1)
    assert rb.echo == root(A) and rb.wanted() is None


def test_of_a_value_that_is_here_in_part_the_rest_is_asked_for() -> None:
    rb = Robot()
    rb.receive_piece(PROPOSER, cut(b'0123456789')[1])
    rb.hear('echo', b'0123456789', 1)
    assert rb.wanted() == (root(b'0123456789'), (0, 2), 0b0010)


@pytest.mark.parametrize(
    ('thresholds', 'needed'), [(FOUR, 3), (Thresholds(5, 1, True), 4), (Thresholds(7, 2, True), 5)]
)
def test_more_than_half_of_n_plus_f_echoes_make_it_ready(
    thresholds: Thresholds, needed: int
) -> None:
    rb = Robot(thresholds=thresholds)
    rb.hear('echo', A, *range(1, needed))
    assert rb.ready is None
    rb.hear('echo', A, needed)
    assert rb.ready == root(A)


def test_its_own_echo_is_one_of_those() -> None:
    rb = Robot()
    rb.get(A)
    rb.hear('echo', A, 1)
    assert rb.ready is None
    rb.hear('echo', A, 2)
    assert rb.ready == root(A)


@pytest.mark.parametrize('thresholds', [FOUR, Thresholds(7, 2, True)])
def test_f_plus_1_ready_robots_make_it_ready_and_f_do_not(thresholds: Thresholds) -> None:
    rb = Robot(thresholds=thresholds)
    rb.hear('ready', A, *range(1, thresholds.faults + 1))
    assert rb.ready is None
    rb.hear('ready', A, thresholds.faults + 1)
    assert rb.ready == root(A)


def test_nobody_is_ready_for_two_values() -> None:
    rb = Robot()
    rb.hear('ready', A, 1, 2)
    rb.hear('echo', B, 1, 2, 3)
    rb.hear('ready', B, 3)
    assert rb.ready == root(A)


@pytest.mark.parametrize('thresholds', [FOUR, Thresholds(7, 2, True)])
def test_2f_plus_1_ready_robots_deliver_it(thresholds: Thresholds) -> None:
    rb = Robot(thresholds=thresholds)
    rb.get(A)
    # Its own is one of them, from the (f + 1)th on.
    rb.hear('ready', A, *range(1, 2 * thresholds.faults))
    assert rb.delivered is None
    rb.hear('ready', A, 2 * thresholds.faults)
    assert rb.delivered == A and rb.delivered_root == root(A)


def test_it_is_delivered_only_when_all_pieces_are_here() -> None:
    rb = Robot()
    rb.hear('ready', A, 1, 2, 3)
    assert rb.delivered is None and rb.wanted() == (root(A), (), 0)
    rb.receive_piece(2, cut(A)[1])
    assert rb.delivered is None and rb.wanted() == (root(A), (0,), 0)
    rb.receive_piece(1, cut(A)[0])
    assert rb.delivered == A and rb.wanted() is None


def test_who_echoed_another_value_delivers_what_the_others_do_and_can_hand_it_on() -> None:
    rb = Robot()
    rb.get(B)
    rb.hear('echo', A, 1, 2, 3)
    rb.hear('ready', A, 1, 2)
    assert rb.wanted() == (root(A), (), 0b1110)
    rb.get(A, sender=1)
    assert (rb.echo, rb.held, rb.delivered) == (root(B), B, A)
    assert rb.pieces('s', 1, root(A), (1,)) == cut(A)[1:]


@pytest.mark.parametrize('what', ['echo', 'ready'])
def test_two_values_of_one_robot_are_told_apart_and_the_first_one_counts(what: str) -> None:
    rb = Robot()
    receive = rb.receive_echo if what == 'echo' else rb.receive_ready
    assert receive(1, root(A)) and receive(1, root(A))
    assert not receive(1, root(B))
    rb.hear(what, B, 2)
    assert rb.ready is None and rb.wanted() is None, 'f + 1 robots would say B'


def test_what_was_said_before_a_reboot_counts_again() -> None:
    voice = Voice('s', 1, 4)
    voice.echo(PROPOSER, root(A))
    voice.ready(PROPOSER, root(A))
    rb = ReliableBroadcast(FOUR, 0, PROPOSER, voice, RULES)
    rb.restore(cut(A))
    assert rb.held == A and rb.echoed_by == 0b0001
    assert rb.receive_ready(1, root(A)) and rb.delivered is None
    assert rb.receive_ready(2, root(A)) and rb.delivered == A


# -- pieces ---------------------------------------------------------------------------------------


@given(st.binary(max_size=64))
def test_every_piece_of_a_value_has_the_hash_of_the_value(value: bytes) -> None:
    pieces = cut(value)
    assert b''.join(piece.data for piece in pieces) == value
    assert {RULES.root(piece) for piece in pieces} == {root(value)}


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_different_values_have_different_hashes(value: bytes, other: bytes) -> None:
    assert (root(value) == root(other)) == (value == other)


PIECE = cut(b'0123456789')[2]


@pytest.mark.parametrize(
    'forged',
    [
        replace(PIECE, data=b'xx'),
        replace(PIECE, data=b'8'),
        replace(PIECE, data=b'890'),
        replace(PIECE, index=1),
        replace(PIECE, index=3),
        replace(PIECE, size=9),
        replace(PIECE, size=13),
        replace(PIECE, digests=PIECE.digests[:2]),
        replace(PIECE, digests=(*PIECE.digests, PIECE.digests[0])),
        replace(PIECE, digests=()),
        replace(cut(b'one')[0], digests=(digest(b'one'),)),
        replace(cut(b'one')[0], index=1),
        replace(cut(b'')[0], data=b'x'),
        PieceRules(128, 4).cut('s', 1, PROPOSER, b'x' * 65)[0],
        PieceRules(64, 8).cut('s', 1, PROPOSER, b'x' * 20)[0],
    ],
)
def test_what_is_no_piece_changes_nothing_and_proves_nothing(forged: Piece) -> None:
    assert RULES.root(forged) is None
    rb = Robot()
    assert rb.receive_piece(PROPOSER, forged)
    assert not rb.begun
    rb.get(A)
    assert rb.echo == root(A)


def test_another_first_digest_makes_it_a_piece_of_another_value() -> None:
    other = replace(PIECE, digests=(digest(b'x'), *PIECE.digests[1:]))
    assert RULES.root(other) not in (None, RULES.root(PIECE))


def test_pieces_that_are_not_here_are_not_handed_out() -> None:
    rb = Robot()
    rb.receive_piece(PROPOSER, PIECE)
    of = root(b'0123456789')
    assert rb.pieces('s', 1, of, (0, 2, 200)) == (PIECE,)
    assert rb.pieces('s', 1, of, ()) == (PIECE,)
    assert rb.pieces('s', 1, root(A), ()) == ()


def test_a_value_of_more_pieces_than_can_be_told_is_refused() -> None:
    assert PieceRules(4 * PIECES_MAX, 4).count(4 * PIECES_MAX) == PIECES_MAX
    for most, piece in ((4 * PIECES_MAX + 1, 4), (10, 0)):
        with pytest.raises(ValueError) as error:
            PieceRules(most, piece)
        assert str(error.value) == (
            f'a value of {most} bytes has more than {PIECES_MAX} pieces of {piece} bytes; '
            'make the pieces larger'
        )


# -- where robots only crash ----------------------------------------------------------------------

FIVE_CRASH = Thresholds(5, 2, False)


def test_where_robots_only_crash_a_value_that_f_plus_1_hold_is_delivered() -> None:
    rb = Robot(thresholds=FIVE_CRASH)
    rb.get(A)
    assert rb.echo == root(A) and rb.delivered is None
    rb.hear('echo', A, 1)
    assert rb.delivered is None
    rb.hear('echo', A, 2)
    assert rb.delivered == A and rb.ready is None


def test_where_robots_only_crash_one_echo_is_believed_and_the_value_pulled() -> None:
    rb = Robot(thresholds=FIVE_CRASH)
    rb.hear('echo', A, 1)
    assert rb.wanted() == (root(A), (), 0b10)
    rb.get(A, sender=1)
    assert rb.echo == root(A)
    rb.hear('echo', A, 4)
    assert rb.delivered == A


# -- what liars try -------------------------------------------------------------------------------


def test_what_only_the_proposer_vouches_for_never_bars_the_way_to_what_others_hold() -> None:
    # The liar gives us one piece of a value that nobody else ever gets, and echoes it, so that we
    # would ask for the rest: it alone, for ever, were the smaller hash the one asked for first.
    bait, value = sorted_by_root(b'aaaaa', b'bbbbb')
    rb = Robot()
    rb.receive_piece(PROPOSER, cut(bait)[0])
    rb.receive_echo(PROPOSER, root(bait))
    assert rb.wanted() == (root(bait), (1,), 0b1000)
    rb.receive_echo(1, root(value))
    rb.receive_echo(2, root(value))
    assert rb.wanted() == (root(value), (), 0b0110)


def test_what_robots_are_ready_for_is_asked_for_before_what_more_robots_echo() -> None:
    thresholds = Thresholds(10, 2, True)
    other, value = sorted_by_root(b'aaaaa', b'bbbbb')
    rb = Robot(thresholds=thresholds)
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
    rb = Robot(thresholds=thresholds, proposer=15)
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
    rb = Robot()
    rb.receive_piece(PROPOSER, shifted)
    for piece in cut(value):
        rb.receive_piece(PROPOSER, piece)
    assert rb.pieces('s', 1, root(value), ()) == cut(value)
    assert digest(value[:4]) == own
