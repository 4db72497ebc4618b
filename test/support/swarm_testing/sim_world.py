"""A sim_node of a test as a real process, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
import json
import sys
from typing import Any

from lifecycle_msgs.msg import Transition
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock

from swarm_testing.node_probe import NodeProbe
from swarm_testing.processes import Process, ProcessGroup

NODE = '/sim_node'


def start_world(processes: ProcessGroup, parameters: Mapping[str, Any]) -> Process:
    """
    Start a sim_node; it is not waited for.

    :param parameters: of the node.
    """
    command = [sys.executable, '-m', 'swarm_consensus.sim.sim_node', '--ros-args']
    for name, value in parameters.items():
        command += ['-p', f'{name}:={json.dumps(value)}']
    return processes.start(command, 'sim_node')


class WorldTime:
    """
    The time of a world, as a probe hears it.

    :ivar now_s: the newest; 0 while none was heard.
    """

    def __init__(self, probe: NodeProbe) -> None:
        self._probe = probe
        self.now_s = 0.0
        probe.node.create_subscription(Clock, '/clock', self._heard, qos_profile_sensor_data)

    def _heard(self, message: Clock) -> None:
        self.now_s = message.clock.sec + message.clock.nanosec * 1e-9

    def stop(self) -> None:
        """Have time stand still."""
        assert self._probe.change_state(NODE, Transition.TRANSITION_DEACTIVATE)

    def go_on(self) -> None:
        """Have time go on."""
        assert self._probe.change_state(NODE, Transition.TRANSITION_ACTIVATE)
