"""The robots in the ROS graph, found by the types of what their consensus_nodes publish."""

from __future__ import annotations

from rclpy.node import Node, NodeNameNonExistentError

from swarm_consensus.composition.view_parameters import MARKERS_TOPIC

MESSAGES = 'swarm_consensus/msg/'
MARKERS = 'visualization_msgs/msg/MarkerArray'
STATUS = MESSAGES + 'SwarmStatus'
BELIEF = MESSAGES + 'Belief'
WORKER = MESSAGES + 'WorkerState'


def topics_of(node: Node, name: str, namespace: str) -> dict[str, str]:
    """
    Return the topics of a consensus_node with messages of this package, by topic the type.

    :param node: any node; it only looks.
    :param name: of the node that is looked at.
    :returns: what it publishes, and what others of its robot tell it of their own; {}: no
        consensus_node, or gone.
    """
    try:
        published = node.get_publisher_names_and_types_by_node(name, namespace)
        if not any(STATUS in types for _, types in published):
            return {}
        taken = node.get_subscriber_names_and_types_by_node(name, namespace)
    except NodeNameNonExistentError:
        return {}
    # What it believes and where it is it is told by others of its robot, so it subscribes.
    found = published + [
        (topic, types) for topic, types in taken if BELIEF in types or WORKER in types
    ]
    return {
        topic: kind for topic, types in found for kind in types if kind.startswith(MESSAGES)
    }


def pictures(node: Node) -> list[str]:
    """Return the topics on which view_nodes draw swarms."""
    return [
        topic
        for topic, types in node.get_topic_names_and_types()
        if MARKERS in types and topic.rpartition('/')[2] == MARKERS_TOPIC
    ]
