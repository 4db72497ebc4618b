"""
An asyncio program: proposes a goal, and prints what the swarm decides from then on.

    python -m swarm_consensus.examples.asyncio_watcher robot_1 --goal charger

No rclpy is to be seen here: the client has a node of its own, in a thread of its own.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
import sys

from swarm_consensus.client import RobotNotFoundError, SwarmClient


async def watch(robot: str, goal: str) -> None:
    """Say who leads, propose the goal unless there is one, and print every decision."""
    async with SwarmClient.connect(robot=robot) as swarm:
        status = await swarm.status()
        print(f'{status.leader or "nobody"} leads {", ".join(status.alive)}', flush=True)
        if goal:
            decision = await swarm.propose('goal', goal, expected_revision=0)
            print(f'goal: {decision.choice} ({decision.status.name})', flush=True)
        async for decision in swarm.decisions():
            stands = f'{decision.level.name.lower()}, index {decision.index}'
            print(f'{decision.subject}: {decision.choice} ({stands})', flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program until Ctrl-C."""
    parser = argparse.ArgumentParser(description='print what the swarm decides')
    parser.add_argument('robot', help='name of the robot to ask')
    parser.add_argument('--goal', default='', help='goal to propose where the swarm has none')
    given = parser.parse_args(arguments)
    try:
        asyncio.run(watch(given.robot, given.goal))
    except RobotNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == '__main__':
    sys.exit(main())
