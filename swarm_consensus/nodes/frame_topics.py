"""
The topics of the frames, read and written by the runtime's own thread.

Every message between robots passes here, so no message object is made (serialized.py) and no
other thread is woken: the runtime's thread itself waits in a wait set for the subscriptions, which
the executor must not be given as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from swarm_consensus.msg import Frame as FrameMessage
from swarm_consensus.nodes.convert import FRAME_TOPICS
from swarm_consensus.nodes.serialized import frame_from_serialized, frame_to_serialized
from swarm_consensus.runtime.events import (
    Arrival,
    FrameArrived,
    FramesOutOfReach,
)
from swarm_consensus.transport.frame import Frame, FrameHeader


class FrameTopics:
    """
    Publishers and subscriptions of the frames: the ports `Transport` and `Inbox` of a runtime.

    `send`, `wait` and `take` are for the runtime's thread alone, `wake` for every thread, and the
    rest for when the runtime does not run.

    :param node: has publishers that are silent while it is inactive.
    :param reaches: whether frames of a robot arrive here; None: all that DDS brings do.
    """

    def __init__(
        self,
        node: LifecycleNode,
        qos: QoSProfile,
        reaches: Callable[[str], bool] | None = None,
    ) -> None:
        self._node = node
        self._reaches = reaches
        overridable = QoSOverridingOptions.with_default_policies()
        self._publishers = {
            topic: node.create_lifecycle_publisher(
                FrameMessage, topic, qos, qos_overriding_options=overridable
            )
            for topic in sorted(set(FRAME_TOPICS.values()))
        }
        self._by_class = {
            traffic_class: self._publishers[topic] for traffic_class, topic in FRAME_TOPICS.items()
        }
        # The most urgent first.
        topics = dict.fromkeys(topic for _, topic in sorted(FRAME_TOPICS.items()))
        self.subscriptions: list[Subscription] = []
        for topic in topics:
            self.subscriptions.append(
                node.create_subscription(
                    FrameMessage, topic, _never, qos, qos_overriding_options=overridable, raw=True
                )
            )
        # What every header that leaves here has. DDS hands the frames back to us as well.
        self._own: tuple[int, int, str, int] | None = None
        self._handles = [subscription.handle for subscription in self.subscriptions]
        self._alarm = GuardCondition(None, None, node.context)
        with node.context.handle:
            self._wait_set = _rclpy.WaitSet(len(self._handles), 1, 0, 0, 0, 0, node.context.handle)

    def destroy(self) -> None:
        """Destroy the entities."""
        self._wait_set.destroy_when_not_in_use()
        self._alarm.destroy()
        self._handles = []
        for subscription in self.subscriptions:
            self._node.destroy_subscription(subscription)
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)

    def send(self, frames: Sequence[Frame]) -> None:
        """Publish frames."""
        for frame in frames:
            publisher = self._by_class[frame.header.traffic_class]  # type: ignore[index]
            self._own = _origin(frame.header)
            publisher.publish(frame_to_serialized(*frame))

    def wait(self, timeout_s: float) -> None:
        """Sleep until a frame is there, `wake` is or was called, or the time is over."""
        wait_set = self._wait_set
        with wait_set:
            wait_set.clear_entities()
            for handle in self._handles:
                wait_set.add_subscription(handle)
            wait_set.add_guard_condition(self._alarm.handle)
            wait_set.wait(int(timeout_s * 1e9))

    def wake(self) -> None:
        """End the wait under way, or else the next one."""
        self._alarm.trigger()

    def take(self, count_max: int) -> list[Arrival]:
        """
        Return the frames that are there, the topic of the most urgent classes first.

        Those that came back to their sender are left out, as its guard would do.
        """
        taken: list[Arrival] = []
        out_of_reach = 0
        for handle in self._handles:
            while len(taken) + out_of_reach < count_max:
                found = handle.take_message(FrameMessage, True)
                if found is None:
                    break
                frame = frame_from_serialized(found[0])
                if isinstance(frame, FrameArrived):
                    if _origin(frame.header) == self._own:
                        continue
                    if self._reaches is not None and not self._reaches(frame.header.sender):
                        out_of_reach += 1
                        continue
                taken.append(frame)
        if out_of_reach:
            taken.append(FramesOutOfReach(out_of_reach))
        return taken

    def forget(self) -> None:
        """Drop what came while nobody listened."""
        for handle in self._handles:
            while handle.take_message(FrameMessage, True) is not None:
                pass


def _origin(header: FrameHeader) -> tuple[int, int, str, int]:
    """Return by what a guard knows a frame of its own; one of another swarm is none."""
    return header.version, header.swarm, header.sender, header.nonce


def _never(_data: bytes) -> None:
    raise AssertionError('the executor has a subscription of the runtime')
