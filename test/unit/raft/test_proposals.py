"""Proposals always end, and truly (thesis 6.3, 6.4; the rules stand in proposals.py)."""

from __future__ import annotations

from random import Random

from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendEntries,
    Heartbeat,
    Outcome,
    ProposalForward,
    ProposalReply,
    ProposalResult,
    Raft,
    RaftConfig,
    Refusal,
    Restored,
    Role,
    VoteReply,
    VoteRequest,
)


def outcome(swarm: Cluster, request_id: str) -> tuple[Outcome, Refusal]:
    result = swarm.result(request_id)
    assert result is not None, f'{request_id} has not ended'
    return result.outcome, result.reason


def elected(names: str = 'abc', **settings: int) -> Cluster:
    swarm = Cluster(names, **settings)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def test_the_leaders_proposal_is_committed_at_a_place() -> None:
    swarm = elected()
    request = swarm.propose('a', b'x')
    swarm.settle()
    assert swarm.result(request) == ProposalResult(request, Outcome.COMMITTED, 2, 1)


def test_a_followers_proposal_is_forwarded_and_ends_when_its_own_log_has_it() -> None:
    swarm = elected()
    request = swarm.propose('b', b'x')
    swarm.settle()
    assert swarm.result(request) == ProposalResult(request, Outcome.COMMITTED, 2, 1)
    assert swarm.applied('b') == [b'x']


def test_many_proposals_of_a_follower_share_one_message() -> None:
    swarm = elected()
    raft = swarm['b']
    for number in range(100):
        raft.propose(str(number), b'x')
    (send,) = raft.take_effects().send_now
    assert send.to == ('a',) and len(send.message.request_ids) == 100


def test_a_forward_is_bounded_in_bytes() -> None:
    swarm = elected(append_bytes_max=300, entry_bytes_max=100)
    raft = swarm['b']
    for number in range(10):
        raft.propose(str(number), bytes(100))
    sends = raft.take_effects().send_now
    assert [len(send.message.data) for send in sends] == [2, 2, 2, 2, 2]


def test_a_proposal_waits_for_a_leader() -> None:
    swarm = Cluster('abc')
    request = swarm.propose('b', b'x')
    swarm.run(60)
    assert outcome(swarm, request) == (Outcome.COMMITTED, Refusal.NONE)


def test_a_proposal_that_never_left_is_refused_for_no_quorum() -> None:
    swarm = Cluster('abc')
    with swarm.cut('b'):
        request = swarm.propose('b', b'x', deadline_ticks=30)
        swarm.run(29)
        assert swarm.result(request) is None
        swarm.run(1)
        assert outcome(swarm, request) == (Outcome.REFUSED, Refusal.NO_QUORUM)
    swarm.run(100)
    assert swarm.applied('a') == []


def test_a_proposal_of_a_leader_that_is_cut_off_ends_unknown() -> None:
    swarm = elected()
    with swarm.cut('a'):
        request = swarm.propose('a', b'x', deadline_ticks=30)
        swarm.run(30)
        assert outcome(swarm, request) == (Outcome.UNKNOWN, Refusal.NONE)


def test_a_forwarded_proposal_without_answer_ends_unknown() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, ProposalForward)
    request = swarm.propose('b', b'x', deadline_ticks=30)
    swarm.run(30)
    assert outcome(swarm, request) == (Outcome.UNKNOWN, Refusal.NONE)


def silenced() -> Cluster:
    """Three robots; `b` has not heard the leader for an election timeout, but still waits."""
    swarm = elected()
    swarm.lost = lambda sender, to, message: 'b' in (sender, to)
    for _ in range(100):
        if not swarm['b'].status().has_quorum:
            break
        swarm.run(1)
    status = swarm['b'].status()
    assert (status.role, status.leader, status.has_quorum) == (Role.FOLLOWER, 'a', False)
    return swarm


def test_a_leader_that_is_not_heard_any_more_is_not_asked_so_that_the_end_is_sure() -> None:
    swarm = silenced()
    request = swarm.propose('b', b'x', deadline_ticks=30)
    swarm.run(30)
    assert outcome(swarm, request) == (Outcome.REFUSED, Refusal.NO_QUORUM)


def test_a_leader_that_is_heard_again_is_asked() -> None:
    swarm = silenced()
    request = swarm.propose('b', b'x')
    swarm.lost = lambda sender, to, message: isinstance(message, (VoteRequest, VoteReply))
    swarm.run(20)
    assert swarm['b'].status().leader == 'a'
    assert outcome(swarm, request) == (Outcome.COMMITTED, Refusal.NONE)


def test_a_lost_forward_is_sent_again() -> None:
    swarm = elected(retry_ticks=5)
    swarm.lost = lambda sender, to, message: isinstance(message, ProposalForward)
    request = swarm.propose('b', b'x')
    swarm.run(3)
    swarm.lost = lambda sender, to, message: False
    swarm.run(3)
    assert outcome(swarm, request) == (Outcome.COMMITTED, Refusal.NONE)


def test_a_forward_that_is_repeated_gets_the_same_place() -> None:
    swarm = elected(retry_ticks=5)
    swarm.lost = lambda sender, to, message: isinstance(message, ProposalReply)
    request = swarm.propose('b', b'x')
    swarm.run(12)
    swarm.lost = lambda sender, to, message: False
    swarm.run(6)
    assert swarm.result(request).index == 2
    assert swarm.applied('c') == [b'x'], 'once'


def test_a_state_machine_that_saw_the_request_ends_it() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, ProposalReply)
    request = swarm.propose('b', b'x')
    swarm.settle()
    assert swarm.result(request) is None
    swarm['b'].settle(request, 2, 1)
    swarm['b'].settle('unknown', 2, 1)
    swarm.carry_out('b')
    assert swarm.result(request) == ProposalResult(request, Outcome.COMMITTED, 2, 1)


def test_a_proposal_that_a_dead_leader_had_not_replicated_goes_to_the_next() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, AppendEntries)
    request = swarm.propose('b', b'x')
    swarm.settle()
    swarm.crash('a')
    swarm.lost = lambda sender, to, message: False
    swarm.run(60)
    assert outcome(swarm, request) == (Outcome.COMMITTED, Refusal.NONE)
    assert swarm.applied('c') == [b'x']


def test_a_leader_that_loses_its_entry_proposes_it_again_through_the_next() -> None:
    swarm = elected('abcde')
    with swarm.cut('a'):
        request = swarm.propose('a', b'x')
        swarm.run(40)
        assert swarm.role('a') is not Role.LEADER
    swarm.run(20)
    assert outcome(swarm, request) == (Outcome.COMMITTED, Refusal.NONE)
    assert swarm.result(request).term == swarm['a'].term
    assert swarm.applied('e') == [b'x']


def test_an_entry_that_survives_a_change_of_leader_is_not_proposed_again() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: to == 'a'
    request = swarm.propose('a', b'x')
    swarm.settle()
    assert swarm.terms('b') == [1, 1] and swarm.result(request) is None
    swarm.lost = lambda sender, to, message: False
    swarm.elect('b')
    swarm.run(10)
    assert swarm.result(request) == ProposalResult(request, Outcome.COMMITTED, 2, 1)
    assert swarm.applied('c') == [b'x'], 'once'


def test_proposals_keep_their_order() -> None:
    swarm = elected()
    data = [str(number).encode() for number in range(20)]
    for item in data:
        swarm.propose('b', item)
    swarm.settle()
    assert swarm.applied('a') == data


def test_a_leader_full_of_uncommitted_bytes_refuses_and_recovers() -> None:
    swarm = elected(uncommitted_bytes_max=200, entry_bytes_max=100)
    with swarm.cut('a'):
        kept = swarm.propose('a', bytes(100))
        refused = swarm.propose('a', bytes(100))
    assert outcome(swarm, refused) == (Outcome.REFUSED, Refusal.OVERLOADED)
    swarm.run(6)
    again = swarm.propose('a', bytes(100))
    swarm.settle()
    assert swarm.committed(kept) and swarm.committed(again)


def test_an_overloaded_leader_refuses_forwarded_proposals() -> None:
    swarm = elected(uncommitted_bytes_max=200, entry_bytes_max=100)
    swarm.lost = lambda sender, to, message: isinstance(message, AppendEntries)
    swarm.propose('a', bytes(100))
    request = swarm.propose('b', bytes(100))
    swarm.settle()
    assert outcome(swarm, request) == (Outcome.REFUSED, Refusal.OVERLOADED)


def test_too_large_is_refused_at_once() -> None:
    swarm = elected(entry_bytes_max=100)
    for name in 'ab':
        request = swarm.propose(name, bytes(101))
        assert outcome(swarm, request) == (Outcome.REFUSED, Refusal.TOO_LARGE)


def test_proposals_under_way_are_bounded() -> None:
    swarm = Cluster('abc', proposals_max=2, uncommitted_bytes_max=40_000, entry_bytes_max=20_000)
    requests = [swarm.propose('b', b'x') for _ in range(3)]
    assert outcome(swarm, requests[2]) == (Outcome.REFUSED, Refusal.OVERLOADED)
    swarm = Cluster('abc', uncommitted_bytes_max=40_000, entry_bytes_max=20_000)
    requests = [swarm.propose('b', bytes(20_000)) for _ in range(3)]
    assert outcome(swarm, requests[2]) == (Outcome.REFUSED, Refusal.OVERLOADED)


def test_proposing_twice_under_one_id_gives_one_entry_and_one_result() -> None:
    raft = Raft(RaftConfig('a', ('a',)), Restored(), Random(1))
    for _ in range(20):
        raft.tick()
    raft.propose('1', b'x')
    raft.propose('1', b'x')
    last = raft.take_effects().persist.entries[-1]
    raft.persisted(last.index, last.term)
    assert [result.index for result in raft.take_effects().proposals] == [2]


def test_a_robot_that_does_not_lead_says_so() -> None:
    swarm = elected()
    swarm.receive('c', ProposalForward('b', ('b/1',), (b'x',)))
    assert swarm.trace[-1][2] == ProposalReply(1, 'c', ('b/1',), (), Refusal.NOT_LEADER)


def test_a_lie_about_the_place_is_not_believed() -> None:
    swarm = elected(retry_ticks=5)
    other = swarm.propose('a', b'other')
    swarm.settle()
    swarm.lost = lambda sender, to, message: isinstance(message, ProposalForward)
    request = swarm.propose('b', b'x')
    swarm.lost = lambda sender, to, message: False
    swarm.receive('b', ProposalReply(1, 'c', (request,), (swarm.result(other).index,)))
    swarm.run(8)
    assert swarm.result(request).index == 3 and swarm.applied('c') == [b'other', b'x']


def test_deadlines_leave_nothing_behind() -> None:
    swarm = elected(proposal_ticks=10)
    for _ in range(50):
        swarm.propose('b')
        swarm.read('b')
        swarm.run(1)
    swarm.run(12)
    raft = swarm['b']
    assert not (raft._proposals or raft._proposal_due or raft._placed or raft._forwarded)
    assert not (raft._reads or raft._read_due or raft._reads_asked or raft._reads_ready)
    assert raft._proposal_bytes == swarm['a']._uncommitted == 0


def test_a_leader_by_itself_names_no_place_before_its_term_is_durable() -> None:
    raft = Raft(RaftConfig('a', ('a',), ('x',)), Restored(), Random(1))
    while raft.role is not Role.LEADER:
        raft.tick()
    raft.receive(ProposalForward('x', ('x/1',), (b'x',)))
    effects = raft.take_effects()
    # After a crash it may lead the same term again, and give the place to another proposal.
    assert all(type(send.message) is not ProposalReply for send in effects.send_now)
    assert ProposalReply(1, 'a', ('x/1',), (2,)) in [s.message for s in effects.send_after]
    raft.persisted(*effects.persist.end)
    raft.receive(ProposalForward('x', ('x/2',), (b'x',)))
    assert ProposalReply(1, 'a', ('x/2',), (3,)) in [
        send.message for send in raft.take_effects().send_now
    ]


def test_two_proposals_told_the_same_place_do_not_go_to_and_fro() -> None:
    """A leader remembers places of its earlier terms; the one in doubt asks again, but later."""
    raft = Raft(RaftConfig('b', ('a', 'b', 'c'), retry_ticks=4), Restored(), Random(1))
    raft.receive(Heartbeat(4, 'a', 0, 0))
    raft.propose('one', b'1')
    raft.propose('two', b'2')

    def forwards() -> int:
        count = 0
        while (effects := raft.take_effects()) is not None:
            for send in (*effects.send_now, *effects.send_after):
                count += isinstance(send.message, ProposalForward)
        return count

    assert forwards() == 1
    for _ in range(3):
        raft.receive(ProposalReply(3, 'a', ('one',), (5,)))
        raft.receive(ProposalReply(3, 'a', ('two',), (5,)))
        assert forwards() == 0
    for _ in range(4):
        raft.tick()
    assert forwards() == 1
