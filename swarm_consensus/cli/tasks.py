"""Add, cancel and list the tasks of the swarm."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
import sys
from typing import TYPE_CHECKING

from swarm_consensus.cli._asking import ask, robot_actions

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient, TaskOutcome, TaskState


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    action = robot_actions(parser, timeout=5.0)
    add = action('add', 'Have something done at a place.')
    cancel = action('cancel', 'End a task; robots that have it stop first.')
    listing = action('list', 'Print how tasks stand, in order of their names.')
    add.add_argument('task', help='its name')
    add.add_argument('x', type=float, help='m')
    add.add_argument('y', type=float, help='m')
    add.add_argument('z', type=float, nargs='?', default=0.0, help='m')
    add.add_argument('--work', type=float, default=0.0, help='amount of work')
    add.add_argument('--worth', type=float, default=1.0, help='default 1')
    add.add_argument('--payload', type=float, default=0.0, help='kg')
    add.add_argument('--capability', action='append', default=[], help='may be given several times')
    add.add_argument('--robots', type=int, default=1, help='how many it takes; default 1')
    add.add_argument('--opens-in', type=float, default=0.0, help='s; not before')
    add.add_argument('--closes-in', type=float, default=0.0, help='s; not begun after')
    add.add_argument('--deadline-in', type=float, default=0.0, help='s; ended by then')
    add.add_argument('--group', default='', help='tasks of a group go in their order')
    add.add_argument('--order', type=int, default=0, help='within the group')
    add.add_argument('--attempts', type=int, default=3, help='failures that end it; default 3')
    cancel.add_argument('task')
    cancel.add_argument('why', nargs='?', default='', help='recorded as the reason')
    listing.add_argument('task', nargs='?', default='', help='only this one')
    listing.add_argument(
        '--ended', action='store_true', help='those that have ended, too; with a name always'
    )
    listing.add_argument('--prefix', default='', help='of their names; none: all')


def row(state: TaskState) -> str:
    """Return the line of a task."""
    who = ', '.join(state.holders or state.robots) or '-'
    reason = f'  {state.reason}' if state.reason else ''
    return f'{state.status.name:<9} {state.task}  {who}{reason}'


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    question = _QUESTIONS[arguments.action]
    return ask(arguments, lambda client: question(arguments, client))


def _tell(outcome: TaskOutcome) -> int:
    if outcome.done:
        return 0
    print(f'{outcome.status.name}: {outcome.reason}', file=sys.stderr)
    return 1


async def _add(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    try:
        outcome = await client.tasks.add(
            arguments.task,
            arguments.x,
            arguments.y,
            arguments.z,
            work=arguments.work,
            worth=arguments.worth,
            payload=arguments.payload,
            capabilities=arguments.capability,
            robots=arguments.robots,
            opens_in=arguments.opens_in,
            closes_in=arguments.closes_in,
            deadline_in=arguments.deadline_in,
            group=arguments.group,
            order=arguments.order,
            attempts_max=arguments.attempts,
            timeout=arguments.timeout,
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return _tell(outcome)


async def _cancel(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    return _tell(
        await client.tasks.cancel(arguments.task, arguments.why, timeout=arguments.timeout)
    )


async def _list(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    after, more = '', True
    while more:
        page = await client.tasks.list(
            arguments.task,
            prefix=arguments.prefix,
            after=after,
            ended=arguments.ended,
            timeout=arguments.timeout,
        )
        page.raise_for_status()
        if arguments.task and not page.tasks:
            print(f"there is no task '{arguments.task}'", file=sys.stderr)
            return 1
        for state in page.tasks:
            print(row(state))
        more = page.more
        after = page.tasks[-1].task if page.tasks else ''
    return 0


_QUESTIONS: dict[str, Callable[[argparse.Namespace, AsyncioSwarmClient], Awaitable[int]]] = {
    'add': _add,
    'cancel': _cancel,
    'list': _list,
}
