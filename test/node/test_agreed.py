"""Robots that agree without a leader, as real processes: with a liar among them, and kills."""

from __future__ import annotations

import os

import pytest
from swarm_testing.robot_processes import LABELS, SWARM, RobotProcesses, names
from swarm_testing.swarm_probe import DECIDED, SwarmProbe

from swarm_consensus.msg import Decision, Misbehaviour
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import write_keys

LIAR = 'robot_4'
BATCH = 25
DECISIONS = 500


def agreed(tmp_path, robots: int, **parameters):
    """Return the parameters of a swarm with keys that decides at the level agreed."""
    keys = tmp_path / 'keys'
    write_keys(keys, deal(SWARM, names(robots), (robots - 1) // 3))
    return {
        'keys_folder': str(keys),
        'subjects': ['animal', 'goal'],
        'subject.animal.level': 'agreed',
        # Whatever inputs are in, they decide: f + 1 is the least that may.
        'subject.animal.quorum': str((robots - 1) // 3 + 1),
        'subject.animal.confidence': 0.0,
        'subject.goal.level': 'agreed',
        'decision_depth': 2000,
        'key_events_depth': 0,
        **parameters,
    }


def what(decision: Decision) -> tuple[object, ...]:
    """Return all of a decision that has to be the same at every robot."""
    return (
        *(decision.choice, decision.revision, decision.confidence, bytes(decision.value)),
        *(tuple(decision.voters), decision.level, decision.status, decision.proposer),
    )


def decide_all(probe: SwarmProbe, robots: list[str], subjects: list[str]) -> None:
    """Have robots that disagree decide all of these, and hold that they decide alike."""
    for number, subject in enumerate(subjects):
        for place, robot in enumerate(robots):
            # Two of three see the same, and another one each time does not.
            odd = place == number % len(robots)
            probe.believe(robot, LABELS[(number + odd) % len(LABELS)], subject, 0.8)
    for subject in subjects:
        decisions = probe.wait_for_decision(subject, robots)
        assert len({what(decision) for decision in decisions.values()}) == 1, decisions
        assert decisions[robots[0]].level == Decision.LEVEL_AGREED


@pytest.mark.slow
def test_three_robots_decide_alike_five_hundred_times_beside_a_liar(
    processes, repository, tmp_path
):
    robots = RobotProcesses(processes, 4, agreed(tmp_path, 4))
    honest = [name for name in robots.names if name != LIAR]
    support = os.pathsep.join([str(repository / 'test/support'), os.environ.get('PYTHONPATH', '')])
    for name in honest:
        robots.start(name)
    robots.start(
        LIAR,
        environment={'PYTHONPATH': support.rstrip(os.pathsep)},
        module='swarm_testing.byzantine_robot',
    )
    with SwarmProbe(honest) as probe:
        lies = {name: probe.collect(Misbehaviour, f'/{name}/misbehaviour') for name in honest}
        probe.wait_until_ready(alive=robots.names)
        for first in range(0, DECISIONS, BATCH):
            subjects = [f'animal/{number}' for number in range(first, first + BATCH)]
            decide_all(probe, honest, subjects)
        # Nobody published a decision twice, or another one.
        for name in honest:
            told = [d.subject for d in probe.decisions[name] if d.status == DECIDED]
            assert len(told) == len(set(told)) == DECISIONS, name
        probe.wait_for(lambda: all(s.accused == [LIAR] for s in probe.statuses.values()))
        probe.wait_for(lambda: all(lies.values()))
        for told in lies.values():
            assert [(lie.robot, lie.excluded) for lie in told] == [(LIAR, False)]
            assert len(told[0].proof) > 0


@pytest.mark.slow
def test_of_seven_robots_two_are_killed_in_the_middle(processes, tmp_path):
    robots = RobotProcesses(processes, 7, agreed(tmp_path, 7, **{'subject.goal.support': 1}))
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        decide_all(probe, robots.names, [f'animal/{number}' for number in range(20)])
        # They die while these are under way.
        open_ = [f'animal/{number}' for number in range(20, 40)]
        for subject in open_:
            for robot in robots.names:
                probe.believe(robot, LABELS[0], subject)
        dead, alive = robots.names[-2:], robots.names[:-2]
        robots.kill(dead)
        for subject in open_:
            decisions = probe.wait_for_decision(subject, alive)
            assert len({what(decision) for decision in decisions.values()}) == 1
        decide_all(probe, alive, [f'animal/{number}' for number in range(40, 60)])
        answer = probe.proposed(probe.propose('robot_1', 'goal', 'home', timeout=20.0))
        assert (answer.status, answer.level) == (DECIDED, Decision.LEVEL_AGREED), answer.reason
        # They come back and learn what was decided without them.
        probe.forget(dead)
        robots.start_all()
        for subject in ('animal/39', 'animal/59', 'goal'):
            decisions = probe.wait_for_decision(subject, dead)
            expected = what(probe.published('robot_1', subject)[-1])
            assert {what(decision) for decision in decisions.values()} == {expected}
        read = probe.insist_on_reading(dead[0], subject='goal', timeout=20.0)
        assert read.decisions[0].choice == 'home'


def test_too_few_robots_say_so_and_decide_when_the_others_return(processes, tmp_path):
    robots = RobotProcesses(processes, 4, agreed(tmp_path, 4, **{'subject.goal.support': 1}))
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        robots.kill(robots.names[2:])
        probe.wait_for(lambda: len(probe.statuses['robot_1'].alive) == 2)
        answer = probe.proposed(probe.propose('robot_1', 'goal', 'home', timeout=1.0))
        assert answer.status == Decision.STATUS_NO_QUORUM
        assert '3 must be' in answer.reason
        # It goes on quietly, and ends when there are enough again.
        robots.start('robot_3')
        decisions = probe.wait_for_decision('goal', robots.names[:2])
        assert {decision.choice for decision in decisions.values()} == {'home'}
