"""
sim_node: the robots of a swarm in a simulated world with walls, lidars and cameras (MuJoCo).

It publishes `/clock`, and in the namespace of each robot what the bridge of Gazebo would: `odom`,
`scan`, `camera/image_raw`, `camera/camera_info`, and `/tf`; `cmd_vel` drives the robot. On
`/radio_links` it says who hears whom where they are. While it is inactive, time stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import functools
import importlib
import math
import sys
import time
import traceback
from typing import Any, cast

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, LaserScan

from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.simulation_parameters import SIMULATION_PARAMETERS
from swarm_consensus.msg import RadioLinks
from swarm_consensus.nodes.executor import program
from swarm_consensus.nodes.managed import ManagedNode, StartError
from swarm_consensus.nodes.parameters import NodeParameters
from swarm_consensus.nodes.simulated_radio import LINKS_QOS
from swarm_consensus.protocols.values import value
from swarm_consensus.sim import messages
from swarm_consensus.sim.pace import Pace
from swarm_consensus.sim.settings import arena_from, namespaces_from
from swarm_consensus.sim.world import Alarm, WorldThread
from swarm_consensus.simulation.embedded.odometry import WheelOdometry
from swarm_consensus.simulation.embedded.physics import Physics, missing
from swarm_consensus.simulation.embedded.radio import ShadowedRadio

# As rclpy and rclcpp subscribe to it.
CLOCK_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
DEPTH = 10
TF_DEPTH = 100  # all robots share the topic
RADIO_RATE_HZ = 10.0
REPORT_S = 1.0  # of the wall clock
# A world below this share of its pace is said to be slow.
SLOW = 0.8


@value
class Body:
    """What a robot of the world has on the ROS side."""

    wheels: WheelOdometry
    odom: Any
    scan: Any
    image: Any
    camera_info: Any


def transform_publisher(
    make: Callable[[type, str, int], Any],
) -> Callable[[list[Any]], None] | None:
    """
    Return what publishes transforms on /tf; None where its type is not installed.

    It comes with ROS 2, and not from PyPI.

    :param make: makes a publisher of a type on a topic, with a depth.
    """
    try:
        kind = importlib.import_module('tf2_msgs.msg').TFMessage
    except ImportError:
        return None
    publisher = make(kind, '/tf', TF_DEPTH)
    return lambda transforms: publisher.publish(kind(transforms=transforms))


class SimNode(ManagedNode):
    """The world of all robots."""

    def __init__(self) -> None:
        super().__init__('sim_node', enable_rosout=False)
        self._settings = NodeParameters(
            self, changed=self._tuned, frozen=lambda: self._world is not None
        )
        self._physics: Physics | None = None
        self._world: WorldThread | None = None
        self._pace = Pace(1.0)
        self._bodies: dict[str, Body] = {}
        self._alarms: dict[str, Alarm] = {}
        self._entities: list[tuple[Callable[[Any], object], object]] = []
        self._transforms: Callable[[list[Any]], None] | None = None
        self._said: set[str] = set()
        self._report_due_s = 0.0
        values = self._settings.declare(p for p in SIMULATION_PARAMETERS if p.name == 'autostart')
        self.autostart = bool(values['autostart'])

    # -- lifecycle ----------------------------------------------------------------------------

    def configure(self) -> None:
        """Read the parameters, make the world and the entities."""
        values = self._settings.declare(
            p for p in SIMULATION_PARAMETERS if p.name != 'autostart'
        )
        self._settings.warn_of_unknown()
        problem = missing(render=float(cast(float, values['camera_rate'])) > 0.0)
        if problem:
            raise StartError(f'nothing can be simulated here: {problem}')
        try:
            arena = arena_from(values)
            namespaces = namespaces_from(values)
        except ValueError as error:
            raise StartError(str(error)) from None
        size = cast(int, values['image_width']), cast(int, values['image_height'])
        self._physics = Physics(arena, size)
        self._radio = ShadowedRadio(
            arena, cast(float, values['radio_range']), cast(float, values['radio_wall'])
        )
        self._links_told: frozenset[tuple[str, str]] | None = None
        self._pace = Pace(cast(float, values['real_time_factor']))
        self._alarms = {
            name: Alarm(cast(float, values[f'{name}_rate'])) for name in ('odom', 'scan', 'camera')
        }
        self._alarms['radio'] = Alarm(RADIO_RATE_HZ)
        self._create_entities(namespaces)
        self._world = WorldThread(
            self._physics,
            self._pace,
            cast(float, values['clock_rate']),
            self._passed,
            self._failed,
        )

    def _create_entities(self, namespaces: Mapping[str, str]) -> None:
        assert self._physics is not None
        self._clock_publisher = self._publisher(Clock, '/clock', CLOCK_QOS)
        self._links = self._publisher(RadioLinks, '/radio_links', LINKS_QOS)
        self._diagnostics = self._publisher(DiagnosticArray, '/diagnostics', DEPTH)
        self._transforms = transform_publisher(self._publisher)
        if self._transforms is None:
            self.get_logger().info('tf2_msgs is not installed, so nothing is published on /tf')
        for robot, namespace in namespaces.items():
            self._bodies[robot] = Body(
                WheelOdometry(*self._physics.wheels(robot)),
                self._publisher(Odometry, f'{namespace}/odom', DEPTH),
                self._publisher(LaserScan, f'{namespace}/scan', DEPTH),
                self._publisher(Image, f'{namespace}/camera/image_raw', DEPTH),
                self._publisher(CameraInfo, f'{namespace}/camera/camera_info', DEPTH),
            )
            subscription = self.create_subscription(
                Twist,
                f'{namespace}/cmd_vel',
                functools.partial(self._on_command, robot),
                DEPTH,
            )
            self._entities.append((self.destroy_subscription, subscription))

    def _publisher(self, kind: type, topic: str, qos: QoSProfile | int) -> Any:
        publisher = self.create_lifecycle_publisher(kind, topic, qos)
        self._entities.append((self.destroy_publisher, publisher))
        return publisher

    def activate(self) -> None:
        """Let time go on."""
        assert self._world is not None
        self._report_due_s = 0.0
        self._world.start()

    def deactivate(self) -> None:
        """Have time stand still."""
        if self._world is not None:
            self._world.stop()

    def release(self) -> None:
        """Destroy the world and the entities; time begins anew after it."""
        if self._world is not None:
            self._world.stop()
        self._world = None
        self._physics = None
        self._bodies.clear()
        while self._entities:
            destroy, entity = self._entities.pop()
            destroy(entity)

    def _tuned(self, changed: Mapping[str, Value]) -> None:
        if 'real_time_factor' in changed:
            self._pace.factor = cast(float, changed['real_time_factor'])

    # -- from ROS to the world ----------------------------------------------------------------

    def _on_command(self, robot: str, command: Twist) -> None:
        speed, turn = command.linear.x, command.angular.z
        if not (math.isfinite(speed) and math.isfinite(turn)):
            if robot not in self._said:
                self._said.add(robot)
                self.get_logger().warning(
                    f'cmd_vel of {robot} is no finite number and is not followed (said once)'
                )
            return
        if self._world is not None:
            self._world.drive(robot, speed, turn)

    # -- from the world to ROS (thread of the world) ------------------------------------------

    def _passed(self) -> None:
        """Tell the time, then what is seen at it."""
        assert self._physics is not None
        physics, now_s = self._physics, self._physics.time_s
        at = messages.stamp(now_s)
        self._clock_publisher.publish(Clock(clock=at))
        if self._links_told is None or self._alarms['radio'].due(now_s):
            self._tell_links(physics, at)
        if self._alarms['odom'].due(now_s):
            self._tell_odometry(physics, now_s)
        if self._alarms['scan'].due(now_s):
            period_s = 1.0 / cast(float, self._settings.values['scan_rate'])
            for robot, body in self._bodies.items():
                # What nobody hears of is not measured.
                if body.scan.get_subscription_count():
                    body.scan.publish(messages.scan(robot, at, physics.scan(robot), period_s))
        if self._alarms['camera'].due(now_s):
            for robot, body in self._bodies.items():
                body.camera_info.publish(
                    messages.camera_info(robot, at, physics.picture_size, physics.focal_px)
                )
                if body.image.get_subscription_count():
                    body.image.publish(messages.image(robot, at, physics.look(robot)))
        if time.monotonic() >= self._report_due_s:
            self._report_due_s = time.monotonic() + REPORT_S
            self._report(now_s)

    def _tell_links(self, physics: Physics, at: Time) -> None:
        """Say who hears whom, where that is another matter than before."""
        self._radio.move({robot: physics.pose(robot)[:2] for robot in self._bodies})
        if self._radio.links != self._links_told:
            self._links_told = self._radio.links
            self._links.publish(messages.radio_links(at, list(self._bodies), self._radio.links))

    def _tell_odometry(self, physics: Physics, now_s: float) -> None:
        at = messages.stamp(now_s)
        transforms = []
        for robot, body in self._bodies.items():
            body.wheels.update(*physics.wheels(robot), now_s)
            body.odom.publish(messages.odometry(robot, at, body.wheels))
            transforms.append(messages.transform(robot, at, body.wheels))
        if self._transforms is not None:
            self._transforms(transforms)

    def _report(self, now_s: float) -> None:
        wanted, reached = self._pace.factor, self._pace.reached(now_s)
        slow = reached < SLOW * wanted
        text = f'{reached:.2f} times real time'
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if slow else DiagnosticStatus.OK,
            name=f'{self.get_fully_qualified_name()}: simulation',
            message=f'{text}, {wanted:g} are asked for' if slow else text,
            values=[
                KeyValue(key='robots', value=str(len(self._bodies))),
                KeyValue(key='time of the world (s)', value=f'{now_s:.3f}'),
                KeyValue(key='real time factor', value=f'{reached:.3f}'),
                KeyValue(key='real time factor asked for', value=f'{wanted:g}'),
            ],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = messages.stamp(now_s)
        self._diagnostics.publish(message)

    def _failed(self, error: Exception) -> None:
        self.get_logger().fatal(''.join(traceback.format_exception(error)))
        if self.executor is not None:
            self.executor.create_task(self.give_up, f'the world has ended: {error}')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run sim_node; returns the exit code."""
    return program(SimNode, 'sim_node', __doc__, SIMULATION_PARAMETERS, arguments)


if __name__ == '__main__':
    sys.exit(main())
