"""A snapshot in pieces arrives whole over a link that loses, repeats and reorders."""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.raft import Membership, Snapshot, SnapshotChunk, SnapshotMark
from swarm_consensus.protocols.raft.chunks import (
    PATIENCE_MAX,
    Incoming,
    Outgoing,
    Source,
    digest_of,
)

MARK = SnapshotMark(7, 3, Membership(('a', 'b', 'c')))


def chunk(data: bytes, offset: int = 0, piece: bytes = b'', **changes: object) -> SnapshotChunk:
    fields = {
        'term': 4,
        'leader': 'a',
        'index': MARK.index,
        'index_term': MARK.term,
        'membership': MARK.membership,
        'size': len(data),
        'digest': digest_of(data),
        'offset': offset,
        'data': piece,
    }
    return SnapshotChunk(**fields | changes)


def test_pieces_in_any_order_make_the_whole_as_in_a_slow_twin() -> None:
    random = Random(31)
    for _ in range(300):
        data = random.randbytes(random.randint(0, 60))
        ahead_max = random.choice([1, 3, 50])
        incoming = Incoming(chunk(data), ahead_max)
        twin: set[int] = set()
        while not incoming.complete:
            offset = random.randint(0, len(data) - 1)
            piece = data[offset : offset + random.randint(1, 9)]
            incoming.take(offset, piece)
            twin.update(range(offset, offset + len(piece)))
            gap = next((i for i in range(len(data)) if i not in twin), len(data))
            assert incoming.received <= gap
            if ahead_max == 50:
                # Of two pieces at one place the longer stays, so nothing is ever forgotten.
                assert incoming.received == gap
            assert len(incoming._ahead) <= ahead_max
        assert incoming.snapshot() == Snapshot(MARK, data)


def test_a_snapshot_that_is_not_what_its_digest_says_is_none() -> None:
    incoming = Incoming(chunk(b'abcd'), 3)
    incoming.take(0, b'abXd')
    assert incoming.complete and incoming.snapshot() is None


def test_pieces_of_another_snapshot_are_known() -> None:
    incoming = Incoming(chunk(b'abcd'), 3)
    assert incoming.same(chunk(b'abcd', term=9, leader='c', offset=2, piece=b'cd'))
    for changes in (
        {'index': 8},
        {'index_term': 2},
        {'size': 5},
        {'digest': b'x' * 16},
        {'membership': Membership(('a',))},
    ):
        assert not incoming.same(chunk(b'abcd', **changes))


def test_a_transfer_ends_over_a_link_that_loses_repeats_and_reorders() -> None:
    random = Random(32)
    for _ in range(150):
        data = random.randbytes(random.choice([0, 1, 40, 400]))
        size, window = random.choice([7, 10, 64]), random.choice([1, 3, 8])
        loss = random.choice([0, 0.2, 0.5])
        outgoing = Outgoing(Source(Snapshot(MARK, data)))
        incoming, reboots = Incoming(chunk(data), window), random.choice([0, 0, 2])
        pieces: list[int] = []
        answers: list[int] = []
        for _ in range(20_000):
            while outgoing.wants(size):
                pieces.append(outgoing.sent)
                outgoing.piece_sent(len(data[outgoing.sent : outgoing.sent + size]))
            assert outgoing.sent - outgoing.received < (window + 1) * size
            outgoing.mark()
            random.shuffle(pieces)
            while pieces and random.random() < 0.8:
                offset = pieces.pop()
                if random.random() >= loss:
                    incoming.take(offset, data[offset : offset + size])
                    answers.append(incoming.received)
            if reboots and random.random() < 0.05:
                reboots -= 1
                incoming = Incoming(chunk(data), window)
            while answers and random.random() < 0.8:
                answer = answers.pop(random.randrange(len(answers)))
                if random.random() >= loss:
                    outgoing.answered(answer, window)
            if incoming.complete:
                break
            if random.random() >= loss:
                outgoing.heartbeat_answered()
        assert incoming.snapshot() == Snapshot(MARK, data)


def test_one_lost_piece_costs_one_piece() -> None:
    data = bytes(80)
    outgoing, incoming = Outgoing(Source(Snapshot(MARK, data))), Incoming(chunk(data), 8)
    sent = []
    for _ in range(20):
        while outgoing.wants(10):
            offset = outgoing.sent
            outgoing.piece_sent(10)
            sent.append(offset)
            if (offset, sent.count(offset)) != (30, 1):
                incoming.take(offset, data[offset : offset + 10])
        if incoming.complete:
            break
        before = outgoing.received
        outgoing.mark()
        outgoing.answered(incoming.received, 8)
        if outgoing.received == before:
            outgoing.heartbeat_answered()
    assert incoming.complete
    assert sorted(sent) == sorted([*range(0, 80, 10), 30])


def test_what_nobody_answers_is_sent_again_more_and_more_rarely() -> None:
    outgoing = Outgoing(Source(Snapshot(MARK, bytes(100))))
    again = []
    for beat in range(64):
        while outgoing.wants(10):
            outgoing.piece_sent(10)
        outgoing.mark()
        if outgoing.heartbeat_answered():
            again.append(beat)
            assert (outgoing.sent, outgoing.window) == (0, 1)
    gaps = [later - earlier for earlier, later in zip(again, again[1:], strict=False)]
    assert gaps[:4] == [2, 4, 8, 8] and max(gaps) == PATIENCE_MAX


def test_a_follower_that_has_it_all_and_does_not_install_is_asked_again() -> None:
    outgoing = Outgoing(Source(Snapshot(MARK, bytes(20))))
    outgoing.piece_sent(10)
    outgoing.answered(20, 8)
    assert outgoing.whole and not outgoing.wants(10)
    outgoing.mark()
    assert outgoing.heartbeat_answered() and outgoing.wants(10) and outgoing.sent == 0
