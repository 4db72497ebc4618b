"""Show who is there, leads, votes and learns, or change who votes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
import sys
from typing import TYPE_CHECKING

from swarm_consensus.cli._asking import add_robot_arguments, ask

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient
    from swarm_consensus.runtime.events import Peer, RobotStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add_robot_arguments(parser, timeout=15.0)
    parser.add_argument('--promote', nargs='+', default=[], help='learners that are to vote')
    parser.add_argument('--demote', nargs='+', default=[], help='voters that are to be learners')
    parser.add_argument('--add', nargs='+', default=[], help='robots that are to be learners')
    parser.add_argument('--remove', nargs='+', default=[], help='robots that are to leave')


def changed(
    arguments: argparse.Namespace, voters: Sequence[str], learners: Sequence[str]
) -> tuple[list[str], list[str]]:
    """
    Return the voters and learners that the arguments ask for.

    :raises ValueError: a robot is not what its argument says that it is.
    """
    new_voters, new_learners = list(voters), list(learners)
    for option, source, target in (
        ('promote', new_learners, new_voters),
        ('demote', new_voters, new_learners),
    ):
        for robot in getattr(arguments, option):
            if robot not in source:
                kind = 'learner' if option == 'promote' else 'voter'
                raise ValueError(f"--{option} {robot}: '{robot}' is no {kind}")
            source.remove(robot)
            target.append(robot)
    for robot in arguments.remove:
        if robot not in new_voters + new_learners:
            raise ValueError(f"--remove {robot}: '{robot}' is no member")
        (new_voters if robot in new_voters else new_learners).remove(robot)
    for robot in arguments.add:
        if robot in new_voters + new_learners:
            raise ValueError(f"--add {robot}: '{robot}' is a member already")
        new_learners.append(robot)
    return new_voters, new_learners


def describe(status: RobotStatus) -> list[str]:
    """Return a line for each member, as the robot that was asked sees it."""
    alive = set(status.alive)
    peers = {peer.robot: peer for peer in status.peers}
    lines = [
        f'swarm {status.swarm}, term {status.term}, as {status.robot} sees it: '
        f'{"has a quorum" if status.has_quorum else "NO QUORUM"}'
        f'{", changing its membership" if status.changing_membership else ""}'
    ]
    members = (*status.voters, *status.learners)
    others = sorted({*peers, status.robot} - {*members})
    for robot in (*members, *others):
        peer = peers.get(robot)
        words = ['leader' if robot == status.leader else '']
        if robot in members:
            words.append('voter' if robot in status.voters else 'learner')
        elif status.guest if peer is None else peer.guest:
            words.append('guest')
        words.append(_state(peer, robot in alive))
        words.append(f'log {peer.match_index}' if peer is not None and peer.match_index else '')
        lines.append(f'  {robot:<16} {", ".join(word for word in words if word)}')
    return lines


def _state(peer: Peer | None, alive: bool) -> str:
    """Return how a robot is, in words; None is the one that was asked."""
    if peer is None:
        return 'alive'
    if peer.state is None:
        return 'never heard'
    state = peer.state.name.lower()
    return f'{state}, not heard' if peer.state.there and not alive else state


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""

    async def question(client: AsyncioSwarmClient) -> int:
        status = await client.status()
        wanted = changed(arguments, status.voters, status.learners)
        if wanted != (list(status.voters), list(status.learners)):
            answer = await client.change_membership(*wanted, timeout=arguments.timeout)
            if not answer.status.answered:
                print(f'{answer.status.name}: {answer.reason}', file=sys.stderr)
                return 1
            # The newest status may be of the moment before.
            status = replace(
                status,
                voters=answer.voters,
                learners=answer.learners,
                changing_membership=False,
            )
        print('\n'.join(describe(status)))
        return 0

    return ask(arguments, question)
