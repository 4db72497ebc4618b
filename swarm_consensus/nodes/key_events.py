"""
The topic `key_events`: every change of the key-value store, in the order of the log.

A message is made only when there is somebody to hear it. Under load every robot applies thousands
of changes a second, and to make and publish them for nobody took a third of its CPU.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
import threading

from rclpy.event_handler import PublisherEventCallbacks, QoSPublisherMatchedInfo
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time

from swarm_consensus.msg import KeyEvent
from swarm_consensus.nodes import convert
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.protocols.keyvalue import Event


class KeyEvents:
    """
    The publisher of the changes.

    Without a subscriber the newest changes wait here, as many as the topic keeps for late ones.
    `tell` is for the runtime's thread; that a subscriber has come is noticed in the executor's.

    :param depth: of the history of the topic.
    """

    def __init__(self, node: ManagedNode, depth: int) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._sequence = 0
        self._heard = False
        # Sequence number, when it was told in ns of ROS time, and the change, or the index behind
        # what is missing.
        self._waiting: deque[tuple[int, int, Event | int]] = deque(maxlen=depth)
        self._publisher = node.create_lifecycle_publisher(
            KeyEvent,
            'key_events',
            QoSProfile(
                depth=depth,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
            ),
            event_callbacks=PublisherEventCallbacks(matched=self._matched),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def destroy(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_publisher(self._publisher)

    def begin(self) -> None:
        """Count from 1 again: all changes are told anew."""
        with self._lock:
            self._sequence = 0
            self._waiting.clear()

    def tell(self, events: Iterable[Event | int]) -> None:
        """
        Tell of changes.

        :param events: an index says that changes before it are missing.
        """
        now_ns = self._node.get_clock().now().nanoseconds
        with self._lock:
            for event in events:
                self._sequence += 1
                self._waiting.append((self._sequence, now_ns, event))
            if self._heard:
                self._publish()

    def _matched(self, info: QoSPublisherMatchedInfo) -> None:
        with self._lock:
            self._heard = info.current_count > 0
            if self._heard and self._publisher.is_activated:
                self._publish()

    def _publish(self) -> None:
        waiting = self._waiting
        while waiting:
            sequence, told_ns, event = waiting.popleft()
            stamp = Time(nanoseconds=told_ns).to_msg()
            if isinstance(event, int):
                message = convert.compacted_to_message(event, sequence, stamp)
            else:
                message = convert.event_to_message(event, sequence, stamp)
            self._publisher.publish(message)
