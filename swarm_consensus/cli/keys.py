"""Make the keys of a swarm: one dealing for all robots, and a secret file for each."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import sys

from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import load_swarm
from swarm_consensus.protocols.agreement.quorum import faults_most
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import (
    PUBLIC_FILE,
    KeysError,
    existing_files,
    key_file,
    write_keys,
)

DEFAULT_FOLDER = 'keys'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('file', help='the swarm.yaml')
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='folder for the files (that of `keys: {folder: ...}` in the swarm.yaml, or else '
        f'{DEFAULT_FOLDER}/ beside it)',
    )
    parser.add_argument(
        '--guests',
        nargs='+',
        default=[],
        metavar='NAME',
        help='robots that the file does not name and that may join it (`membership: open`)',
    )
    parser.add_argument(
        '--force', action='store_true', help='replace keys that are there, of all robots'
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    try:
        # Models need not be on the computer where keys are dealt.
        swarm = load_swarm(arguments.file, robots=[])
    except SwarmFileError as error:
        print(error, file=sys.stderr)
        return 2
    named = Path(swarm.keys_folder) if swarm.keys_folder else None
    folder = named or swarm.file.parent / DEFAULT_FOLDER
    if arguments.out is not None:
        folder = Path(arguments.out).expanduser().absolute()
    faults_max = _faults_max(swarm)
    try:
        names = [robot.name for robot in swarm.robots]
        dealt = deal(swarm.name, names + arguments.guests, faults_max)
        write_keys(folder, dealt, replace=arguments.force)
    except (KeysError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    shown = _shown(folder)
    print(f'keys of swarm {swarm.name}, for {len(dealt)} robots; {_coin(faults_max)}')
    width = max(map(len, (PUBLIC_FILE, *map(key_file, dealt))))
    print(f'  {shown}/{PUBLIC_FILE.ljust(width)}  for every robot')
    for robot in dealt:
        print(f'  {shown}/{key_file(robot).ljust(width)}  for {robot} alone')
    old = set(existing_files(folder)) - {PUBLIC_FILE, *map(key_file, dealt)}
    for name in sorted(old):
        print(f'  {shown}/{name.ljust(width)}  is of an earlier dealing, and of no more use')
    print(f'Copy {PUBLIC_FILE} and its own file to each robot, and none of the others.')
    if named is None or named.resolve() != folder.resolve():
        base = swarm.file.parent
        name = folder.relative_to(base) if folder.is_relative_to(base) else folder
        print(f'To use them, write in {swarm.file.name}:\n\nkeys:\n  folder: {name}')
    return 0


def _faults_max(swarm: Swarm) -> int:
    """Return how many robots may lie, as the swarm says it, or else as many as it can bear."""
    given = [robot.consensus.get('agreed_faults_max', -1) for robot in swarm.robots]
    said = max(number for number in given if isinstance(number, int))
    return said if said >= 0 else faults_most(len(swarm.robots), lies=True)


def _coin(faults_max: int) -> str:
    if not faults_max:
        return 'every robot can throw the coin alone, as none may lie'
    those = 'the one robot that may lie' if faults_max == 1 else f'the {faults_max} that may lie'
    return f'any {faults_max + 1} of them throw the coin together, and {those} cannot'


def _shown(folder: Path) -> str:
    """Return a folder as people name it: from where they are, where that is shorter."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith('..') else relative
