"""Elections, a few lines a rule (paper 5.2, 5.4; thesis 4.2.3, 6.2, 9.6)."""

from __future__ import annotations

from random import Random

import pytest
from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendEntries,
    Drop,
    HardState,
    Heartbeat,
    Raft,
    RaftConfig,
    Restored,
    Role,
    VoteReply,
    VoteRequest,
)

NEW = HardState()


def alone(name: str = 'a', voters: str = 'abc', hard_state: HardState = NEW) -> Raft:
    """One robot of a swarm, to be spoken to by hand."""
    return Raft(RaftConfig(name, tuple(voters)), Restored(hard_state), Random(1))


def sent(raft: Raft) -> list:
    """All messages that wait to be sent."""
    messages = []
    while (effects := raft.take_effects()) is not None:
        messages += [send.message for send in effects.send_now + effects.send_after]
    return messages


def test_one_leader_is_elected_and_all_follow_it() -> None:
    swarm = Cluster('abcde')
    swarm.run(40)
    (leader,) = swarm.leaders
    assert {swarm[name].leader for name in 'abcde'} == {leader}
    assert all(swarm[name].status().has_quorum for name in 'abcde')


def test_a_single_voter_leads_and_commits_alone() -> None:
    swarm = Cluster('a')
    swarm.run(25)
    request, read = swarm.propose('a', b'x'), swarm.read('a')
    assert swarm.committed(request)
    assert swarm.read_result(read).index == 2
    assert swarm.applied('a') == [b'x']


def test_a_single_voter_commits_only_what_its_disk_has() -> None:
    raft = alone(voters='a')
    for _ in range(20):
        raft.tick()
    raft.propose('1', b'x')
    effects = raft.take_effects()
    assert effects.persist.entries[-1].data == b'x' and effects.committed == ()
    raft.persisted(2, 1)
    assert [entry.index for entry in raft.take_effects().committed] == [1, 2]


def test_election_timeouts_are_random_between_once_and_twice_the_setting() -> None:
    def ticks_to_campaign(seed: int) -> int:
        raft = Raft(RaftConfig('a', ('a', 'b', 'c')), Restored(), Random(seed))
        for tick in range(1, 100):
            raft.tick()
            if raft.role is Role.PRE_CANDIDATE:
                return tick
        raise AssertionError('never')

    times = {ticks_to_campaign(seed) for seed in range(300)}
    assert times == set(range(10, 20))


def test_a_pre_candidate_leaves_the_term_alone() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    with swarm.cut('c'):
        swarm.run(200)
        assert swarm.role('c') is Role.PRE_CANDIDATE
        assert swarm['c'].term == 1
    swarm.run(5)
    assert swarm.leaders == ['a'] and swarm['c'].leader == 'a'
    assert {swarm[name].term for name in 'abc'} == {1}


def test_no_pre_votes_while_the_leader_is_heard() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    for pre in (True, False):
        swarm.receive('b', VoteRequest(9, 'c', 99, 8, pre))
        assert swarm['b'].term == 1 and swarm['b'].leader == 'a'
    assert swarm['b'].status().drops == {Drop.LEADER_HEARD: 2}
    assert not [m for sender, _, m in swarm.trace if sender == 'b' and m == VoteReply]


def test_a_leader_does_not_listen_to_candidates_either() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.receive('a', VoteRequest(9, 'c', 99, 8, pre=False))
    assert swarm.leaders == ['a'] and swarm['a'].term == 1


def test_a_leader_without_quorum_steps_down() -> None:
    swarm = Cluster('abcde')
    swarm.elect('a')
    with swarm.cut('a', 'b'):
        swarm.run(12)
        assert swarm.role('a') is Role.FOLLOWER and swarm['a'].leader == ''
        assert not swarm['a'].status().has_quorum


def test_a_leader_with_a_bare_quorum_goes_on() -> None:
    swarm = Cluster('abcde')
    swarm.elect('a')
    with swarm.cut('a', 'b', 'c'):
        swarm.run(100)
        assert swarm.leaders == ['a'] and swarm['a'].term == 1


def test_a_stuck_candidate_of_a_higher_term_is_freed() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.crash('c')
    swarm.robots['c'].disk.hard_state = HardState(7, 'c')
    swarm.restart('c')
    swarm.run(60)
    (leader,) = swarm.leaders
    assert {swarm[name].term for name in 'abc'} == {swarm[leader].term}
    assert swarm[leader].term > 7 and swarm['c'].leader == leader


@pytest.mark.parametrize(
    ('last_index', 'last_term', 'granted'),
    [(2, 2, True), (3, 2, True), (1, 3, True), (1, 2, False), (9, 1, False)],
)
@pytest.mark.parametrize('pre', [True, False])
def test_votes_only_for_logs_at_least_as_up_to_date(
    last_index: int, last_term: int, granted: bool, pre: bool
) -> None:
    swarm = Cluster('abc', logs={'a': '12'})
    swarm.receive('a', VoteRequest(5, 'b', last_index, last_term, pre))
    _, to, reply = swarm.trace[-1]
    assert to == 'b' and reply.granted is granted and reply.pre is pre


def test_a_vote_is_given_once_a_term_and_repeated_to_the_same_candidate() -> None:
    raft = alone()
    for candidate, granted in (('b', True), ('c', False), ('b', True)):
        raft.receive(VoteRequest(1, candidate, 0, 0, pre=False))
        assert [reply.granted for reply in sent(raft)] == [granted]


def test_a_vote_leaves_only_when_it_is_durable_and_outlives_a_reboot() -> None:
    raft = alone()
    raft.receive(VoteRequest(1, 'b', 0, 0, pre=False))
    effects = raft.take_effects()
    assert effects.persist.hard_state == HardState(1, 'b')
    assert effects.send_now == () and effects.send_after[0].message.granted
    again = alone(hard_state=effects.persist.hard_state)
    again.receive(VoteRequest(1, 'c', 0, 0, pre=False))
    assert [reply.granted for reply in sent(again)] == [False]


def test_a_candidacy_leaves_only_when_its_own_vote_is_durable() -> None:
    raft = alone()
    for _ in range(20):
        raft.tick()
    pre = raft.take_effects()
    assert pre.persist is None and pre.send_now[0].message.pre
    raft.receive(VoteReply(1, 'b', True, pre=True))
    effects = raft.take_effects()
    assert effects.persist.hard_state == HardState(1, 'a')
    assert effects.send_now == () and not effects.send_after[0].message.pre
    assert effects.send_after[0].to == ('b', 'c'), 'one message for all voters'


def test_a_pre_vote_changes_nothing_at_the_voter() -> None:
    raft = alone()
    raft.receive(VoteRequest(5, 'b', 0, 0, pre=True))
    effects = raft.take_effects()
    assert effects.persist is None and raft.term == 0
    assert effects.send_after[0].message == VoteReply(5, 'a', True, pre=True)


def test_pre_votes_may_go_to_several_candidates() -> None:
    raft = alone()
    raft.receive(VoteRequest(1, 'b', 0, 0, pre=True))
    raft.receive(VoteRequest(1, 'c', 0, 0, pre=True))
    assert [reply.granted for reply in sent(raft)] == [True, True]


def test_a_split_vote_is_followed_by_another_election() -> None:
    swarm = Cluster('abcd')
    swarm.lost = lambda sender, to, message: {sender, to} not in ({'a', 'b'}, {'c', 'd'})
    swarm.run(60)
    assert swarm.leaders == []
    swarm.lost = lambda sender, to, message: False
    swarm.run(60)
    assert len(swarm.leaders) == 1


def test_a_candidate_that_is_refused_by_a_majority_follows_again() -> None:
    swarm = Cluster('abc', logs={'b': '1', 'c': '1'}, term=1)
    swarm.campaign('a')
    assert swarm.role('a') is Role.FOLLOWER and swarm['a'].term == 1


def test_a_candidate_that_hears_a_leader_of_its_term_follows_it() -> None:
    raft = alone()
    for _ in range(20):
        raft.tick()
    raft.receive(VoteReply(1, 'b', True, pre=True))
    assert raft.role is Role.CANDIDATE
    raft.receive(Heartbeat(1, 'c', 0, 1))
    assert raft.role is Role.FOLLOWER and raft.leader == 'c'


def test_a_pre_vote_from_behind_learns_the_term() -> None:
    raft = alone(hard_state=HardState(5, 'c'))
    raft.receive(VoteRequest(2, 'b', 0, 0, pre=True))
    assert sent(raft) == [VoteReply(5, 'a', False, pre=True)]


def test_a_leader_of_an_older_term_learns_the_term_and_steps_down() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.lost = lambda sender, to, message: 'a' in (sender, to)
    swarm.elect('b')
    assert swarm.role('a') is Role.FOLLOWER, 'it heard no quorum meanwhile'
    raft = alone(hard_state=HardState(5, ''))
    raft.receive(AppendEntries(2, 'b', 0, 0, (), 0))
    (reply,) = sent(raft)
    assert reply.term == 5 and reply.rejected


def test_a_robot_that_is_no_voter_never_campaigns_but_votes_when_asked() -> None:
    config = RaftConfig('d', ('a', 'b', 'c'), learners=('d',))
    raft = Raft(config, Restored(), Random(1))
    for _ in range(100):
        raft.tick()
    assert raft.role is Role.FOLLOWER and raft.take_effects() is None
    raft.receive(VoteRequest(1, 'a', 0, 0, pre=False))
    assert [reply.granted for reply in sent(raft)] == [True]


def test_a_vote_of_a_learner_does_not_count() -> None:
    raft = Raft(RaftConfig('a', ('a', 'b', 'c'), learners=('d', 'e')), Restored(), Random(1))
    for _ in range(20):
        raft.tick()
    raft.receive(VoteReply(1, 'd', True, pre=True))
    raft.receive(VoteReply(1, 'e', True, pre=True))
    assert raft.role is Role.PRE_CANDIDATE


def test_nothing_happens_by_time_alone_before_idle_ticks_have_passed() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    request = swarm.propose('b')
    swarm.run(4)
    assert swarm.committed(request), 'its deadline is still to come, and means nothing'
    for name, least in (('a', 1), ('b', 8), ('c', 8)):
        raft = swarm[name]
        idle = raft.idle_ticks()
        assert idle >= least, name
        for _ in range(idle - 1):
            raft.tick()
            assert raft.take_effects() is None
        raft.tick()
        assert raft.take_effects() is not None
