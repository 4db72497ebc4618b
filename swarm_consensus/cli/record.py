"""Record what the robots say into an MCAP file, for Foxglove and ros2 bag."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import signal
import sys
import threading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('-o', '--output', type=Path, required=True, help='a new file, .mcap')
    parser.add_argument('--seconds', type=float, default=0.0, help='end after so long; 0: Ctrl-C')


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    # Loopback unless the user's environment opens it, as everywhere.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    try:
        import mcap  # noqa: F401
    except ImportError:
        print('record needs mcap: pip install "swarm_consensus[view]"', file=sys.stderr)
        return 2
    from swarm_consensus.cli.echo import describe
    from swarm_consensus.live.bag import Bag, record

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        bag = Bag(arguments.output)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    timer = threading.Timer(arguments.seconds, stop.set)
    timer.daemon = True
    if arguments.seconds > 0:
        timer.start()
    print(f'recording into {arguments.output}', file=sys.stderr, flush=True)
    try:
        record(bag, stop, lambda frame: describe(frame.header, frame.batch, frame.signature))
    except OSError as error:
        print(f'{arguments.output}: {error}', file=sys.stderr)
        return 1
    finally:
        timer.cancel()
        bag.close()
    print(f'{bag.count} messages on {bag.topics} topics')
    return 0
