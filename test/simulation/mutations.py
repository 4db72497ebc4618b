"""
Known mistakes of Raft implementations, each built in by replacing one method for one test.

The seam is here and not in the product: nothing of swarm_consensus knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from swarm_consensus.protocols.raft import AppendReply, Effects, HardState, Raft
from swarm_consensus.protocols.raft.log import RaftLog

Mutation = Callable[[pytest.MonkeyPatch], None]


def commit_by_counting_an_old_term(patch: pytest.MonkeyPatch) -> None:
    """A leader commits what a quorum holds, of whatever term (Raft paper, figure 8)."""
    original = Raft._advance_commit

    def advance(raft: Raft) -> None:
        start, raft._term_start = raft._term_start, 0
        original(raft)
        raft._term_start = start

    patch.setattr(Raft, '_advance_commit', advance)


def vote_not_durable(patch: pytest.MonkeyPatch) -> None:
    """The term goes to the disk, the vote does not."""
    original = Raft._take_hard_state

    def take(raft: Raft) -> HardState | None:
        state = original(raft)
        return None if state is None else replace(state, vote='')

    patch.setattr(Raft, '_take_hard_state', take)


def truncation_without_conflict(patch: pytest.MonkeyPatch) -> None:
    """An append that repeats what is there cuts off what follows it."""

    def merge(log: RaftLog, entries: tuple) -> None:
        if entries[0].index <= log.last_index:
            log._truncate(entries[0].index)
        log._entries.extend(entries)
        log.last_index = entries[-1].index

    patch.setattr(RaftLog, 'merge', merge)


def no_log_check_on_vote(patch: pytest.MonkeyPatch) -> None:
    """A candidate gets votes whatever its log lacks."""
    patch.setattr(RaftLog, 'up_to_date', lambda log, index, term: True)


def stale_read_after_transfer(patch: pytest.MonkeyPatch) -> None:
    """A leader answers reads by itself: whoever leads after a transfer knows more."""
    patch.setattr(Raft, '_reached', lambda raft, of_follower, own: own)


def read_before_a_commit_of_the_term(patch: pytest.MonkeyPatch) -> None:
    """A fresh leader answers reads before it knows what is committed."""
    original = Raft._flush_reads_leader

    def flush(raft: Raft) -> None:
        start, raft._term_start = raft._term_start, 0
        original(raft)
        raft._term_start = start

    patch.setattr(Raft, '_flush_reads_leader', flush)


def acknowledgement_before_sync(patch: pytest.MonkeyPatch) -> None:
    """A follower acknowledges entries that its disk does not have yet."""
    original = Raft.take_effects

    def take(raft: Raft) -> Effects | None:
        effects = original(raft)
        if effects is None:
            return None
        early = tuple(s for s in effects.send_after if isinstance(s.message, AppendReply))
        late = tuple(s for s in effects.send_after if not isinstance(s.message, AppendReply))
        return replace(effects, send_now=effects.send_now + early, send_after=late)

    patch.setattr(Raft, 'take_effects', take)


def no_match_check_on_append(patch: pytest.MonkeyPatch) -> None:
    """A follower appends behind an entry that is not the leader's."""
    original = Raft._on_append

    def on_append(raft: Raft, message: object) -> None:
        if message.prev_index <= raft._log.last_index:
            message = replace(message, prev_term=max(0, raft._log.term(message.prev_index)))
        original(raft, message)

    patch.setattr(Raft, '_on_append', on_append)


def two_votes_in_a_term(patch: pytest.MonkeyPatch) -> None:
    """A robot forgets whom it voted for while it runs."""
    original = Raft._would_vote

    def would_vote(raft: Raft, message: object) -> bool:
        vote, raft._vote = raft._vote, ''
        granted = original(raft, message)
        raft._vote = vote
        return granted

    patch.setattr(Raft, '_would_vote', would_vote)


def heartbeat_commits_what_may_not_match(patch: pytest.MonkeyPatch) -> None:
    """A follower takes the leader's commit index for its own log, matched or not."""

    def follow_commit(raft: Raft) -> None:
        index = min(raft._leader_commit, raft._log.last_index)
        if index > raft._log.commit:
            raft._commit_to(index)

    patch.setattr(Raft, '_follow_commit', follow_commit)


def requests_applied_again(patch: pytest.MonkeyPatch) -> None:
    """The state machine does not remember the requests that it has applied."""
    from swarm_consensus.decision.ledger import Ledger

    patch.setattr(Ledger, '_remember', lambda ledger, request_id, outcome: None)


MUTATIONS: tuple[Mutation, ...] = (
    commit_by_counting_an_old_term,
    vote_not_durable,
    truncation_without_conflict,
    no_log_check_on_vote,
    stale_read_after_transfer,
    read_before_a_commit_of_the_term,
    acknowledgement_before_sync,
    no_match_check_on_append,
    two_votes_in_a_term,
    heartbeat_commits_what_may_not_match,
    requests_applied_again,
)
