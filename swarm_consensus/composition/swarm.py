"""The checked content of a swarm.yaml: values only, defaults left to the nodes that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from swarm_consensus.composition.parameter import Value
from swarm_consensus.protocols.values import value


@value
class Network:
    """
    How the robots reach each other; the keys of `NETWORK_PARAMETERS`.

    :param domain_id: -1: that of the environment.
    """

    domain_id: int
    discovery: str
    static_peers: tuple[str, ...]
    interface: str
    middleware: str
    transport: str


@value
class Inference:
    """
    One inference_node of a robot.

    :param name: node name, unique in the robot.
    :param parameters: what the file says of `INFERENCE_PARAMETERS`; files as absolute paths.
    """

    name: str
    parameters: Mapping[str, Value]


@value
class Robot:
    """
    One robot.

    :param namespace: absolute, such as '/robot_1'.
    :param consensus: what the file says of `CONSENSUS_PARAMETERS`, for all robots and for this.
    """

    name: str
    namespace: str
    consensus: Mapping[str, Value]
    inference: tuple[Inference, ...]


@value
class Swarm:
    """
    A swarm, free of contradictions as far as a file can tell.

    :param file: where it was read from.
    :param storage_folder: absolute; '' for the state directory of the user.
    :param storage_on_damage: what to do where a log is damaged; '' for the default.
    :param keys_folder: absolute; '' for a swarm without keys.
    :param topics: what the file says of `TOPIC_PARAMETERS`, by `topics.Name.key`.
    :param subjects: what the file says of `SUBJECT_PARAMETERS`, by subject.
    :param guests: robots that the file does not name, with what it says for all robots.
    :param simulation: what the file says of `SIMULATION_PARAMETERS`.
    """

    name: str
    file: Path
    robots: tuple[Robot, ...]
    network: Network
    storage_folder: str
    storage_on_damage: str
    keys_folder: str
    topics: Mapping[str, Mapping[str, Value]]
    subjects: Mapping[str, Mapping[str, Value]]
    guests: tuple[Robot, ...] = ()
    simulation: Mapping[str, Value] = field(default_factory=dict)

    def robot(self, name: str) -> Robot:
        """
        Return a robot, or a guest, by its name.

        :raises KeyError: the swarm has no such robot.
        """
        return {robot.name: robot for robot in (*self.robots, *self.guests)}[name]
