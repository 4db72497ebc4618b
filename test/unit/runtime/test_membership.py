"""Who votes: at the beginning, by request, and when a voter stays away."""

from __future__ import annotations

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import ChangeAnswered, Notice


def members(swarm: Swarm, robot: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Voters and learners as a robot sees them, sorted."""
    status = swarm.status(robot).status
    return tuple(sorted(status.voters)), tuple(sorted(status.learners))


def change(
    swarm: Swarm, robot: str, voters: str, learners: str, timeout: float = 5.0
) -> ChangeAnswered:
    """Ask for a membership and wait for the answer."""
    key = swarm.change_members(robot, voters.split(), learners.split(), timeout)
    swarm.run(timeout + 0.5)
    answer = swarm.was_changed(key)
    assert answer is not None
    return answer


def test_the_first_robots_vote_and_the_others_learn() -> None:
    """Seven robots, five voters; all hold the log, and a learner can be asked like any other."""
    swarm = Swarm(7, replace_ns=3600 * SECOND)
    swarm.elect()
    key = swarm.propose('r7', 'here')
    swarm.run(1.5)
    assert swarm.proposed(key).status is Status.DECIDED
    assert members(swarm, 'r7') == (('r1', 'r2', 'r3', 'r4', 'r5'), ('r6', 'r7'))
    assert swarm.status('r1').status.quorum_size == 3
    assert len(set(swarm.digests().values())) == 1
    assert swarm.leader in ('r1', 'r2', 'r3', 'r4', 'r5')


def test_a_request_changes_who_votes_from_any_robot() -> None:
    """A learner takes the place of a voter, asked for at the learner itself."""
    swarm = Swarm(4, voters_max=3, replace_ns=3600 * SECOND)
    swarm.elect()
    answer = change(swarm, 'r4', 'r1 r2 r4', 'r3')
    assert (answer.status, answer.voters, answer.learners) == (
        Status.DECIDED,
        ('r1', 'r2', 'r4'),
        ('r3',),
    )
    for robot in swarm.robots:
        assert members(swarm, robot) == (('r1', 'r2', 'r4'), ('r3',))
    assert any('voters: r1, r2, r4; learners: r3' in n.text for n in swarm.outputs('r1', Notice))


@pytest.mark.parametrize(
    ('voters', 'learners', 'reason'),
    [
        ('r1 r2 r9', '', "'r9' is not among the robots of the swarm"),
        ('', 'r1 r2 r3 r4', 'vote'),
        ('r1 r2 r3 r1', 'r4', "'r1' is named twice"),
        ('r1 r2 r3', 'r3 r4', "'r3' is named twice"),
    ],
)
def test_what_is_no_membership_is_refused_with_the_reason(
    voters: str, learners: str, reason: str
) -> None:
    """The one in force stays."""
    swarm = Swarm(4, voters_max=3, replace_ns=3600 * SECOND)
    swarm.elect()
    answer = change(swarm, 'r1', voters, learners, timeout=1.0)
    assert answer.status is Status.REFUSED
    assert reason in answer.reason
    assert members(swarm, 'r2') == (('r1', 'r2', 'r3'), ('r4',))


def test_without_a_quorum_a_change_ends_at_its_deadline() -> None:
    """Nothing is changed."""
    swarm = Swarm(4, voters_max=3, replace_ns=3600 * SECOND)
    swarm.elect()
    swarm.world.network.split([['r1'], ['r2'], ['r3'], ['r4']])
    swarm.run(3.0)
    answer = change(swarm, 'r4', 'r1 r2 r4', 'r3', timeout=1.0)
    assert answer.status in (Status.NO_QUORUM, Status.UNKNOWN)
    swarm.world.network.heal()
    swarm.run(5.0)
    assert members(swarm, 'r1') == (('r1', 'r2', 'r3'), ('r4',))


def test_a_voter_that_stays_away_is_replaced_and_comes_back_as_a_learner() -> None:
    """The swarm then stands the loss of a second voter, which it could not before."""
    swarm = Swarm(4, voters_max=3, replace_ns=3 * SECOND)
    swarm.elect()
    swarm.world.crash('r2')
    swarm.run(10.0)
    for robot in ('r1', 'r3', 'r4'):
        assert members(swarm, robot) == (('r1', 'r3', 'r4'), ('r2',))
    swarm.world.crash('r3')
    swarm.run(4.0)
    key = swarm.propose('r4', 'still here')
    swarm.run(1.0)
    assert swarm.proposed(key).status is Status.DECIDED
    swarm.world.start('r2')
    swarm.run(10.0)
    assert swarm.status('r2').status.applied_index == swarm.status('r1').status.applied_index
    assert len(swarm.status('r1').status.voters) == 3


def test_the_membership_outlives_a_reboot_and_another_swarm_yaml() -> None:
    """What the swarm agreed on holds, not what a file says afterwards."""
    swarm = Swarm(4, voters_max=3, replace_ns=3600 * SECOND)
    swarm.elect()
    assert change(swarm, 'r1', 'r1 r2 r4', 'r3').status is Status.DECIDED
    for robot in swarm.robots:
        swarm.world.crash(robot)
        swarm.reconfigure(robot, voters_max=0)
    for robot in swarm.robots:
        swarm.world.start(robot)
    swarm.run(5.0)
    for robot in swarm.robots:
        assert members(swarm, robot) == (('r1', 'r2', 'r4'), ('r3',))


def test_a_swarm_that_never_decided_anything_keeps_its_first_membership() -> None:
    """Also a robot that was booted once, and never heard anybody, keeps what it began with."""
    swarm = Swarm(3, replace_ns=3600 * SECOND)
    for robot in swarm.robots:
        swarm.world.crash(robot)
        swarm.reconfigure(robot, voters_max=1)
    swarm.world.start('r1')
    swarm.run(5.0)
    assert swarm.status('r1').status.leader == '', 'it alone is no majority of the first three'
