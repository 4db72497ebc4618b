"""The leader keeps the voters that the swarm needs: which change comes next, and that it comes."""

from __future__ import annotations

import pytest
from raft_cluster import Cluster

from swarm_consensus.protocols.raft import ConfigError, Membership, RaftConfig
from swarm_consensus.protocols.raft.care import Health, plan


def planned(
    voters: str, learners: str = '', voters_max: int = 5, lost_only: bool = False, **marks: str
) -> tuple[str, str] | None:
    """
    Plan for robots of one letter; a leads. Learners are fit.

    :param marks: which robots are silent, lost, or behind.
    """
    silent, lost, behind = (marks.get(name, '') for name in ('silent', 'lost', 'behind'))
    healths = {
        name: Health(
            name,
            live=name not in silent + lost,
            silent=name in silent,
            lost=name in lost,
            fit=name in learners and name not in silent + lost + behind,
        )
        for name in voters + learners
    }
    membership = Membership(tuple(voters), tuple(learners))
    change = plan(membership, healths, 'a', voters_max, lost_only)
    return change and (''.join(sorted(change[0])), ''.join(sorted(change[1])))


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        ({'voters': 'abc'}, None),
        ({'voters': 'abc', 'learners': 'd'}, None),  # a fourth voter survives no more
        ({'voters': 'a', 'learners': 'd'}, None),  # nor does a second
        ({'voters': 'abc', 'learners': 'de'}, ('abcde', '')),
        ({'voters': 'ab', 'learners': 'de'}, ('abd', 'e')),
        ({'voters': 'abc', 'learners': 'defg'}, ('abcde', 'fg')),
        ({'voters': 'abc', 'learners': 'de', 'behind': 'd'}, None),
        ({'voters': 'abc', 'silent': 'c'}, None),
        ({'voters': 'abc', 'learners': 'd', 'silent': 'c'}, ('abd', 'c')),
        ({'voters': 'abc', 'learners': 'd', 'silent': 'c', 'lost_only': True}, None),
        ({'voters': 'abc', 'learners': 'd', 'silent': 'cd'}, None),
        ({'voters': 'abc', 'lost': 'c'}, ('ab', 'c')),
        ({'voters': 'abc', 'lost': 'c', 'lost_only': True}, ('ab', 'c')),
        ({'voters': 'abc', 'learners': 'd', 'lost': 'c'}, ('abd', 'c')),
        ({'voters': 'abc', 'learners': 'd', 'lost': 'd'}, ('abc', 'd')),  # to name the loss
        ({'voters': 'abc', 'lost': 'c', 'silent': 'b'}, None),  # a alone is no majority
        ({'voters': 'abcdefg'}, ('abcde', 'fg')),
        ({'voters': 'abcdefg', 'silent': 'bd'}, ('acefg', 'bd')),
        ({'voters': 'cba', 'voters_max': 1}, ('a', 'bc')),  # the leader stays
    ],
)
def test_the_most_pressing_change(arguments: dict, expected: tuple[str, str] | None) -> None:
    assert planned(**arguments) == expected


def cared(voters: str, learners: str = '', **settings: int) -> Cluster:
    swarm = Cluster(voters, learners=learners, voters_max=3, replace_ticks=20, **settings)
    swarm.elect('a')
    swarm.run(30)
    return swarm


def members(swarm: Cluster) -> Membership:
    return swarm[swarm.leaders[0]].status().membership


def test_a_silent_voter_changes_places_with_a_learner_and_comes_back_as_one() -> None:
    swarm = cared('abc', 'd')
    swarm.crash('c')
    swarm.run(60)
    assert members(swarm) == Membership(('a', 'b', 'd'), ('c',))
    swarm.restart('c')
    swarm.run(100)
    assert members(swarm) == Membership(('a', 'b', 'd'), ('c',)), 'it stays so'
    assert swarm['c'].commit_index == swarm['a'].commit_index


def test_a_voter_that_lost_its_log_is_demoted_catches_up_and_votes_again() -> None:
    swarm = cared('abc')
    request = swarm.propose('a')
    swarm.lose('c')
    swarm.restart('c')
    swarm.run(10)
    assert members(swarm) == Membership(('a', 'b'), ('c',), readmitted=('c:1',))
    assert swarm['c'].status().lost == '' and swarm.committed(request)
    swarm.run(60)
    assert members(swarm) == Membership(('a', 'b', 'c'))
    assert swarm.applied('c') == swarm.applied('a')


def test_a_robot_that_flaps_causes_no_endless_changes() -> None:
    swarm = cared('abc', 'd')
    for _ in range(8):
        swarm.crash('c')
        swarm.run(30)
        swarm.restart('c')
        swarm.run(15)
    assert len(swarm.invariants.memberships) == 2, 'one change: joint, and its end'
    assert members(swarm) == Membership(('a', 'b', 'd'), ('c',))


def test_without_voters_max_nobody_is_replaced() -> None:
    swarm = Cluster('abc', learners='d', replace_ticks=20)
    swarm.elect('a')
    swarm.crash('c')
    swarm.run(100)
    assert members(swarm) == Membership(('a', 'b', 'c'), ('d',))


@pytest.mark.parametrize('voters_max', [2, 4, -1])
def test_an_even_number_of_voters_is_refused(voters_max: int) -> None:
    with pytest.raises(ConfigError, match='odd'):
        RaftConfig('a', ('a',), voters_max=voters_max)
