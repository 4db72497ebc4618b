"""What makes an older message useless, and what does not."""

from __future__ import annotations

import pytest

from swarm_consensus.protocols import raft
from swarm_consensus.protocols.agreement import messages as agreement
from swarm_consensus.runtime.coalescing import coalescing_key
from swarm_consensus.runtime.members import Presence

ONE, ALL = ('r2',), ()
ENTRY = raft.Entry(8, 5, raft.EntryKind.COMMAND, b'x')

# Two messages of which the second makes the first useless where both are for the same robots.
SUPERSEDING = [
    (raft.Heartbeat(5, 'r1', 6, 3), raft.Heartbeat(5, 'r1', 7, 4)),
    (raft.HeartbeatReply(5, 'r1', 3, 6), raft.HeartbeatReply(6, 'r1', 1, 6)),
    (raft.AppendReply(5, 'r1', False, 6), raft.AppendReply(5, 'r1', False, 9)),
    (
        raft.AppendEntries(5, 'r1', 7, 4, (), 6),
        raft.AppendEntries(5, 'r1', 7, 4, (ENTRY,), 7),
    ),
    (raft.ReadRequest('r1', 1), raft.ReadRequest('r1', 2)),
    (raft.ReadReply('r1', 1, 6), raft.ReadReply('r1', 2, 7)),
    (raft.VoteRequest(5, 'r1', 7, 4, True), raft.VoteRequest(6, 'r1', 7, 4, True)),
    (Presence(False, 1), Presence(False, 2)),
    (agreement.Statement('a', 1, True), agreement.Statement('a', 1, True, ((0, b'h'),))),
    (agreement.OutcomeWanted('a', 1), agreement.OutcomeWanted('a', 2)),
]
# Two that both have to be said.
BOTH = [
    (raft.Heartbeat(5, 'r1', 6, 3), raft.Heartbeat(5, 'r1', 7, 0)),
    (raft.AppendReply(5, 'r1', True, 6), raft.AppendReply(5, 'r1', True, 9)),
    (raft.AppendReply(5, 'r1', False, 6), raft.AppendReply(5, 'r1', True, 9)),
    (
        raft.AppendEntries(5, 'r1', 7, 4, (), 6),
        raft.AppendEntries(5, 'r1', 8, 5, (), 6),
    ),
    (raft.VoteRequest(5, 'r1', 7, 4, True), raft.VoteRequest(5, 'r1', 7, 4, False)),
    (raft.VoteReply(5, 'r1', True, True), raft.VoteReply(6, 'r1', True, True)),
    (raft.ProposalForward('r1', ('a',), (b'',)), raft.ProposalForward('r1', ('b',), (b'',))),
    (agreement.Statement('a', 1, True), agreement.Statement('a', 2, True)),
    (agreement.Piece('a', 1, 0, 9, (), 0, b''), agreement.Piece('a', 1, 0, 9, (), 1, b'')),
]


@pytest.mark.parametrize(('older', 'newer'), SUPERSEDING)
@pytest.mark.parametrize('to', [ONE, ALL])
def test_the_newer_takes_the_place_of_the_older(
    older: object, newer: object, to: tuple[str, ...]
) -> None:
    key = coalescing_key(older, to)
    assert key is not None and key == coalescing_key(newer, to)
    # But never where others are to have it.
    assert key != coalescing_key(newer, ('r3',)) and hash(key) is not None


@pytest.mark.parametrize(('first', 'second'), BOTH)
def test_what_is_about_something_else_stays(first: object, second: object) -> None:
    key = coalescing_key(first, ALL)
    assert key is None or key != coalescing_key(second, ALL)


def test_only_the_whole_of_what_was_said_replaces_a_statement() -> None:
    new = agreement.Statement('a', 1, False, ((0, b'h'),))
    # To all goes what is new; an answer to one robot is everything, and so is what is said again.
    assert coalescing_key(new, ALL) is None
    assert coalescing_key(new, ONE) is not None
    again = agreement.Statement('a', 1, True, ((0, b'h'),))
    assert coalescing_key(again, ONE) != coalescing_key(new, ONE)
