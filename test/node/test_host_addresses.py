"""A robot whose network comes or changes after it has started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from swarm_testing import fusion_checks
from swarm_testing.fleet import on_hosts, start_each
from swarm_testing.namespaces import Namespaces
from swarm_testing.probe_process import ProbeProcess
from swarm_testing.robot_processes import RobotProcesses

from swarm_consensus.nodes.host_addresses import AddressWatch
from swarm_consensus.nodes.managed import ManagedNode

LATE, ELSEWHERE = 2, '10.77.0.33'
WAIT_S = 60.0
BEGINS_ANEW = f'this host has come to {ELSEWHERE} and no other robot is heard'


@pytest.fixture
def hosts(processes) -> Iterator[Namespaces]:
    with on_hosts(processes, Namespaces(3)) as hosts:
        yield hosts


def started(hosts: Namespaces, processes) -> RobotProcesses:
    """Start a robot on each host."""
    robots = RobotProcesses(processes, hosts.count, steady=False)
    start_each(hosts, robots)
    return robots


@pytest.mark.slow
@pytest.mark.parametrize('wired', [False, True])
def test_a_robot_that_starts_before_its_radio_joins_when_that_comes(hosts, processes, wired):
    """Also one that has another network all the time; and its own nodes go on hearing it."""
    hosts.take_address(LATE)
    if wired:
        hosts.wire(LATE, '10.78.0.1')
    with hosts.entered(LATE):
        probe = ProbeProcess(['robot_3'], 'probe')
    try:
        robots = started(hosts, processes)
        robots['robot_1'].wait_for_output('in contact with a quorum')
        probe.run(fusion_checks.hears, 'robot_3', ['robot_3'], WAIT_S)
        hosts.give_address(LATE, ELSEWHERE)
        robots['robot_3'].wait_for_output(BEGINS_ANEW)
        robots['robot_3'].wait_for_output('in contact with a quorum')
        # What was started before the radio came, and did not begin anew.
        probe.run(fusion_checks.hears, 'robot_3', robots.names, WAIT_S)
        assert robots['robot_3'].output.count(BEGINS_ANEW) == 1
        assert robots['robot_3'].interrupt() == 0
    finally:
        probe.close()


@pytest.mark.slow
def test_a_robot_whose_address_changes_says_what_to_do(hosts, processes):
    robots = started(hosts, processes)
    robots['robot_3'].wait_for_output('in contact with a quorum')
    hosts.take_address(LATE)
    hosts.give_address(LATE, ELSEWHERE)
    told = robots['robot_3'].wait_for_output('start all ROS nodes of this robot anew')
    assert f'this host is at {ELSEWHERE} now and was at {hosts.address(LATE)}' in told
    assert robots['robot_1'].alive and 'begins anew' not in robots['robot_3'].output


class Told(ManagedNode):
    """Keeps why it was to begin anew."""

    def __init__(self) -> None:
        super().__init__('told')
        self.reasons: list[str] = []

    def start_anew(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def node(ros_environment, monkeypatch) -> Iterator[Told]:
    for name, value in ros_environment.items():
        monkeypatch.setenv(name, value)
    rclpy.init()
    made = Told()
    yield made
    made.destroy_node()
    rclpy.shutdown()


@pytest.mark.parametrize(
    ('known', 'looks', 'alone', 'anew'),
    [
        ([], [['a'], ['a']], True, True),
        (['w'], [['w', 'a'], ['w', 'a']], True, True),
        # One that goes may come back, and one that has just come may yet be another.
        (['w', 'a'], [['w'], ['w']], True, False),
        ([], [['a'], ['b'], ['a']], True, False),
        ([], [[], []], True, False),
        # Where others are heard all is well.
        ([], [['a'], ['a'], ['a']], False, False),
        (['a'], [['b'], ['b']], True, False),
    ],
)
def test_who_begins_anew(node, known, looks, alone, anew):
    given = iter([frozenset(each) for each in looks])
    watch = AddressWatch(node, frozenset(known), lambda: alone, lambda: next(given))
    for _ in looks:
        watch.look()
    watch.close()
    assert bool(node.reasons) is anew
