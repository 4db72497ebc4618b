"""Belief fusion with real nodes over DDS: through others, in halves of a split, and after it."""

from __future__ import annotations

from contextlib import ExitStack
import time

import numpy as np
import pytest
from swarm_testing import fusion_checks
from swarm_testing.fleet import Fleet, beyond_loopback
from swarm_testing.fusion_checks import WEATHER
from swarm_testing.namespaces import Hosts, Namespaces, NamespacesUnavailable
from swarm_testing.radio import Radio
from swarm_testing.robot_processes import RobotProcesses

from swarm_consensus.decision.fusion import fuse

PARAMETERS = {
    'subjects': ['weather', 'wind'],
    'subject.wind.labels': list(WEATHER),
    'subject.wind.level': 'fused',
    'subject.wind.gossip': 'averaging',
    'subject.wind.quorum': '1',
    'subject.wind.confidence': 0.0,
    'subject.wind.deadline': 3600.0,
    'subject.wind.evidence_age_max': 0.0,
    'subject.weather.labels': list(WEATHER),
    'subject.weather.level': 'fused',
    'subject.weather.quorum': '1',
    'subject.weather.confidence': 0.0,
    'subject.weather.deadline': 3600.0,
    'subject.weather.evidence_age_max': 0.0,
    'peer_timeout': 2.0,
    'presence_period': 0.25,
}
PATIENCE_S = 60.0


def fleet_on(stack: ExitStack, processes, hosts: Hosts) -> Fleet:
    """Start a robot on each host."""
    stack.enter_context(beyond_loopback(processes))
    try:
        stack.enter_context(hosts)
    except NamespacesUnavailable as error:
        pytest.skip(f'no radio here: {error}')
    robots = RobotProcesses(processes, hosts.count, PARAMETERS)
    return stack.enter_context(Fleet(hosts, robots, processes))


def central(wet: list[float]) -> tuple[str, float]:
    """What a centre makes of the robots' probabilities of 'wet'."""
    rows = np.log(np.array([[1.0 - each, each] for each in wet]))
    fused = fuse('log_linear', rows, np.ones(len(wet)))
    return WEATHER[int(fused.argmax())], float(fused.max())


def all_fused(fleet: Fleet, robots: list[str], wet: dict[str, float]) -> float:
    """Wait until robots have fused the evidence of exactly these; returns the oldest age told."""
    expected = central([wet[robot] for robot in robots])
    check = fusion_checks.wait_until_fused
    waiting = [
        fleet.begin(robot, check, 'weather', robots, expected, PATIENCE_S) for robot in robots
    ]
    return max(future.result() for future in waiting)


def believe(fleet: Fleet, wet: dict[str, float]) -> None:
    """Give robots evidence."""
    for robot, probability in wet.items():
        fleet.at(robot, fusion_checks.believe, 'weather', 'wet', probability)


@pytest.mark.slow
def test_robots_in_a_line_fuse_what_all_of_them_believe(processes, figure):
    wet = {'robot_1': 0.9, 'robot_2': 0.4, 'robot_3': 0.7, 'robot_4': 0.3}
    with ExitStack() as stack:
        fleet = fleet_on(stack, processes, Radio(4, loss=0.1, delay=0.005, reach=1))
        for place, robot in enumerate(fleet.names):
            near = [fleet.names[n] for n in (place - 1, place + 1) if 0 <= n < 4]
            fleet.at(robot, fusion_checks.hears, near, PATIENCE_S)
        believe(fleet, wet)
        began = time.monotonic()
        all_fused(fleet, fleet.names, wet)
        took = time.monotonic() - began
        # New evidence takes the place of the old one at the other end, too.
        wet['robot_1'] = 0.2
        believe(fleet, {'robot_1': 0.2})
        all_fused(fleet, fleet.names, wet)
        # The same, added up on its way: nobody knows the names of the others, but their number.
        for robot, probability in wet.items():
            fleet.at(robot, fusion_checks.believe, 'wind', 'wet', probability)
        expected = central(list(wet.values()))
        for robot in fleet.names:
            fleet.at(robot, fusion_checks.wait_until_averaged, 'wind', 4, expected, PATIENCE_S)
    figure(f'four robots in a line, 10 % loss: all evidence everywhere {took:.2f} s after the last')


@pytest.mark.slow
def test_two_halves_go_on_and_mend(processes, figure):
    wet = {f'robot_{n}': p for n, p in enumerate([0.9, 0.8, 0.6, 0.2, 0.3, 0.4], start=1)}
    with ExitStack() as stack:
        hosts = Namespaces(6)
        fleet = fleet_on(stack, processes, hosts)
        for robot in fleet.names:
            fleet.at(robot, fusion_checks.hears, fleet.names, PATIENCE_S)
        believe(fleet, wet)
        all_fused(fleet, fleet.names, wet)
        hosts.cut_off(range(3))
        split = time.monotonic()
        halves = (fleet.names[:3], fleet.names[3:])
        for half in halves:
            all_fused(fleet, half, wet)
        # Both halves go on, each with its own.
        wet |= {'robot_1': 0.7, 'robot_6': 0.1}
        believe(fleet, {robot: wet[robot] for robot in ('robot_1', 'robot_6')})
        for half in halves:
            all_fused(fleet, half, wet)
        time.sleep(max(0.0, split + 20.0 - time.monotonic()))
        hosts.heal()
        healed = time.monotonic()
        oldest = all_fused(fleet, fleet.names, wet)
        took = time.monotonic() - healed
        # What was said before the split counts with the age that it has by now.
        assert oldest >= 20.0
    figure(f'six robots, split 3/3 for 20 s: all agree {took:.2f} s after the heal')
