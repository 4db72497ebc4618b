"""
The tasks of a swarm as a state machine of the replicated log: who has which, and how each ended.

Deterministic: `book.py` is determined by the operations that it is given, in order, and by nothing
else; equal logs give equal books. Who should get which task is found out elsewhere
(protocols/allocation); here it is made certain that nobody else has it.
"""

from swarm_consensus.protocols.tasks.book import BookImage, TaskBook
from swarm_consensus.protocols.tasks.operations import (
    REASON_CHARACTERS_MAX,
    TTL_MS_MAX,
    AddTask,
    Award,
    CancelTask,
    Operation,
    Renew,
    Report,
    ReportKind,
    TaskResult,
    TaskResultStatus,
)
from swarm_consensus.protocols.tasks.record import TaskRecord, TaskStatus

__all__ = [
    'REASON_CHARACTERS_MAX',
    'TTL_MS_MAX',
    'AddTask',
    'Award',
    'BookImage',
    'CancelTask',
    'Operation',
    'Renew',
    'Report',
    'ReportKind',
    'TaskBook',
    'TaskRecord',
    'TaskResult',
    'TaskResultStatus',
    'TaskStatus',
]
