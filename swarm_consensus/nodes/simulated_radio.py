"""
Whose frames arrive at a robot, where a simulation says so (sim_node, msg/RadioLinks.msg).

DDS brings every frame to every process of a machine; the radio of robots would not.
"""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from swarm_consensus.msg import RadioLinks

# The newest is what holds.
LINKS_QOS = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class SimulatedRadio:
    """
    The radio of one robot, as it was told of last; nothing arrives before that.

    `reaches` is for any thread, all else for that of the executor.

    :param topic: where it is told.
    :param robot: that hears over it.
    """

    def __init__(self, node: LifecycleNode, topic: str, robot: str) -> None:
        self._node = node
        self._robot = robot
        # Robots in the simulation, and those of them that do not reach this one; None: not known.
        self._cut: frozenset[str] | None = None
        self._foreign = False
        self._subscription = node.create_subscription(
            RadioLinks, topic, self._on_links, LINKS_QOS
        )

    @property
    def heard(self) -> bool:
        """Return whether anything was told."""
        return self._cut is not None

    def reaches(self, sender: str) -> bool:
        """Return whether frames of a robot arrive here."""
        cut = self._cut
        return cut is not None and sender not in cut

    def destroy(self) -> None:
        """Hear nothing more."""
        self._node.destroy_subscription(self._subscription)

    def _on_links(self, links: RadioLinks) -> None:
        everybody = frozenset(reach.robot for reach in links.robots)
        if self._robot in everybody:
            hears = {name for reach in links.robots if reach.robot == self._robot
                     for name in reach.hears}  # fmt: skip
            self._cut = everybody - hears - {self._robot}
            return
        self._cut = frozenset()
        if not self._foreign:
            self._foreign = True
            self._node.get_logger().warning(
                f'the simulated radio knows no robot {self._robot}: all frames arrive here'
            )
