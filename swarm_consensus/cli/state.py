"""Read, change and watch the shared state."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from swarm_consensus.cli._asking import ask, robot_actions
from swarm_consensus.cli.kv import shown, value_of

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient, SharedEvent, SharedItem, SharedOutcome

PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    action = robot_actions(parser, timeout=5.0)
    get = action('get', 'Print what stands under a key; exit code 1 where nothing does.')
    get.add_argument(
        '--raw', action='store_true', help='the value of the register alone, byte by byte'
    )
    put = action('put', 'Set a register: the last of concurrent values counts.')
    put.add_argument(
        '--all', action='store_true', help='a multi-value register: all concurrent values stand'
    )
    add = action('add', 'Put an element into a set.')
    add.add_argument('--grow-only', action='store_true', help='into the grow-only set of the key')
    remove = action('remove', 'Remove a key, or all below one that ends with /, or an element.')
    remove.add_argument('--element', help='only this element of the set of the key')
    increment = action('increment', 'Add to a counter.')
    for below in (get, put, add, remove, increment):
        below.add_argument('key')
    put.add_argument('value', nargs='?', help='text; `-`: standard input, byte by byte')
    put.add_argument('--file', type=Path, help='take the value from this file')
    add.add_argument('element')
    increment.add_argument('amount', nargs='?', type=int, default=1, help='default 1')
    listing = action('list', 'Print what stands under keys, in their order.')
    watch = action('watch', 'Print how keys stand after changes, until Ctrl-C.')
    for below in (listing, watch):
        below.add_argument('prefix', nargs='?', default='', help='of the keys; none: every key')
    watch.add_argument('--count', type=int, default=0, help='end after so many changes')


def row(item: SharedItem) -> str:
    """Return the line of what stands under a key in one type."""
    name = item.kind.name.lower()
    if name == 'counter':
        return f'{name:<9} {item.key}  {item.count}'
    return f'{name:<9} {item.key}  {", ".join(map(shown, item.values))}'


def lines(event: SharedEvent) -> list[str]:
    """Return the lines of a change."""
    if event.missed:
        return ['missed    changes before are missing; list the keys again']
    return [row(item) for item in event.items] or [f'removed   {event.key}']


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    question = _QUESTIONS[arguments.action]
    return ask(arguments, lambda client: question(arguments, client))


def _tell(outcome: SharedOutcome) -> int:
    if outcome.done and outcome.found:
        return 0
    if outcome.done:
        print('there was nothing', file=sys.stderr)
    else:
        print(f'{outcome.status.name}: {outcome.reason}', file=sys.stderr)
    return 1


async def _get(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    answer = await client.shared.get(arguments.key, timeout=arguments.timeout)
    answer.raise_for_status()
    if not answer.items or (arguments.raw and answer.value is None):
        print(f"there is nothing under '{arguments.key}'", file=sys.stderr)
        return 1
    if arguments.raw:
        sys.stdout.buffer.write(answer.value or b'')
        sys.stdout.buffer.flush()
        return 0
    for item in answer.items:
        print(row(item))
    return 0


async def _put(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    shared, value = client.shared, value_of(arguments)
    change = shared.assign if arguments.all else shared.put
    return _tell(await change(arguments.key, value, timeout=arguments.timeout))


async def _add(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    change = client.shared.grow if arguments.grow_only else client.shared.add
    element = arguments.element.encode()
    return _tell(await change(arguments.key, element, timeout=arguments.timeout))


async def _remove(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    key, timeout = arguments.key, arguments.timeout
    if arguments.element is None:
        return _tell(await client.shared.remove(key, timeout=timeout))
    element = arguments.element.encode()
    return _tell(await client.shared.discard(key, element, timeout=timeout))


async def _increment(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    return _tell(
        await client.shared.increment(
            arguments.key, arguments.amount, timeout=arguments.timeout
        )
    )


async def _list(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    after, more = '', True
    while more:
        page = await client.shared.list(
            arguments.prefix, after=after, count_max=PAGE, timeout=arguments.timeout
        )
        page.raise_for_status()
        for item in page.items:
            print(row(item))
        more = page.more
        after = page.items[-1].key if page.items else ''
    return 0


async def _watch(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    left = arguments.count
    async for event in client.shared.changes(arguments.prefix):
        print('\n'.join(lines(event)), flush=True)
        left -= 1
        if left == 0:
            break
    return 0


_QUESTIONS: dict[
    str, Callable[[argparse.Namespace, AsyncioSwarmClient], Awaitable[int]]
] = {
    'get': _get,
    'put': _put,
    'add': _add,
    'remove': _remove,
    'increment': _increment,
    'list': _list,
    'watch': _watch,
}
