"""sim_node as a real process: it speaks as Gazebo's bridge would, and stands still when told."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from lifecycle_msgs.msg import Transition
from nav_msgs.msg import Odometry
import pytest
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from swarm_testing.node_probe import NodeProbe
from swarm_testing.processes import Process, ProcessGroup
from swarm_testing.sim_world import start_world
import yaml

from swarm_consensus.composition.gazebo import bridge
from swarm_consensus.nodes.managed import EXIT_CONFIGURATION

pytestmark = pytest.mark.skipif(find_spec('mujoco') is None, reason='needs the extra `sim`')

WAIT_S = 60.0
# Two robots that look along x, each with 2 m of room before it.
STARTS = [1.0, 1.0, 0.0, 7.0, 6.5, 0.0]


def start(processes: ProcessGroup, **parameters: Any) -> Process:
    values = {'robots': ['a', 'b'], 'starts': STARTS, 'namespaces': ['/a', '/team/b'], **parameters}
    return start_world(processes, values)


def test_it_has_the_topics_of_the_bridge_and_robots_that_drive_and_see(
    processes: ProcessGroup, repository: Path
) -> None:
    start(processes, real_time_factor=4.0)
    with NodeProbe('/') as probe:
        clock = probe.collect(Clock, '/clock', qos_profile_sensor_data)
        odometry = probe.collect(Odometry, '/a/odom')
        still = probe.collect(Odometry, '/team/b/odom')
        scans = probe.collect(LaserScan, '/a/scan', qos_profile_sensor_data)
        drive = probe.publisher(Twist, '/a/cmd_vel')
        try:
            images = probe.collect(Image, '/team/b/camera/image_raw', qos_profile_sensor_data)
            infos = probe.collect(CameraInfo, '/team/b/camera/camera_info')
            everything = (clock, odometry, still, scans, images, infos)
            probe.wait_for(lambda: all(everything), WAIT_S)
        except AssertionError:
            if any('cannot render' in each.output for each in processes.processes):
                pytest.skip('nothing renders here')
            raise
        probe.wait_for_subscriber(drive)
        ahead = scans[-1].ranges[180]
        command = Twist()
        # Slowly, so that it is far from the wall before it also where this process is held up.
        command.linear.x = 0.2
        drive.publish(command)
        probe.wait_for(lambda: odometry[-1].pose.pose.position.x > 0.5, WAIT_S)
        probe.wait_for(lambda: scans[-1].ranges[180] < ahead - 0.4, WAIT_S)
        command.linear.x = float('nan')
        drive.publish(command)
        processes.processes[0].wait_for_output('cmd_vel of a is no finite number')
        at = odometry[-1].pose.pose.position.x
        probe.wait_for(lambda: odometry[-1].pose.pose.position.x > at + 0.1, WAIT_S)
        where = still[-1].pose.pose.position
        assert abs(where.x) < 0.02 and abs(where.y) < 0.02
        assert odometry[-1].header.frame_id == 'a/odom'
        assert odometry[-1].child_frame_id == 'a/base_link'
        image = images[-1]
        assert (image.width, image.height, len(image.data)) == (64, 48, 64 * 48 * 3)
        assert len(set(image.data)) > 10
        stamps = [each.clock.sec + each.clock.nanosec * 1e-9 for each in clock]
        assert stamps == sorted(stamps) and stamps[0] > 0.0
        # What the bridge would have, and nothing else of the kind.
        template = (repository / 'launch' / 'gazebo_bridge.yaml').read_text()
        entries = yaml.safe_load(bridge(template, ['/a', '/team/b']))
        wanted = {
            (entry['ros_topic_name'], entry['ros_type_name'])
            for entry in entries
            if entry['direction'] == 'GZ_TO_ROS'
            and (entry['ros_topic_name'] != '/tf' or find_spec('tf2_msgs'))
        }
        node = probe.node
        found = {
            (topic, kinds[0])
            for topic, kinds in node.get_publisher_names_and_types_by_node('sim_node', '/')
        }
        own = {'diagnostic_msgs', 'lifecycle_msgs', 'rcl_interfaces', 'swarm_consensus'}
        assert wanted == {each for each in found if each[1].split('/')[0] not in own}
        heard = node.get_subscriber_names_and_types_by_node('sim_node', '/')
        assert {topic for topic, kinds in heard if kinds == ['geometry_msgs/msg/Twist']} == {
            entry['ros_topic_name'] for entry in entries if entry['direction'] == 'ROS_TO_GZ'
        }


def test_time_stands_still_while_it_is_inactive_and_goes_as_fast_as_it_is_told(
    processes: ProcessGroup,
) -> None:
    start(processes, camera_rate=0.0, real_time_factor=2.0)
    with NodeProbe('/') as probe:
        clock = probe.collect(Clock, '/clock', qos_profile_sensor_data)
        reports = probe.collect(DiagnosticArray, '/diagnostics')

        def said() -> str:
            of_world = [s for each in reports for s in each.status if 'simulation' in s.name]
            return str(of_world[-1].message) if of_world else ''

        probe.wait_for(lambda: len(clock) > 50, WAIT_S)
        assert probe.change_state('/sim_node', Transition.TRANSITION_DEACTIVATE)

        def quiet() -> bool:
            heard = len(clock)
            probe.turn(0.2)
            return len(clock) == heard

        # What was under way is taken first.
        probe.wait_for(quiet, WAIT_S)
        seen, last = len(clock), clock[-1].clock
        probe.turn(0.5)
        assert len(clock) == seen
        answer = probe.set_parameter('/sim_node', 'real_time_factor', 8.0)
        assert answer.successful, answer.reason
        refused = probe.set_parameter('/sim_node', 'seed', 4)
        assert not refused.successful and 'seed cannot change' in refused.reason
        assert probe.change_state('/sim_node', Transition.TRANSITION_ACTIVATE)
        probe.wait_for(lambda: len(clock) > seen, WAIT_S)
        # It goes on from where it stood, and does not begin anew.
        first = clock[seen].clock
        assert (first.sec, first.nanosec) > (last.sec, last.nanosec)
        probe.wait_for(lambda: said() and float(said().split()[0]) > 2.5, WAIT_S)
        # Once more from the beginning.
        before = probe.wait_for(lambda: max(0, clock[-1].clock.sec - 2), WAIT_S)
        heard = len(clock)
        for transition in ('DEACTIVATE', 'CLEANUP', 'CONFIGURE', 'ACTIVATE'):
            assert probe.change_state(
                '/sim_node', getattr(Transition, f'TRANSITION_{transition}')
            )
        # It may be past that again before the answer to the last change is here.
        probe.wait_for(lambda: any(each.clock.sec < before for each in clock[heard:]), WAIT_S)


def test_it_says_what_to_do_where_mujoco_is_missing(
    processes: ProcessGroup, tmp_path: Path
) -> None:
    (tmp_path / 'mujoco.py').write_text("raise ImportError('no', name='mujoco')\n")
    environment = dict(processes.environment or {})
    path = [str(tmp_path), environment.get('PYTHONPATH', '')]
    processes.environment = environment | {'PYTHONPATH': ':'.join(filter(None, path))}
    process = start(processes)
    assert process.wait() == EXIT_CONFIGURATION
    assert 'cannot start: nothing can be simulated here: mujoco is missing' in process.output
    assert "pip install '.[sim]'" in process.output
    assert 'Traceback' not in process.output


def test_wrong_parameters_are_said_and_no_restart_is_asked_for(processes: ProcessGroup) -> None:
    process = start(processes, starts=[1.0, 1.0, 0.0, 4.45, 1.0, 0.0], camera_rate=0.0)
    assert process.wait() == EXIT_CONFIGURATION
    assert 'b begins at 4.45, 1, within 0.2 m of a wall' in process.output
