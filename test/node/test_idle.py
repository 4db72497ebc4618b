"""A robot that has nothing to do sleeps; what it costs in CPU is a figure of the bench."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

from swarm_consensus.msg import SwarmStatus

# Measured: 130 to 150 wakes a second, most of them for frames of the others, and 2 % of a core. A
# thread that polls every 2 ms adds 500 wakes; one that spins adds none, and fills its core.
WAKES_PER_S_MAX = 400.0
CPU_SHARE_MAX = 0.5


def wakes(pid: int) -> int:
    """How often the threads of a process have gone to sleep so far."""
    total = 0
    for task in Path(f'/proc/{pid}/task').iterdir():
        try:
            lines = (task / 'status').read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            # The thread ended while we looked.
            continue
        for line in lines:
            if line.startswith('voluntary_ctxt_switches'):
                total += int(line.split()[1])
    return total


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, of all its threads."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


@pytest.mark.alone
def test_an_idle_robot_wakes_for_its_peers_and_little_else(processes):
    robots = RobotProcesses(processes, 3, steady=False)
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        told = probe.collect(SwarmStatus, '/robot_1/swarm_status')
        probe.wait_for(lambda: len(told) >= 3)
        pids = {robot: robots[robot].pid for robot in robots.names}
        before = {robot: (wakes(pid), cpu_seconds(pid)) for robot, pid in pids.items()}
        # The clock is the robot's own: one status a second while nothing changes.
        first = len(told)
        probe.wait_for(lambda: len(told) >= first + 6)
        begun, ended = told[first - 1].stamp, told[-1].stamp
        seconds = ended.sec - begun.sec + (ended.nanosec - begun.nanosec) * 1e-9
        for robot, pid in pids.items():
            rate = (wakes(pid) - before[robot][0]) / seconds
            share = (cpu_seconds(pid) - before[robot][1]) / seconds
            assert rate < WAKES_PER_S_MAX, (robot, rate)
            assert share < CPU_SHARE_MAX, (robot, share)
