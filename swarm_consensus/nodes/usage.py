"""What a node program answers to --help: what it is, and the parameters that it declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import sys
import textwrap

from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.parameter_file import yaml_value
from swarm_consensus.composition.value_check import describe_range

WIDTH = 100


def wants_help(arguments: Sequence[str] | None = None) -> bool:
    """
    Tell whether a command line asks for help; what stands after --ros-args does not count.

    :param arguments: command line with ROS arguments; None: that of the process.
    """
    for argument in sys.argv if arguments is None else arguments:
        if argument == '--ros-args':
            return False
        if argument in ('-h', '--help'):
            return True
    return False


def usage(program: str, about: str | None, parameters: Iterable[Parameter]) -> str:
    """
    Write the answer to --help.

    :param program: name of the executable.
    :param about: documentation of its module, of which the first paragraph is shown.
    :param parameters: what the node declares.
    """
    lines = [
        f'usage: {program} [-h] [--ros-args -r __ns:=/robot_1 -p name:=value '
        '--params-file FILE ...]',
        '',
        (about or '').strip().partition('\n\n')[0],
        '',
        'parameters:',
    ]
    for parameter in parameters:
        default = 'required' if parameter.required else yaml_value(parameter.default)
        allowed = ', '.join(parameter.choices) or describe_range(parameter)
        facts = '; '.join(
            fact for fact in (default, allowed, 'live' if parameter.tunable else '') if fact
        )
        lines.append(f'  {parameter.name} ({facts})')
        lines += textwrap.wrap(
            parameter.description, WIDTH, initial_indent=' ' * 6, subsequent_indent=' ' * 6
        )
    return '\n'.join(lines)
