"""Read, change and watch the replicated key-value store."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from swarm_consensus.cli._asking import ask, robot_actions

if TYPE_CHECKING:
    from swarm_consensus.client import AsyncioSwarmClient, Item, KeyChange, KeyEvent

PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    action = robot_actions(parser, timeout=5.0)
    get = action('get', 'Print the value of a key, as it is; exit code 1 where there is none.')
    get.add_argument('key')
    put = action('put', 'Set a key.')
    put.add_argument('key')
    put.add_argument('value', nargs='?', help='text; `-`: standard input, byte by byte')
    put.add_argument('--file', type=Path, help='take the value from this file')
    put.add_argument('--lease', type=int, default=0, help='the key goes when this lease ends')
    delete = action('delete', 'Take a key away.')
    delete.add_argument('key')
    for below in (put, delete):
        below.add_argument(
            '--if-version', type=int, default=-1, metavar='N',
            help='only if the key has this version; 0: only if there is no such key',
        )
        below.add_argument(
            '--if-value', metavar='TEXT', help='only if the value of the key is this text'
        )
    listing = action('list', 'Print keys in their order: version, lease, key, value.')
    watch = action('watch', 'Print changes as they come, until Ctrl-C.')
    for below in (listing, watch):
        below.add_argument('prefix', nargs='?', default='', help='of the keys; none: every key')
    for below in (get, listing):
        below.add_argument(
            '--local', action='store_true', help='what this robot knows, even without quorum'
        )
    watch.add_argument(
        '--past', action='store_true', help='begin with the changes that the robot still tells'
    )
    watch.add_argument('--count', type=int, default=0, help='end after so many changes')


def value_of(arguments: argparse.Namespace) -> bytes:
    """
    Return the value that is to be put.

    :raises ValueError: none is given, or two, or the file cannot be read.
    """
    if (arguments.value is None) == (arguments.file is None):
        raise ValueError('give the value or --file')
    if arguments.file is not None:
        try:
            return bytes(arguments.file.read_bytes())
        except OSError as error:
            raise ValueError(f'{arguments.file}: {error.strerror}') from None
    if arguments.value == '-':
        return sys.stdin.buffer.read()
    return str(arguments.value).encode()


def shown(value: bytes) -> str:
    """Return a value for people: text in one line, or what it has of bytes."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f'<{len(value)} bytes>'
    return text if text.isprintable() else repr(text)


def row(item: Item) -> str:
    """Return the line of a key in a list."""
    lease = f'lease {item.lease}' if item.lease else '-'
    return f'v{item.version:<5} {lease:<12} {item.key}  {shown(item.value)}'


def line(event: KeyEvent) -> str:
    """Return the line of a change."""
    name = event.kind.name
    if name == 'COMPACTED':
        return f'{event.index:>8} COMPACTED  changes before are missing; list the keys again'
    told = f'  v{event.version} {shown(event.value)}' if name == 'PUT' else ''
    return f'{event.index:>8} {name:<9} {event.key}{told}'


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    question = _QUESTIONS[arguments.action]
    return ask(arguments, lambda client: question(arguments, client))


async def _get(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    answer = await client.get(
        arguments.key, linearizable=not arguments.local, timeout=arguments.timeout
    )
    value = answer.raise_for_status().value
    if value is None:
        print(f"there is no key '{arguments.key}'", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(value)
    sys.stdout.buffer.flush()
    if sys.stdout.isatty():
        print()
    return 0


async def _put(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    change = await client.put(
        arguments.key, value_of(arguments), lease=arguments.lease, **_expected(arguments)
    )
    return _tell(change, f'v{change.version} at index {change.index}')


async def _delete(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    change = await client.delete(arguments.key, **_expected(arguments))
    return _tell(change, f'deleted at index {change.index}')


def _expected(arguments: argparse.Namespace) -> dict[str, object]:
    value = arguments.if_value
    return {
        'expected_version': arguments.if_version,
        'expected_value': None if value is None else value.encode(),
        'timeout': arguments.timeout,
    }


def _tell(change: KeyChange, done: str) -> int:
    if change.done:
        print(done)
        return 0
    name = change.status.name if change.result is None else change.result.name
    at = f' (it has version {change.version})' if name == 'CONFLICT' else ''
    print(f'{name}: {change.reason}{at}', file=sys.stderr)
    return 1


async def _list(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    after, more = '', True
    while more:
        page = await client.range(
            arguments.prefix,
            after=after,
            count_max=PAGE,
            linearizable=not arguments.local,
            timeout=arguments.timeout,
        )
        page.raise_for_status()
        for item in page.items:
            print(row(item))
        more = page.more
        after = page.items[-1].key if page.items else ''
    return 0


async def _watch(arguments: argparse.Namespace, client: AsyncioSwarmClient) -> int:
    from_index = 1
    if not arguments.past:
        now = await client.range(count_max=1, linearizable=False, timeout=arguments.timeout)
        from_index = now.raise_for_status().applied_index + 1
    left = arguments.count
    async for event in client.key_events(arguments.prefix, from_index=from_index):
        print(line(event), flush=True)
        left -= 1
        if left == 0:
            break
    return 0


_QUESTIONS: dict[
    str, Callable[[argparse.Namespace, AsyncioSwarmClient], Awaitable[int]]
] = {'get': _get, 'put': _put, 'delete': _delete, 'list': _list, 'watch': _watch}
