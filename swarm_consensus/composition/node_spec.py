"""What a node of a swarm is started with; the same for launch files and for `swarm up`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from swarm_consensus.composition.parameter import Value
from swarm_consensus.protocols.values import value


@value
class NodeSpec:
    """
    One node.

    :param robot: robot that it belongs to; '' for none.
    :param executable: program of the package, and `swarm_consensus.<room>.<executable>` in Python.
    :param name: node name.
    :param namespace: absolute.
    :param parameters: ROS parameters by flat name; what is not here keeps its default.
    :param remappings: (from, to).
    :param environment: variables beyond those of whoever starts it.
    :param files: variables that must name a file, and the text of that file.
    :param room: where the program is.
    """

    robot: str
    package: str
    executable: str
    name: str
    namespace: str
    parameters: Mapping[str, Value]
    remappings: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    room: str = 'nodes'

    @property
    def full_name(self) -> str:
        """Return the name of the node in the ROS graph, such as '/robot_1/consensus_node'."""
        return f'{self.namespace.rstrip("/")}/{self.name}'

    @property
    def label(self) -> str:
        """Return how people call it, such as 'robot_1/consensus_node'."""
        return f'{self.robot}/{self.name}' if self.robot else self.name
