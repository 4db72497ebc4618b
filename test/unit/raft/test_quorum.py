"""Quorum arithmetic against slow twins that try every set of robots."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from swarm_consensus.protocols.raft import Membership
from swarm_consensus.protocols.raft.quorum import (
    Tally,
    halves,
    has_quorum,
    majority,
    quorum_size,
    reached,
    tally,
)

ROBOTS = 'abcdefgh'


def is_quorum_slow(membership: Membership, robots: set[str]) -> bool:
    """More than half of the voters, of each half."""
    groups = [membership.voters] + ([membership.outgoing] if membership.outgoing else [])
    return all(2 * len([v for v in group if v in robots]) > len(group) for group in groups)


def draw(random: Random) -> Membership:
    voters = tuple(random.sample(ROBOTS, random.randint(1, 7)))
    outgoing = tuple(random.sample(ROBOTS, random.choice([0, 0, 1, 3, 5])))
    return Membership(voters, outgoing=outgoing)


@pytest.mark.parametrize(('count', 'expected'), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_majorities_overlap(count: int, expected: int) -> None:
    assert majority(count) == expected
    assert all(
        set(x) & set(y)
        for x in combinations(range(count), expected)
        for y in combinations(range(count), expected)
    )


def test_reached_is_the_best_that_some_quorum_has() -> None:
    random = Random(5)
    for _ in range(3000):
        values = [random.randint(0, 9) for _ in range(random.randint(1, 7))]
        quorums = combinations(values, majority(len(values)))
        assert reached(values) == max(min(quorum) for quorum in quorums), values


def test_quorum_of_a_joint_membership_needs_both_halves() -> None:
    random = Random(6)
    for _ in range(3000):
        membership = draw(random)
        robots = set(random.sample(ROBOTS, random.randint(0, 8)))
        assert has_quorum(membership, robots) == is_quorum_slow(membership, robots)
        assert len(halves(membership)) == (2 if membership.joint else 1)


def test_tally_says_what_every_further_answer_can_still_change() -> None:
    random = Random(7)
    for _ in range(3000):
        membership = draw(random)
        votes = {robot: random.random() < 0.5 for robot in ROBOTS if random.random() < 0.6}
        yes = {robot for robot, vote in votes.items() if vote}
        could = yes | {robot for robot in ROBOTS if robot not in votes}
        expected = Tally.OPEN
        if is_quorum_slow(membership, yes):
            expected = Tally.WON
        elif not is_quorum_slow(membership, could):
            expected = Tally.LOST
        assert tally(membership, votes) is expected, (membership, votes)


def test_quorum_size_is_that_of_the_larger_half() -> None:
    assert quorum_size(Membership(('a', 'b', 'c'))) == 2
    assert quorum_size(Membership(('a',), outgoing=('a', 'b', 'c', 'd'))) == 3


def test_a_membership_names_each_robot_once() -> None:
    membership = Membership(('a', 'b'), ('d',), ('b', 'c'), ('c',))
    assert membership.robots == ('a', 'b', 'c', 'd') and membership.joint
