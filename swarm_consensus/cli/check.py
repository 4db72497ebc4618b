"""Look at a swarm.yaml and say what is wrong with it, or what it starts."""

from __future__ import annotations

import argparse
from pathlib import Path
import sys

from swarm_consensus.composition import middleware
from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.parameter_file import parameter_yaml
from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import load_swarm
from swarm_consensus.transport.key_files import KeysError, load_keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('file', help='the swarm.yaml')
    parser.add_argument(
        '--robot', help='only this robot; the models of others need not be on this machine'
    )
    parser.add_argument(
        '--nodes', action='store_true', help='print all that each node is started with'
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    try:
        robots = None if arguments.robot is None else [arguments.robot]
        swarm = load_swarm(arguments.file, robots=robots)
    except SwarmFileError as error:
        print(error, file=sys.stderr)
        print(_counted(len(error.problems)), file=sys.stderr)
        return 2
    wrong = _key_problems(swarm, robots)
    if wrong:
        print('\n'.join(wrong), file=sys.stderr)
        print(_counted(len(wrong)), file=sys.stderr)
        return 2
    specs = compose(swarm, arguments.robot)
    for line in _summary(swarm, specs):
        print(line)
    for warning in middleware.warnings(swarm.network, len(specs), len(swarm.robots)):
        print(warning, file=sys.stderr)
    if arguments.nodes:
        for spec in specs:
            print()
            print(_node(spec), end='')
    return 0


def _counted(problems: int) -> str:
    return f'{problems} problem{"s" if problems != 1 else ""}'


def _key_problems(swarm: Swarm, robots: list[str] | None) -> list[str]:
    """Return what is wrong with the key files of robots; None: of all."""
    if not swarm.keys_folder:
        return []
    folder = Path(swarm.keys_folder)
    names = [robot.name for robot in swarm.robots]
    found = []
    for name in names if robots is None else robots:
        try:
            load_keys(folder, swarm.name, name, names)
        except KeysError as error:
            found.append(str(error))
    # What is wrong with the public file is wrong for every robot.
    return list(dict.fromkeys(found))


def _summary(swarm: Swarm, specs: list[NodeSpec]) -> list[str]:
    lines = [f'{swarm.file.name} is right: swarm {swarm.name}']
    for robot in swarm.robots:
        nodes = [spec.name for spec in specs if spec.robot == robot.name]
        if nodes:
            lines.append(f'  {robot.namespace}: {", ".join(nodes)}')
    if swarm.keys_folder:
        lines.append(f'  signs with the keys in {swarm.keys_folder}')
    for subject, policy in swarm.subjects.items():
        labels = policy.get('labels')
        among = 'by proposals'
        if isinstance(labels, list) and labels:
            among = f'among {", ".join(str(label) for label in labels)}'
        lines.append(f'  decides {subject} {among}')
    return lines


def _node(spec: NodeSpec) -> str:
    lines = [f'# {spec.package} {spec.executable}']
    lines += [f'# {name}={value}' for name, value in sorted(spec.environment.items())]
    lines += [f'# {old} -> {new}' for old, new in spec.remappings]
    return '\n'.join(lines) + '\n' + parameter_yaml(spec.full_name, spec.parameters)
