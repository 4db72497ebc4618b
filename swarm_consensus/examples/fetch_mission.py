"""
A mission to start from: fetch something, and put it back where it was if nobody takes it.

    swarm up FILE            # with, for all robots:
        consensus:
          missions: ['swarm_consensus.examples.fetch_mission:fetch']
          activities:
            - 'swarm_consensus.examples.fetch_mission:drive'
            - 'swarm_consensus.examples.fetch_mission:grip'
            - 'swarm_consensus.examples.fetch_mission:release'
    python -m swarm_consensus.examples.fetch_mission --robot robot_1 --mission fetch_1
    swarm missions signal fetch_1 taken --robot robot_2
    swarm missions show fetch_1 --robot robot_3

Kill the robot that runs it at any time: another one goes on.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from swarm_consensus.client import SwarmClient
from swarm_consensus.missions import Delivery, Mission, TimedOutError
from swarm_consensus.nodes.mission_activities import ActivityContext

SPEED_M_S = 1.0
PATIENCE_S = 60.0


async def fetch(mission: Mission, order: dict[str, Any]) -> str:
    """Fetch `item` from `shelf` to `dock`, both in metres on the line that this robot drives on."""
    place: list[object] = [0.0]
    mission.on_query('place', lambda _: place[-1])

    async def drive(to: float) -> None:
        place.append(
            await mission.activity(
                'drive', {'from': place[-1], 'to': to}, delivery=Delivery.IDEMPOTENT, heartbeat=10
            )
        )

    await drive(order['shelf'])
    # Grippers do not know tokens: rather fail than grip twice.
    await mission.activity('grip', order['item'], delivery=Delivery.AT_MOST_ONCE)

    async def put_back() -> None:
        await drive(order['shelf'])
        await mission.activity('release', order['item'])

    mission.compensate(put_back)
    await drive(order['dock'])
    try:
        await mission.within(PATIENCE_S, mission.wait_signal('taken'))
    except TimedOutError:
        await put_back()
        return 'put back'
    await mission.activity('release', order['item'])
    return 'delivered'


def drive(context: ActivityContext, way: dict[str, float]) -> float:
    """Drive, and say now and then where the robot is; an attempt goes on where the last one was."""
    at = way['from'] if context.details is None else float(str(context.details))
    while at != way['to']:
        context.wait(1.0)
        step = max(-SPEED_M_S, min(SPEED_M_S, way['to'] - at))
        at += step
        context.heartbeat(at)
    return at


def grip(context: ActivityContext, item: str) -> str:
    """Grip something."""
    context.wait(1.0)
    return item


def release(context: ActivityContext, item: str) -> str:
    """Let go of something."""
    context.wait(0.5)
    return item


async def ask(robot: str, mission: str, order: dict[str, Any]) -> str:
    """Begin the mission at a robot, and return how it ended."""
    async with SwarmClient.connect(robot) as swarm:
        (await swarm.begin_mission(mission, 'fetch', order)).raise_for_status()
        while True:
            [found] = (await swarm.mission(mission)).raise_for_status().missions
            if found.status.closed:
                return f'{found.status.name}: {found.result or found.reason}'
            await asyncio.sleep(0.5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Begin the mission and wait for its end; returns the exit code."""
    parser = argparse.ArgumentParser(description='Have something fetched.')
    parser.add_argument('--robot', required=True, help='the robot to ask; any one will do')
    parser.add_argument('--mission', default='fetch', help='name of the mission in the swarm')
    parser.add_argument('--item', default='box', help='what to fetch')
    parser.add_argument('--shelf', type=float, default=4.0, help='where it is, m')
    parser.add_argument('--dock', type=float, default=1.0, help='where it is to be, m')
    given = parser.parse_args(arguments)
    order = {'item': given.item, 'shelf': given.shelf, 'dock': given.dock}
    print(asyncio.run(ask(given.robot, given.mission, order)))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
