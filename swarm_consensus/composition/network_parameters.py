"""The sections `network`, `storage` and `keys` of swarm.yaml, each key declared once."""

from __future__ import annotations

from swarm_consensus.composition.parameter import Parameter

NETWORK_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'domain_id',
        -1,
        'DDS domain of the swarm (ROS_DOMAIN_ID); -1: the one of the environment.',
        minimum=-1,
        maximum=232,
    ),
    Parameter(
        'discovery',
        'localhost',
        'How far robots look for each other: this machine, the local network, not at all, or '
        'as the ROS installation has it.',
        choices=('localhost', 'subnet', 'off', 'system_default'),
    ),
    Parameter(
        'static_peers',
        [],
        'Addresses of hosts to talk to beyond what `discovery` reaches.',
        element=str,
    ),
    Parameter(
        'interface',
        '',
        'Network interface (name or IPv4 address) that DDS uses; empty: every one.',
    ),
    Parameter(
        'middleware',
        'default',
        'RMW_IMPLEMENTATION; `default`: that of the ROS installation.',
        choices=('default', 'rmw_fastrtps_cpp', 'rmw_cyclonedds_cpp'),
    ),
    Parameter(
        'transport',
        'default',
        'Of Fast DDS: its own choice, or `udp` without shared memory, whose files stay behind when '
        'a process is killed; `udp` also for more than 32 nodes on one machine.',
        choices=('default', 'udp'),
    ),
)

STORAGE_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'folder',
        '',
        'Folder under which the robots keep their logs, relative to swarm.yaml; empty: the '
        'state directory of the user.',
    ),
    Parameter(
        'on_damage',
        'rejoin',
        'Where the log of a robot is damaged: `rejoin` keeps the damaged files aside and lets the '
        'robot come back without its log, as one that does not vote; `refuse` does not start it.',
        choices=('rejoin', 'refuse'),
    ),
)

KEYS_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'folder',
        '',
        'Folder with the keys that `swarm keys` made, relative to swarm.yaml: `public.yaml` and '
        'the key file of the robot; empty: the swarm has no keys, and its frames are not signed.',
    ),
)
