"""Snapshots instead of log: at a reboot, for a robot that was away, and for one that lost all."""

from __future__ import annotations

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.simulation.network import Faults

SMALL = {'snapshot_entries': 20, 'trailing_entries': 5}


def fill(swarm: Swarm, robot: str, count: int, prefix: str = 'p') -> None:
    """Have values committed, one after another."""
    for number in range(count):
        key = swarm.propose(robot, f'{prefix}{number}', subject=f'{prefix}/{number % 7}')
        swarm.run(0.1)
        decision = swarm.proposed(key)
        assert decision is not None and decision.status is Status.DECIDED


def test_the_log_is_cut_and_a_reboot_finds_the_same_state() -> None:
    """What a snapshot covers is not in the log any more, and nothing is missing."""
    swarm = Swarm(3, **SMALL)
    leader = swarm.elect()
    fill(swarm, leader, 70)
    swarm.run(1.5)
    before = swarm.digests()
    assert len(set(before.values())) == 1
    for robot in swarm.robots:
        assert swarm.status(robot).status.first_index > 40
        swarm.world.crash(robot)
    for robot in swarm.robots:
        swarm.world.start(robot)
    swarm.elect()
    swarm.run(2.0)
    after = swarm.digests()
    assert len(set(after.values())) == 1
    key = swarm.read('r2', 'p/3')
    swarm.run(0.5)
    (decision,) = swarm.was_read(key).decisions
    assert decision.choice == 'p66'


@pytest.mark.parametrize('loss', [0.0, 0.3])
def test_a_robot_that_was_away_for_long_gets_the_snapshot(loss: float) -> None:
    """It tells what was decided meanwhile, once each, and follows the log from there on."""
    swarm = Swarm(3, seed=3, **SMALL)
    leader = swarm.elect()
    away = next(robot for robot in swarm.robots if robot != leader)
    fill(swarm, leader, 3, 'early')
    swarm.run(2.0)
    swarm.world.crash(away)
    fill(swarm, leader, 60, 'late')
    swarm.run(3.0)
    told = len(swarm.decisions(away))
    swarm.world.network.faults = Faults(loss=loss)
    swarm.world.start(away)
    swarm.run(10.0)
    swarm.world.network.faults = Faults()
    swarm.run(2.0)
    assert len(set(swarm.digests().values())) == 1
    news = swarm.decisions(away)[told:]
    assert {d.subject for d in news} >= {f'late/{n}' for n in range(7)}
    assert len({(d.subject, d.revision) for d in news}) == len(news)
    key = swarm.propose(away, 'back')
    swarm.run(3.0)
    assert swarm.proposed(key).status is Status.DECIDED


def test_a_large_state_travels_in_pieces() -> None:
    """Values of many frames' size together; the swarm decides meanwhile."""
    swarm = Swarm(3, **SMALL)
    leader = swarm.elect()
    away = next(robot for robot in swarm.robots if robot != leader)
    swarm.world.crash(away)
    for number in range(40):
        key = swarm.propose(leader, 'big', subject=f'big/{number}', value=bytes([number]) * 30_000)
        swarm.run(0.1)
        assert swarm.proposed(key).status is Status.DECIDED
    swarm.world.start(away)
    for number in range(10):
        key = swarm.propose(leader, f'meanwhile {number}')
        swarm.run(0.2)
        assert swarm.proposed(key).status is Status.DECIDED
    swarm.run(3.0)
    assert len(set(swarm.digests().values())) == 1


def test_a_robot_with_a_new_disk_rejoins_and_does_not_vote_before() -> None:
    """Its old promises are gone, so it counts for nothing until a majority without it agreed."""
    swarm = Swarm(3, **SMALL)
    leader = swarm.elect()
    fill(swarm, leader, 30)
    victim, third = (robot for robot in swarm.robots if robot != leader)
    for robot in (victim, third):
        swarm.world.crash(robot)
    swarm.world.replace_disk(victim)
    swarm.reconfigure(victim, rejoin=True)
    swarm.world.start(victim)
    swarm.run(3.0)
    assert swarm.status(victim).status.lost
    assert not swarm.status(leader).status.has_quorum, 'the one without its log is no majority'
    swarm.world.start(third)
    swarm.run(10.0)
    assert not swarm.status(victim).status.lost
    assert len(set(swarm.digests().values())) == 1


def test_a_retry_after_a_snapshot_is_still_applied_once() -> None:
    """The sessions are part of the snapshot: a robot that installed it knows the request."""
    swarm = Swarm(3, **SMALL)
    leader = swarm.elect()
    away = next(robot for robot in swarm.robots if robot != leader)
    swarm.world.crash(away)
    key = swarm.propose(leader, 'once', request_id='client-1#1')
    swarm.run(0.5)
    first = swarm.proposed(key)
    fill(swarm, leader, 50)
    swarm.world.start(away)
    swarm.run(5.0)
    assert swarm.status(away).status.first_index > 30
    again = swarm.propose(away, 'once', request_id='client-1#1')
    swarm.run(1.0)
    repeated = swarm.proposed(again)
    assert (repeated.index, repeated.revision) == (first.index, first.revision)
