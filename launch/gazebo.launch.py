"""
Start Gazebo with a world, the robots of a swarm.yaml in it, the bridge and the swarm.

    ros2 launch swarm_consensus gazebo.launch.py swarm_file:=/path/to/swarm.yaml headless:=true

It needs ros_gz_sim and ros_gz_bridge (Gazebo Harmonic or later). What is spawned and bridged is
decided by swarm_consensus.composition.gazebo, which is tested without them; here it becomes launch
actions.
"""

from __future__ import annotations

from pathlib import Path
import shutil
import tempfile

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from swarm_consensus.composition.gazebo import bridge, spawns
from swarm_consensus.composition.swarm_file import load_swarm

HERE = Path(get_package_share_directory('swarm_consensus'))


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` runs."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'swarm_file',
                default_value=str(HERE / 'config' / 'swarm.yaml'),
                description='The swarm.yaml that says which robots there are.',
            ),
            DeclareLaunchArgument(
                'world',
                default_value=str(HERE / 'worlds' / 'search.sdf'),
                description='SDF of the world.',
            ),
            DeclareLaunchArgument(
                'model',
                default_value=str(HERE / 'models' / 'swarm_robot' / 'model.sdf'),
                description='SDF of a robot, with relative topics.',
            ),
            DeclareLaunchArgument(
                'bridge',
                default_value=str(HERE / 'launch' / 'gazebo_bridge.yaml'),
                description='What ros_gz_bridge carries, {namespace} for each robot.',
            ),
            DeclareLaunchArgument(
                'headless',
                default_value='false',
                choices=['true', 'false'],
                description='Only the server, without a window.',
            ),
            OpaqueFunction(function=_actions),
        ]
    )


def _actions(context: LaunchContext) -> list[Action]:
    def argument(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    swarm = load_swarm(argument('swarm_file'))
    robots = [(robot.name, robot.namespace) for robot in swarm.robots]
    model = Path(argument('model')).read_text(encoding='utf-8')
    template = Path(argument('bridge')).read_text(encoding='utf-8')
    folder = Path(tempfile.mkdtemp(prefix='swarm_gazebo_'))
    bridge_file = folder / 'bridge.yaml'
    bridge_file.write_text(bridge(template, [namespace for _, namespace in robots]))
    flags = '-r -s' if argument('headless') == 'true' else '-r'
    actions: list[Action] = [
        RegisterEventHandler(
            OnShutdown(on_shutdown=lambda event, context: shutil.rmtree(folder, True))
        ),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(
                str(Path(get_package_share_directory('ros_gz_sim')) / 'launch/gz_sim.launch.py')
            ),
            launch_arguments={
                'gz_args': f'{flags} {argument("world")}',
                'on_exit_shutdown': 'true',
            }.items(),
        ),
        Node(
            package='ros_gz_bridge',
            executable='parameter_bridge',
            parameters=[{'config_file': str(bridge_file), 'use_sim_time': True}],
            output='screen',
        ),
    ]
    for spawn in spawns(robots, model):
        file = folder / f'{spawn.robot}.sdf'
        file.write_text(spawn.sdf)
        actions.append(
            Node(
                package='ros_gz_sim',
                executable='create',
                arguments=[
                    *('-name', spawn.robot, '-file', str(file)),
                    *('-x', str(spawn.x_m), '-y', str(spawn.y_m), '-z', '0.02'),
                    *('-Y', str(spawn.yaw_rad)),
                ],
                output='screen',
            )
        )
    actions.append(
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(HERE / 'launch' / 'swarm.launch.py')),
            launch_arguments={
                'swarm_file': argument('swarm_file'),
                'use_sim_time': 'true',
            }.items(),
        )
    )
    return actions
