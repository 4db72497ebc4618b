"""
Five robots under load, their leader killed with -9 again and again, and all of them at once.

`make bench ONLY=failover` kills thirty leaders in one run, with the same checks.
"""

from __future__ import annotations

import pytest
from swarm_testing.failover import (
    PARAMETERS,
    PERIOD_S,
    kill_leader,
    p50_p99,
    start_all_anew,
)
from swarm_testing.log_checks import check_logs
from swarm_testing.proposal_load import ProposalLoad
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

KILLS = 12
ROUNDS = 4


@pytest.fixture
def swarm(processes):
    robots = RobotProcesses(processes, 5, PARAMETERS, steady=False)
    robots.start_all()
    return robots


@pytest.fixture
def probe(swarm):
    with SwarmProbe(swarm.names) as it:
        it.wait_until_ready()
        yield it


def describe(load: ProposalLoad) -> str:
    return (
        f'{len(load.acknowledged)} proposals acknowledged, {load.repeated} repeated, '
        'none lost, none applied twice'
    )


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(600)
def test_killed_leaders_lose_and_double_nothing(swarm, probe, figure):
    load = ProposalLoad(probe, swarm.names, PERIOD_S)
    load.run_for(20)
    failovers = [kill_leader(swarm, probe, load) for _ in range(KILLS)]
    load.finish()
    probe.wait_until_ready()
    check_logs(probe, load)
    figure(f'{KILLS} leaders of 5 killed with -9: {describe(load)}')
    figure(f'  from the kill to a new leader: {p50_p99([f.leader for f in failovers])}')
    figure(f'  from the kill to the next commit: {p50_p99([f.commit for f in failovers])}')
    figure(f'  from a restart to being caught up: {p50_p99([f.back for f in failovers])}')


@pytest.mark.slow
@pytest.mark.alone
def test_five_robots_killed_at_once_again_and_again_lose_and_double_nothing(swarm, probe, figure):
    load = ProposalLoad(probe, swarm.names, PERIOD_S)
    downtimes = []
    for _ in range(ROUNDS):
        load.run_for(30)
        swarm.kill(swarm.names)
        probe.forget(swarm.names)
        downtimes.append(start_all_anew(swarm, probe, load))
    load.finish()
    check_logs(probe, load)
    figure(f'{ROUNDS} times all 5 killed with -9: {describe(load)}')
    figure(f'  from the restart to the next commit: {p50_p99(downtimes)}')
