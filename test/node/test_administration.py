"""Who leads and who votes, changed by the command line and the client, with real robots."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

from swarm_consensus.client import Status, SwarmClient


@pytest.fixture
def swarm(processes):
    """Four robots, of which three vote."""
    # Far longer than a voter may take to start after the others: it would not vote any more.
    robots = RobotProcesses(processes, 4, {'voters_max': 3, 'replace_after': 10.0})
    robots.start_all()
    return robots


@pytest.fixture
def probe(swarm):
    with SwarmProbe(swarm.names) as it:
        it.wait_until_ready()
        yield it


def swarm_command(*words: str) -> tuple[int, str, str]:
    """Run `swarm`; returns exit code, output and errors."""
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
    )
    return done.returncode, done.stdout, done.stderr


def voters(probe: SwarmProbe, robot: str) -> list[str]:
    """Voters as a robot reports them."""
    return sorted(probe.statuses[robot].voters)


def test_transfer_and_members_by_the_command_line(swarm, probe):
    leader = probe.leader()
    target = next(r for r in voters(probe, 'robot_1') if r != leader)
    code, out, error = swarm_command('transfer', target, '--robot', 'robot_4')
    assert (code, out) == (0, f'{target} leads\n'), error
    probe.wait_for(lambda: all(probe.statuses[r].leader == target for r in swarm.names))
    code, out, error = swarm_command('transfer', 'robot_4', '--robot', 'robot_1')
    assert code == 1
    assert "REFUSED: 'robot_4' is no voter" in error

    other = next(r for r in voters(probe, 'robot_1') if r != target)
    code, out, error = swarm_command(
        'members', '--robot', 'robot_4', '--promote', 'robot_4', '--demote', other
    )
    assert code == 0, error
    probe.wait_for(lambda: all('robot_4' in voters(probe, r) for r in swarm.names))
    probe.wait_for(lambda: all(other in probe.statuses[r].learners for r in swarm.names))
    code, out, error = swarm_command('members', '--robot', 'robot_1')
    assert (code, error) == (0, '')
    rows = dict(line.split(maxsplit=1) for line in out.splitlines()[1:])
    assert set(rows) == set(swarm.names)
    assert rows[target].startswith('leader, voter')
    assert rows[other].startswith('learner')
    code, out, error = swarm_command('members', '--robot', 'robot_1', '--promote', 'robot_9')
    assert (code, error) == (1, "--promote robot_9: 'robot_9' is no learner\n")


def test_a_voter_killed_for_good_is_replaced_by_the_learner(swarm, probe):
    victim = next(r for r in voters(probe, 'robot_4') if r != probe.leader())
    swarm.kill([victim])
    rest = [robot for robot in swarm.names if robot != victim]
    probe.wait_for(lambda: all('robot_4' in voters(probe, r) for r in rest), timeout=40.0)
    assert all(victim not in voters(probe, robot) for robot in rest)
    swarm.start(victim)
    probe.wait_for(lambda: victim in probe.statuses[victim].learners, timeout=40.0)
    # It may not know yet who asks; where it answers once, it does.
    probe.insist_on_reading(victim, linearizable=False)
    probe.proposed(probe.propose(victim, 'goal', 'go'))
    probe.wait_for_equal_logs()


def test_the_client_changes_both(swarm, probe):
    async def ask():
        async with SwarmClient.connect('robot_1') as client:
            refused = await client.change_membership([], ['robot_1'])
            status = await client.status()
            done = await client.change_membership(
                [*status.voters[:2], 'robot_4'], [status.voters[2]]
            )
            # Where the leader was the one that votes no more, another one is elected first.
            handed = await client.transfer_leadership(timeout=20.0)
            return refused, done, handed, status.leader

    refused, done, handed, before = asyncio.run(ask())
    assert refused.status is Status.REFUSED and refused.reason
    assert done.status is Status.DECIDED
    assert 'robot_4' in done.voters and len(done.learners) == 1
    assert handed.status is Status.DECIDED
    assert handed.leader not in ('', before)
