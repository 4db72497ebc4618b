"""Linearizable reads (thesis 6.4)."""

from __future__ import annotations

from random import Random

from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendEntries,
    AppendReply,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Raft,
    RaftConfig,
    ReadReply,
    ReadRequest,
    ReadResult,
    Refusal,
    Restored,
    Role,
    VoteReply,
    VoteRequest,
)


def elected(names: str = 'abc', **settings: int) -> Cluster:
    swarm = Cluster(names, **settings)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def test_the_leader_reads_once_a_quorum_confirms_it() -> None:
    swarm = elected()
    request = swarm.read('a')
    assert swarm.read_result(request) is None
    swarm.settle()
    assert swarm.read_result(request) == ReadResult(request, 1)


def test_a_follower_reads_what_was_committed_before_it_asked() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: to == 'c' and not isinstance(message, ReadReply)
    swarm.propose('a', b'x')
    swarm.settle()
    request = swarm.read('c')
    swarm.settle()
    assert swarm.read_result(request) is None, 'it has not applied so far yet'
    swarm.lost = lambda sender, to, message: False
    swarm.run(4)
    assert swarm.read_result(request) == ReadResult(request, 2)
    assert swarm.applied('c') == [b'x']


def test_reads_that_wait_share_one_round() -> None:
    swarm = elected()
    raft = swarm['a']
    for number in range(50):
        raft.read(str(number))
    (send,) = raft.take_effects().send_now
    assert isinstance(send.message, Heartbeat) and send.to == ('b', 'c')
    raft.receive(HeartbeatReply(1, 'b', send.message.round, 1))
    assert len(raft.take_effects().reads) == 50


def test_an_answer_to_an_earlier_round_confirms_nothing() -> None:
    swarm = elected()
    raft = swarm['a']
    raft.read('1')
    (send,) = raft.take_effects().send_now
    raft.receive(HeartbeatReply(1, 'b', send.message.round - 1, 1))
    assert raft.take_effects() is None


def test_a_read_waits_for_a_commit_of_the_current_term() -> None:
    config = RaftConfig('a', ('a', 'b', 'c'))
    raft = Raft(config, Restored(HardState(4, '')), Random(1))
    for _ in range(20):
        raft.tick()
    raft.receive(VoteReply(5, 'b', True, pre=True))
    raft.receive(VoteReply(5, 'b', True, pre=False))
    raft.read('1')
    raft.receive(ReadRequest('c', 1))
    sends = raft.take_effects().send_now
    assert not any(isinstance(send.message, Heartbeat) for send in sends)
    raft.persisted(1, 5)
    raft.receive(AppendReply(5, 'b', False, 1))
    heartbeat = [send.message for send in raft.take_effects().send_now][-1]
    assert isinstance(heartbeat, Heartbeat) and heartbeat.round == 1
    raft.receive(HeartbeatReply(5, 'c', 1, 0))
    effects = raft.take_effects()
    assert effects.reads == (ReadResult('1', 1),)
    assert [s.message for s in effects.send_now if s.to == ('c',)][0] == ReadReply('a', 1, 1)


def test_a_leader_that_was_replaced_unknowingly_reads_nothing_stale() -> None:
    swarm = elected('abcde')
    swarm.lost = lambda sender, to, message: 'a' in (sender, to)
    before, swarm.robots['a'].raft = swarm.robots['a'].raft, None
    swarm.elect('b')
    swarm.propose('b', b'x')
    swarm.settle()
    swarm.robots['a'].raft = before
    assert swarm.role('a') is Role.LEADER, 'it slept meanwhile'
    request = swarm.read('a', deadline_ticks=50)
    swarm.settle()
    assert swarm.read_result(request) is None
    swarm.lost = lambda sender, to, message: False
    swarm.run(40)
    assert swarm.read_result(request).index >= 3


def test_a_read_without_a_leader_is_refused_at_its_deadline() -> None:
    swarm = Cluster('abc')
    with swarm.cut('b'):
        request = swarm.read('b', deadline_ticks=20)
        swarm.run(20)
        assert swarm.read_result(request) == ReadResult(request, 0, Refusal.NO_QUORUM)


def test_a_read_of_a_leader_that_is_cut_off_is_refused() -> None:
    swarm = elected()
    with swarm.cut('a'):
        request = swarm.read('a', deadline_ticks=20)
        swarm.run(20)
        assert swarm.read_result(request) == ReadResult(request, 0, Refusal.TIMEOUT)


def test_a_lost_question_or_answer_is_repeated() -> None:
    for lost in (ReadRequest, ReadReply):
        swarm = elected(retry_ticks=5)
        swarm.lost = lambda sender, to, message, lost=lost: isinstance(message, lost)
        requests = [swarm.read('b')]
        swarm.settle()
        requests.append(swarm.read('b'))
        swarm.settle()
        swarm.lost = lambda sender, to, message: False
        swarm.run(6)
        assert all(swarm.read_result(request) for request in requests)


def test_a_repeated_question_serves_older_reads_though_the_newest_has_ended() -> None:
    swarm = elected(retry_ticks=5)
    swarm.lost = lambda sender, to, message: isinstance(message, ReadRequest)
    long = swarm.read('b', deadline_ticks=50)
    swarm.run(1)
    short = swarm.read('b', deadline_ticks=2)
    swarm.run(3)
    swarm.lost = lambda sender, to, message: False
    swarm.run(5)
    assert swarm.read_result(short).reason is Refusal.TIMEOUT
    assert swarm.read_result(long).reason is Refusal.NONE


def test_a_read_goes_on_at_the_next_leader() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, (ReadReply, HeartbeatReply))
    requests = [swarm.read('b'), swarm.read('c')]
    swarm.settle()
    swarm.crash('a')
    swarm.lost = lambda sender, to, message: False
    swarm.run(60)
    assert all(swarm.read_result(request).reason is Refusal.NONE for request in requests)


def test_an_answer_to_an_earlier_boot_is_not_believed() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, ReadReply)
    swarm.read('b')
    swarm.settle()
    old = [message for _, _, message in swarm.trace if isinstance(message, ReadReply)][-1]
    swarm.crash('b')
    swarm.restart('b')
    swarm.run(4)
    request = swarm.read('b')
    swarm.receive('b', old)
    assert swarm.read_result(request) is None


def test_reads_under_way_are_bounded() -> None:
    swarm = Cluster('abc', reads_max=2)
    requests = [swarm.read('b') for _ in range(3)]
    assert swarm.read_result(requests[2]).reason is Refusal.OVERLOADED


def test_a_read_waits_for_the_log_not_for_a_message_that_promises_it() -> None:
    raft = Raft(RaftConfig('a', ('a', 'b', 'c')), Restored(), Random(1))
    raft.receive(Heartbeat(1, 'b', 0, 0))
    raft.read('1')
    (send,) = raft.take_effects().send_now
    raft.receive(ReadReply('b', send.message.number, 7))
    assert raft.take_effects() is None
    raft.receive(AppendEntries(1, 'b', 0, 0, (), 7))
    assert raft.take_effects().reads == ()


def test_with_leases_a_rebooted_robot_votes_only_after_an_election_timeout() -> None:
    """Before it was down it may have answered a leader that holds a lease by this answer."""
    swarm = Cluster('abc', clock_drift_percent=0)
    swarm.elect('a')
    swarm.run(4)
    swarm.crash('b')
    swarm.restart('b')
    swarm.lost = lambda sender, to, message: 'a' in (sender, to)
    last = swarm['c'].status().last_index
    for ticks, granted in [(0, False), (9, False), (1, True)]:
        swarm.tick(['b'], ticks)
        swarm.receive('b', VoteRequest(2, 'c', last, 1, False))
        assert (swarm.robots['b'].disk.hard_state.vote == 'c') is granted, ticks
