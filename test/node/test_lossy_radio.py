"""Robots that hear each other late, and not always."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from swarm_testing import latency, quorum_checks
from swarm_testing.failover import p50_p99
from swarm_testing.fleet import Fleet, beyond_loopback
from swarm_testing.namespaces import NamespacesUnavailable
from swarm_testing.radio import Radio
from swarm_testing.robot_processes import RobotProcesses

LOSS, DELAY = 0.2, 0.05
PROPOSALS = 60
PERIOD_S = 0.5


@pytest.fixture
def fleet(processes, monkeypatch):
    """Five robots on five hosts, under loss and delay."""
    beyond_loopback(processes, monkeypatch)
    with ExitStack() as stack:
        try:
            hosts = stack.enter_context(Radio(5, LOSS, DELAY))
        except NamespacesUnavailable as error:
            pytest.skip(f'no radio here: {error}')
        yield stack.enter_context(Fleet(hosts, RobotProcesses(processes, 5), processes))


@pytest.mark.slow
def test_proposals_commit_soon_under_loss_and_delay(fleet, figure):
    fleet.wait_until_ready(fleet.names)
    before = [fleet.at(robot, quorum_checks.term) for robot in fleet.names]
    under_way = [
        fleet.begin(robot, latency.measure, PROPOSALS, PERIOD_S, place * PERIOD_S / 5)
        for place, robot in enumerate(fleet.names)
    ]
    found = [future.result() for future in under_way]
    logs = [fleet.at(robot, quorum_checks.log) for robot in fleet.names]
    assert all(log == logs[0] for log in logs)
    assert len(logs[0]) == PROPOSALS * len(fleet.names)
    leading = [took for latencies in found for took in latencies.leading]
    following = [took for latencies in found for took in latencies.following]
    elections = max(latencies.term for latencies in found) - max(before)
    radio = f'{LOSS:.0%} loss and {DELAY * 1e3:.0f} ms delay'
    figure(f'proposals of 5 robots under {radio}, {elections} elections meanwhile:')
    figure(f'  {len(leading)} at the leader: {p50_p99(leading)}')
    figure(f'  {len(following)} at followers: {p50_p99(following)}')
