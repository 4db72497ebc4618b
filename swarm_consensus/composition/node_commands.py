"""From node specifications to the commands that run them where ROS has no launch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
import sys

from swarm_consensus.composition.child_process import Command
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.parameter_file import prepare


def node_commands(
    specs: Iterable[NodeSpec],
    folder: Path,
    *,
    log_level: str = '',
    environment: Mapping[str, str] | None = None,
) -> list[Command]:
    """
    Write the parameter files of nodes and return the commands that run them.

    They run in this Python, so it must be the one that has rclpy and this package.

    :param folder: where the files go; it must be there, and stay while the nodes run.
    :param log_level: debug, info, warn, error or fatal; empty: as ROS has it.
    :param environment: variables for all, which those of a specification outdo.
    :raises OSError: a file cannot be written.
    """
    commands = []
    for spec in specs:
        prepared = prepare(spec, folder)
        module = f'{spec.package}.{spec.room}.{spec.executable}'
        commands.append(
            Command(
                label=spec.label,
                robot=spec.robot,
                arguments=(sys.executable, '-m', module, *prepared.ros_arguments(log_level)),
                environment={**(environment or {}), **prepared.environment},
                signals_wait=True,
            )
        )
    return commands
