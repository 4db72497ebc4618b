"""
Start one robot of a swarm.yaml: what runs on the computer of a real robot.

    ros2 launch swarm_consensus robot.launch.py swarm_file:=/path/to/swarm.yaml robot:=scout

The same file serves all robots; only the model files of this one must be on this machine.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` runs."""
    return LaunchDescription(
        [
            DeclareLaunchArgument('robot', description='Name of the robot in the swarm.yaml.'),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).with_name('swarm.launch.py'))),
                # The other arguments of swarm.launch.py (swarm_file, use_sim_time, log_level,
                # respawn) are those of this file too: launch passes them on.
                launch_arguments={'robots': LaunchConfiguration('robot')}.items(),
            ),
        ]
    )
