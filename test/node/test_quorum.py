"""Too few robots to commit: they say NO_QUORUM, never a wrong answer, and recover by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from swarm_testing import quorum_checks
from swarm_testing.fleet import Fleet, on_hosts
from swarm_testing.namespaces import Namespaces
from swarm_testing.quorum_checks import check_no_quorum
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import DECIDED, SwarmProbe

# 'animal' may be decided from the evidence of one robot, so that what keeps a minority from
# deciding it is the log alone. 'weather' is decided without the log.
PARAMETERS = {
    'subjects': ['animal', 'weather'],
    'subject.animal.quorum': '1',
    'subject.weather.labels': ['dry', 'wet'],
    'subject.weather.level': 'fused',
    'subject.weather.quorum': '1',
}


@pytest.mark.parametrize('way', ['suspended', 'killed'])
def test_a_robot_left_alone_says_no_quorum_and_recovers(processes, way):
    robots = RobotProcesses(processes, 3, PARAMETERS)
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        assert probe.proposed(probe.propose('robot_1', 'map', 'm1')).status == DECIDED
        # The leader is left, so that it has to notice by itself that it leads nobody.
        alone = probe.leader()
        others = [robot for robot in robots.names if robot != alone]
        if way == 'suspended':
            for robot in others:
                robots[robot].suspend()
        else:
            robots.kill(others)
        check_no_quorum(probe, alone, 'map', way)
        probe.forget(robots.names)
        if way == 'suspended':
            for robot in others:
                robots[robot].resume()
        else:
            robots.start_all()
        probe.wait_until_ready()
        for robot in robots.names:
            assert probe.proposed(probe.propose(robot, f'goal/{robot}', 'go')).status == DECIDED
            answer = probe.read_result(probe.read(robot, 'map'))
            assert [d.choice for d in answer.decisions] == ['m1']
        # NO_QUORUM was true: nothing of it came into the log later.
        probe.wait_for_equal_logs()
        assert not [d for d in probe.log(alone) if d.choice == 'lost']


# -- networks --------------------------------------------------------------------------------------


@pytest.fixture
def fleet(processes) -> Iterator[Fleet]:
    """Five robots on five hosts."""
    with on_hosts(processes, Namespaces(5)) as hosts:
        robots = RobotProcesses(processes, 5, PARAMETERS)
        with Fleet(hosts, robots, processes) as fleet:
            yield fleet


def test_a_swarm_cut_in_two_goes_on_where_the_majority_is_and_heals(fleet):
    everybody = fleet.names
    leader = fleet.wait_until_ready(everybody)
    fleet.at('robot_1', quorum_checks.propose, 'map', 'm1')
    # The leader and one more are cut off.
    minority = sorted([leader, next(robot for robot in everybody if robot != leader)])
    majority = [robot for robot in everybody if robot not in minority]
    fleet.hosts.cut_off(everybody.index(robot) for robot in minority)
    assert fleet.wait_until_ready(majority) in majority
    for robot in majority:
        fleet.at(robot, quorum_checks.propose, f'goal/{robot}', 'go')
        voters = fleet.at(robot, quorum_checks.decide, f'animal/{robot}', 'dog')
        assert set(voters) <= set(majority)
    for robot in minority:
        fleet.at(robot, quorum_checks.check_no_quorum, 'map', robot)
        assert fleet.at(robot, quorum_checks.alive) == minority
    fleet.hosts.heal()
    fleet.wait_until_ready(everybody)
    # All hold one log, with what the majority decided and nothing that was answered NO_QUORUM.
    for robot in everybody:
        fleet.at(robot, quorum_checks.propose, f'home/{robot}', 'go')
    logs = [fleet.at(robot, quorum_checks.log) for robot in everybody]
    assert all(log == logs[0] for log in logs)
    subjects = [subject for _, subject, _ in logs[0]]
    assert {f'goal/{robot}' for robot in majority} <= set(subjects)
    assert not [choice for _, _, choice in logs[0] if choice == 'lost']
    # Those who were cut off publish what had been decided without them.
    for robot in minority:
        for other in majority:
            assert fleet.at(robot, quorum_checks.wait_for_choice, f'animal/{other}') == 'dog'
