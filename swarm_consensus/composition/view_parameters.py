"""The parameters of view_node, each declared once, and the name of what it publishes."""

from __future__ import annotations

from swarm_consensus.composition.parameter import Parameter

# Relative to its namespace, as it is the picture of one swarm.
MARKERS_TOPIC = 'swarm_markers'

VIEW_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'autostart',
        True,
        'Configure and activate at start-up, without a lifecycle manager.',
    ),
    Parameter('swarm', '', 'Name of the swarm that is shown; empty: the first one that is heard.'),
    Parameter(
        'frame_id',
        'map',
        'Frame of the markers: that of the tasks, and of what robots say of where they are.',
    ),
    Parameter(
        'odom',
        'odom',
        'Topic of the odometry (nav_msgs/Odometry) of each robot, relative to its namespace, for '
        'robots that take no tasks; empty: not heard.',
    ),
    Parameter('period', 0.5, 'Time between two pictures.', 's', minimum=0.05, maximum=60.0),
    Parameter(
        'size',
        0.5,
        'Diameter of a robot as it is drawn; all else is sized by it.',
        'm',
        minimum=0.01,
        maximum=1000.0,
    ),
)
