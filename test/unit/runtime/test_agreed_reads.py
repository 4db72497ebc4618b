"""A linearizable read at the level agreed is never stale, and the other one answers at once."""

from __future__ import annotations

from random import Random

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm

from swarm_consensus.decision.types import Status
from swarm_consensus.runtime.config import MILLISECOND
from swarm_consensus.runtime.events import DecisionMade, ProposeAnswered, ReadAnswered
from swarm_consensus.simulation.network import Faults


def acknowledged(swarm: AgreedSwarm) -> int:
    """Return the newest revision of 'goal' that anybody was told of anywhere."""
    newest = 0
    for _, _, output in swarm.told:
        if isinstance(output, (DecisionMade, ProposeAnswered)):
            if output.decision.subject == 'goal' and output.decision.status.answered:
                newest = max(newest, output.decision.revision)
        elif isinstance(output, ReadAnswered) and output.decisions:
            newest = max(newest, output.decisions[0].revision)
    return newest


@pytest.mark.parametrize('seed', range(1, 6))
@pytest.mark.parametrize(('robots', 'lies', 'bears'), [(4, True, 1), (5, False, 2)])
def test_a_read_is_never_older_than_what_was_told_before_it(
    seed: int, robots: int, lies: bool, bears: int
) -> None:
    """30 % of the frames are lost, robots crash and come back, and the swarm is split at times."""
    swarm = AgreedSwarm(robots, seed, Faults(loss=0.3, duplication=0.1), lies=lies, bears=bears)
    random = Random(f'{seed}/reads')
    begun: dict[int, int] = {}
    for _ in range(120):
        up = [robot for robot in swarm.robots if swarm.world.up(robot)]
        what = random.random()
        if what < 0.5:
            key = swarm.read(random.choice(up), 'goal', timeout=8)
            begun[key] = acknowledged(swarm)
        elif what < 0.85:
            swarm.propose(random.choice(up), f'place {len(swarm.told)}', 'goal', timeout=8)
        elif what < 0.9:
            robot = random.choice(swarm.robots)
            if swarm.world.up(robot) and len(up) > robots - bears:
                swarm.world.crash(robot)
            elif not swarm.world.up(robot):
                swarm.world.start(robot)
        elif what < 0.95:
            away = random.choice(swarm.robots)
            swarm.world.network.split([(away,), set(swarm.robots) - {away}])
        else:
            swarm.world.network.heal()
        swarm.run(random.random() * 0.1)
    swarm.world.network.heal()
    for robot in swarm.robots:
        if not swarm.world.up(robot):
            swarm.world.start(robot)
    swarm.run(10)
    confirmed = 0
    for key, before in begun.items():
        answer = swarm.was_read(key)
        if answer is not None and answer.status is Status.DECIDED:
            confirmed += 1
            seen = answer.decisions[0].revision if answer.decisions else 0
            assert seen >= before, f'seed {seed}: read {key} saw {seen}, {before} was told before'
    assert confirmed > 15


def test_reads_at_once_share_the_epochs_that_confirm_them() -> None:
    swarm = AgreedSwarm(4)
    done = swarm.propose('r1', 'charger', 'goal')
    swarm.run(0.2)
    assert swarm.proposed(done) is not None
    keys = [swarm.read('r3', 'goal') for _ in range(20)]
    swarm.run(0.2)
    for key in keys:
        answer = swarm.was_read(key)
        assert answer is not None
        assert [d.choice for d in answer.decisions] == ['charger']
    # As many as may be under way at once, and one more for the reads that came after them.
    assert swarm.epoch('r1') <= 1 + 4 + 1
    assert [d.revision for d in swarm.published('r1')] == [1]


def test_a_read_of_what_nobody_decided_finds_nothing() -> None:
    swarm = AgreedSwarm(4)
    key = swarm.read('r1', 'goal/nothing')
    swarm.run(0.3)
    answer = swarm.was_read(key)
    assert answer is not None
    assert (answer.status, answer.decisions) == (Status.DECIDED, ())


def test_without_a_quorum_a_linearizable_read_is_not_answered_from_the_past() -> None:
    swarm = AgreedSwarm(4)
    swarm.propose('r1', 'charger', 'goal')
    swarm.run(0.2)
    for robot in ('r3', 'r4'):
        swarm.world.crash(robot)
    swarm.run(2.5)
    local = swarm.read('r1', 'goal', linearizable=False)
    found = swarm.was_read(local)
    assert found is not None
    assert [d.choice for d in found.decisions] == ['charger']
    key = swarm.read('r1', 'goal', timeout=1)
    swarm.run(1.5)
    answer = swarm.was_read(key)
    assert answer is not None
    assert (answer.status, answer.decisions) == (Status.NO_QUORUM, ())
    assert answer.reason.startswith('2 of 4 robots are heard')


def test_a_read_that_no_epoch_confirms_in_time_is_unknown() -> None:
    swarm = AgreedSwarm(4)
    for robot in ('r3', 'r4'):
        swarm.world.crash(robot)
    key = swarm.read('r1', 'goal', timeout=0.5)
    swarm.run(1)
    answer = swarm.was_read(key)
    assert answer is not None
    assert answer.status is Status.UNKNOWN


@pytest.mark.parametrize('seed', range(1, 9))
def test_a_read_is_not_confirmed_by_a_ballot_that_was_put_in_before_it(seed: int) -> None:
    """
    The proposal of r1 is decided while r1 hears nothing, and so is one of r2 that follows.

    When r1 hears of all that, the epoch of its own ballot ends there first.
    """
    swarm = AgreedSwarm(4, seed)
    swarm.propose('r1', 'charger', 'goal')
    for robot in swarm.robots[1:]:
        swarm.world.network.clog(robot, 'r1', swarm.world.now_ns + 100 * MILLISECOND)
    swarm.run(0.02)
    assert swarm.in_force('r1') == (0, '')
    second = swarm.propose('r2', 'exit', 'goal')
    swarm.run(0.03)
    told = swarm.proposed(second)
    assert told is not None and told.revision == 2
    key = swarm.read('r1', 'goal')
    swarm.run(1)
    answer = swarm.was_read(key)
    assert answer is not None
    assert [decision.choice for decision in answer.decisions] == ['exit']
