"""
Start the robots of a swarm.yaml in the embedded world, on its time and its radio.

    ros2 launch swarm_consensus sim.launch.py swarm_file:=/path/to/swarm.yaml

It needs MuJoCo (`pip install mujoco`), and no Gazebo. Section `simulation` of the file says what
the world is like; swarm_consensus.composition.simulated decides what is started.
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` runs."""
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(Path(__file__).with_name('swarm.launch.py'))),
                # The other arguments of swarm.launch.py (swarm_file, log_level, respawn) are those
                # of this file too: launch passes them on.
                launch_arguments={'simulation': 'true'}.items(),
            ),
        ]
    )
