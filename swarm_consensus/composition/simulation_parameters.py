"""The parameters of sim_node, each declared once."""

from __future__ import annotations

from swarm_consensus.composition.parameter import Parameter

SIMULATION_PARAMETERS: tuple[Parameter, ...] = (
    Parameter('robots', [], 'Names of the robots in the world, up to 20.', required=True),
    Parameter(
        'namespaces',
        [],
        'Absolute namespace of the topics of each robot, in the same order; empty: `/<robot>`.',
        element=str,
    ),
    Parameter(
        'autostart',
        True,
        'Configure and activate at start-up, without a lifecycle manager.',
    ),
    Parameter(
        'seed',
        1,
        'Where objects are, and where robots begin, is drawn from it.',
        minimum=0,
        maximum=2**31 - 1,
    ),
    Parameter('objects', 8, 'How many objects stand in the world.', minimum=1, maximum=12),
    Parameter(
        'starts',
        [],
        'Where robots begin, x and y in m and yaw in rad of each in turn, from the lower left '
        'corner of an area of 10 m x 8 m; empty: drawn, in reach of each other.',
        element=float,
        minimum=-10.0,
        maximum=10.0,
    ),
    Parameter(
        'real_time_factor',
        1.0,
        'How many seconds pass in the world in one of the wall clock, as far as this machine can; '
        '0: as many as it can.',
        minimum=0.0,
        maximum=100.0,
        tunable=True,
    ),
    Parameter(
        'clock_rate',
        100.0,
        'How often `/clock` is published, by the time of the world, rounded to steps of 5 ms.',
        'Hz',
        minimum=1.0,
        maximum=200.0,
    ),
    Parameter(
        'odom_rate',
        20.0,
        'How often odometry is published, by the time of the world; 0: never.',
        'Hz',
        minimum=0.0,
        maximum=100.0,
    ),
    Parameter(
        'scan_rate',
        10.0,
        'How often each lidar turns, by the time of the world; 0: never.',
        'Hz',
        minimum=0.0,
        maximum=100.0,
    ),
    Parameter(
        'camera_rate',
        10.0,
        'How often each camera takes a picture that somebody subscribes to, by the time of the '
        'world; 0: never, and nothing is needed that renders.',
        'Hz',
        minimum=0.0,
        maximum=100.0,
    ),
    Parameter(
        'radio_range',
        8.0,
        'How far frames between robots get in the open.',
        'm',
        minimum=0.0,
        maximum=1000.0,
    ),
    Parameter(
        'radio_wall',
        2.0,
        'As how many metres more a wall in the line of sight counts.',
        'm',
        minimum=0.0,
        maximum=1000.0,
    ),
    Parameter(
        'image_width', 64, 'Width of the pictures.', 'pixels', minimum=16, maximum=1280
    ),
    Parameter(
        'image_height', 48, 'Height of the pictures.', 'pixels', minimum=16, maximum=960
    ),
)
