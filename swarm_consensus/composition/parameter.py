"""What a node parameter is: declared once, used for rclpy, swarm.yaml, default YAML and README."""

from __future__ import annotations

import math
from typing import Union

from swarm_consensus.protocols.values import value

# The types that a ROS parameter can have here. A list parameter holds strings or floats.
Value = Union[bool, int, float, str, 'list[str]', 'list[float]']


@value
class Parameter:
    """
    One parameter of a node.

    :param name: ROS parameter name; a dot separates groups.
    :param default: value where swarm.yaml says nothing; its type is the type of the parameter
        (an empty list needs `element`).
    :param description: one sentence for people, without the unit.
    :param unit: SI unit or what is counted ('s', 'ticks', 'bytes', ''), shown beside the value.
    :param minimum: smallest value allowed, for int and float (each element of a list).
    :param maximum: largest value allowed, for int and float (each element of a list).
    :param choices: the only values allowed, for str (each element of a list).
    :param element: type of a list's elements, needed only where the default is empty.
    :param tunable: whether `ros2 param set` may change it while the node is active.
    :param required: no default makes sense; swarm.yaml must give it.
    :param alike: all robots must have the same value; swarm.yaml says it once.
    :param file: the value names a file that must be there; in swarm.yaml a relative name counts
        from its folder, and `package://name/...` from the share folder of a package.
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()
    element: type = str
    tunable: bool = False
    required: bool = False
    alike: bool = False
    file: bool = False
