"""Each scenario sees the mistake that it is about: with it built into Raft, the scenario fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scenario_play import play
from scenario_text import ScenarioFailure
import test_mutations as known

from swarm_consensus.protocols.raft import Raft
from swarm_consensus.protocols.raft.chunks import Incoming
from swarm_consensus.protocols.raft.log import RaftLog
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


CASES: list[tuple[str, Mutation]] = [
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
