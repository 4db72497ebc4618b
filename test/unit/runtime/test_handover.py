"""Handing leadership over: from any robot, and always with an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.simulation.network import Faults


@pytest.mark.parametrize('loss', [0.0, 0.3])
def test_any_robot_may_be_asked_and_the_target_leads(loss: float) -> None:
    """The wish finds the leader; with a bad radio it is repeated until it is answered."""
    swarm = Swarm(3, seed=1, faults=Faults(loss=loss))
    leader = swarm.elect()
    target, third = [robot for robot in swarm.robots if robot != leader]
    key = swarm.transfer(third, target, timeout=10.0)
    swarm.run(10.0)
    answer = swarm.transferred(key)
    assert answer is not None
    assert answer.status is Status.DECIDED, answer
    assert answer.leader == target
    if not loss:
        assert swarm.leader == target


@pytest.mark.parametrize('named', [True, False])
def test_who_is_said_to_lead_does_even_where_the_answer_comes_before_the_new_leader_is_heard(
    named: bool,
) -> None:
    decided = 0
    for seed in range(40):
        swarm = Swarm(3, seed=seed, faults=Faults(loss=0.3))
        leader = swarm.elect()
        target, third = [robot for robot in swarm.robots if robot != leader]
        key = swarm.transfer(third, target if named else '', timeout=10.0)
        for _ in range(110):
            swarm.run(0.1)
            answer = swarm.transferred(key)
            if answer is not None:
                break
        assert answer is not None and answer.status in (Status.DECIDED, Status.REFUSED), seed
        if answer.status is Status.DECIDED:
            decided += 1
            assert answer.leader == target if named else answer.leader not in ('', leader), seed
    assert decided > 20


def test_the_most_fit_robot_is_found_where_none_is_named() -> None:
    """The leader can be asked itself, and may choose."""
    swarm = Swarm(5)
    leader = swarm.elect()
    key = swarm.transfer(leader)
    swarm.run(1.0)
    answer = swarm.transferred(key)
    assert answer is not None
    assert answer.status is Status.DECIDED
    assert swarm.leader not in ('', leader)


def test_a_target_that_is_down_or_unknown_is_refused_with_the_reason() -> None:
    """The leader leads on, and proposals go through."""
    swarm = Swarm(3)
    leader = swarm.elect()
    down, third = [robot for robot in swarm.robots if robot != leader]
    swarm.world.crash(down)
    stranger, gone = swarm.transfer(third, 'nobody'), swarm.transfer(third, down)
    swarm.run(2.0)
    unknown, timeout = swarm.transferred(stranger), swarm.transferred(gone)
    assert unknown is not None and timeout is not None
    assert (unknown.status, timeout.status) == (Status.REFUSED, Status.REFUSED)
    assert "'nobody' is no voter" in unknown.reason
    assert f"'{down}' did not take over in time" in timeout.reason
    key = swarm.propose(third, 'go on')
    swarm.run(0.5)
    assert swarm.proposed(key).status is Status.DECIDED


def test_without_a_quorum_the_deadline_answers() -> None:
    """A robot that is alone cannot move leadership, and says so."""
    swarm = Swarm(3)
    swarm.elect()
    swarm.world.network.split([['r1'], ['r2', 'r3']])
    swarm.run(3.0)
    key = swarm.transfer('r1', 'r2', timeout=0.5)
    refused = swarm.transfer('r1', 'r2', timeout=0.0)
    swarm.run(1.0)
    assert swarm.transferred(key).status is Status.NO_QUORUM
    assert swarm.transferred(refused).reason == 'the timeout must be greater than 0 s'


def test_the_robot_of_the_highest_rank_comes_to_lead() -> None:
    """Whoever was elected first hands over to it, once it has the log."""
    swarm = Swarm(3)
    best = swarm.robots[2]
    swarm.world.crash(best)
    swarm.world.configure(best, lambda config: replace(config, priority=5))
    swarm.elect()
    swarm.world.start(best)
    swarm.run(12.0)
    assert swarm.leader == best
