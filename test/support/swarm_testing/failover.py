"""Robots killed with -9 under a load, and how long the swarm was without a leader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import time

import numpy as np

from swarm_testing.proposal_load import ProposalLoad
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

# As somebody would have it who wants a robot back soon: half of the default name probe.
PARAMETERS = {'name_probe': 0.5}
# Five users at ten proposals a second: enough to be asking at the moment of every kill, and few
# enough that two cores are not what is measured.
PERIOD_S = 0.1


@dataclass(frozen=True, slots=True)
class Failover:
    """
    What one kill cost, each counted from the signal, s.

    :ivar leader: until a survivor told of a new leader.
    :ivar commit: until a user had a proposal acknowledged under the new leader.
    :ivar back: from starting the killed robot anew until it had a quorum and had caught up.
    """

    leader: float
    commit: float
    back: float


def kill_leader(swarm: RobotProcesses, probe: SwarmProbe, load: ProposalLoad) -> Failover:
    """Kill the leader under load, wait for the next one, and have the killed robot back."""
    victim = probe.leader()
    others = [robot for robot in swarm.names if robot != victim]
    term = probe.statuses[victim].term
    began = time.monotonic()
    swarm.kill([victim])

    def led() -> bool:
        return any(
            probe.statuses[robot].term > term and probe.statuses[robot].leader in others
            for robot in others
        )

    load.run_until(led)
    leader = time.monotonic() - began
    load.run_for(1)
    commit = time.monotonic() - began
    probe.forget([victim])
    swarm.start(victim)
    started = time.monotonic()
    known = max(load.acknowledged.values())
    load.run_until(
        lambda: victim in probe.statuses
        and probe.statuses[victim].has_quorum
        and probe.statuses[victim].applied_index >= known
    )
    return Failover(leader, commit, time.monotonic() - started)


def start_all_anew(swarm: RobotProcesses, probe: SwarmProbe, load: ProposalLoad) -> float:
    """Start robots that were all killed, under load; returns when the next commit came, s."""
    swarm.start_all()
    began = time.monotonic()
    load.run_for(1)
    took = time.monotonic() - began
    load.run_until(
        lambda: all(
            robot in probe.statuses and probe.statuses[robot].has_quorum for robot in swarm.names
        )
    )
    return took


def p50_p99(seconds: Sequence[float]) -> str:
    """Return the middle and the worst of many times, for people."""
    p50, p99 = np.percentile(np.asarray(seconds), [50, 99])
    return f'p50 {p50:.3f} s, p99 {p99:.3f} s'
