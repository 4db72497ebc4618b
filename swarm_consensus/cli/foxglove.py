"""Write the layout with which Foxglove shows the swarm of a swarm.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path
import sys

from swarm_consensus.composition.foxglove import foxglove_json
from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.swarm_file import load_swarm


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('file', help='the swarm.yaml')
    parser.add_argument('-o', '--output', type=Path, help='a file, .json; else it is printed')


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    try:
        # The models of the robots need not be on the machine of whoever looks on.
        text = foxglove_json(load_swarm(arguments.file, robots=[]))
        if arguments.output is None:
            print(text, end='')
        else:
            arguments.output.write_text(text, encoding='utf-8')
    except (SwarmFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
