"""Reads under a lease: at once where the clocks are bounded, and never of the past."""

from __future__ import annotations

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status


def choices(swarm: Swarm, key: int) -> list[str]:
    """What a read found."""
    answer = swarm.was_read(key)
    assert answer is not None
    return [decision.choice for decision in answer.decisions]


def test_the_leader_answers_at_once_and_the_others_in_a_round_trip() -> None:
    """No message goes out for a read at the leader."""
    swarm = Swarm(3, clock_drift_percent=10)
    leader = swarm.elect()
    key = swarm.propose(leader, 'north')
    swarm.run(0.5)
    assert swarm.proposed(key).status is Status.DECIDED
    read = swarm.read(leader, 'target')
    assert choices(swarm, read) == ['north'], 'it was answered in the very step'
    other = next(robot for robot in swarm.robots if robot != leader)
    read = swarm.read(other, 'target')
    assert swarm.was_read(read) is None
    swarm.run(0.1)
    assert choices(swarm, read) == ['north']


@pytest.mark.parametrize('stall', ['cut off', 'full disk'])
def test_a_leader_of_the_past_does_not_answer(stall: str) -> None:
    """Cut off, or its log held up by a full disk, while the others elected another and went on."""
    swarm = Swarm(3, seed=5, clock_drift_percent=10)
    leader = swarm.elect()
    rest = [robot for robot in swarm.robots if robot != leader]
    swarm.propose(leader, 'old')
    swarm.run(0.5)
    if stall == 'cut off':
        swarm.world.network.split([[leader], rest])
    else:
        swarm.world.disk(leader).full = True
    held = swarm.propose(leader, 'lost')
    swarm.run(3.0)
    key = swarm.propose(rest[0], 'new')
    swarm.run(1.0)
    assert swarm.proposed(key).status is Status.DECIDED
    read = swarm.read(leader, 'target', timeout=3.0)
    if stall == 'full disk':
        swarm.world.disk(leader).full = False
    swarm.run(4.0)
    answer = swarm.was_read(read)
    assert answer is not None
    assert answer.status is not Status.DECIDED or choices(swarm, read)[-1:] == ['new']
    assert swarm.proposed(held) is not None
