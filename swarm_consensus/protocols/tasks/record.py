"""One task as the book has it."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.allocation.values import ID_CHARACTERS_MAX, TEAM_MAX, Task
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.tasks.operations import REASON_CHARACTERS_MAX
from swarm_consensus.protocols.values import value

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
_Team = Bounds(length_max=TEAM_MAX)


class TaskStatus(IntEnum):
    """How a task stands; the numbers are in snapshots and in msg/TaskState.msg."""

    OPEN = 1
    AWARDED = 2
    STARTED = 3
    STOPPING = 4  # robots that have it are to stop; what comes then stands in `then`
    DONE = 5
    FAILED = 6
    CANCELLED = 7
    EXPIRED = 8  # nobody could begin it in time

    @property
    def ended(self) -> bool:
        """Whether nothing will become of it any more."""
        return self >= TaskStatus.DONE


@value
class TaskRecord:
    """
    A task with what has become of it.

    :param task: its times are times of the task clock.
    :param revision: changes since it was added, from 1.
    :param added_index: log index of the entry that added it.
    :param changed_index: log index of its last change.
    :param added_ms: when it was added, of the task clock; `changed_ms` likewise.
    :param award: log index of the award in force, which numbers it; 0: nobody has it.
    :param robots: (robot, incarnation) to whom it was awarded last.
    :param holders: those of them that may be at work on it still.
    :param done: those of them that have done their part.
    :param failures: how often robots have failed.
    :param then: what it becomes when the last holder has stopped, where it is STOPPING.
    :param reason: why it stands as it does, in words.
    """

    task: Task
    revision: int
    status: TaskStatus
    added_index: int
    changed_index: int
    added_ms: int
    changed_ms: int
    attempts_max: int
    award: int = 0
    robots: Annotated[tuple[tuple[_Id, int], ...], _Team] = ()
    holders: Annotated[tuple[_Id, ...], _Team] = ()
    done: Annotated[tuple[_Id, ...], _Team] = ()
    failures: int = 0
    then: TaskStatus = TaskStatus.OPEN
    reason: Annotated[str, Bounds(length_max=REASON_CHARACTERS_MAX)] = ''

    @property
    def name(self) -> str:
        """Return the name of the task."""
        return self.task.task
