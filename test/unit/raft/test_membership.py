"""Changes of membership by joint consensus (thesis 4.3): what is in force where, when it ends."""

from __future__ import annotations

from random import Random

import pytest
from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendEntries,
    ChangeEnd,
    ChangeReply,
    ChangeRequest,
    ChangeResult,
    Drop,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    InvariantError,
    Membership,
    Raft,
    RaftConfig,
    Restored,
    Role,
    TransferEnd,
    TransferResult,
    VoteRequest,
)
from swarm_consensus.protocols.raft.changes import encode_membership


def elected(voters: str = 'abc', learners: str = 'de', others: str = '', **kw: int) -> Cluster:
    swarm = Cluster(voters, learners=learners, others=others, **kw)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def member(swarm: Cluster, name: str) -> Membership:
    return swarm[name].status().membership


def configs(swarm: Cluster, name: str) -> list[int]:
    return [e.index for e in swarm.robots[name].log if e.kind is EntryKind.CONFIG]


def test_two_voters_change_at_once_through_a_joint_membership() -> None:
    swarm = elected()
    change = swarm.change('a', 'ade', 'bc')
    joint = Membership(('a', 'd', 'e'), (), ('a', 'b', 'c'), ('b', 'c'))
    assert member(swarm, 'a') == joint and swarm['a'].status().changing
    swarm.run(6)
    assert swarm.change_result(change) == ChangeResult(change, ChangeEnd.DONE)
    for name in 'abcde':
        assert member(swarm, name) == Membership(('a', 'd', 'e'), ('b', 'c')), name
        assert configs(swarm, name) == [2, 3]
    assert not swarm['a'].status().changing
    with swarm.cut('b', 'c'):
        request = swarm.propose('a')
        swarm.run(3)
        assert swarm.committed(request), 'the old voters do not count any more'


@pytest.mark.parametrize('away', ['de', 'bc'], ids=['old voters alone', 'new voters alone'])
def test_while_joint_both_halves_must_agree(away: str) -> None:
    swarm = elected()
    with swarm.cut(*away):
        change = swarm.change('a', 'ade', 'bc')
        swarm.run(7)
        assert swarm['a'].status().match[away[0]] < 2 and swarm['a'].commit_index == 1
    swarm.run(7)
    assert swarm.change_result(change).end is ChangeEnd.DONE


def test_learners_come_and_go_without_a_joint_phase() -> None:
    swarm = elected(others='x')
    change = swarm.change('a', 'abc', 'dx')
    swarm.run(4)
    assert swarm.change_result(change).end is ChangeEnd.DONE
    assert configs(swarm, 'x') == configs(swarm, 'a') == [2]
    request = swarm.propose('x')
    swarm.run(3)
    assert swarm.committed(request) and swarm.applied('x') == swarm.applied('a')
    assert swarm.applied('e') == [], 'it is no member any more'


def test_a_new_robot_becomes_a_learner_and_then_a_voter() -> None:
    swarm = elected('abc', '', others='x')
    requests = [swarm.propose('a') for _ in range(5)]
    swarm.run(2)
    refused = swarm.change('a', 'abcx')
    swarm.run(1)
    result = swarm.change_result(refused)
    assert result.end is ChangeEnd.ILLEGAL and 'learner first' in result.reason
    for voters, learners in [('abc', 'x'), ('abcx', '')]:
        change = swarm.change('a', voters, learners)
        swarm.run(6)
        assert swarm.change_result(change).end is ChangeEnd.DONE
    assert swarm['x'].status().membership.voters == ('a', 'b', 'c', 'x')
    assert len(swarm.applied('x')) == len(requests)
    swarm.campaign('x')
    assert swarm.leaders == ['x'], 'it can lead'


@pytest.mark.parametrize(
    ('voters', 'learners', 'reason'),
    [('', 'abc', 'no voter'), ('aab', '', 'twice'), ('ab', 'b', 'twice'), ('abx', '', 'learner')],
)
def test_illegal_changes_are_refused_and_change_nothing(
    voters: str, learners: str, reason: str
) -> None:
    swarm = elected(others='x')
    for name in 'ab':
        change = swarm.change(name, voters, learners)
        swarm.run(2)
        result = swarm.change_result(change)
        assert result.end is ChangeEnd.ILLEGAL and reason in result.reason
    assert configs(swarm, 'a') == []


def test_voters_that_are_not_there_are_no_quorum_to_change_to() -> None:
    swarm = elected()
    swarm.crash('d')
    swarm.crash('e')
    swarm.run(12)
    change = swarm.change('a', 'ade', 'bc')
    swarm.run(1)
    result = swarm.change_result(change)
    assert result.end is ChangeEnd.ILLEGAL and 'only these are there' in result.reason


def test_one_change_at_a_time() -> None:
    swarm = elected()
    with swarm.cut('b', 'c', 'd', 'e'):
        first, second = swarm.change('a', 'abd', 'ce'), swarm.change('a', 'abe', 'cd')
        assert swarm.change_result(second).end is ChangeEnd.BUSY
    swarm.run(5)
    assert swarm.change_result(first).end is ChangeEnd.DONE
    assert member(swarm, 'a').voters == ('a', 'b', 'd')


def test_what_holds_already_is_done() -> None:
    swarm = elected()
    change = swarm.change('a', 'cba', 'ed')
    assert swarm.change_result(change).end is ChangeEnd.DONE
    assert configs(swarm, 'a') == []


def test_a_leader_changes_nothing_before_it_has_committed_in_its_term() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, AppendEntries)
    swarm.campaign('b')
    change = swarm.change('b', 'abd', 'ce')
    assert swarm.role('b') is Role.LEADER
    swarm.run(2)
    assert configs(swarm, 'b') == [] and swarm.change_result(change) is None
    swarm.lost = lambda sender, to, message: False
    swarm.run(6)
    assert swarm.change_result(change).end is ChangeEnd.DONE


def test_a_follower_falls_back_when_the_entry_is_cut_off() -> None:
    swarm = elected()
    with swarm.cut('a', 'b'):
        swarm.change('a', 'ade', 'bc')
        swarm.run(2)
        assert member(swarm, 'b').joint and not member(swarm, 'c').joint
        swarm.crash('a')
    log = (Entry(1, 1, EntryKind.NOOP), Entry(2, 2, EntryKind.NOOP))
    swarm.receive('b', AppendEntries(2, 'c', 0, 0, log, 0))
    assert configs(swarm, 'b') == []
    assert member(swarm, 'b') == Membership(('a', 'b', 'c'), ('d', 'e'))


def test_a_membership_is_found_again_after_a_reboot() -> None:
    swarm = elected()
    change = swarm.change('a', 'ade', 'bc')
    swarm.run(6)
    assert swarm.change_result(change).end is ChangeEnd.DONE
    swarm.crash('d')
    swarm.restart('d')
    assert member(swarm, 'd') == Membership(('a', 'd', 'e'), ('b', 'c'))


def test_a_new_leader_ends_the_joint_phase_that_it_finds() -> None:
    swarm = elected()
    swarm.change('a', 'ade', 'bc')
    swarm.lost = lambda sender, to, message: sender != 'a'
    swarm.run(2)
    assert all(member(swarm, name).joint for name in 'abcde')
    swarm.crash('a')
    swarm.lost = lambda sender, to, message: False
    swarm.run(60)
    leader = swarm.leaders[0]
    assert leader in 'bcde'
    assert member(swarm, leader) == Membership(('a', 'd', 'e'), ('b', 'c')) or leader in 'de'
    swarm.run(30)
    assert swarm.leaders and swarm.leaders[0] in 'de'
    assert member(swarm, swarm.leaders[0]) == Membership(('a', 'd', 'e'), ('b', 'c'))


def test_a_removed_leader_goes_when_that_is_committed_and_hands_over_at_once() -> None:
    swarm = elected()
    change = swarm.change('a', 'bcd', 'e')
    swarm.run(4)
    assert swarm.change_result(change).end is ChangeEnd.DONE
    assert swarm.role('a') is Role.FOLLOWER
    assert swarm.leaders and swarm.leaders[0] in 'bcd', 'no election timeout has passed'
    swarm.run(100)
    assert swarm.role('a') is Role.FOLLOWER and swarm['a'].term == 1, 'and never campaigns'


def test_a_removed_robot_that_alone_has_the_entry_for_it_is_elected_once_more() -> None:
    swarm = elected('abc', 'd')

    def sets_the_last_membership(sender: str, to: str, message: object) -> bool:
        entries = message.entries if isinstance(message, AppendEntries) else ()
        return to != 'b' and any(entry.index == 3 for entry in entries)

    swarm.lost = sets_the_last_membership
    swarm.change('a', 'd', '')
    swarm.run(3)
    assert [configs(swarm, name) for name in 'abcd'] == [[2, 3], [2, 3], [2], [2]]
    swarm.crash('a')
    swarm.lost = lambda sender, to, message: False
    # Only d is to vote, and its log and that of c are too short for the vote of b.
    swarm.run(100)
    assert swarm.leaders == ['d']
    assert member(swarm, 'd') == Membership(('d',))
    assert not member(swarm, 'b').joint and swarm.role('b') is Role.FOLLOWER


def test_a_leader_that_becomes_a_learner_goes_and_learns() -> None:
    swarm = elected()
    swarm.change('a', 'bc', 'ade')
    swarm.run(6)
    assert swarm.leaders[0] in 'bc'
    request = swarm.propose('a')
    swarm.run(3)
    assert swarm.committed(request) and swarm.applied('a') == swarm.applied('b')


def test_a_removed_robot_hears_of_it() -> None:
    swarm = elected()
    swarm.change('a', 'ab', 'de')
    swarm.run(4)
    assert member(swarm, 'c') == Membership(('a', 'b'), ('d', 'e'))
    assert swarm['c'].commit_index == swarm['a'].commit_index == 3
    assert 'c' not in swarm['a'].status().match
    swarm.run(100)
    assert swarm.role('c') is Role.FOLLOWER


def test_a_removed_robot_that_never_heard_of_it_disturbs_nobody() -> None:
    swarm = elected()
    with swarm.cut('c'):
        swarm.change('a', 'ab', 'de')
        swarm.run(6)
        assert member(swarm, 'a').voters == ('a', 'b')
    sent = len(swarm.trace)
    swarm.run(100)
    asked = [m for name, _, m in swarm.trace[sent:] if name == 'c' and isinstance(m, VoteRequest)]
    assert asked and all(m.pre for m in asked), 'it tries'
    assert swarm.leaders == ['a'] and swarm['a'].term == 1
    swarm.crash('a')
    swarm.run(40)
    assert swarm.leaders == [], 'nor does it win where nobody else can'


def test_a_robot_that_lags_hears_a_leader_that_it_does_not_know_as_a_member() -> None:
    swarm = elected('abc', '', others='xyz')
    with swarm.cut('c'):
        for voters, learners in [('abc', 'xyz'), ('xyzab', 'c'), ('xyz', 'c')]:
            swarm.change(swarm.leaders[0], voters, learners)
            swarm.run(8)
        assert swarm.leaders[0] in 'xyz'
    swarm.run(30)
    assert member(swarm, 'c') == Membership(('x', 'y', 'z'), ('c',))
    assert swarm['c'].leader in 'xyz'


def test_strangers_stay_strangers() -> None:
    raft = Raft(RaftConfig('a', ('a', 'b'), robots=('a', 'b', 'x')), Restored(), Random(1))
    raft.receive(Heartbeat(1, 'x', 0, 0))
    raft.receive(Heartbeat(1, 'y', 0, 0))
    assert raft.leader == 'x' and raft.status().drops == {Drop.STRANGER: 1}


def test_a_transfer_ends_when_its_target_is_no_voter_any_more() -> None:
    swarm = elected()
    with swarm.cut('b'):
        change = swarm.change('a', 'acd', 'e')
        swarm.transfer('a', 'b')
        swarm.run(4)
        assert swarm.change_result(change).end is ChangeEnd.DONE
    assert swarm.robots['a'].transfers == [TransferResult('b', TransferEnd.NO_TARGET)]
    assert swarm.leaders == ['a']


def test_no_change_begins_while_leadership_is_handed_over() -> None:
    swarm = elected()
    with swarm.cut('b'):
        swarm.transfer('a', 'b')
        change = swarm.change('a', 'abd', 'ce')
        result = swarm.change_result(change)
        assert result.end is ChangeEnd.BUSY and 'handed over to b' in result.reason


# -- from other robots ----------------------------------------------------------------------------


@pytest.mark.parametrize('origin', ['b', 'd', 'x'])
def test_any_robot_may_be_asked(origin: str) -> None:
    swarm = elected(others='x')
    swarm.run(2)
    if origin == 'x':
        # Who is no member hears of no leader.
        change = swarm.change('x', 'abd', 'ce', deadline_ticks=5)
        swarm.run(6)
        assert swarm.change_result(change).end is ChangeEnd.NOT_LEADER
        return
    change = swarm.change(origin, 'abd', 'ce')
    swarm.run(6)
    assert swarm.robots[origin].changes == [ChangeResult(change, ChangeEnd.DONE)]
    assert member(swarm, 'a').voters == ('a', 'b', 'd')


def test_a_forwarded_change_whose_answer_is_lost_is_made_once() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, ChangeReply)
    change = swarm.change('b', 'abd', 'ce')
    swarm.run(6)
    back = swarm.change('a', 'abc', 'de')
    swarm.run(6)
    assert swarm.change_result(back).end is ChangeEnd.DONE
    swarm.lost = lambda sender, to, message: False
    swarm.run(10)
    assert swarm.change_result(change).end is ChangeEnd.DONE
    assert member(swarm, 'a').voters == ('a', 'b', 'c'), 'it did not undo what came after'
    assert len([m for _, _, m in swarm.trace if isinstance(m, ChangeRequest)]) > 2


def test_a_change_that_comes_late_to_a_later_term_is_not_made() -> None:
    swarm = elected()
    swarm.crash('a')
    swarm.restart('a')
    swarm.elect('a')
    swarm.receive('a', ChangeRequest(1, 'b', 'b/1', ('a', 'b', 'd'), ()))
    swarm.run(4)
    assert configs(swarm, 'a') == []


def test_a_change_ends_as_unknown_when_the_leader_changes() -> None:
    swarm = elected()
    swarm.lost = lambda sender, to, message: isinstance(message, ChangeRequest)
    change = swarm.change('b', 'abd', 'ce')
    swarm.crash('a')
    swarm.run(60)
    result = swarm.change_result(change)
    assert result.end is ChangeEnd.UNKNOWN and 'leader changed' in result.reason


def test_a_change_ends_at_its_deadline() -> None:
    swarm = elected()
    with swarm.cut('b', 'c', 'd', 'e'):
        change = swarm.change('a', 'abd', 'ce', deadline_ticks=6)
        swarm.run(6)
        assert swarm.change_result(change).end is ChangeEnd.UNKNOWN
        other = swarm.change('a', 'abd', 'ce', deadline_ticks=6)
        assert swarm.change_result(other).end is ChangeEnd.BUSY


def test_too_many_changes_at_once_are_refused() -> None:
    swarm = elected()
    with swarm.cut('b'):
        changes = [swarm.change('b', 'abd', 'ce', deadline_ticks=5) for _ in range(17)]
        assert swarm.change_result(changes[-1]).end is ChangeEnd.BUSY
        swarm.run(6)
    assert all(swarm.change_result(change) for change in changes)


# -- hostile --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'nonsense',
        encode_membership(Membership(())),
        encode_membership(Membership(('a', 'a'))),
    ],
)
def test_a_membership_that_makes_no_sense_is_refused_by_followers(data: bytes) -> None:
    swarm = elected()
    before = swarm.robots['b'].log[:]
    entry = Entry(2, 1, EntryKind.CONFIG, data)
    swarm.receive('b', AppendEntries(1, 'a', 1, 1, (entry,), 1))
    assert swarm['b'].status().drops[Drop.MALFORMED] == 1
    assert swarm.robots['b'].log == before


def test_a_restored_membership_that_makes_no_sense_stops_the_robot() -> None:
    entries = (Entry(1, 1, EntryKind.CONFIG, b'nonsense'),)
    with pytest.raises(InvariantError, match='membership'):
        Raft(RaftConfig('a', ('a',)), Restored(HardState(1), entries), Random(1))
