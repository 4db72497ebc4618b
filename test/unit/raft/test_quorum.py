"""Quorum arithmetic against slow twins that try every set of robots."""

from __future__ import annotations

from dataclasses import replace
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


def test_a_majority_is_the_smallest_number_that_is_more_than_half() -> None:
    for count in range(1, 3000):
        assert 2 * majority(count) > count >= 2 * (majority(count) - 1), count


def test_reached_is_the_best_that_some_quorum_has() -> None:
    random = Random(5)
    for _ in range(3000):
        values = [random.randint(0, 9) for _ in range(random.randint(1, 7))]
        quorums = combinations(values, majority(len(values)))
        assert reached(values) == max(min(quorum) for quorum in quorums), values


def test_what_a_joint_membership_has_reached_is_the_best_that_some_quorum_has() -> None:
    random = Random(8)
    for _ in range(3000):
        membership = draw(random)
        values = {robot: random.randint(0, 9) for robot in ROBOTS}
        best = max(
            value
            for value in range(10)
            if is_quorum_slow(membership, {r for r in ROBOTS if values[r] >= value})
        )
        of_halves = [reached([values[voter] for voter in half]) for half in halves(membership)]
        assert min(of_halves) == best, (membership, values)


def test_halves_are_the_voters_and_while_joint_those_being_left() -> None:
    random = Random(9)
    for _ in range(3000):
        membership = draw(random)
        groups = (membership.voters, membership.outgoing)
        assert halves(membership) == groups[: 1 + membership.joint]
        # Learners hold the log and count nowhere.
        learners = tuple(robot for robot in ROBOTS if robot not in membership.robots)
        with_learners = replace(membership, learners=learners)
        robots = set(random.sample(ROBOTS, random.randint(0, 8)))
        assert halves(with_learners) == halves(membership)
        assert has_quorum(with_learners, robots) == has_quorum(with_learners, robots - {*learners})


def test_quorum_of_a_joint_membership_needs_both_halves() -> None:
    random = Random(6)
    for _ in range(3000):
        membership = draw(random)
        robots = set(random.sample(ROBOTS, random.randint(0, 8)))
        assert has_quorum(membership, robots) == is_quorum_slow(membership, robots)


def test_any_two_quorums_of_memberships_that_follow_each_other_share_a_robot() -> None:
    random = Random(10)
    for _ in range(300):
        old, new = (tuple(random.sample(ROBOTS[:6], random.randint(1, 5))) for _ in range(2))
        joint = Membership(new, outgoing=old)
        subsets = [set(c) for n in range(7) for c in combinations(ROBOTS[:6], n)]
        joints = [robots for robots in subsets if has_quorum(joint, robots)]
        for single in (Membership(old), Membership(new)):
            quorums = [robots for robots in subsets if has_quorum(single, robots)]
            assert all(x & y for x in joints for y in quorums), (old, new)


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


def test_quorum_size_is_the_fewest_yes_that_the_larger_half_needs() -> None:
    random = Random(11)
    for _ in range(3000):
        membership = draw(random)
        groups = [group for group in (membership.voters, membership.outgoing) if group]
        needs = [
            next(n for n in range(8) if is_quorum_slow(Membership(group), set(group[:n])))
            for group in groups
        ]
        assert quorum_size(membership) == max(needs), membership


def test_a_membership_names_each_robot_once() -> None:
    membership = Membership(('a', 'b'), ('d',), ('b', 'c'), ('c',))
    assert membership.robots == ('a', 'b', 'c', 'd') and membership.joint
