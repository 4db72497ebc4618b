"""Subjects that are fused in the robust mode, with the whole loop of several robots."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from swarm_testing.virtual_swarm import Swarm, names, policy

from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import Decision, Gossip, Level, Status
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.simulation.network import Faults
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.keys import Keys

HONEST = [(0.7, 0.2, 0.1), (0.6, 0.3, 0.1), (0.8, 0.1, 0.1), (0.5, 0.3, 0.2), (0.7, 0.1, 0.2)]
LIE = (1e-12, 1e-12, 1.0)


def robust(robots: int, liars: int = 1, **changes: object) -> Policy:
    """A subject of the robust mode that is said again whenever it changes."""
    settings: dict[str, object] = {
        'level': Level.FUSED,
        'quorum': 1,
        'confidence': 0.0,
        'evidence_age_max_ns': 0,
        'deadline_ns': 3600 * SECOND,
        'gossip': Gossip.ROBUST,
        'liars': liars,
    }
    return policy(robots, **{**settings, **changes})


def newest(swarm: Swarm, robot: str) -> Decision:
    """The answer in force at a robot."""
    return swarm.decisions(robot)[-1]


def bounds() -> tuple[float, float]:
    """The least and the most that honest evidence alone could say for 'cat'."""
    logs = np.log(np.array(HONEST))
    logs -= logs.max(axis=1, keepdims=True)
    low, high = logs.min(axis=0), logs.max(axis=0)
    least = [low[0], high[1], high[2]]
    most = [high[0], low[1], low[2]]
    return tuple(float(np.exp(row[0]) / np.exp(row).sum()) for row in (least, most))  # type: ignore[return-value]


@pytest.mark.parametrize('loss', [0.0, 0.3])
@pytest.mark.parametrize('signed', [False, True], ids=['no keys', 'keys'])
def test_a_liar_is_outvoted_where_all_hear_each_other(loss: float, signed: bool) -> None:
    """Six robots, one of whom says that it is quite sure of something else."""
    keys: dict[str, Keys] | None = None
    if signed:
        keys = dict(deal('zoo', names(6), 0, Random(1).randbytes))
    swarm = Swarm(6, 1, Faults(loss=loss), [robust(6)], keys=keys)
    swarm.run(2.0)
    for robot, row in zip(swarm.robots, [*HONEST, LIE], strict=True):
        swarm.believe(robot, *row)
    swarm.run(25.0)
    least, most = bounds()
    for robot in swarm.robots[:5]:
        decision = newest(swarm, robot)
        assert (decision.status, decision.choice) == (Status.DECIDED, 'cat'), decision.reason
        assert least <= decision.confidence <= most
        # Whose evidence is there is known, that of the liar among it, and how far it is apart.
        assert decision.voters == swarm.robots and decision.robots == 6
        assert decision.spread > 0.3


def test_where_too_few_hear_each_other_it_is_said() -> None:
    """In a line nobody is outvoted; when all are in reach it is said anew."""
    swarm = Swarm(6, policies=[robust(6)])
    for here, one in enumerate(swarm.robots):
        for there, other in enumerate(swarm.robots):
            if abs(here - there) > 1:
                swarm.world.network.cut_one_way(one, other)
    swarm.run(2.0)
    for robot, row in zip(swarm.robots, [*HONEST, HONEST[0]], strict=True):
        swarm.believe(robot, *row)
    swarm.run(12.0)
    for robot in swarm.robots:
        decision = newest(swarm, robot)
        assert (decision.status, decision.choice) == (Status.NOT_ROBUST, 'cat')
        assert '3-robust' in decision.reason and decision.robots == 6
    swarm.world.network.heal()
    swarm.run(12.0)
    for robot in swarm.robots:
        assert newest(swarm, robot).status is Status.DECIDED
        assert newest(swarm, robot).reason == ''


def test_evidence_leaves_with_its_robot_and_new_evidence_comes_in() -> None:
    """The estimate follows what is there."""
    swarm = Swarm(6, policies=[robust(6)])
    swarm.run(2.0)
    for robot in swarm.robots:
        swarm.believe(robot, 0.8, 0.1, 0.1)
    swarm.run(10.0)
    assert newest(swarm, 'r1').choice == 'cat'
    for robot in swarm.robots:
        swarm.believe(robot, 0.1, 0.8, 0.1)
    swarm.run(40.0)
    assert {newest(swarm, robot).choice for robot in swarm.robots} == {'dog'}
    swarm.world.crash('r6')
    swarm.run(20.0)
    for robot in swarm.robots[:5]:
        assert newest(swarm, robot).voters == swarm.robots[:5]
        assert newest(swarm, robot).status is Status.DECIDED


def test_an_answer_that_may_be_pulled_ends_no_wait() -> None:
    """Who waits for a decision gets none that liars may have made."""
    swarm = Swarm(3, policies=[robust(3)])
    swarm.run(2.0)
    key = swarm.decide('r1', timeout=20.0)
    for robot in swarm.robots:
        swarm.believe(robot, 0.8, 0.1, 0.1)
    swarm.run(15.0)
    assert newest(swarm, 'r1').status is Status.NOT_ROBUST
    assert swarm.decided(key) is None
    swarm.run(10.0)
    answer = swarm.decided(key)
    assert answer is not None and answer.status is Status.UNDECIDED
