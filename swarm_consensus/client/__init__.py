"""
Propose, decide, read and watch from Python: what a behaviour needs of its robot's consensus_node.

`SwarmClient(node)` works inside an rclpy node; `SwarmClient.connect(robot='robot_1')` works in a
plain asyncio program. Both have the same methods and give the same values.

Rules: what the swarm answers is a value with a status, also where it is NO_QUORUM; an exception
means that no answer came from a robot at all, or that it was asked wrongly. Every request ends.
A request that got no answer is repeated with the same id, which the swarm applies once.
"""

from swarm_consensus.client.asyncio_client import AsyncioSwarmClient
from swarm_consensus.client.errors import (
    ClientClosedError,
    NoAnswerError,
    OverrunError,
    RobotNotFoundError,
    SwarmClientError,
)
from swarm_consensus.client.keyvalue_values import KeyChange, KeyEvent, KeyEventKind, KeyRange
from swarm_consensus.client.missions import (
    MissionAnswer,
    MissionChange,
    MissionEntry,
    MissionList,
    MissionReport,
    MissionRun,
)
from swarm_consensus.client.models import Contribution, Merged, ModelParameters
from swarm_consensus.client.robot_client import SwarmClient
from swarm_consensus.client.shared_values import SharedEvent, SharedOutcome, SharedReading
from swarm_consensus.client.tasks import TaskList, TaskOutcome, TaskState
from swarm_consensus.client.values import Decision, Leadership, Members, Progress, Reading
from swarm_consensus.decision.types import ANY_REVISION, Level, Status
from swarm_consensus.protocols.crdt import Item as SharedItem
from swarm_consensus.protocols.crdt import Kind as SharedKind
from swarm_consensus.protocols.keyvalue import Item, ResultStatus
from swarm_consensus.protocols.missions.events import MissionStatus
from swarm_consensus.protocols.raft import Role
from swarm_consensus.protocols.tasks import TaskStatus
from swarm_consensus.runtime.events import RobotStatus

__all__ = [
    'ANY_REVISION',
    'AsyncioSwarmClient',
    'ClientClosedError',
    'Contribution',
    'Decision',
    'Item',
    'KeyChange',
    'KeyEvent',
    'KeyEventKind',
    'KeyRange',
    'Leadership',
    'Level',
    'Members',
    'Merged',
    'MissionAnswer',
    'MissionChange',
    'MissionEntry',
    'MissionList',
    'MissionReport',
    'MissionRun',
    'MissionStatus',
    'ModelParameters',
    'NoAnswerError',
    'OverrunError',
    'Progress',
    'Reading',
    'ResultStatus',
    'RobotNotFoundError',
    'RobotStatus',
    'Role',
    'SharedEvent',
    'SharedItem',
    'SharedKind',
    'SharedOutcome',
    'SharedReading',
    'Status',
    'SwarmClient',
    'SwarmClientError',
    'TaskList',
    'TaskOutcome',
    'TaskState',
    'TaskStatus',
]
