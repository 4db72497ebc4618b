"""Noise, broken peers and namesakes on the topics: all counted, nobody dies, the swarm decides."""

from __future__ import annotations

import json
import os
from pathlib import Path
import sys

import pytest
from swarm_testing.robot_processes import LABELS, RobotProcesses
from swarm_testing.swarm_probe import DECIDED, SwarmProbe

DROPS = (
    'not_for_us', 'foreign', 'stranger', 'oversize', 'malformed', 'replayed', 'impostor',
)  # fmt: skip
BELIEF_REASONS = (
    'unreadable', 'no_policy', 'wrong_labels', 'bad_values', 'subject_too_long', 'stale',
)  # fmt: skip


def check_sums(probe: SwarmProbe) -> None:
    """Every frame that arrived was accepted or dropped for one reason, in every status told."""
    for status in probe.statuses.values():
        frames = status.frames
        dropped = sum(getattr(frames, name) for name in (*DROPS, 'forged'))
        assert frames.received == frames.accepted + dropped, (status.robot, frames)


def evidence_dropped(probe: SwarmProbe, robot: str) -> dict[str, int]:
    """How much evidence a robot dropped, by reason, as its diagnostics say."""
    values = {pair.key: pair.value for pair in probe.diagnostics[robot].values}
    return {reason: int(values.get(f'evidence dropped: {reason}', 0)) for reason in BELIEF_REASONS}


@pytest.mark.parametrize('reliability', ['best_effort', 'reliable'])
def test_what_is_sprayed_on_the_topics_is_counted_and_the_swarm_decides_on(
    processes, repository, reliability
):
    robots = RobotProcesses(
        processes, 3, {'frames_reliability': reliability, 'frames_depth': 5000}
    )
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        path = os.pathsep.join([str(repository / 'test/support'), os.environ.get('PYTHONPATH', '')])
        sprayer = processes.start(
            [sys.executable, '-m', 'swarm_testing.frame_sprayer', *robots.names, '--seconds', '6'],
            'sprayer',
            {**processes.environment, 'PYTHONPATH': path.rstrip(os.pathsep)},
        )
        sprayer.wait_for_output('spraying')
        decided = 0
        while 'sprayed' not in sprayer.output:
            decided += 1
            subject, choice = f'animal/{decided}', LABELS[decided % 3]
            for robot in robots.names:
                probe.believe(robot, choice, subject)
            assert {d.choice for d in probe.wait_for_decision(subject).values()} == {choice}
            robot = robots.names[decided % 3]
            answer = probe.proposed(probe.propose(robot, f'goal/{decided}', 'go'))
            assert answer.status == DECIDED, answer.reason
            check_sums(probe)
        assert decided >= 5
        line = sprayer.wait_for_output('sprayed {')
        expected = json.loads(line.removeprefix('sprayed '))

        def counted() -> bool:
            check_sums(probe)
            for robot, counters in expected.items():
                frames = probe.statuses[robot].frames
                # What is for other robots comes from the robots themselves, too.
                if frames.not_for_us < counters['not_for_us']:
                    return False
                for name in DROPS[1:]:
                    assert getattr(frames, name) <= counters[name], (robot, name, frames)
                    if getattr(frames, name) < counters[name]:
                        return False
            return True

        if reliability == 'reliable':
            # To the last frame.
            probe.wait_for(counted)
        else:
            # Frames may be lost on the way; every kind of them was seen.
            assert sprayer.wait() == 0
            # The newest status may be of before the last of them.
            probe.wait_for(
                lambda: all(
                    getattr(s.frames, name) for s in probe.statuses.values() for name in DROPS
                )
            )
        assert all(
            sum(counts.get(reason, 0) for counts in expected.values()) for reason in BELIEF_REASONS
        ), 'a kind of belief was never sprayed'
        for robot, counters in expected.items():
            wanted = {reason: counters.get(reason, 0) for reason in BELIEF_REASONS}
            probe.wait_for(lambda: evidence_dropped(probe, robot) == wanted)  # noqa: B023 -- at once
        assert robots.running == robots.names, 'a robot died'
        probe.wait_for_equal_logs()
        # Nothing of it got in: only what was decided here is in the log.
        subjects = {d.subject.split('/')[0] for d in probe.log(robots.names[0])}
        assert subjects == {'animal', 'goal'}
        assert not [d for d in probe.log(robots.names[0]) if 'sprayed' in d.subject]
    assert not any('Traceback' in robots[name].output for name in robots.names)


# -- one name, two robots -------------------------------------------------------------------------


def test_a_newcomer_with_the_name_of_a_robot_is_refused(processes, tmp_path):
    robots = RobotProcesses(processes, 3)
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        first = robots['robot_2']
        incarnation = probe.statuses['robot_2'].incarnation
        # Another computer, as far as folders go.
        second = robots.start('robot_2', environment={'XDG_STATE_HOME': str(tmp_path / 'second')})
        assert second.wait() == 2
        assert "another robot named 'robot_2' is in swarm 'test_swarm'" in second.output
        assert 'give each robot its own name in swarm.yaml' in second.output
        assert 'Traceback' not in second.output
        assert first.alive
        # The newcomer may have said how it stands before it knew.
        probe.forget(robots.names)
        probe.wait_until_ready()
        assert probe.statuses['robot_2'].incarnation == incarnation
        answer = probe.proposed(probe.propose('robot_2', 'goal', 'go'))
        assert answer.status == DECIDED, answer.reason


def test_of_two_robots_of_one_name_that_start_together_one_stays(processes, tmp_path):
    robots = RobotProcesses(processes, 3)
    twins = [
        robots.start('robot_2', environment={'XDG_STATE_HOME': str(Path(tmp_path) / state)})
        for state in ('one', 'two')
    ]
    # Not all that do not run: a twin that is refused by now would get a third one.
    robots.start('robot_1')
    robots.start('robot_3')
    with SwarmProbe(robots.names) as probe:
        probe.wait_for(lambda: sum(twin.alive for twin in twins) == 1)
        (refused,) = [twin for twin in twins if not twin.alive]
        assert refused.wait() == 2
        assert "another robot named 'robot_2' is in swarm 'test_swarm'" in refused.output
        probe.wait_until_ready()
        for robot in robots.names:
            answer = probe.proposed(probe.propose(robot, f'goal/{robot}', 'go'))
            assert answer.status == DECIDED, answer.reason
        assert sum(twin.alive for twin in twins) == 1
