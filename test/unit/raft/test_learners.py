"""Learners hold the log and serve their robot like any other, and count for nothing (4.2.1)."""

from __future__ import annotations

import pytest
from raft_cluster import Cluster
from raft_invariants import Invariants

from swarm_consensus.protocols.raft import (
    AppendEntries,
    Drop,
    Entry,
    EntryKind,
    HeartbeatReply,
    Outcome,
    Persist,
    Refusal,
    Role,
    TimeoutNow,
    TransferEnd,
    TransferResult,
    VoteReply,
    VoteRequest,
)


def elected(voters: str = 'abc', learners: str = 'de', **settings: int) -> Cluster:
    swarm = Cluster(voters, learners=learners, **settings)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def test_a_learner_gets_and_applies_what_the_voters_do() -> None:
    swarm = elected()
    for number in range(20):
        swarm.propose('a', b'%d' % number)
    swarm.run(3)
    assert swarm.applied('d') == swarm.applied('e') == swarm.applied('a')
    assert len(swarm.applied('a')) == 20
    assert swarm['a'].status().match['d'] == 21
    assert swarm['d'].status().has_quorum and swarm['d'].leader == 'a'


def test_learners_share_the_message_of_the_voters() -> None:
    swarm = elected()
    sent = len(swarm.trace)
    swarm.propose('a')
    appends = [to for _, to, m in swarm.trace[sent:] if isinstance(m, AppendEntries)]
    assert appends == ['b,c,d,e']


def test_learners_do_not_count_for_commits() -> None:
    swarm = elected()
    with swarm.cut('b', 'c'):
        request = swarm.propose('a')
        swarm.run(6)
        status = swarm['a'].status()
        assert status.match['d'] == status.match['e'] == 2 and status.commit_index == 1
        assert swarm.result(request) is None
    swarm.run(4)
    assert swarm.committed(request)


def test_learners_do_not_count_for_the_quorum_that_a_leader_must_hear() -> None:
    swarm = elected()
    assert swarm['a'].status().quorum_size == 2
    with swarm.cut('b', 'c'):
        swarm.run(12)
        assert swarm.role('a') is Role.FOLLOWER and not swarm['a'].status().has_quorum


def test_learners_confirm_no_read() -> None:
    swarm = elected()
    with swarm.cut('b', 'c'):
        read = swarm.read('a', deadline_ticks=8)
        swarm.run(8)
        rounds = [m for sender, _, m in swarm.trace[-20:] if sender in 'de']
        assert any(isinstance(m, HeartbeatReply) for m in rounds), 'they did answer'
        assert swarm.read_result(read).reason is Refusal.TIMEOUT


def test_a_dead_learner_holds_nothing_up_and_catches_up_later() -> None:
    swarm = elected(inflight_appends_max=2)
    swarm.crash('d')
    requests = [swarm.propose(name) for name in 'abce' for _ in range(30)]
    swarm.run(5)
    assert all(swarm.committed(request) for request in requests)
    swarm.restart('d')
    swarm.run(10)
    assert swarm.applied('d') == swarm.applied('a')


def test_a_learner_never_campaigns_though_nobody_leads() -> None:
    swarm = elected()
    for name in 'abc':
        swarm.crash(name)
    sent = len(swarm.trace)
    swarm.run(200)
    assert [swarm.role(name) for name in 'de'] == [Role.FOLLOWER] * 2
    assert swarm.trace[sent:] == [] and swarm['d'].term == 1


def test_candidates_do_not_ask_learners() -> None:
    swarm = elected()
    asked = {to for _, to, m in swarm.trace if isinstance(m, VoteRequest)}
    assert asked == {'b,c'}


def test_learners_elect_nobody() -> None:
    swarm = elected()
    swarm.crash('b')
    swarm.crash('c')
    swarm.run(40)
    assert swarm.leaders == []
    term = swarm['a'].term
    for learner in 'de':
        swarm.receive('a', VoteReply(term + 1, learner, True, pre=True))
    assert swarm['a'].term == term and swarm.leaders == []


def test_a_learner_that_is_asked_answers_by_the_rules_of_all_voters() -> None:
    swarm = elected()
    swarm.crash('a')
    swarm.tick('d', count=12)
    asked = [(1, 1, True, True), (0, 0, True, False), (1, 1, False, True), (1, 1, False, False)]
    for number, (index, term, pre, granted) in enumerate(asked):
        # The last one comes from another candidate in a term in which the vote is given.
        candidate = 'c' if number == 3 else 'b'
        swarm.receive('d', VoteRequest(2, candidate, index, term, pre))
        sender, to, reply = swarm.trace[-1]
        assert (sender, to, reply.granted) == ('d', candidate, granted), number
    assert swarm.robots['d'].disk.hard_state.vote == 'b'


def test_a_learner_forwards_proposals_and_sees_them_committed() -> None:
    swarm = elected()
    requests = [swarm.propose('d', b'%d' % number) for number in range(10)]
    swarm.run(2)
    assert all(swarm.committed(request) for request in requests)
    assert swarm.applied('b') == [b'%d' % number for number in range(10)]


def test_a_learner_forwards_reads() -> None:
    swarm = elected()
    swarm.propose('a', b'x')
    swarm.run(1)
    read = swarm.read('e')
    swarm.run(1)
    result = swarm.read_result(read)
    assert (result.index, result.reason) == (2, Refusal.NONE)


def test_proposals_and_reads_of_a_learner_end_without_a_quorum() -> None:
    swarm = elected()
    for name in 'abc':
        swarm.crash(name)
    sent, read = swarm.propose('d', deadline_ticks=30), swarm.read('d', deadline_ticks=30)
    swarm.run(30)
    assert swarm.result(sent).outcome is Outcome.UNKNOWN
    assert swarm.read_result(read).reason is Refusal.TIMEOUT
    swarm.crash('e')
    swarm.restart('e')
    held = swarm.propose('e', deadline_ticks=30)
    swarm.run(30)
    result = swarm.result(held)
    assert (result.outcome, result.reason) == (Outcome.REFUSED, Refusal.NO_QUORUM)


def test_proposals_of_a_learner_survive_a_change_of_leader() -> None:
    swarm = elected()
    swarm.crash('a')
    request = swarm.propose('d', deadline_ticks=90)
    swarm.run(60)
    assert swarm.committed(request) and swarm.leaders[0] in 'bc'


def test_a_single_voter_with_learners_commits_alone_and_tells_them() -> None:
    swarm = Cluster('a', learners='de')
    swarm.run(25)
    assert swarm.leaders == ['a']
    request = swarm.propose('e')
    swarm.run(3)
    assert swarm.committed(request)
    assert swarm.applied('d') == swarm.applied('e') == swarm.applied('a')


def test_a_transfer_to_a_learner_is_refused() -> None:
    swarm = elected()
    swarm.transfer('a', 'd')
    request = swarm.propose('a')
    swarm.run(30)
    assert swarm.robots['a'].transfers == [TransferResult('d', TransferEnd.NO_TARGET)]
    assert swarm.leaders == ['a'] and swarm.committed(request)


def test_no_target_named_is_never_a_learner_though_it_has_more_of_the_log() -> None:
    swarm = elected()
    with swarm.cut('b', 'c'):
        swarm.propose('a')
        swarm.settle()
        swarm.transfer('a')
        assert swarm['a'].status().transfer == 'b'
    alone = Cluster('a', learners='de')
    alone.run(25)
    alone.transfer('a')
    assert alone.robots['a'].transfers == [TransferResult('', TransferEnd.NO_TARGET)]


def test_a_learner_that_is_told_to_campaign_does_not() -> None:
    swarm = elected()
    swarm.receive('d', TimeoutNow(1, 'a'))
    assert swarm.role('d') is Role.FOLLOWER and swarm['d'].term == 1
    assert swarm['d'].status().drops == {Drop.UNASKED: 1}


def test_the_checker_does_not_take_learners_for_a_quorum() -> None:
    rules = Invariants('abc')
    entry = Entry(1, 1, EntryKind.COMMAND, b'x')
    for name in 'abcde':
        rules.restored(name, [])
    for name in 'ade':
        rules.durable(name, Persist(entries=(entry,)), [entry])
    with pytest.raises(AssertionError, match='only'):
        rules.applied('a', 1, entry, 1)
