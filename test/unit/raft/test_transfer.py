"""Leadership goes to a robot that can take it, or stays (thesis 3.10)."""

from __future__ import annotations

from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendReply,
    Drop,
    Message,
    Outcome,
    ProposalForward,
    ProposalResult,
    Refusal,
    Role,
    TimeoutNow,
    TransferEnd,
    TransferResult,
    VoteRequest,
)


def elected(names: str = 'abc', **settings: int) -> Cluster:
    swarm = Cluster(names, **settings)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def ends(swarm: Cluster, name: str = 'a') -> list[tuple[str, TransferEnd]]:
    return [(result.target, result.end) for result in swarm.robots[name].transfers]


def losing(*kinds: type[Message]):  # noqa: ANN201
    return lambda sender, to, message: isinstance(message, kinds)


def nothing(sender: str, to: str, message: Message) -> bool:
    return False


def urged(swarm: Cluster) -> list[str]:
    return [to for _, to, message in swarm.trace if isinstance(message, TimeoutNow)]


def test_a_transfer_to_an_up_to_date_follower_takes_no_time() -> None:
    swarm = elected()
    swarm.transfer('a', 'b')
    swarm.settle()
    assert swarm.leaders == ['b'] and swarm['b'].term == 2
    assert {swarm[name].leader for name in 'abc'} == {'b'}
    assert ends(swarm) == [('b', TransferEnd.DONE)]


def test_the_target_campaigns_without_pre_vote_and_is_heard_although_a_leader_is() -> None:
    swarm = elected()
    swarm.transfer('a', 'b')
    swarm.settle()
    requests = [m for _, _, m in swarm.trace[-20:] if isinstance(m, VoteRequest)]
    assert requests == [VoteRequest(2, 'b', 1, 1, pre=False, transfer=True)]
    assert swarm['c'].status().drops == {}


def test_a_transfer_from_a_follower_is_refused() -> None:
    swarm = elected()
    swarm.transfer('b', 'c')
    swarm.run(30)
    assert swarm.leaders == ['a'] and ends(swarm, 'b') == [('c', TransferEnd.NOT_LEADER)]


def test_a_slow_target_gets_the_log_first() -> None:
    swarm = elected()
    with swarm.cut('c'):
        requests = [swarm.propose('a') for _ in range(20)]
        swarm.run(2)
        swarm.transfer('a', 'c')
        swarm.run(2)
        assert urged(swarm) == [] and swarm['a'].status().transfer == 'c'
    swarm.run(4)
    assert swarm.leaders == ['c'] and ends(swarm) == [('c', TransferEnd.DONE)]
    assert all(swarm.committed(request) for request in requests)


def test_no_target_named_goes_to_the_longest_log_that_is_there() -> None:
    swarm = elected('abcde')
    with swarm.cut('b', 'd'):
        swarm.propose('a')
        swarm.run(1)
        swarm.transfer('a')
        swarm.settle()
    assert swarm.leaders == ['c'] and ends(swarm) == [('c', TransferEnd.DONE)]


def test_no_target_named_is_none_found_where_no_voter_is_there() -> None:
    swarm = Cluster('a')
    swarm.run(25)
    swarm.transfer('a')
    assert ends(swarm) == [('', TransferEnd.NO_TARGET)] and swarm.leaders == ['a']


def test_a_transfer_to_itself_is_done_at_once() -> None:
    swarm = elected()
    swarm.transfer('a', 'a')
    swarm.run(30)
    assert ends(swarm) == [('a', TransferEnd.DONE)]
    assert swarm.leaders == ['a'] and swarm['a'].term == 1


def test_a_transfer_to_a_robot_that_is_no_member_is_refused() -> None:
    swarm = elected()
    swarm.transfer('a', 'stranger')
    request = swarm.propose('a')
    swarm.run(30)
    assert ends(swarm) == [('stranger', TransferEnd.NO_TARGET)]
    assert swarm.leaders == ['a'] and swarm.committed(request)


def test_a_transfer_to_a_dead_robot_aborts_and_proposals_resume() -> None:
    swarm = elected()
    swarm.crash('c')
    swarm.transfer('a', 'c')
    own, forwarded = swarm.propose('a'), swarm.propose('b')
    swarm.run(9)
    assert swarm['a'].status().transfer == 'c' and swarm['a'].status().last_index == 1
    assert swarm.result(own) is None and swarm.result(forwarded) is None
    swarm.run(1)
    assert ends(swarm) == [('c', TransferEnd.TIMEOUT)]
    assert swarm['a'].status().transfer == '' and swarm.committed(own)
    swarm.run(10)
    assert swarm.committed(forwarded), 'its origin has tried again'
    assert swarm.leaders == ['a'] and swarm['a'].term == 1


def test_proposals_during_a_transfer_go_to_the_next_leader() -> None:
    swarm = elected()
    before = swarm.propose('a')
    swarm.transfer('a', 'b')
    own, forwarded = swarm.propose('a'), swarm.propose('c')
    assert swarm['a'].status().last_index == 2
    swarm.run(3)
    assert swarm.leaders == ['b']
    assert swarm.result(before) == ProposalResult(before, Outcome.COMMITTED, 2, 1)
    for request in (own, forwarded):
        assert swarm.committed(request) and swarm.result(request).term == 2


def test_a_leader_that_hands_over_refuses_what_is_forwarded_but_not_what_it_has() -> None:
    swarm = elected()
    swarm.receive('a', ProposalForward('b', ('1',), (b'x',)))
    swarm.settle()
    swarm.lost = losing(TimeoutNow)
    swarm.transfer('a', 'c')
    swarm.receive('a', ProposalForward('b', ('1', '2'), (b'x', b'y')))
    (_, _, old), (_, _, new) = swarm.trace[-2:]
    assert (old.request_ids, old.indexes) == (('1',), (2,))
    assert (new.request_ids, new.reason) == (('2',), Refusal.TRANSFERRING)


def test_a_proposal_whose_deadline_comes_during_a_transfer_says_so() -> None:
    swarm = elected()
    swarm.crash('c')
    swarm.transfer('a', 'c')
    request = swarm.propose('a', deadline_ticks=5)
    swarm.run(5)
    result = swarm.result(request)
    assert (result.outcome, result.reason) == (Outcome.REFUSED, Refusal.TRANSFERRING)


def test_reads_are_served_during_a_transfer() -> None:
    swarm = elected()
    swarm.crash('c')
    swarm.transfer('a', 'c')
    own, asked = swarm.read('a'), swarm.read('b')
    swarm.settle()
    assert swarm.read_result(own).reason is Refusal.NONE
    assert swarm.read_result(asked).reason is Refusal.NONE


def test_the_same_transfer_again_changes_nothing() -> None:
    swarm = elected()
    swarm.crash('c')
    swarm.transfer('a', 'c')
    swarm.run(5)
    swarm.transfer('a', 'c')
    swarm.transfer('a')
    swarm.run(5)
    assert ends(swarm) == [('c', TransferEnd.TIMEOUT)], 'asking again gives no more time'


def test_a_transfer_to_another_robot_replaces_the_one_under_way() -> None:
    swarm = elected()
    swarm.crash('c')
    swarm.transfer('a', 'c')
    swarm.transfer('a', 'b')
    swarm.run(1)
    assert ends(swarm) == [('c', TransferEnd.REPLACED), ('b', TransferEnd.DONE)]
    assert swarm.leaders == ['b']


def test_a_transfer_to_itself_ends_the_one_under_way() -> None:
    swarm = elected()
    swarm.crash('c')
    swarm.transfer('a', 'c')
    swarm.transfer('a', 'a')
    request = swarm.propose('a')
    swarm.settle()
    assert ends(swarm) == [('c', TransferEnd.REPLACED), ('a', TransferEnd.DONE)]
    assert swarm.committed(request)


def test_a_target_that_cannot_be_leaves_the_one_under_way() -> None:
    swarm = elected()
    swarm.lost = losing(TimeoutNow)
    swarm.transfer('a', 'b')
    swarm.transfer('a', 'stranger')
    swarm.lost = nothing
    swarm.run(4)
    assert ends(swarm) == [('stranger', TransferEnd.NO_TARGET), ('b', TransferEnd.DONE)]


def test_a_lost_word_to_campaign_is_repeated_with_the_heartbeat() -> None:
    swarm = elected()
    swarm.lost = losing(TimeoutNow)
    swarm.transfer('a', 'b')
    swarm.run(6)
    assert len(urged(swarm)) == 4, 'once at first, and at each heartbeat'
    swarm.lost = nothing
    swarm.run(2)
    assert swarm.leaders == ['b']


def test_a_word_to_campaign_that_comes_late_changes_nothing() -> None:
    swarm = elected()
    swarm.transfer('a', 'b')
    swarm.settle()
    swarm.receive('b', TimeoutNow(1, 'a'))
    swarm.receive('c', TimeoutNow(1, 'a'))
    swarm.settle()
    assert swarm.leaders == ['b'] and swarm['b'].term == 2
    assert swarm['c'].status().drops == {Drop.STALE: 1}


def test_a_target_that_is_not_elected_leaves_the_swarm_to_another() -> None:
    swarm = elected('abc')
    swarm.lost = lambda sender, to, message: sender == 'b' and to == 'c'
    swarm.transfer('a', 'b')
    swarm.lost = lambda sender, to, message: 'b' in (sender, to)
    swarm.receive('a', VoteRequest(2, 'b', 1, 1, pre=False, transfer=True))
    swarm.run(9)
    assert swarm.role('a') is Role.FOLLOWER and ends(swarm) == []
    swarm.run(30)
    (result,) = ends(swarm)
    assert result in [('b', TransferEnd.TIMEOUT), ('b', TransferEnd.OTHER_LEADER)]
    assert swarm.leaders[0] in 'ac'


def test_who_loses_the_leadership_to_another_than_the_target_says_so() -> None:
    swarm = elected('abcde')
    swarm.crash('b')
    swarm.transfer('a', 'b')
    swarm.receive('c', TimeoutNow(1, 'a'))
    swarm.settle()
    assert swarm.leaders == ['c'] and ends(swarm) == [('b', TransferEnd.OTHER_LEADER)]


def test_leadership_goes_round_and_each_proposal_is_committed_once() -> None:
    swarm = elected('abcde')
    requests = []
    for target in 'bcdeabcde':
        requests += [swarm.propose(name) for name in 'abcde']
        swarm.transfer(swarm.leaders[0], target)
        requests += [swarm.propose(name) for name in 'abcde']
        swarm.run(4)
        assert swarm.leaders == [target]
    swarm.run(40)
    assert all(swarm.committed(request) for request in requests)
    assert sorted(swarm.applied('a')) == sorted(request.encode() for request in requests)


def test_who_waits_for_the_end_of_a_transfer_does_not_oversleep_it() -> None:
    swarm = elected()
    swarm.crash('b')
    swarm.transfer('a', 'b')
    with swarm.cut('a'):
        swarm.receive('a', VoteRequest(2, 'b', 1, 1, pre=False, transfer=True))
        assert swarm.role('a') is Role.FOLLOWER
        assert swarm['a'].idle_ticks() == 10
        swarm.tick('a', count=10)
    assert swarm.robots['a'].transfers == [TransferResult('b', TransferEnd.TIMEOUT)]


def test_the_word_to_campaign_waits_for_the_targets_disk() -> None:
    swarm = elected()
    swarm.lost = losing(AppendReply)
    swarm.propose('a')
    swarm.transfer('a', 'b')
    swarm.settle()
    assert urged(swarm) == [], 'it may have the entry, but has not said that it is durable'
