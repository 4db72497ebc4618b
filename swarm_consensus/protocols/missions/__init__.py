"""
Histories of missions, and what may happen to them, as a state machine.

Deterministic: determined by the operations it is given, in order, and by committed time. It knows
nothing of the code of missions (swarm_consensus/missions): commands come from their workers, and
what the world does to them (times that run out, robots that go, children that end) happens here,
at every robot alike.
"""

from swarm_consensus.protocols.missions.operations import (
    AnyOperation,
    MissionResult,
    MissionResultStatus,
    Operation,
)
from swarm_consensus.protocols.missions.rows import (
    Activity,
    ActivityState,
    MissionRow,
    MissionsImage,
)
from swarm_consensus.protocols.missions.table import Missions

__all__ = [
    'Activity',
    'ActivityState',
    'AnyOperation',
    'MissionResult',
    'MissionResultStatus',
    'MissionRow',
    'Missions',
    'MissionsImage',
    'Operation',
]
