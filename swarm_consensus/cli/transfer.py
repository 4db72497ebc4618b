"""Have another robot lead the swarm."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from swarm_consensus.cli._asking import add_robot_arguments, ask

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        'target', nargs='?', default='', help='robot that is to lead; none: the most fit one'
    )
    add_robot_arguments(parser, timeout=5.0)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""

    async def question(client: AsyncioSwarmClient) -> int:
        answer = await client.transfer_leadership(arguments.target, timeout=arguments.timeout)
        if answer.status.answered:
            print(f'{answer.leader} leads')
            return 0
        print(f'{answer.status.name}: {answer.reason}', file=sys.stderr)
        return 1

    return ask(arguments, question)
