"""Show the swarm as it is, in the terminal: robots, network, subjects, decisions, work."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from swarm_consensus.views.text import render
from swarm_consensus.views.values import Snapshot

if TYPE_CHECKING:
    from swarm_consensus.live.listener import Listener

# What robots tell of themselves comes once a second; and a decision more makes no haste.
LISTEN_S, LISTEN_MAX_S = 3.0, 10.0
# States of robots that nobody expects to hear.
AWAY = ('left', 'dead')
# Of a terminal that is none.
WIDTH = 140


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('--swarm', default='', help='its name; the first one that is heard')
    parser.add_argument(
        '--period', type=float, default=0.5, help='between two looks, s (default %(default)s)'
    )
    parser.add_argument(
        '--once',
        action='store_true',
        help=f'listen for {LISTEN_S:g} s, up to {LISTEN_MAX_S:g} s for robots that are missing, '
        'print it and end; as where the output is no terminal',
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    if not 0.05 <= arguments.period <= 60.0:
        print(f'--period is {arguments.period:g} s, give 0.05 to 60', file=sys.stderr)
        return 2
    # Loopback unless the user's environment opens it, as everywhere.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    # Only here: `swarm --help` must not wait for ROS.
    from rich.console import Console
    from rich.live import Live

    from swarm_consensus.live.listener import Listener

    console = Console()
    with Listener(arguments.swarm) as listener:
        if arguments.once or not console.is_terminal:
            snapshot = _listen(listener)
            if not snapshot.swarm:
                there = ', '.join(snapshot.other_swarms)
                others = f'; there are: {there}' if there else ''
                print(f'no robot is heard{others}', file=sys.stderr)
                return 1
            if not console.is_terminal:
                console = Console(width=WIDTH)
            console.print(render(snapshot))
            return 0
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(render(listener.look()), refresh=True)
                time.sleep(arguments.period)


def _listen(listener: Listener) -> Snapshot:
    """Return how all stands once every robot was heard that should be, or the time is over."""
    begun = time.monotonic()
    while True:
        snapshot = listener.look()
        listened = time.monotonic() - begun
        missing = not (snapshot.robots or snapshot.other_swarms) or any(
            not row.heard and row.state not in AWAY for row in snapshot.robots
        )
        if listened >= LISTEN_S and (not missing or listened >= LISTEN_MAX_S):
            return snapshot
        time.sleep(0.1)
