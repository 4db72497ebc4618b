"""A swarm for tests that need no more than three robots."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from swarm_testing.processes import ProcessGroup
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe


@pytest.fixture
def swarm(processes: ProcessGroup) -> RobotProcesses:
    """Three robots."""
    robots = RobotProcesses(processes, 3)
    robots.start_all()
    return robots


@pytest.fixture
def probe(swarm: RobotProcesses) -> Iterator[SwarmProbe]:
    """Who listens to the robots of `swarm`, which are ready."""
    with SwarmProbe(swarm.names) as it:
        it.wait_until_ready()
        yield it
