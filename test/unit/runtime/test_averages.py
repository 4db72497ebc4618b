"""Subjects that are fused by averaging, with the whole loop of several robots on virtual time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from swarm_testing.virtual_swarm import LABELS, Swarm, policy

from swarm_consensus.decision.averages import components, pooled, width
from swarm_consensus.decision.fusion import fuse, spread
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import Decision, Gossip, Level, Status
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.simulation.network import Faults

ROWS = [(0.7, 0.2, 0.1), (0.5, 0.3, 0.2), (0.2, 0.5, 0.3), (0.6, 0.1, 0.3), (0.4, 0.4, 0.2)]


def averaged(robots: int, **changes: object) -> Policy:
    """A subject that is averaged, and said again whenever it changes."""
    settings: dict[str, object] = {
        'level': Level.FUSED,
        'quorum': 1,
        'confidence': 0.0,
        'evidence_age_max_ns': 0,
        'deadline_ns': 3600 * SECOND,
        'gossip': Gossip.AVERAGING,
    }
    return policy(robots, **{**settings, **changes})


def chain(swarm: Swarm) -> None:
    """Let each robot hear the one before and the one after it only."""
    for here, one in enumerate(swarm.robots):
        for there, other in enumerate(swarm.robots):
            if abs(here - there) > 1:
                swarm.world.network.cut_one_way(one, other)


def newest(swarm: Swarm, robot: str) -> Decision:
    """The answer in force at a robot."""
    return swarm.decisions(robot)[-1]


def check(swarm: Swarm, robots: Sequence[str], rows: Sequence[Sequence[float]], rule: str) -> None:
    """See that robots say what a centre makes of these rows."""
    logs = np.log(np.array(rows))
    logs -= logs.max(axis=1, keepdims=True)
    weights = np.ones(len(rows))
    expected = fuse(rule, logs, weights)
    for robot in robots:
        decision = newest(swarm, robot)
        assert decision.robots == len(rows), robot
        assert decision.voters == ()
        # An answer is said anew when its confidence has moved by 0.01.
        assert decision.confidence == pytest.approx(expected.max(), abs=0.011)
        assert decision.choice == LABELS[int(expected.argmax())]
        assert decision.spread == pytest.approx(spread(logs, weights), abs=0.02)


@pytest.mark.parametrize('rule', ['log_linear', 'linear'])
@pytest.mark.parametrize('loss', [0.0, 0.3])
def test_a_chain_of_robots_averages_what_all_believe(rule: str, loss: float) -> None:
    """Each hears the next ones only, and none knows the names of those that are in it."""
    swarm = Swarm(5, 1, Faults(loss=loss), [averaged(5, fusion=rule)])
    chain(swarm)
    swarm.run(1.0)
    for robot, row in zip(swarm.robots, ROWS, strict=True):
        swarm.believe(robot, *row)
    swarm.run(60.0)
    check(swarm, swarm.robots, ROWS, rule)


def test_halves_average_apart_and_together_again() -> None:
    """What a robot put in leaves with it and comes back."""
    swarm = Swarm(4, policies=[averaged(4)])
    swarm.run(1.0)
    rows = dict(zip(swarm.robots, ROWS, strict=False))
    for robot, row in rows.items():
        swarm.believe(robot, *row)
    swarm.run(20.0)
    check(swarm, swarm.robots, list(rows.values()), 'log_linear')
    halves = (swarm.robots[:2], swarm.robots[2:])
    swarm.world.network.split(halves)
    swarm.run(30.0)
    for half in halves:
        check(swarm, half, [rows[robot] for robot in half], 'log_linear')
    swarm.world.network.heal()
    swarm.run(30.0)
    check(swarm, swarm.robots, list(rows.values()), 'log_linear')
    swarm.world.crash('r1')
    swarm.run(40.0)
    check(swarm, swarm.robots[1:], [rows[r] for r in swarm.robots[1:]], 'log_linear')


def test_a_robot_that_restarts_is_counted_once() -> None:
    """And new evidence takes the place of old by its difference."""
    swarm = Swarm(3, policies=[averaged(3)])
    swarm.run(1.0)
    for robot in swarm.robots:
        swarm.believe(robot, 0.3, 0.4, 0.3)
    swarm.run(20.0)
    swarm.world.crash('r2')
    assert swarm.world.start('r2')
    swarm.run(1.0)
    for robot, row in zip(swarm.robots, ROWS, strict=False):
        swarm.believe(robot, *row)
    swarm.run(30.0)
    check(swarm, swarm.robots, ROWS[:3], 'log_linear')


def test_a_robot_without_evidence_takes_part_and_evidence_that_is_too_old_leaves() -> None:
    """When nobody has any left, the subject is over and nothing more is sent about it."""
    swarm = Swarm(3, policies=[averaged(3, evidence_age_max_ns=20 * SECOND)])
    swarm.run(1.0)
    swarm.believe('r1', 0.8, 0.1, 0.1)
    swarm.run(10.0)
    for robot in swarm.robots:
        assert (newest(swarm, robot).robots, newest(swarm, robot).choice) == (1, 'cat')
        assert 0.0 < newest(swarm, robot).oldest_age_s < 10.0
    swarm.run(60.0)
    before = sum(swarm.status(robot).status.frames.sent for robot in swarm.robots)
    swarm.run(10.0)
    after = sum(swarm.status(robot).status.frames.sent for robot in swarm.robots)
    # Heartbeats, signs of life and hellos go on.
    assert after - before < 3 * 10 * 20


def test_too_few_robots_are_said_to_be_too_few() -> None:
    """The quorum is of robots that are in it; at the deadline there is no answer."""
    swarm = Swarm(3, policies=[averaged(3, quorum=2, deadline_ns=20 * SECOND)])
    swarm.run(1.0)
    swarm.believe('r1', 0.8, 0.1, 0.1)
    swarm.run(25.0)
    assert {d.status for robot in swarm.robots for d in swarm.decisions(robot)} == {
        Status.UNDECIDED
    }
    assert newest(swarm, 'r3').robots == 1


@pytest.mark.parametrize('seed', range(1000))
@pytest.mark.parametrize('rule', ['log_linear', 'linear'])
def test_sums_say_what_a_centre_says(rule: str, seed: int) -> None:
    """The vectors of the robots, added up, hold the pool and the spread."""
    random = np.random.default_rng(seed)
    robots, labels = int(random.integers(1, 20)), int(random.integers(2, 12))
    rows = random.uniform(-100.0, 5.0, (robots, labels))
    weights = random.uniform(0.01, 5.0, robots)
    vectors = [
        components(rule, tuple(row), weight) for row, weight in zip(rows, weights, strict=True)
    ]
    assert all(len(vector) == width(rule, labels) for vector in vectors)
    found = pooled(rule, np.sum(vectors, axis=0), labels)
    assert found is not None
    rows -= rows.max(axis=1, keepdims=True)
    rows = np.maximum(rows, -80.0)
    assert found[0] == pytest.approx(fuse(rule, rows, weights), abs=1e-9)
    assert found[1] == pytest.approx(spread(rows, weights), abs=1e-6)
