"""
Records what the robots say, to users and to each other, for Foxglove and ros2 bag.

Messages are written as they came, serialized; beside the frames what is in them, as text. What
view_nodes draw of the swarm is recorded as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import threading
import time
from typing import Any

from mcap.writer import Writer
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from swarm_consensus import msg
from swarm_consensus.live.definitions import definition
from swarm_consensus.live.graph import (
    BELIEF,
    MARKERS,
    MESSAGES,
    WORKER,
    pictures,
    topics_of,
)
from swarm_consensus.nodes.executor import make_context, make_executor
from swarm_consensus.nodes.serialized import frame_from_serialized
from swarm_consensus.runtime.events import FrameArrived

LOOK_AROUND_S = 0.5
FRAME = MESSAGES + 'Frame'
TEXT = 'std_msgs/msg/String'
DECODED = '/swarm/frames/decoded'
_BEST_EFFORT = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
_RELIABLE = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
_LATCHED = QoSProfile(
    depth=1000,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# Of these late subscribers are told what was before; changes in thousands are not.
_KEPT = {
    MESSAGES + name for name in ('Decision', 'SwarmStatus', 'MemberEvent', 'Misbehaviour')
}


class Bag:
    """
    A new file; nothing that is there is written over.

    :raises OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, 'xb')  # noqa: SIM115
        self._writer = Writer(self._file)
        self._writer.start(profile='ros2', library='swarm_consensus')
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self.count = 0

    def write(self, topic: str, kind: str, data: bytes, time_ns: int) -> None:
        """
        Append a message.

        :param data: serialized, CDR.
        :raises OSError: no room.
        """
        channel = self._channels.get(topic)
        if channel is None:
            if kind not in self._schemas:
                self._schemas[kind] = self._writer.register_schema(
                    kind, 'ros2msg', definition(kind).encode()
                )
            channel = self._channels[topic] = self._writer.register_channel(
                topic, 'cdr', self._schemas[kind]
            )
        self.count += 1
        self._writer.add_message(channel, time_ns, data, time_ns)

    def close(self) -> None:
        """Write the index and the end."""
        try:
            self._writer.finish()
        finally:
            self._file.close()

    @property
    def topics(self) -> int:
        """Return how many topics there are messages of."""
        return len(self._channels)


def record(
    bag: Bag, stop: threading.Event, describe: Callable[[FrameArrived], list[str]]
) -> None:
    """
    Write what is heard, until `stop` is set.

    :param describe: gives what is in a frame, in lines.
    """
    context = make_context()
    node = Node(
        'swarm_record', context=context, enable_rosout=False, start_parameter_services=False
    )
    subscribed: set[str] = set()

    def receive(topic: str, kind: str) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            now_ns = time.time_ns()
            bag.write(topic, kind, data, now_ns)
            if kind == FRAME:
                frame = frame_from_serialized(data)
                if isinstance(frame, FrameArrived):
                    text = String(data='\n'.join(describe(frame)))
                    bag.write(DECODED, TEXT, serialize_message(text), now_ns)

        return take

    def subscribe(topic: str, kind: str, message: Any) -> None:
        if topic in subscribed:
            return
        subscribed.add(topic)
        qos = _LATCHED if kind in _KEPT else _RELIABLE
        if kind in (BELIEF, FRAME, WORKER):
            # Whoever looks on must not have robots send anything twice.
            qos = _BEST_EFFORT
        node.create_subscription(message, topic, receive(topic, kind), qos, raw=True)

    def look_around() -> None:
        for name, namespace in node.get_node_names_and_namespaces():
            for topic, kind in topics_of(node, name, namespace).items():
                subscribe(topic, kind, getattr(msg, kind.removeprefix(MESSAGES)))
        for topic in pictures(node):
            subscribe(topic, MARKERS, MarkerArray)

    try:
        executor = make_executor(context)
        executor.add_node(node)
        node.create_timer(LOOK_AROUND_S, lambda: look_around())
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.2)
        executor.shutdown()
    finally:
        node.destroy_node()
        context.try_shutdown()
