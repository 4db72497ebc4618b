"""Each scenario sees the mistake that it is about: with it built into Raft, the scenario fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scenario_play import play
from scenario_text import ScenarioFailure
import test_mutations as known

from swarm_consensus.protocols.raft import (
    Membership,
    Raft,
    election,
    quorum,
    reconfiguration,
    replication,
)
from swarm_consensus.protocols.raft.chunks import Incoming
from swarm_consensus.protocols.raft.log import RaftLog
from swarm_consensus.protocols.raft.memberships import Memberships
from swarm_consensus.protocols.raft.progress import Flow, Progress

Mutation = Callable[[pytest.MonkeyPatch], None]


def no_check_of_the_quorum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_quorum_heard', lambda raft: True)


def a_heard_leader_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_hears_leader', property(lambda raft: False))


def an_old_leader_gets_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._follow

    def follow(raft: Raft, term: int, leader: str, index: int) -> bool:
        return term >= raft._term and original(raft, term, leader, index)

    monkeypatch.setattr(Raft, '_follow', follow)


def a_late_reject_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(p: Progress, index: int, next_guess: int, gap: bool) -> bool:
        p.match = min(p.match, next_guess - 1)
        p.probe(next_guess)
        return True

    monkeypatch.setattr(Progress, 'rejected', rejected)


def a_hint_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Progress.rejected
    monkeypatch.setattr(
        Progress, 'rejected', lambda p, index, guess, gap: original(p, index, index, False)
    )


def an_overwritten_write_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    original = RaftLog._truncate

    def truncate(log: RaftLog, first: int) -> None:
        valid = [write.valid_to for write in log._writes]
        original(log, first)
        for write, index in zip(log._writes, valid, strict=True):
            write.valid_to = index

    monkeypatch.setattr(RaftLog, '_truncate', truncate)


def learners_do_not_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._would_vote

    def would_vote(raft: Raft, message: object) -> bool:
        return raft._may_campaign and original(raft, message)

    monkeypatch.setattr(Raft, '_would_vote', would_vote)


def learners_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_may_campaign', property(lambda raft: True))


def each_follower_gets_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._send_append

    def send(raft: Raft, first: int, group: list[Progress]) -> int:
        return max(original(raft, first, [p]) for p in group)

    monkeypatch.setattr(Raft, '_send_append', send)


def forwards_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._take_in

    def take_in(raft: Raft, origin: str, request_id: str, data: bytes) -> object:
        raft._remembered.clear()
        return original(raft, origin, request_id, data)

    monkeypatch.setattr(Raft, '_take_in', take_in)


def uncommitted_bytes_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._propose

    def propose(raft: Raft, *args: object) -> None:
        raft._uncommitted = 0
        original(raft, *args)

    monkeypatch.setattr(Raft, '_propose', propose)


def rank_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_hand_over_by_rank', lambda raft: None)


def a_follower_in_need_of_a_snapshot_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_on_compacted', lambda raft, group: None)


def a_pending_snapshot_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Progress.accepted

    def accepted(p: Progress, index: int) -> None:
        if p.outgoing is None or p.flow is not Flow.SNAPSHOT or index >= p.outgoing.source.index:
            original(p, index)

    monkeypatch.setattr(Progress, 'accepted', accepted)


def a_write_that_a_snapshot_replaced_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RaftLog, '_stands_to', lambda log, index: None)


def a_log_under_a_snapshot_has_no_term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        RaftLog, 'last_term', property(lambda log: log._entries[-1].term if log._entries else 0)
    )


def pieces_that_come_early_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Incoming.take

    def take(incoming: Incoming, offset: int, data: bytes) -> None:
        if offset <= incoming.received:
            original(incoming, offset, data)

    monkeypatch.setattr(Incoming, 'take', take)


def the_new_half_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (quorum, replication, election):
        monkeypatch.setattr(module, 'halves', lambda membership: (membership.voters,))


def the_old_half_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (quorum, replication, election):
        monkeypatch.setattr(
            module, 'halves', lambda membership: (membership.outgoing or membership.voters,)
        )


def a_joint_phase_is_left_to_who_began_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._settle_membership

    def settle(raft: Raft) -> None:
        if raft._change is not None:
            original(raft)

    monkeypatch.setattr(Raft, '_settle_membership', settle)


def what_is_cut_off_stays_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memberships, 'truncate', lambda memberships, first: False)


def a_second_change_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._take_change

    def take(raft: Raft, *args: object) -> object:
        raft._settling = 0
        return original(raft, *args)

    monkeypatch.setattr(Raft, '_take_change', take)


def a_stranger_is_made_a_voter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconfiguration, 'fault', lambda membership, voters, learners: '')


def a_removed_leader_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._settle_membership

    def settle(raft: Raft) -> None:
        original(raft)
        raft._leaving = False

    monkeypatch.setattr(Raft, '_settle_membership', settle)


def only_voters_of_the_latest_membership_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_may_campaign', property(lambda raft: raft._is_voter))


def only_members_are_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_peer(raft: Raft, robot: str) -> bool:
        return robot != raft._robot and robot in raft._membership.robots

    monkeypatch.setattr(Raft, '_is_peer', is_peer)


def a_lost_log_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_counted', lambda raft, voter: raft._progress.get(voter))


def any_membership_frees_a_lost_robot(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._forget_loss

    def forget(raft: Raft) -> None:
        latest = raft._memberships
        raft._memberships = Memberships(0, Membership(('a', 'b'), ('c',), readmitted=(raft._lost,)))
        original(raft)
        raft._memberships = latest

    monkeypatch.setattr(Raft, '_forget_loss', forget)


def a_loss_is_forgotten_by_any_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def note(raft: Raft, p: Progress, token: str, round_: int = 0) -> bool:
        p.lost = token
        return True

    monkeypatch.setattr(Raft, '_note_loss', note)


def a_lease_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_holds_lease', property(lambda raft: raft._lease_until > 0))


def a_promise_ends_with_the_term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_keeps_promise', property(lambda raft: False))


def a_lease_outlives_the_word_to_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_holds_lease', property(lambda raft: raft._now < raft._lease_until))


def a_repeated_change_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Raft._take_change

    def take(raft: Raft, *args: object) -> object:
        raft._change_ends.clear()
        return original(raft, *args)

    monkeypatch.setattr(Raft, '_take_change', take)
    monkeypatch.setattr(reconfiguration, 'same', lambda membership, voters, learners: False)


def an_installed_snapshot_leaves_the_membership(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memberships, 'reset', lambda memberships, index, membership: None)


def a_transfer_to_no_voter_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_check_target', lambda raft: None)


CASES: list[tuple[str, Mutation]] = [
    ('change_repeated', a_repeated_change_is_made_again),
    ('joint_cut_off', what_is_cut_off_stays_in_force),
    ('joint_election', the_old_half_is_enough),
    ('joint_needs_both', the_old_half_is_enough),
    ('joint_needs_both', the_new_half_is_enough),
    ('joint_new_leader', a_joint_phase_is_left_to_who_began_it),
    ('learners_first', a_stranger_is_made_a_voter),
    ('lease', a_lease_never_ends),
    ('lease_term', a_promise_ends_with_the_term),
    ('lease_transfer', a_lease_outlives_the_word_to_campaign),
    ('lost_old_answer', a_loss_is_forgotten_by_any_answer),
    ('lost_old_membership', any_membership_frees_a_lost_robot),
    ('lost_voter_counts_not', a_lost_log_counts),
    ('removed_leader', a_removed_leader_stays),
    ('removed_leader_crashes', only_voters_of_the_latest_membership_campaign),
    ('removed_robot', a_heard_leader_does_not_matter),
    ('second_change', a_second_change_is_begun),
    ('snapshot_cuts_membership', an_installed_snapshot_leaves_the_membership),
    ('snapshot_joint', a_joint_phase_is_left_to_who_began_it),
    ('snapshot_membership', an_installed_snapshot_leaves_the_membership),
    ('transfer_removed', a_transfer_to_no_voter_goes_on),
    ('unknown_leader', only_members_are_listened_to),
    ('conflict_hint', a_hint_is_ignored),
    ('figure_7', known.no_match_check_on_append),
    ('figure_8', known.commit_by_counting_an_old_term),
    ('forwarded_twice', forwards_are_not_remembered),
    ('lagging_pre_candidate', known.no_log_check_on_vote),
    ('late_reject', a_late_reject_is_believed),
    ('leader_heard', a_heard_leader_does_not_matter),
    ('leader_without_quorum', no_check_of_the_quorum),
    ('learner_votes', learners_campaign),
    ('learner_votes', learners_do_not_vote),
    ('one_append', each_follower_gets_a_copy),
    ('overwritten_write', an_overwritten_write_counts),
    ('older_snapshot', a_follower_in_need_of_a_snapshot_is_forgotten),
    ('priority', rank_does_not_matter),
    ('read_own_term', known.read_before_a_commit_of_the_term),
    ('repeated_append', known.truncation_without_conflict),
    ('snapshot_durable', known.acknowledgement_before_sync),
    ('snapshot_overtaken', a_pending_snapshot_is_waited_for),
    ('snapshot_overwrites_write', a_write_that_a_snapshot_replaced_counts),
    ('snapshot_pieces', pieces_that_come_early_are_dropped),
    ('snapshot_votes', a_log_under_a_snapshot_has_no_term),
    ('stuck_candidate', an_old_leader_gets_no_answer),
    ('throttled_follower', a_follower_in_need_of_a_snapshot_is_forgotten),
    ('transfer_dead', known.a_transfer_never_aborts),
    ('uncommitted_bytes', uncommitted_bytes_are_not_counted),
    ('vote_once', known.two_votes_in_a_term),
    ('vote_once', known.vote_is_not_durable),
    ('votes', known.no_log_check_on_vote),
]


@pytest.mark.parametrize(
    ('scenario', 'mutation'), CASES, ids=[f'{name}-{m.__name__}' for name, m in CASES]
)
def test_a_scenario_sees_its_mistake(
    scenario: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    with pytest.raises(ScenarioFailure):
        play(Path(__file__).parent / 'scenarios' / f'{scenario}.txt')
