"""
A swarm in Gazebo: where each robot stands, its model in its namespace, and what the bridge carries.

The launch file turns it into processes; here it is plain Python, tested without ROS and Gazebo.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from xml.etree import ElementTree

import yaml

from swarm_consensus.protocols.values import value

# Robots begin on rings around the middle, far enough apart not to touch.
SPACING_M = 0.8
_TOPICS = ('topic', 'odom_topic', 'tf_topic')
_FRAMES = ('frame_id', 'child_frame_id')
_PLACE = '{namespace}'
_KEYS = frozenset(
    {'ros_topic_name', 'gz_topic_name', 'ros_type_name', 'gz_type_name', 'direction'}
)
_DIRECTIONS = ('GZ_TO_ROS', 'ROS_TO_GZ', 'BIDIRECTIONAL')


@value
class Spawn:
    """
    A robot in the world.

    :param sdf: its model, with topics and frames of its own.
    :param yaw_rad: it looks away from the middle.
    """

    robot: str
    x_m: float
    y_m: float
    yaw_rad: float
    sdf: str


def places(count: int) -> list[tuple[float, float, float]]:
    """Return (x, y, yaw) of so many robots, m and rad: one in the middle, 6 around it, 12, ..."""
    found = [(0.0, 0.0, 0.0)] if count else []
    ring = 1
    while len(found) < count:
        size = min(6 * ring, count - len(found))
        for number in range(size):
            angle = 2 * math.pi * number / size
            radius = SPACING_M * ring
            found.append((radius * math.cos(angle), radius * math.sin(angle), angle))
        ring += 1
    return found


def model_for(robot: str, namespace: str, model: str) -> str:
    """
    Return the model of a robot: relative topics in its namespace, frames below its name.

    :param namespace: absolute.
    :param model: SDF of the model, as all robots have it.
    :raises ValueError: it is no SDF with one model.
    """
    try:
        root = ElementTree.fromstring(model)
    except ElementTree.ParseError as error:
        raise ValueError(f'the model of the robots is no XML: {error}') from None
    models = root.findall('model')
    if root.tag != 'sdf' or len(models) != 1:
        raise ValueError('the model of the robots is no SDF with one <model>')
    models[0].set('name', robot)
    for element in root.iter():
        text = (element.text or '').strip()
        if element.tag in _TOPICS and not text.startswith('/'):
            element.text = f'{namespace}/{text}'
        elif element.tag in _FRAMES:
            element.text = f'{robot}/{text}'
    for sensor in root.iter('sensor'):
        # Else the frame of its messages has the name of its link.
        ElementTree.SubElement(sensor, 'gz_frame_id').text = f'{robot}/{sensor.get("name")}'
    return ElementTree.tostring(root, encoding='unicode')


def spawns(robots: Sequence[tuple[str, str]], model: str) -> list[Spawn]:
    """
    Return the robots in the world.

    :param robots: (name, absolute namespace).
    :param model: SDF of the model.
    :raises ValueError: see `model_for`.
    """
    return [
        Spawn(robot, x, y, yaw, model_for(robot, namespace, model))
        for (robot, namespace), (x, y, yaw) in zip(robots, places(len(robots)), strict=True)
    ]


def bridge(template: str, namespaces: Sequence[str]) -> str:
    """
    Return the configuration of ros_gz_bridge, as YAML.

    :param template: entries, some with `{namespace}`.
    :raises ValueError: entries that are none; says which and what is wrong.
    """
    try:
        entries = yaml.safe_load(template)
    except yaml.YAMLError as error:
        raise ValueError(f'the configuration of the bridge is no YAML: {error}') from None
    if not isinstance(entries, list):
        raise ValueError('the configuration of the bridge is no list of entries')
    found: list[dict[str, str]] = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or entry.keys() != _KEYS:
            raise ValueError(f'entry {number} of the bridge must have {", ".join(sorted(_KEYS))}')
        if entry['direction'] not in _DIRECTIONS:
            raise ValueError(
                f'entry {number} of the bridge: direction is {entry["direction"]!r}, must be one '
                f'of {", ".join(_DIRECTIONS)}'
            )
        many = any(_PLACE in str(value) for value in entry.values())
        for namespace in namespaces if many else ('',):
            found.append(
                {key: str(value).replace(_PLACE, namespace) for key, value in entry.items()}
            )
    return yaml.safe_dump(found, sort_keys=False)
