"""Writes what a node is started with to files, and the command line that names them."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path

from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.parameter import Value
from swarm_consensus.protocols.values import value


def parameter_yaml(full_name: str, parameters: Mapping[str, Value]) -> str:
    """
    Return a ROS 2 parameter file for one node.

    An empty list is left out: rcl gives it no type, and rclpy then refuses the node. Where a list
    may be empty, empty is its default.

    :param full_name: name of the node with its namespace, such as '/robot_1/consensus_node'.
    """
    lines = [f'{full_name}:', '  ros__parameters:']
    given = {name: value for name, value in parameters.items() if value != []}
    lines += [f'    {_text(name)}: {yaml_value(value)}' for name, value in given.items()]
    if not given:
        lines[-1] += ' {}'
    return '\n'.join(lines) + '\n'


def yaml_value(value: Value) -> str:
    """Return a value as YAML that has its type for rcl too."""
    if isinstance(value, list):
        return '[' + ', '.join(yaml_value(item) for item in value) + ']'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        # rcl takes a number without a point for an integer, also in 1e-05.
        digits = repr(value)
        mantissa, mark, exponent = digits.partition('e')
        return digits if '.' in mantissa else f'{mantissa}.0{mark}{exponent}'
    return str(value) if isinstance(value, int) else _text(value)


def _text(text: str) -> str:
    # A JSON string is a YAML double-quoted one. Not escaped to ASCII: libyaml does not join
    # surrogate pairs. 0x7f and friends are not allowed bare in YAML.
    quoted = json.dumps(text, ensure_ascii=False)
    return ''.join(c if c.isprintable() else f'\\U{ord(c):08x}' for c in quoted)


@value
class Prepared:
    """
    A node whose files are written.

    :param parameter_file: for `--params-file`.
    :param environment: all variables, those that name files too.
    """

    spec: NodeSpec
    parameter_file: Path
    environment: Mapping[str, str]

    def ros_arguments(self, log_level: str = '') -> list[str]:
        """
        Return the arguments for a process.

        :param log_level: debug, info, warn, error or fatal for the loggers of the node; empty:
            as ROS has it.
        """
        spec = self.spec
        arguments = ['--ros-args', '-r', f'__node:={spec.name}', '-r', f'__ns:={spec.namespace}']
        for old, new in spec.remappings:
            arguments += ['-r', f'{old}:={new}']
        arguments += ['--params-file', str(self.parameter_file)]
        if log_level:
            arguments += ['--log-level', f'{logger_name(spec)}:={log_level}']
        return arguments


def logger_name(spec: NodeSpec) -> str:
    """Return the name of the logger of a node, such as 'robot_1.consensus_node'."""
    return spec.full_name.strip('/').replace('/', '.')


def prepare(spec: NodeSpec, folder: Path) -> Prepared:
    """
    Write the files of a node.

    :param folder: where they go; it must be there, and stay until the node has ended.
    :raises OSError: they cannot be written.
    """
    stem = logger_name(spec)
    parameter_file = folder / f'{stem}.yaml'
    parameter_file.write_text(parameter_yaml(spec.full_name, spec.parameters), encoding='utf-8')
    environment = dict(spec.environment)
    for variable, content in spec.files.items():
        path = folder / f'{stem}.{variable.lower()}.xml'
        path.write_text(content, encoding='utf-8')
        environment[variable] = str(path)
    return Prepared(spec, parameter_file, environment)
