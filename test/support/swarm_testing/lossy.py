"""Users at five robots on a bad radio, and how long their proposals take to be committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from swarm_testing import latency, quorum_checks
from swarm_testing.fleet import Fleet, beyond_loopback
from swarm_testing.processes import ProcessGroup
from swarm_testing.radio import Radio
from swarm_testing.robot_processes import RobotProcesses

ROBOTS = 5
LOSS, DELAY_S = 0.2, 0.05
PROPOSALS = 60
PERIOD_S = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """
    What all users saw.

    :ivar leading: s, proposals made at the robot that led.
    :ivar following: s, those made at the others.
    :ivar elections: terms that began meanwhile.
    """

    leading: list[float]
    following: list[float]
    elections: int


@contextmanager
def lossy_fleet(processes: ProcessGroup) -> Iterator[Fleet]:
    """
    Have robots on a host each, under loss and delay.

    :raises NamespacesUnavailable: not on this machine.
    """
    with (
        beyond_loopback(processes),
        Radio(ROBOTS, LOSS, DELAY_S) as hosts,
        Fleet(hosts, RobotProcesses(processes, ROBOTS, steady=False), processes) as fleet,
    ):
        yield fleet


def measure(fleet: Fleet) -> Found:
    """Let a user at each robot propose; each waits for the answer, and for the period to end."""
    fleet.wait_until_ready(fleet.names)
    before = max(fleet.at(robot, quorum_checks.term) for robot in fleet.names)
    step = PERIOD_S / len(fleet.names)
    under_way = [
        fleet.begin(robot, latency.measure, PROPOSALS, PERIOD_S, place * step)
        for place, robot in enumerate(fleet.names)
    ]
    found = [future.result() for future in under_way]
    return Found(
        [took for latencies in found for took in latencies.leading],
        [took for latencies in found for took in latencies.following],
        max(latencies.term for latencies in found) - before,
    )
