"""Begin, watch, tell, ask and end missions."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import json
import sys
from typing import TYPE_CHECKING

from swarm_consensus.cli._asking import ask, robot_actions

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient, MissionChange, MissionReport

POLL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    action = robot_actions(parser, timeout=5.0)
    listing = action('list', 'Print the missions: status, worker, name, code, what is under way.')
    listing.add_argument('prefix', nargs='?', default='', help='of their names; none: all')
    show = action('show', 'Print one mission with its history.')
    begin = action('begin', 'Begin a mission.')
    begin.add_argument('mission', help='its name in the swarm')
    begin.add_argument('name', help='of its code')
    begin.add_argument('input', nargs='?', default='null', help='JSON')
    signal = action('signal', 'Tell a mission something.')
    cancel = action('cancel', 'Ask a mission to end.')
    query = action('query', 'Ask the code of a mission something, and print the answer as JSON.')
    forget = action('forget', 'Take a mission away that has ended.')
    wait = action('wait', 'Wait for the end of a mission; exit code 0 where it has completed.')
    for below in (show, signal, cancel, query, forget, wait):
        below.add_argument('mission', help='its name in the swarm')
    signal.add_argument('name', help='of the signal')
    signal.add_argument('payload', nargs='?', default='null', help='JSON')
    cancel.add_argument('reason', nargs='?', default='asked to end by hand')
    query.add_argument('name', help='of the query')
    query.add_argument('argument', nargs='?', default='null', help='JSON')


def row(mission: MissionReport) -> str:
    """Return the line of a mission in a list."""
    if mission.error or mission.reason:
        told = f'{mission.error} {mission.reason}'.strip()
    else:
        told = '; '.join(mission.under_way)
    worker = mission.worker or '-'
    return f'{mission.status.name:<16} {worker:<12} {mission.mission}  {mission.name}  {told}'


def given(text: str, what: str) -> object:
    """
    Return what JSON on the command line says.

    :raises ValueError: it is no JSON.
    """
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise ValueError(f'{what} is no JSON: {error}') from None
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    question = _QUESTIONS[arguments.action]
    return ask(arguments, lambda client: question(arguments, client))


async def _list(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    found = await client.missions(arguments.prefix, timeout=arguments.timeout)
    for mission in found.raise_for_status().missions:
        print(row(mission))
    if found.more:
        print('there are more; give a longer prefix', file=sys.stderr)
    return 0


async def _show(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    first, more = 1, True
    while more:
        found = await client.mission(
            arguments.mission, history_from=first, timeout=arguments.timeout
        )
        found.raise_for_status()
        if first == 1:
            print(row(found.missions[0]))
        for event in found.history:
            print(f'{event.number:>6} {event.time:>10.1f} s  {event.kind:<18} {event.text}')
        first += len(found.history)
        more = found.more and bool(found.history)
    return 0


async def _begin(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    return _tell(
        await client.begin_mission(
            arguments.mission,
            arguments.name,
            given(arguments.input, 'the input'),
            timeout=arguments.timeout,
        )
    )


async def _signal(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    return _tell(
        await client.signal_mission(
            arguments.mission,
            arguments.name,
            given(arguments.payload, 'the payload'),
            timeout=arguments.timeout,
        )
    )


async def _cancel(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    return _tell(
        await client.cancel_mission(
            arguments.mission, arguments.reason, timeout=arguments.timeout
        )
    )


async def _forget(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    return _tell(await client.forget_mission(arguments.mission, timeout=arguments.timeout))


async def _query(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    found = await client.query_mission(
        arguments.mission,
        arguments.name,
        given(arguments.argument, 'the argument'),
        timeout=arguments.timeout,
    )
    if found.reason:
        print(found.reason, file=sys.stderr)
        return 1
    print(json.dumps(found.answer))
    return 0


async def _wait(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    while True:
        found = await client.mission(
            arguments.mission, count_max=1, timeout=arguments.timeout
        )
        mission = found.raise_for_status().missions[0]
        if mission.status.closed:
            break
        await asyncio.sleep(POLL_S)
    if mission.status.name == 'COMPLETED':
        print(json.dumps(mission.result))
        return 0
    print(row(mission), file=sys.stderr)
    return 1


def _tell(change: MissionChange) -> int:
    if change.done:
        print(f'done at index {change.index}')
        return 0
    print(f'{change.status.name}: {change.reason}', file=sys.stderr)
    return 1


_QUESTIONS: dict[
    str, Callable[[argparse.Namespace, AsyncioSwarmClient], Awaitable[int]]
] = {
    'list': _list,
    'show': _show,
    'begin': _begin,
    'signal': _signal,
    'cancel': _cancel,
    'query': _query,
    'forget': _forget,
    'wait': _wait,
}
