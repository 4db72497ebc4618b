"""`swarm.launch.py` under launch_testing: the swarm of the package's own config stands and ends."""

from __future__ import annotations

import os
from pathlib import Path
import tempfile
import time
from typing import Any
import unittest

import pytest

REASON = 'comes only with a ROS 2 installation, which is not here'
# Not just `launch`: that is also the name of a folder of ours.
for name in ('launch.actions', 'launch_ros', 'launch_testing', 'launch_testing_ros'):
    pytest.importorskip(name, reason=f'{name} {REASON}')

from launch import LaunchDescription  # noqa: E402
from launch.actions import (  # noqa: E402
    IncludeLaunchDescription,
    SetEnvironmentVariable,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
import launch_testing  # noqa: E402
from launch_testing.actions import ReadyToTest  # noqa: E402
import launch_testing.asserts  # noqa: E402
import rclpy  # noqa: E402
from swarm_testing.environment import loopback_variables  # noqa: E402

from swarm_consensus.composition.domains import reserve_domain_id  # noqa: E402
from swarm_consensus.msg import SwarmStatus  # noqa: E402

ROBOTS = ('robot_1', 'robot_2', 'robot_3')
SOON = 30.0  # s


@pytest.mark.launch_test
def generate_test_description() -> tuple[LaunchDescription, dict[str, Any]]:
    """Launch config/swarm.yaml in a domain of its own, which lasts as long as this module."""
    reservation = reserve_domain_id()
    domain_id = reservation.__enter__()
    folder = tempfile.TemporaryDirectory()
    variables = loopback_variables(domain_id, Path(folder.name))
    # The listener in this process joins the same domain.
    os.environ.update(variables)
    path = Path(__file__).resolve().parents[2] / 'launch' / 'swarm.launch.py'
    description = LaunchDescription(
        [
            *(SetEnvironmentVariable(name, value) for name, value in variables.items()),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(path))),
            ReadyToTest(),
        ]
    )
    return description, {'reservation': reservation, 'folder': folder}


class WhileRunning(unittest.TestCase):
    """What holds while the launch file runs."""

    def test_every_robot_reports_a_quorum_and_the_same_leader(self) -> None:
        rclpy.init()
        node = rclpy.create_node('listener')
        heard: dict[str, SwarmStatus] = {}
        for robot in ROBOTS:
            node.create_subscription(
                SwarmStatus,
                f'/{robot}/swarm_status',
                lambda status: heard.__setitem__(status.robot, status),
                1,
            )
        end = time.monotonic() + SOON
        while time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.1)
            leaders = {status.leader for status in heard.values()}
            if len(heard) == 3 and len(leaders) == 1 and '' not in leaders:
                break
        node.destroy_node()
        rclpy.shutdown()
        self.assertEqual(sorted(heard), sorted(ROBOTS))
        self.assertEqual(len({status.leader for status in heard.values()}), 1)
        self.assertTrue(all(status.has_quorum for status in heard.values()))


@launch_testing.post_shutdown_test()
class AfterShutdown(unittest.TestCase):
    """What holds when the launch file has been shut down."""

    def test_every_node_left_with_code_0(self, proc_info: Any) -> None:
        self.assertEqual(len(proc_info.process_names()), len(ROBOTS))
        launch_testing.asserts.assertExitCodes(proc_info)
