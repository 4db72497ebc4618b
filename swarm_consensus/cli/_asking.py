"""What the verbs that ask a robot share: which robot, how long, and what went wrong."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient


def add_robot_arguments(parser: argparse.ArgumentParser, timeout: float) -> None:
    """
    Declare which robot is asked.

    :param timeout: default of --timeout, s.
    """
    parser.add_argument('--robot', required=True, help='the robot to ask; any one will do')
    parser.add_argument('--namespace', help='its namespace, where that is not its name')
    parser.add_argument(
        '--timeout', type=float, default=timeout, help='how long to wait, s (default %(default)s)'
    )


def robot_actions(
    parser: argparse.ArgumentParser, timeout: float
) -> Callable[[str, str], argparse.ArgumentParser]:
    """
    Have a verb do several things to a robot; which one is `arguments.action`.

    :param timeout: as in `add_robot_arguments`.
    :returns: declares one, by its name and what it does.
    """
    actions = parser.add_subparsers(
        title='actions', dest='action', metavar='<action>', required=True
    )

    def action(name: str, text: str) -> argparse.ArgumentParser:
        below = actions.add_parser(name, help=text, description=text)
        add_robot_arguments(below, timeout)
        return below

    return action


def ask(
    arguments: argparse.Namespace, question: Callable[[AsyncioSwarmClient], Awaitable[int]]
) -> int:
    """
    Ask the robot and return the exit code that the question gives; 1 where nobody is there.

    The domain and the middleware are those of the environment, as for every ROS program.
    """
    # Loopback unless the user's environment opens it, as everywhere.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    # Only here: `swarm --help` must not wait for ROS.
    from swarm_consensus.client import SwarmClient, SwarmClientError

    where = {'namespace': arguments.namespace} if arguments.namespace else {}
    robot = '' if arguments.namespace else arguments.robot

    async def asking() -> int:
        async with SwarmClient.connect(robot, **where) as client:
            return await question(client)

    try:
        return asyncio.run(asking())
    except (SwarmClientError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
