"""Robots with keys, as real processes: they decide, and forged frames stop none of them."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest
from swarm_testing.robot_processes import LABELS, SWARM, RobotProcesses
from swarm_testing.swarm_probe import DECIDED, READY_S, SwarmProbe

from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import write_keys

DROPS = (
    'not_for_us', 'foreign', 'stranger', 'oversize', 'malformed', 'replayed', 'impostor', 'forged',
)  # fmt: skip
ROBOTS = ['robot_1', 'robot_2', 'robot_3']
# Has keys of the swarm, and nobody has seen it; the forger took them.
LOST = 'robot_4'


@pytest.fixture
def keys(tmp_path):
    """Return a folder with the keys of the swarm."""
    write_keys(tmp_path / 'keys', deal(SWARM, [*ROBOTS, LOST], 1))
    return tmp_path / 'keys'


def start_forger(processes, repository, keys, seconds):
    path = os.pathsep.join([str(repository / 'test/support'), os.environ.get('PYTHONPATH', '')])
    return processes.start(
        [
            *(sys.executable, '-m', 'swarm_testing.frame_forger', *ROBOTS),
            *('--seconds', str(seconds), '--keys', str(keys), '--insider', LOST),
        ],
        'forger',
        {**processes.environment, 'PYTHONPATH': path.rstrip(os.pathsep)},
    )


def check_sums(probe):
    """Every frame that arrived was accepted or dropped for one reason, in every status told."""
    for status in probe.statuses.values():
        frames = status.frames
        dropped = sum(getattr(frames, name) for name in DROPS)
        assert frames.received == frames.accepted + dropped, (status.robot, frames)


def decides(probe, robots, number):
    subject, choice = f'animal/{number}', LABELS[number % 3]
    for robot in robots.names:
        probe.believe(robot, choice, subject)
    assert {d.choice for d in probe.wait_for_decision(subject).values()} == {choice}
    robot = robots.names[number % 3]
    answer = probe.proposed(probe.propose(robot, f'goal/{number}', 'go'))
    assert answer.status == DECIDED, answer.reason


def test_forged_frames_are_counted_and_stop_nobody(processes, repository, keys):
    robots = RobotProcesses(
        processes,
        3,
        {'frames_reliability': 'reliable', 'frames_depth': 5000, 'keys_folder': str(keys)},
    )
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        incarnations = {robot: probe.statuses[robot].incarnation for robot in robots.names}
        forger = start_forger(processes, repository, keys, 5)
        forger.wait_for_output('spraying')
        decided = 0
        while 'sprayed' not in forger.output:
            assert forger.alive, forger.output
            decided += 1
            decides(probe, robots, decided)
            check_sums(probe)
        assert decided >= 5
        sprayed = json.loads(forger.wait_for_output('sprayed {').removeprefix('sprayed '))
        assert all(counts['forged'] > 300 for counts in sprayed.values()), sprayed

        def counted() -> bool:
            check_sums(probe)
            return all(
                getattr(probe.statuses[robot].frames, name) == counts.get(name, 0)
                for robot, counts in sprayed.items()
                for name in ('forged', 'stranger', 'impostor', 'malformed', 'foreign')
            )

        # To the last frame, and no other: robots sign all that they say.
        probe.wait_for(counted)
        assert robots.running == robots.names, 'a robot died'
        for robot in robots.names:
            assert probe.statuses[robot].incarnation == incarnations[robot]
        probe.wait_for_equal_logs()
    assert not any('Traceback' in robots[name].output for name in robots.names)


def test_a_robot_comes_back_while_its_frames_are_forged(processes, repository, keys):
    """It listens whether its name is free, and many say that it is not; none has its key."""
    robots = RobotProcesses(processes, 3, {'keys_folder': str(keys)})
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        # Until the end of this test, however long the robot needs; it is ended with it.
        forger = start_forger(processes, repository, keys, 600)
        forger.wait_for_output('spraying')
        robots.kill(['robot_2'])
        before = probe.statuses['robot_2'].incarnation
        robots.start('robot_2')
        probe.wait_for(lambda: probe.statuses['robot_2'].incarnation > before)
        decides(probe, robots, 1)
        # It was told of the forger's frames, and they go on.
        probe.wait_for(lambda: probe.statuses['robot_2'].frames.forged > 0)
        assert 'sprayed' not in forger.output, 'the forger was done before the robot was back'
        decides(probe, robots, 2)
        assert robots.running == robots.names
        check_sums(probe)


def test_a_robot_without_keys_is_not_heard(processes, keys):
    robots = RobotProcesses(processes, 3)
    for robot in ROBOTS[:2]:
        robots.start(robot, {'keys_folder': str(keys)})
    robots.start('robot_3')
    with SwarmProbe(robots.names) as probe:
        probe.wait_for(lambda: all(robot in probe.statuses for robot in ROBOTS))
        probe.wait_for(
            lambda: all(probe.statuses[robot].frames.forged > 0 for robot in ROBOTS[:2])
        )
        deadline = time.monotonic() + READY_S
        answer = probe.proposed(probe.propose('robot_1', 'goal', 'go'))
        while answer.status != DECIDED and time.monotonic() < deadline:
            answer = probe.proposed(probe.propose('robot_1', 'goal', 'go'))
        assert answer.status == DECIDED, answer.reason
        # Its newest status may be from before it heard the other one.
        probe.wait_for(lambda: 'robot_2' in probe.statuses['robot_1'].alive)
        assert list(probe.statuses['robot_1'].alive) == ROBOTS[:2]


@pytest.mark.parametrize(
    ('spoil', 'said'),
    [
        (lambda keys: (keys / 'robot_1.key').unlink(), 'robot_1.key: is not there; copy it from'),
        (lambda keys: (keys / 'robot_1.key').chmod(0o644), 'chmod 600'),
        (lambda keys: write_keys(keys, deal('other', ROBOTS, 0), replace=True), "swarm 'other'"),
        (lambda keys: write_keys(keys, deal(SWARM, ROBOTS[:2], 0), replace=True), 'key of robot_3'),
    ],
)
def test_keys_that_cannot_be_used_are_said_and_end_the_node(processes, keys, spoil, said):
    spoil(keys)
    robots = RobotProcesses(processes, 3, {'keys_folder': str(keys)})
    node = robots.start('robot_1')
    assert node.wait() == 2
    assert said in node.output and 'Traceback' not in node.output
