"""What can be asked of the book of tasks, and what comes back."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.allocation.values import ID_CHARACTERS_MAX, TEAM_MAX, Task
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.values import value

# The bounds are part of the state machine: they are the same on every robot.
REASON_CHARACTERS_MAX = 512
ATTEMPTS_MAX = 1_000
TTL_MS_MAX = 3_600_000

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
_Reason = Annotated[str, Bounds(length_max=REASON_CHARACTERS_MAX)]


@value
class AddTask:
    """
    Make a task open.

    :param task: its times in ms from when it is added, 0: none; in the book they are times of the
        task clock.
    :param attempts_max: it has failed for good when robots have failed so often.
    """

    task: Task
    attempts_max: Annotated[int, Bounds(minimum=1, maximum=ATTEMPTS_MAX)] = 3


@value
class CancelTask:
    """End a task; robots that have it stop first."""

    task: _Id
    reason: _Reason = ''


@value
class Renew:
    """
    Go on duty, or stay on it: the robot may be given tasks, and keeps those that it has.

    :param incarnation: boot of the robot; what an earlier boot had is open again.
    :param ttl_ms: how long that holds without another one, in committed time, counted from when
        it is asked for, or later; 0: the robot has stopped, and gives back all that it has.
    """

    robot: _Id
    incarnation: int
    ttl_ms: Annotated[int, Bounds(maximum=TTL_MS_MAX)]


@value
class Award:
    """
    Give a task to robots.

    :param revision: only if the task stands at this revision.
    :param robots: (robot, incarnation) of as many as it takes; all must be on duty.
    """

    task: _Id
    revision: int
    robots: Annotated[tuple[tuple[_Id, int], ...], Bounds(length_max=TEAM_MAX)]


class ReportKind(IntEnum):
    """What a robot says of a task that it has; the numbers are on the wire."""

    STARTED = 1
    DONE = 2
    FAILED = 3
    STOPPED = 4  # it does nothing for it any more, as it was told, or cannot go on


@value
class Report:
    """
    Say what has become of a task.

    :param award: number of the award by which the robot has it.
    :param robot: who says so; it has stopped, unless it is STARTED.
    """

    task: _Id
    award: int
    robot: _Id
    kind: ReportKind
    reason: _Reason = ''


Operation = AddTask | CancelTask | Renew | Award | Report


class TaskResultStatus(IntEnum):
    """What became of an operation; the numbers are in snapshots."""

    DONE = 1
    CONFLICT = 2  # the task does not stand as expected; the result says at which revision it does
    NOT_FOUND = 3  # there is no such task, or it has ended so long ago that it is forgotten
    EXISTS = 4  # there is a task of this name
    FULL = 5  # there are too many tasks, or robots
    INVALID = 6  # the number of robots is not what the task takes, or one stands twice
    NOT_ON_DUTY = 7  # a robot is not on duty, or was booted since
    BLOCKED = 8  # tasks of a lower order in its group have not ended
    ENDED = 9  # it has ended already
    SESSION_EXPIRED = 10  # whether it happened before is forgotten; now it did not


@value
class TaskResult:
    """
    What one operation did.

    :param index: log index of the entry that did it.
    :param revision: of the task afterwards; 0: there is no such task, or it is about none.
    """

    status: TaskResultStatus
    index: int
    revision: int = 0
