"""Run recorded robots again, and say whether they do the same, or where not."""

from __future__ import annotations

import argparse
from pathlib import Path
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarm_consensus.recording.replay import Replayed

SHOWN_CHARACTERS_MAX = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('file', nargs='+', type=Path, help='recording of one boot of a robot')
    parser.add_argument(
        '--keys', help='folder with the keys of the robot, where they are not where they were'
    )
    parser.add_argument('--quiet', action='store_true', help='leave out the decisions')


def describe(found: Replayed, quiet: bool = False) -> list[str]:
    """Return what came of a replay, in lines."""
    lines = [
        f'{found.robot}, boot {found.incarnation}: {found.calls} calls in {found.seconds:.1f} s'
        f'{"" if found.whole or found.divergence else ", cut off"}, {found.frames} frames, '
        f'{len(found.decisions)} decisions'
    ]
    if not quiet:
        lines += [
            f'  {each.subject} = {each.choice!r}, {each.status.name}, {each.level.name.lower()}'
            f'{f" at {each.index}" if each.index else ""}'
            for each in found.decisions
        ]
    other = found.divergence
    if other is None:
        return [*lines, '  the same again, to the last frame']
    return [
        *lines,
        f'  NOT THE SAME at call {other.call}, {other.seconds:.3f} s after the beginning, '
        f'where it {other.what}:',
        f'    recorded: {other.recorded[:SHOWN_CHARACTERS_MAX]}',
        f'    replayed: {other.replayed[:SHOWN_CHARACTERS_MAX]}',
    ]


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; 0: all is the same, 1: something is not, 2: a file cannot be replayed."""
    try:
        import mcap  # noqa: F401
    except ImportError:
        print('replay needs mcap: pip install "swarm_consensus[view]"', file=sys.stderr)
        return 2
    from swarm_consensus.nodes.recording import runtime_maker
    from swarm_consensus.recording.replay import replay
    from swarm_consensus.transport.key_files import KeysError

    worst = 0
    for path in arguments.file:
        try:
            found = replay(path, lambda begun: runtime_maker(begun, arguments.keys))
        except (ValueError, KeysError, OSError) as error:
            text = str(error)
            print(text if str(path) in text else f'{path}: {text}', file=sys.stderr)
            worst = 2
            continue
        print('\n'.join(describe(found, arguments.quiet)))
        worst = max(worst, int(found.divergence is not None))
    return worst
