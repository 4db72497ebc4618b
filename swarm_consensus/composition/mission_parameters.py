"""The parameters of consensus_node for missions, each declared once."""

from __future__ import annotations

from swarm_consensus.composition.parameter import Parameter

MISSION_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'missions',
        [],
        'Missions that this robot can run: `package.module:function`, or '
        '`<name>=package.module:function`.',
        element=str,
    ),
    Parameter(
        'activities',
        [],
        'Activities that it can do for missions, written likewise; or '
        '`<name>=action:<ROS action>:<package>/action/<Type>`.',
        element=str,
    ),
    Parameter(
        'mission_lease',
        5.0,
        'Silence after which another robot takes over the missions of one.',
        's',
        minimum=0.5,
        maximum=3600.0,
    ),
    Parameter(
        'mission_activities_max',
        16,
        'Activities that run on this robot at once.',
        minimum=1,
        maximum=1000,
    ),
)
