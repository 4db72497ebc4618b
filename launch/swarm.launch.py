"""
Start the robots of a swarm.yaml, all of them or those named.

    ros2 launch swarm_consensus swarm.launch.py swarm_file:=/path/to/swarm.yaml

What is started is decided by swarm_consensus.composition, which is tested without ROS; here its
list only becomes launch actions. The nodes configure and activate themselves (parameter
`autostart`), so no lifecycle events are needed.
"""

from __future__ import annotations

from pathlib import Path
import shutil
import tempfile

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit, OnShutdown
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from swarm_consensus.composition import middleware
from swarm_consensus.composition.compose import compose, compose_view
from swarm_consensus.composition.parameter_file import Prepared, logger_name, prepare
from swarm_consensus.composition.simulated import simulated
from swarm_consensus.composition.supervision import EXIT_CONFIGURATION
from swarm_consensus.composition.swarm_file import load_swarm
from swarm_consensus.composition.view_parameters import VIEW_PARAMETERS

RESPAWN_DELAY = 2.0  # s


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` runs."""
    default_file = PathJoinSubstitution(
        [FindPackageShare('swarm_consensus'), 'config', 'swarm.yaml']
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'swarm_file',
                default_value=default_file,
                description='The swarm.yaml that says which robots there are, and all of them.',
            ),
            DeclareLaunchArgument(
                'robots',
                default_value='',
                description='Names of the robots to run here, joined by commas; empty: all.',
            ),
            DeclareLaunchArgument(
                'guests',
                default_value='',
                description='Names of robots to run here that the swarm.yaml does not name, joined '
                'by commas, where it says `membership: open`; without `robots` these alone.',
            ),
            DeclareLaunchArgument(
                'use_sim_time',
                default_value='false',
                choices=['true', 'false'],
                description='Take the time from /clock.',
            ),
            DeclareLaunchArgument(
                'simulation',
                default_value='false',
                choices=['true', 'false'],
                description='Start the embedded world as well, and take time and radio from it.',
            ),
            DeclareLaunchArgument(
                'log_level',
                default_value='info',
                choices=['debug', 'info', 'warn', 'error', 'fatal'],
                description='How much the nodes log.',
            ),
            DeclareLaunchArgument(
                'respawn',
                default_value='true',
                choices=['true', 'false'],
                description='Restart a node that died.',
            ),
            DeclareLaunchArgument(
                'view',
                default_value='false',
                choices=['true', 'false'],
                description='Also run view_node, which draws the swarm for RViz and Foxglove.',
            ),
            OpaqueFunction(function=_nodes),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    """Return the actions for the nodes of the swarm."""

    def argument(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    def names(argument_name: str) -> list[str]:
        return [name.strip() for name in argument(argument_name).split(',') if name.strip()]

    robots, guests = names('robots'), names('guests')
    swarm = load_swarm(
        argument('swarm_file'), robots=robots if robots or guests else None, guests=guests
    )
    wanted = robots + guests
    folder = Path(tempfile.mkdtemp(prefix='swarm_'))
    actions: list[Action] = [
        RegisterEventHandler(
            OnShutdown(on_shutdown=lambda event, context: shutil.rmtree(folder, True))
        )
    ]
    use_sim_time = 'true' in (argument('use_sim_time'), argument('simulation'))
    if argument('simulation') == 'true':
        specs = simulated(swarm)
    else:
        specs = compose(swarm, use_sim_time=use_sim_time)
    # The world belongs to no robot.
    specs = [spec for spec in specs if not wanted or spec.robot in ('', *wanted)]
    if argument('view') == 'true':
        specs.append(compose_view(swarm, use_sim_time=use_sim_time))
        actions.append(_frame_of_markers())
    warnings = middleware.warnings(swarm.network, len(specs), len(swarm.robots))
    actions += [LogInfo(msg=warning) for warning in warnings]
    for spec in specs:
        node = _node(prepare(spec, folder), argument('log_level'), argument('respawn') == 'true')
        actions += [node, _give_up_on_wrong_configuration(node, spec.full_name)]
    return actions


def _node(prepared: Prepared, log_level: str, respawn: bool) -> Node:
    spec = prepared.spec
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        parameters=[str(prepared.parameter_file)],
        remappings=list(spec.remappings),
        ros_arguments=['--log-level', f'{logger_name(spec)}:={log_level}'],
        additional_env=dict(prepared.environment),
        output='screen',
        emulate_tty=True,
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY,
    )


def _frame_of_markers() -> Node:
    """
    Return what makes the frame of the markers known to tf.

    RViz shows nothing in a frame that it never heard of, and in a swarm without localisation nobody
    else may speak of it. A frame more beside those that are there harms none.
    """
    frame = next(each.default for each in VIEW_PARAMETERS if each.name == 'frame_id')
    return Node(
        package='tf2_ros',
        executable='static_transform_publisher',
        name='swarm_view_frame',
        arguments=['--frame-id', str(frame), '--child-frame-id', 'swarm_view'],
    )


def _give_up_on_wrong_configuration(node: Node, name: str) -> Action:
    """Return the action that keeps a node from being restarted where that would not help."""

    def exited(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        if event.returncode != EXIT_CONFIGURATION or context.is_shutdown:
            return None
        return [
            LogInfo(msg=f'{name} is not restarted: what it said must be set right first'),
            EmitEvent(event=ShutdownProcess(process_matcher=matches_action(node))),
        ]

    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=exited))
