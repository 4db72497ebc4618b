"""Show every parameter, with default, unit, range and meaning; write the files made from them."""

from __future__ import annotations

import argparse
from pathlib import Path
import sys

from swarm_consensus.composition.default_yaml import default_yaml
from swarm_consensus.composition.parameter_tables import parameter_tables, replace_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument('--yaml', action='store_true', help='print the default swarm.yaml')
    which.add_argument('--markdown', action='store_true', help='print the tables (the default)')
    which.add_argument(
        '--write-yaml', metavar='FILE', type=Path, help='write the default swarm.yaml'
    )
    which.add_argument(
        '--write-readme',
        metavar='FILE',
        type=Path,
        help='renew the tables between the markers of a Markdown file',
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    try:
        if arguments.write_yaml is not None:
            arguments.write_yaml.write_text(default_yaml(), encoding='utf-8')
        elif arguments.write_readme is not None:
            text = arguments.write_readme.read_text(encoding='utf-8')
            arguments.write_readme.write_text(replace_tables(text), encoding='utf-8')
        else:
            print(default_yaml() if arguments.yaml else parameter_tables(), end='')
    except (OSError, ValueError) as error:
        print(f'swarm params: {error}', file=sys.stderr)
        return 2
    return 0
