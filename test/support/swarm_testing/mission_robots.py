"""Robots as processes that have the code of `mission_code`, and how their missions are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
import time
from typing import Any

from swarm_consensus.client import AsyncioSwarmClient, MissionList
from swarm_testing.processes import Process
from swarm_testing.robot_processes import RobotProcesses

SUPPORT = Path(__file__).parents[1]
CODE = 'swarm_testing.mission_code'
# Of robots that are killed and replaced while somebody waits.
PARAMETERS: Mapping[str, Any] = {
    'missions': [
        f'{CODE}:ten_steps',
        f'again={CODE}:until_told',
        f'{CODE}:decide',
        f'{CODE}:work',
    ],
    'activities': [
        f'{CODE}:step',
        'ask=action:decide:swarm_consensus/action/Decide',
        'work=action:work:swarm_consensus/action/RunMission',
    ],
    'mission_lease': 1.5,
    'peer_timeout': 1.0,
}
# Generous: the machine may be busy.
WAIT_S = 90.0


class MissionRobots(RobotProcesses):
    """Robots that have the code of the missions."""

    def start(
        self,
        robot: str,
        parameters: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        module: str = 'swarm_consensus.nodes.consensus_node',
    ) -> Process:
        environment = {'PYTHONPATH': str(SUPPORT), 'ROBOT': robot, **(environment or {})}
        return super().start(robot, parameters, environment, module)


async def ended(client: AsyncioSwarmClient, mission: str) -> MissionList:
    """The mission and its history once it has ended."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found = await client.mission(mission)
        if found.missions and found.missions[0].status.closed:
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


async def begun(client: AsyncioSwarmClient, *arguments: Any, **more: Any) -> None:
    """Begin a mission, as soon as there is a leader."""
    deadline = time.monotonic() + WAIT_S
    while True:
        change = await client.begin_mission(*arguments, request_id=f'begin {arguments[0]}', **more)
        if change.done:
            return
        assert time.monotonic() < deadline, change
        await asyncio.sleep(0.2)
