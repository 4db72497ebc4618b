"""Values that pass between evidence, policy, log and user."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import SIGNED, Bounds
from swarm_consensus.protocols.keyvalue import (
    ELAPSED_MS_MAX,
    Delete,
    Grant,
    KeepAlive,
    Operation,
    Put,
    Revoke,
)
from swarm_consensus.protocols.missions import AnyOperation
from swarm_consensus.protocols.tasks import (
    AddTask,
    Award,
    CancelTask,
    Renew,
    Report,
)
from swarm_consensus.protocols.tasks import Operation as TaskOperation
from swarm_consensus.protocols.values import value

ANY_REVISION = -1


class Level(IntEnum):
    """How firm an answer is; numbers are those of msg/Decision.msg."""

    FUSED = 1
    AGREED = 2
    COMMITTED = 3


class Gossip(Enum):
    """How evidence spreads from robot to robot; the values are those in swarm.yaml."""

    EXACT = 'exact'
    AVERAGING = 'averaging'
    ROBUST = 'robust'


class Status(IntEnum):
    """What became of a question; numbers are those of msg/Decision.msg."""

    DECIDED = 1
    LOW_CONFIDENCE = 2
    UNDECIDED = 3
    NO_QUORUM = 4
    REFUSED = 5
    UNKNOWN = 6
    NOT_ROBUST = 7

    @property
    def answered(self) -> bool:
        """Whether a decision with this status names an answer."""
        return self in (Status.DECIDED, Status.LOW_CONFIDENCE)


@value
class Contribution:
    """
    One robot's newest evidence about one subject, as it travels between robots.

    Of two contributions of a robot to a subject the one with the larger (incarnation, sequence)
    is in force, whatever order they arrive in, so evidence is never counted twice.

    :param labels_hash: hash of the ordered labels; contributions over other labels do not mix.
    :param log_likelihood: natural-log likelihood of each label.
    :param weight: exponent of this robot's evidence in the pool, > 0.
    :param age_us: time since the sensor took the data, when this was sent. An age and not a
        stamp: the robots' clocks need not agree.
    """

    robot: str
    incarnation: int
    sequence: int
    subject: str
    labels_hash: int
    log_likelihood: tuple[float, ...]
    weight: float
    age_us: int


@value
class Verdict:
    """
    What the evidence at one robot says once the policy of the subject is met or has run out.

    :param robots: how many robots' evidence is in it.
    :param oldest_ns: age of the oldest of it.
    :param spread: how far the robots are apart (fusion.spread).
    :param reason: in words, where it cannot be held for sure.
    """

    status: Status
    choice: str
    confidence: float
    voters: tuple[str, ...]
    robots: int = 0
    oldest_ns: int = 0
    spread: float = 0.0
    reason: str = ''


@value
class Command:
    """
    What stands in a COMMAND entry of the log: put a choice in force for a subject.

    :param request_id: the same id is applied once, however often it stands in the log
        (protocols/sessions.py).
    :param expected_revision: apply only if the subject stands at this revision; ANY_REVISION: any.
    :param elapsed_us: first evidence to proposal, at the proposer.
    :param acked: as in protocols.sessions.Sessions.admit.
    :param base_index: as in protocols.sessions.Sessions.admit.
    """

    request_id: str
    proposer: str
    subject: str
    expected_revision: Annotated[int, SIGNED]
    status: Status
    choice: str
    value: bytes
    confidence: float
    voters: tuple[str, ...]
    elapsed_us: int
    acked: int = 0
    base_index: int = 0


@value
class KeyValueCommand:
    """
    What stands in a COMMAND entry of the log: one operation on the key-value store.

    :param request_id: as in Command.
    :raises ValueError: unless it has exactly one operation.
    """

    request_id: str
    acked: int = 0
    base_index: int = 0
    put: Put | None = None
    delete: Delete | None = None
    grant: Grant | None = None
    keep_alive: KeepAlive | None = None
    revoke: Revoke | None = None

    def __post_init__(self) -> None:
        count = (
            (self.put is not None)
            + (self.delete is not None)
            + (self.grant is not None)
            + (self.keep_alive is not None)
            + (self.revoke is not None)
        )
        if count != 1:
            raise ValueError('a command of the key-value store has exactly one operation')

    @property
    def operation(self) -> Operation:
        """Return what is to be done."""
        operation = self.put or self.delete or self.grant or self.keep_alive or self.revoke
        assert operation is not None
        return operation


@value
class TimeCommand:
    """
    What stands in a COMMAND entry of the log: time has passed for the leases.

    Of two that follow the same one, the first in the log counts; so it needs no session.

    :param previous_index: log index of the TimeCommand that it follows; 0: none.
    :param elapsed_ms: time that the leader saw pass since that one.
    """

    request_id: str
    previous_index: int
    elapsed_ms: Annotated[int, Bounds(maximum=ELAPSED_MS_MAX)]


@value
class MissionCommand:
    """
    What stands in a COMMAND entry of the log: one operation on the missions.

    :param request_id: as in Command.
    """

    request_id: str
    acked: int
    base_index: int
    operation: AnyOperation


@value
class TaskCommand:
    """
    What stands in a COMMAND entry of the log: one operation on the book of tasks.

    :param request_id: as in Command.
    :raises ValueError: unless it has exactly one operation.
    """

    request_id: str
    acked: int = 0
    base_index: int = 0
    add: AddTask | None = None
    cancel: CancelTask | None = None
    renew: Renew | None = None
    award: Award | None = None
    report: Report | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in self._operations) != 1:
            raise ValueError('a command of the book of tasks has exactly one operation')

    @property
    def _operations(self) -> tuple[TaskOperation | None, ...]:
        return self.add, self.cancel, self.renew, self.award, self.report

    @property
    def operation(self) -> TaskOperation:
        """Return what is to be done."""
        return next(each for each in self._operations if each is not None)


AnyCommand = Command | KeyValueCommand | TimeCommand | MissionCommand | TaskCommand


def keyvalue_command(
    request_id: str, operation: Operation, acked: int, base_index: int
) -> KeyValueCommand:
    """Return the command that asks for an operation."""
    # By far the most.
    if isinstance(operation, Put):
        return KeyValueCommand(request_id, acked, base_index, operation)
    field = _KEYVALUE_FIELDS[type(operation)]
    return KeyValueCommand(request_id, acked, base_index, **{field: operation})  # type: ignore[arg-type]


def task_command(
    request_id: str, operation: TaskOperation, acked: int, base_index: int
) -> TaskCommand:
    """Return the command that asks for an operation on the book of tasks."""
    field = _TASK_FIELDS[type(operation)]
    return TaskCommand(request_id, acked, base_index, **{field: operation})  # type: ignore[arg-type]


_KEYVALUE_FIELDS: dict[type, str] = {
    Put: 'put',
    Delete: 'delete',
    Grant: 'grant',
    KeepAlive: 'keep_alive',
    Revoke: 'revoke',
}
_TASK_FIELDS: dict[type, str] = {
    AddTask: 'add',
    CancelTask: 'cancel',
    Renew: 'renew',
    Award: 'award',
    Report: 'report',
}


@value
class Decision:
    """
    An answer with its level, its status and who stood behind it (msg/Decision.msg).

    :param latency_s: first evidence or proposal until this robot knew the answer.
    :param robots: how many robots' evidence is in it.
    :param oldest_age_s: age of the oldest evidence in it, when the answer was given; -1: not known,
        as only the level FUSED knows it.
    :param spread: how far the robots are apart, 0..1 (fusion.spread); -1: not known, likewise.
    """

    subject: str
    revision: int
    choice: str
    value: bytes
    confidence: float
    level: Level
    status: Status
    index: int
    term: int
    proposer: str
    voters: tuple[str, ...]
    latency_s: float
    reason: str
    robots: int = 0
    oldest_age_s: float = -1.0
    spread: float = -1.0


def no_answer(subject: str, level: Level, status: Status, reason: str) -> Decision:
    """Return a decision that carries a status and the reason, and no answer."""
    return Decision(subject, 0, '', b'', 0.0, level, status, 0, 0, '', (), 0.0, reason)
