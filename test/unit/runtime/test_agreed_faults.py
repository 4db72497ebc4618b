"""Robots crash, lose their disks and come back: none contradicts itself, and all catch up."""

from __future__ import annotations

from random import Random

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.runtime.events import Misbehaved, Notice
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.fuse import CrashPoint, Fuse
from swarm_consensus.simulation.network import Faults
from swarm_consensus.transport.compression import Expander

SURE_OF_CAT = (0.9, 0.05, 0.05)
EXPANDER = Expander()


def converged(swarm: AgreedSwarm, subject: str = 'goal') -> bool:
    """Return whether all robots stand alike in a subject."""
    return len({swarm.in_force(robot, subject) for robot in swarm.robots}) == 1


@pytest.mark.parametrize('point', list(CrashPoint))
@pytest.mark.parametrize('keyed', [False, True])
def test_the_power_fails_at_any_point_and_nobody_contradicts_itself(
    point: CrashPoint, keyed: bool
) -> None:
    """The swarm holds every word against all before; with keys the others would prove a lie."""
    swarm = AgreedSwarm(4, 7, Faults(loss=0.1), keyed=keyed)
    # What leaves in one frame has no middle.
    value = bytes(25_000) if point is CrashPoint.AMID_SEND else b''
    crashes = 0
    for count in range(1, 13 if keyed else 25):
        swarm.world.arm('r2', Fuse(point, 1 if value else count))
        swarm.propose('r1', f'place {count}', 'goal')
        if swarm.world.up('r2'):
            swarm.propose('r2', f'other {count}', 'goal', value=value)
        swarm.run(0.1)
        if not swarm.world.up('r2'):
            crashes += 1
            assert swarm.world.start('r2')
        swarm.world.arm('r2', None)
        swarm.run(0.1)
    swarm.run(5)
    assert crashes > 3
    assert converged(swarm)
    assert swarm.in_force('r2')[0] >= 12
    for robot in swarm.robots:
        assert not swarm.outputs(robot, Misbehaved)
        assert swarm.runtime(robot)._agreed.agreement.dropped['CONTRADICTION'] == 0


def test_all_robots_lose_their_power_at_once_and_go_on_where_they_were() -> None:
    for seed in range(1, 8):
        swarm = AgreedSwarm(4, seed)
        key = swarm.propose('r1', 'charger', 'goal')
        swarm.run(0.001 * seed)
        answered = swarm.proposed(key) is not None
        for robot in swarm.robots:
            swarm.world.crash(robot)
        for robot in swarm.robots:
            swarm.world.start(robot)
        swarm.run(4)
        assert converged(swarm)
        if answered:
            assert swarm.in_force('r3') == (1, 'charger')
        again = swarm.propose('r2', 'exit', 'goal')
        swarm.run(1)
        decision = swarm.proposed(again)
        assert decision is not None and decision.status is Status.DECIDED


@pytest.mark.parametrize('loss', [0.0, 0.3])
def test_a_robot_that_was_away_for_a_hundred_epochs_catches_up(loss: float) -> None:
    swarm = AgreedSwarm(4, 2)
    swarm.world.crash('r4')
    for count in range(100):
        swarm.propose('r1', f'place {count}', 'goal')
        swarm.run(0.02)
    swarm.run(1)
    assert swarm.epoch('r1') == 100
    swarm.world.network.faults = Faults(loss=loss)
    swarm.world.start('r4')
    swarm.run(3)
    assert converged(swarm)
    assert swarm.epoch('r4') == swarm.epoch('r1')
    swarm.propose('r4', 'home', 'goal')
    swarm.run(2)
    assert {swarm.in_force(robot)[1] for robot in swarm.robots} == {'home'}


def words(swarm: AgreedSwarm, robot: str) -> set[tuple[str, int]]:
    """Return (subject, epoch) of everything that a robot said in the frames that were kept."""
    said = set()
    for sender, frame in swarm.count.frames:
        if sender == robot:
            for item in MESSAGES.inspect_batch(EXPANDER.expand(frame.batch)):
                if isinstance(item.message, (Statement, Piece)):
                    said.add((item.message.subject, item.message.epoch))
    return said


def halt_mid_epoch(swarm: AgreedSwarm) -> None:
    """Begin an epoch of 'goal' that cannot end, in which r4 has said something."""
    swarm.propose('r1', 'charger', 'goal')
    swarm.run(0.3)
    swarm.world.network.split([('r1', 'r4'), ('r2',), ('r3',)])
    swarm.count.keep = True
    swarm.propose('r1', 'exit', 'goal', timeout=30)
    swarm.run(0.3)
    assert ('goal', 2) in words(swarm, 'r4')
    swarm.count.frames.clear()


@pytest.mark.parametrize('how', ['new disk', 'rotten record'])
def test_a_robot_that_lost_its_words_is_silent_where_it_may_have_spoken(how: str) -> None:
    """Also over one more reboot; in everything newer it takes part."""
    swarm = AgreedSwarm(4)
    halt_mid_epoch(swarm)
    swarm.world.crash('r4')
    if how == 'new disk':
        swarm.world.replace_disk('r4')
        swarm.reconfigure('r4', rejoin=True)
    else:
        disk = swarm.world.disk('r4')
        disk.rot_record(next(key for key in disk.record_keys if key.startswith('said/')))
    assert swarm.world.start('r4')
    swarm.run(0.5)
    assert not words(swarm, 'r4')
    swarm.world.crash('r4')
    assert swarm.world.start('r4')
    swarm.run(0.5)
    assert not words(swarm, 'r4')
    swarm.world.network.heal()
    swarm.run(5)
    # The other three have ended it without its words.
    assert ('goal', 2) not in words(swarm, 'r4')
    assert {swarm.in_force(robot) for robot in swarm.robots} == {(2, 'exit')}
    swarm.world.crash('r3')
    key = swarm.propose('r1', 'home', 'goal')
    swarm.run(2)
    decision = swarm.proposed(key)
    assert decision is not None and decision.status is Status.DECIDED
    assert ('goal', 3) in words(swarm, 'r4')


def test_what_was_lost_is_over_and_a_later_boot_is_like_any_other() -> None:
    swarm = AgreedSwarm(4)
    halt_mid_epoch(swarm)
    swarm.world.crash('r4')
    swarm.world.replace_disk('r4')
    swarm.reconfigure('r4', rejoin=True)
    swarm.world.start('r4')
    swarm.world.network.heal()
    swarm.run(5)
    assert not swarm.runtime('r4')._agreed.agreement.recovering
    key = swarm.propose('r1', 'home', 'goal')
    swarm.run(0.3)
    assert swarm.proposed(key) is not None
    swarm.world.crash('r4')
    swarm.world.start('r4')
    assert not swarm.runtime('r4')._agreed.agreement.recovering


def test_a_full_disk_holds_the_level_and_it_goes_on_when_there_is_room() -> None:
    swarm = AgreedSwarm(4)
    swarm.world.disk('r4').full = True
    swarm.count.keep = True
    keys = [swarm.propose('r1', f'place {count}', 'goal') for count in range(3)]
    swarm.run(1)
    assert all(swarm.proposed(key) is not None for key in keys)
    assert swarm.in_force('r1')[0] == 3
    assert swarm.in_force('r4') == (0, '')
    assert not words(swarm, 'r4')
    warned = [each.text for each in swarm.outputs('r4', Notice) if each.warning]
    assert sum('the level agreed has stopped' in text for text in warned) == 1
    refused = swarm.propose('r4', 'exit', 'goal', timeout=1)
    swarm.run(1.5)
    decision = swarm.proposed(refused)
    assert decision is not None
    assert decision.status is Status.REFUSED
    assert decision.reason == 'the disk of this robot is full'
    swarm.world.disk('r4').full = False
    swarm.run(3)
    assert converged(swarm)
    assert any('the level agreed goes on' in each.text for each in swarm.outputs('r4', Notice))
    key = swarm.propose('r4', 'home', 'goal')
    swarm.run(0.5)
    decision = swarm.proposed(key)
    assert decision is not None and decision.status is Status.DECIDED


def test_disks_of_all_robots_are_full_for_a_while() -> None:
    swarm = AgreedSwarm(4, 3, Faults(loss=0.1))
    random = Random(9)
    for count in range(40):
        robot = random.choice(swarm.robots)
        swarm.world.disk(robot).full = not swarm.world.disk(robot).full
        swarm.propose(random.choice(swarm.robots), f'place {count}', 'goal')
        swarm.run(0.1)
    for robot in swarm.robots:
        swarm.world.disk(robot).full = False
    swarm.run(5)
    assert converged(swarm)
    assert swarm.in_force('r1')[0] > 5


def test_random_crashes_of_more_robots_than_it_bears_leave_one_history() -> None:
    for seed in range(1, 5):
        swarm = AgreedSwarm(5, seed, Faults(loss=0.2, duplication=0.2), lies=False, bears=2)
        random = Random(seed)
        for count in range(60):
            robot = random.choice(swarm.robots)
            if not swarm.world.up(robot):
                swarm.world.start(robot)
            elif random.random() < 0.3:
                swarm.world.arm(robot, Fuse(random.choice(list(CrashPoint)), random.randint(1, 9)))
            else:
                swarm.propose(robot, f'place {count}', 'goal', swarm.in_force(robot)[0])
                swarm.believe(robot, *SURE_OF_CAT)
            swarm.run(random.random() * 0.1)
        for robot in swarm.robots:
            swarm.world.arm(robot, None)
            if not swarm.world.up(robot):
                swarm.world.start(robot)
        swarm.run(8)
        assert converged(swarm), f'seed {seed}'
        assert converged(swarm, 'animal'), f'seed {seed}'
        assert swarm.in_force('r1')[0] > 3
        assert swarm.in_force('r1', 'animal') == (1, 'cat')
