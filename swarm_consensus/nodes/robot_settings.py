"""
From a swarm.yaml to the settings of its robots where no node declares parameters: in one process.

What a node would be started with (`compose`) goes through the same checks as in the node. Needs no
ROS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.consensus_parameters import CONSENSUS_PARAMETERS
from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.subject_parameters import (
    SUBJECT_PARAMETERS,
    subject_parameter_name,
)
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.topics import CONSENSUS_NODE
from swarm_consensus.missions import Registry, RegistryError
from swarm_consensus.missions.registry import named_entry
from swarm_consensus.nodes.consensus_settings import robot_from
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.transport.keys import Keys

# A ROS action as an activity (README, `activities`).
ACTION = 'action:'


@value
class RobotSettings:
    """
    What the runtime of one robot is made with.

    :param keys: None: the swarm has none.
    :param missions: the code of missions and activities that it has.
    """

    config: RuntimeConfig
    keys: Keys | None
    missions: Registry


def settings_of(swarm: Swarm) -> tuple[RobotSettings, ...]:
    """
    Return the settings of all robots of a swarm and its guests, in their order.

    :raises ValueError: what contradicts itself, or needs ROS, with what to change.
    :raises KeysError: keys that cannot be used.
    """
    return tuple(
        _robot(spec.parameters) for spec in compose(swarm) if spec.executable == CONSENSUS_NODE
    )


def resized(swarm: Swarm, robots: int) -> Swarm:
    """
    Return the swarm with so many robots: the first of the file, and more like its last one.

    :raises ValueError: fewer than 1.
    """
    if robots < 1:
        raise ValueError(f'a swarm has at least 1 robot, not {robots}')
    members = list(swarm.robots[:robots])
    taken = {robot.name for robot in swarm.robots}
    number = len(swarm.robots)
    while len(members) < robots:
        number += 1
        name = f'robot_{number}'
        if name not in taken:
            members.append(replace(swarm.robots[-1], name=name, namespace=f'/{name}'))
    return replace(swarm, robots=tuple(members))


def _robot(given: Mapping[str, Value]) -> RobotSettings:
    values = _with_defaults(given)
    config, keys = robot_from(values)
    return RobotSettings(config, keys, _registry(values))


def _with_defaults(given: Mapping[str, Value]) -> dict[str, Value]:
    values = {parameter.name: parameter.default for parameter in CONSENSUS_PARAMETERS}
    for subject in given['subjects']:  # type: ignore[union-attr]
        for parameter in SUBJECT_PARAMETERS:
            values[subject_parameter_name(str(subject), parameter.name)] = parameter.default
    return values | dict(given)


def _registry(values: Mapping[str, Value]) -> Registry:
    registry = Registry()
    for entry in values['missions']:  # type: ignore[union-attr]
        name, found = named_entry(str(entry))
        registry.add_mission(found, name)
    for entry in values['activities']:  # type: ignore[union-attr]
        name, found = named_entry(str(entry))
        if found.startswith(ACTION):
            raise RegistryError(
                f"activity '{entry}' is a ROS action, and robots in one process have no ROS: "
                'leave it out, or run the swarm with `swarm up`'
            )
        registry.add_activity(found, name)
    return registry
