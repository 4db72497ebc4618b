"""
The fault simulation finds the classic mistakes: each is built in, one at a time, and is caught.

A mutation replaces one method of Raft for one test. That nothing is found without any is what
test_faults.py says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import test_elections
from test_faults import storm
import test_log
import test_priority
import test_reads
import test_replication
import test_snapshots
import test_transfer

from swarm_consensus.protocols.raft import (
    AppendReply,
    Effects,
    HardState,
    Outcome,
    Raft,
    Role,
    Snapshot,
)
from swarm_consensus.protocols.raft.chunks import Outgoing, Source
from swarm_consensus.protocols.raft.core import Core
from swarm_consensus.protocols.raft.log import RaftLog
from swarm_consensus.protocols.raft.progress import Flow, Progress

SEEDS_MAX = 500


def commit_by_counting_an_old_term(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._advance_commit

    def advance(raft: Raft) -> None:
        start, raft._term_start = raft._term_start, 0
        original(raft)
        raft._term_start = start

    monkeypatch.setattr(Raft, '_advance_commit', advance)


def vote_is_not_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(raft: Raft) -> HardState | None:
        changed, raft._hard_state_changed = raft._hard_state_changed, False
        return HardState(raft._term, '') if changed else None

    monkeypatch.setattr(Raft, '_take_hard_state', take)


def two_votes_in_a_term(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._would_vote

    def would_vote(raft: Raft, message: object) -> bool:
        vote, raft._vote = raft._vote, ''
        granted = original(raft, message)
        raft._vote = vote
        return granted

    monkeypatch.setattr(Raft, '_would_vote', would_vote)


def truncation_without_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    def merge(log: RaftLog, entries: tuple) -> int:
        if entries[0].index <= log.last_index:
            log._truncate(entries[0].index)
        log._entries.extend(entries)
        log.last_index = entries[-1].index
        return entries[0].index

    monkeypatch.setattr(RaftLog, 'merge', merge)


def no_log_check_on_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RaftLog, 'up_to_date', lambda log, index, term: True)


def no_match_check_on_append(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._on_append

    def on_append(raft: Raft, message: object) -> None:
        if message.prev_index <= raft._log.last_index:
            message = replace(message, prev_term=max(0, raft._log.term(message.prev_index)))
        original(raft, message)

    monkeypatch.setattr(Raft, '_on_append', on_append)


def read_without_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_reached', lambda raft, of_follower, own: own)


def read_before_a_commit_of_the_term(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._flush_reads_leader

    def flush(raft: Raft) -> None:
        start, raft._term_start = raft._term_start, 0
        original(raft)
        raft._term_start = start

    monkeypatch.setattr(Raft, '_flush_reads_leader', flush)


def acknowledgement_before_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft.take_effects

    def take(raft: Raft) -> Effects | None:
        effects = original(raft)
        if effects is None:
            return None
        early = tuple(s for s in effects.send_after if isinstance(s.message, AppendReply))
        late = tuple(s for s in effects.send_after if not isinstance(s.message, AppendReply))
        return replace(effects, send_now=effects.send_now + early, send_after=late)

    monkeypatch.setattr(Raft, 'take_effects', take)


def leader_counts_itself_before_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._advance_commit

    def advance(raft: Raft) -> None:
        persisted, raft._log.persisted = raft._log.persisted, raft._log.last_index
        original(raft)
        raft._log.persisted = persisted

    monkeypatch.setattr(Raft, '_advance_commit', advance)


def heartbeat_commits_what_may_not_match(monkeypatch: pytest.MonkeyPatch) -> None:
    def follow_commit(raft: Raft) -> None:
        index = min(raft._leader_commit, raft._log.last_index)
        if index > raft._log.commit:
            raft._commit_to(index)

    monkeypatch.setattr(Raft, '_follow_commit', follow_commit)


def committed_while_the_place_went_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_judge', lambda raft, p, entry: raft._end(p, Outcome.COMMITTED))


def learners_count_for_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._follow_all

    def follow_all(raft: Raft) -> None:
        original(raft)
        raft._groups = ((None, *raft._followers),)

    monkeypatch.setattr(Raft, '_follow_all', follow_all)


def a_transfer_never_aborts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_tick_transfer', lambda raft: None)


def what_a_voter_asks_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_rank', property(lambda raft: raft._config.priority))


def an_install_leaves_what_conflicts_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = RaftLog.install

    def install(log: RaftLog, snapshot: Snapshot) -> None:
        first = snapshot.mark.index + 1
        behind = log.slice(first, log.last_index) if first > log.first_index else []
        original(log, snapshot)
        log._entries.extend(behind)
        log.last_index += len(behind)

    monkeypatch.setattr(RaftLog, 'install', install)


def an_install_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_take_install', lambda raft: setattr(raft, '_install', None))


def an_install_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    original = RaftLog.install

    def install(log: RaftLog, snapshot: Snapshot) -> None:
        original(log, snapshot)
        log._unsaved_snapshot = False

    monkeypatch.setattr(RaftLog, 'install', install)


def a_compaction_takes_more_than_the_snapshot_has(monkeypatch: pytest.MonkeyPatch) -> None:
    original = RaftLog.compact

    def compact(log: RaftLog, snapshot: Snapshot, first: int) -> None:
        original(log, snapshot, first)
        log._base_term = log.term(log.commit)
        del log._entries[: log.commit - log.base_index]
        log.base_index = log.commit

    monkeypatch.setattr(RaftLog, 'compact', compact)


def an_empty_log_over_a_snapshot_seems_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        RaftLog, 'last_term', property(lambda log: log._entries[-1].term if log._entries else 0)
    )


def pieces_are_never_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outgoing, 'heartbeat_answered', lambda outgoing: False)


def a_follower_that_lost_its_pieces_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Outgoing.answered

    def answered(outgoing: Outgoing, received: int, window_max: int) -> None:
        original(outgoing, max(received, outgoing.received), window_max)

    monkeypatch.setattr(Outgoing, 'answered', answered)


def each_follower_is_sent_a_snapshot_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._point_at_source

    def point_at_source(raft: Raft, group: list[Progress]) -> Source:
        fresh = [p for p in group if p.flow is not Flow.SNAPSHOT]
        return original(raft, fresh)

    monkeypatch.setattr(Raft, '_point_at_source', point_at_source)


def the_mark_has_the_membership_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._compact

    def compact(raft: Raft, index: int, data: bytes) -> None:
        raft._memberships.reset(0, raft._config.membership)
        original(raft, index, data)

    monkeypatch.setattr(Raft, '_compact', compact)


def what_a_lost_robot_acknowledges_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(raft: Raft, voter: str) -> object:
        return None if voter == raft._robot else raft._progress[voter]

    monkeypatch.setattr(Raft, '_counted', counted)


def a_cut_off_membership_stays_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._merge_memberships

    def merge(raft: Raft, first: int, memberships: dict) -> None:
        if memberships:
            original(raft, first, memberships)

    monkeypatch.setattr(Raft, '_merge_memberships', merge)


def a_membership_counts_once_it_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._take_membership

    def take(raft: Raft) -> None:
        original(raft)
        raft._membership = raft._memberships.at(raft._log.commit)
        if raft._role is Role.LEADER:
            raft._group_voters()

    monkeypatch.setattr(Raft, '_take_membership', take)


def a_rebooted_robot_votes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Core.__init__

    def init(raft: Raft, *args: object) -> None:
        original(raft, *args)
        raft._promised_at = -raft._config.election_ticks

    monkeypatch.setattr(Core, '__init__', init)


# Caught by random faults within SEEDS_MAX seeds.
BY_STORM: list[Callable[[pytest.MonkeyPatch], None]] = [
    two_votes_in_a_term,
    truncation_without_conflict,
    no_log_check_on_vote,
    no_match_check_on_append,
    read_without_a_round,
    read_before_a_commit_of_the_term,
    acknowledgement_before_sync,
    leader_counts_itself_before_sync,
    heartbeat_commits_what_may_not_match,
    committed_while_the_place_went_to_another,
    learners_count_for_commits,
    an_install_is_not_handed_out,
    an_install_is_not_stored,
    a_compaction_takes_more_than_the_snapshot_has,
    an_empty_log_over_a_snapshot_seems_new,
    pieces_are_never_sent_again,
    each_follower_is_sent_a_snapshot_of_its_own,
    what_a_lost_robot_acknowledges_counts,
    a_cut_off_membership_stays_in_force,
    a_membership_counts_once_it_is_committed,
]
# These take thousands of seeds, or cost no safety, but have a scenario of their own.
BY_SCENARIO: list[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], None]]] = [
    (
        commit_by_counting_an_old_term,
        test_replication.test_figure_8_an_entry_of_an_older_term_is_not_committed_by_counting,
    ),
    (
        vote_is_not_durable,
        test_elections.test_a_vote_leaves_only_when_it_is_durable_and_outlives_a_reboot,
    ),
    (
        a_rebooted_robot_votes_at_once,
        test_reads.test_with_leases_a_rebooted_robot_votes_only_after_an_election_timeout,
    ),
    (
        a_transfer_never_aborts,
        test_transfer.test_a_transfer_to_a_dead_robot_aborts_and_proposals_resume,
    ),
    (
        what_a_voter_asks_never_falls,
        lambda: test_priority.test_a_lower_rank_leads_where_the_highest_can_refuse_but_not_win(1),
    ),
    (
        an_install_leaves_what_conflicts_behind_it,
        test_log.test_snapshots_between_cuts_leave_memory_and_disk_as_a_slow_twin_has_them,
    ),
    (
        a_follower_that_lost_its_pieces_is_not_believed,
        test_snapshots.test_a_follower_that_crashes_in_the_middle_begins_anew_and_gets_it,
    ),
    (
        the_mark_has_the_membership_of_the_settings,
        test_snapshots.test_the_membership_in_the_mark_is_the_one_under_the_log,
    ),
]


@pytest.mark.parametrize('mutation', BY_STORM, ids=lambda mutation: mutation.__name__)
def test_a_mistake_is_caught_in_bad_weather(
    mutation: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    for seed in range(1, SEEDS_MAX + 1):
        try:
            storm(seed)
        except Exception as error:  # noqa: BLE001 - whatever it breaks, it is caught
            print(f'seed {seed}: {error}')
            return
    raise AssertionError(f'{SEEDS_MAX} seeds did not catch it')


@pytest.mark.parametrize(
    ('mutation', 'scenario'), BY_SCENARIO, ids=[mutation.__name__ for mutation, _ in BY_SCENARIO]
)
def test_a_mistake_is_caught_by_its_scenario(
    mutation: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario()
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        scenario()
