"""Waits until the robots of a swarm say by their `swarm_status` that they work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from swarm_consensus.msg import SwarmStatus
from swarm_consensus.nodes.executor import make_context
from swarm_consensus.protocols.values import value

_STEP = 0.1  # s


@value
class Standing:
    """
    What has been heard.

    :param heard: robots that sent a status.
    :param silent: robots that did not.
    :param leader: that all who were heard follow; empty: none, or not the same.
    :param elapsed: s.
    """

    heard: tuple[str, ...]
    silent: tuple[str, ...]
    leader: str
    elapsed: float

    @property
    def complete(self) -> bool:
        """Whether everybody works and follows one leader."""
        return not self.silent and bool(self.leader)


def wait_until_ready(
    topics: Mapping[str, str], timeout: float, give_up: Callable[[], bool]
) -> Standing:
    """
    Listen until every robot follows one leader, or for the time given.

    The environment must be that of the swarm: the domain and the middleware are read from it.

    :param topics: full name of the `swarm_status` of each robot, by robot.
    :param timeout: s.
    :param give_up: asked now and then; True ends the wait.
    """
    heard: dict[str, SwarmStatus] = {}
    begin = time.monotonic()
    context = make_context()
    try:
        node = Node(
            'swarm_up',
            context=context,
            enable_rosout=False,
            start_parameter_services=False,
            use_global_arguments=False,
        )
        # Best effort and volatile match whatever swarm.yaml makes of the publisher's QoS.
        qos = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.VOLATILE,
        )
        for robot, topic in topics.items():
            node.create_subscription(SwarmStatus, topic, _keep(heard, robot), qos)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        while True:
            standing = _standing(topics, heard, time.monotonic() - begin)
            if standing.complete or standing.elapsed > timeout or give_up():
                break
            executor.spin_once(timeout_sec=_STEP)
        executor.shutdown()
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
    return standing


def _keep(heard: dict[str, SwarmStatus], robot: str) -> Callable[[SwarmStatus], None]:
    def keep(status: SwarmStatus) -> None:
        heard[robot] = status

    return keep


def _standing(
    topics: Mapping[str, str], heard: Mapping[str, SwarmStatus], elapsed: float
) -> Standing:
    leaders = {status.leader for status in heard.values()}
    return Standing(
        heard=tuple(robot for robot in topics if robot in heard),
        silent=tuple(robot for robot in topics if robot not in heard),
        leader=leaders.pop() if len(leaders) == 1 else '',
        elapsed=elapsed,
    )
