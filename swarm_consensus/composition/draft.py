"""
A swarm.yaml that was read and not yet judged: every value with the place where it stands.

Filled by `swarm_file`, judged by `swarm_checks`, then reduced to a `Swarm`.
"""

from __future__ import annotations

from collections.abc import Mapping

from swarm_consensus.composition.parameter import Value
from swarm_consensus.protocols.values import value


@value
class Setting:
    """
    A value of the file.

    :param line: where its key stands; for a default, where it could have stood.
    :param path: its place in the tree, such as 'robots[2].consensus.weight'.
    """

    value: Value
    line: int
    path: str


Settings = Mapping[str, Setting]


@value
class InferenceDraft:
    """One inference_node of a robot."""

    name: Setting
    settings: Settings
    line: int
    path: str


@value
class RobotDraft:
    """One robot, with the settings for all robots merged under its own."""

    name: Setting
    namespace: Setting
    consensus: Settings
    inference: tuple[InferenceDraft, ...]


@value
class SubjectDraft:
    """One subject."""

    name: Setting
    settings: Settings


@value
class SwarmDraft:
    """
    The whole file.

    :param common: what is said for all robots, as if it were a robot.
    :param unread: places whose value is wrong and was said to be; they are not missing.
    """

    name: str
    robots: tuple[RobotDraft, ...]
    network: Settings
    storage: Settings
    keys: Settings
    simulation: Settings
    topics: Mapping[str, Settings]
    subjects: tuple[SubjectDraft, ...]
    common: RobotDraft
    unread: frozenset[str]


def text(setting: Setting) -> str:
    """Return a value that was declared as text."""
    assert isinstance(setting.value, str), setting
    return setting.value


def texts(setting: Setting) -> tuple[str, ...]:
    """Return a value that was declared as a list of text."""
    assert isinstance(setting.value, list), setting
    return tuple(str(item) for item in setting.value)
