"""
view_node: the picture of a swarm as markers for RViz and Foxglove.

It looks on as `swarm top` does: it takes part in nothing, finds the robots by the types of their
topics, and asks one of them for its tasks. It finds and hears robots only while it is active.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import sys
import time
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.exceptions import InvalidTopicNameException
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.validate_topic_name import validate_topic_name
from visualization_msgs.msg import MarkerArray

from swarm_consensus.composition.view_parameters import MARKERS_TOPIC, VIEW_PARAMETERS
from swarm_consensus.live.ears import Ears
from swarm_consensus.live.marker_messages import marker_array
from swarm_consensus.nodes.executor import program
from swarm_consensus.nodes.managed import ManagedNode, StartError
from swarm_consensus.nodes.parameters import NodeParameters
from swarm_consensus.views.markers import Marker, markers

# Longest wait at the end for viewers to hear that there is no picture any more, s.
LEAVE_S = 1.0


class ViewNode(ManagedNode):
    """
    The lifecycle node; see the README for its topics and parameters.

    :param arguments: as for rclpy's node.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__('view_node', **arguments)
        self._publisher: Any = None
        self._timer: Any = None
        self._ears: Ears | None = None
        self._settings = NodeParameters(self, frozen=lambda: self._publisher is not None)
        values = self._settings.declare(VIEW_PARAMETERS)
        self._settings.warn_of_unknown()
        self.autostart = bool(values['autostart'])

    def configure(self) -> None:
        values: Mapping[str, Any] = self._settings.values
        if not values['frame_id']:
            raise StartError('frame_id is empty: set it to the frame of the tasks, such as map')
        odom = values['odom']
        if odom:
            if odom.startswith(('/', '~')):
                raise StartError(
                    f"odom is '{odom}': give a name relative to the namespace of each robot"
                )
            try:
                validate_topic_name(odom)
            except InvalidTopicNameException as error:
                raise StartError(f"odom is '{odom}': {error}") from None
        # Whoever comes late has the picture at once; each one is the whole.
        newest = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._publisher = self.create_lifecycle_publisher(
            MarkerArray,
            MARKERS_TOPIC,
            newest,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        # On the machine's clock: a simulation that stands still is looked at, too.
        self._timer = self.create_timer(
            values['period'], self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._timer.cancel()

    def activate(self) -> None:
        values: Mapping[str, Any] = self._settings.values
        self._ears = Ears(
            self, values['swarm'], odom=values['odom'], frame_id=values['frame_id']
        )
        self._timer.reset()

    def leave(self) -> Callable[[], bool]:
        if self._ears is None:
            return lambda: True
        self._fall_silent()
        until = time.monotonic() + LEAVE_S

        def gone() -> bool:
            # A process that ends at once takes what it has just published with it.
            at_once = Duration(nanoseconds=0)
            return bool(self._publisher.wait_for_all_acked(at_once)) or time.monotonic() > until

        return gone

    def deactivate(self) -> None:
        if self._ears is not None:
            self._fall_silent()

    def _fall_silent(self) -> None:
        assert self._ears is not None
        self._timer.cancel()
        self._ears.close()
        self._ears = None
        # What nobody keeps true any more must not stand there as if it were.
        self._draw(())

    def release(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        if self._publisher is not None:
            self.destroy_lifecycle_publisher(self._publisher)
            self._publisher = None

    def _publish(self) -> None:
        if self._ears is None:
            return
        size = self._settings.values['size']
        assert isinstance(size, float)
        ears = self._ears
        self._draw(markers(ears.look(), ears.places(), size, ears.moved()))

    def _draw(self, drawn: Sequence[Marker]) -> None:
        frame_id = str(self._settings.values['frame_id'])
        stamp = self.get_clock().now().to_msg()
        self._publisher.publish(marker_array(drawn, frame_id, stamp))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run view_node; returns the exit code."""
    return program(ViewNode, 'view_node', __doc__, VIEW_PARAMETERS, arguments)


if __name__ == '__main__':
    sys.exit(main())
