"""
What stands in the history of a mission, and will for years: facts, in the order of the log.

Events are of two kinds. *Commands* are what the mission's code asked for; its worker appends them,
and the code, run again, asks for the same ones in the same order. *Facts* are what happened to it;
the code learns of them in the order in which they stand. A command waits for its turn, so facts
may stand between what the code was told and the command that followed from it; that changes
nothing, because what the code asks for depends on the facts before and on nothing else.

Commands but markers are numbered from 1 in the order in which the code asked: the number is the
name of an activity, a timer or a child in its mission.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds, Kinds
from swarm_consensus.protocols.values import value

# Bounds of what missions hold; part of the state machine, the same on every robot.
ID_CHARACTERS_MAX = 256
NAME_CHARACTERS_MAX = 128
MESSAGE_CHARACTERS_MAX = 1000
PAYLOAD_BYTES_MAX = 16_384
# A year.
DURATION_MS_MAX = 366 * 24 * 3600 * 1000
ATTEMPTS_MAX = 1000
FACTOR_PERCENT_MIN = 100
FACTOR_PERCENT_MAX = 10_000
FINAL_KINDS_MAX = 32
# Signals that one run may hand to the next unread.
SIGNALS_KEPT_MAX = 64

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
_Name = Annotated[str, Bounds(length_max=NAME_CHARACTERS_MAX)]
_Text = Annotated[str, Bounds(length_max=MESSAGE_CHARACTERS_MAX)]
_Payload = Annotated[bytes, Bounds(length_max=PAYLOAD_BYTES_MAX)]
_Duration = Annotated[int, Bounds(maximum=DURATION_MS_MAX)]
_Attempt = Annotated[int, Bounds(minimum=1, maximum=ATTEMPTS_MAX)]

# A robot choice: whichever robot is free and able.
ANY_ROBOT = '*'


class Delivery(IntEnum):
    """
    What an activity may do when nobody can say whether it has run; the numbers are in the log.

    The robot that had begun it is gone, or did not end it in time.
    """

    IDEMPOTENT = 1  # it runs again, with the same token, by which it has its effect once
    AT_LEAST_ONCE = 2  # it runs again, and its report says that it may have run before
    AT_MOST_ONCE = 3  # it does not; the mission is told that nobody knows


class Timeout(IntEnum):
    """Which time ran out; the numbers are in the log."""

    SCHEDULE_TO_START = 1
    START_TO_CLOSE = 2
    HEARTBEAT = 3


class MissionStatus(IntEnum):
    """How a mission stands; the numbers are in the log and those of srv/Missions.srv."""

    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELLED = 4
    # Its code does something else than its history says; it waits for other code.
    NONDETERMINISTIC = 5

    @property
    def closed(self) -> bool:
        """Whether it has ended for good."""
        return self in (MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED)


@value
class Retry:
    """
    When an activity that failed runs again.

    :param attempts_max: how often it runs at most; 1: it does not run again.
    :param first_ms: time before the second attempt.
    :param factor_percent: each of the later ones takes so much of the one before.
    :param longest_ms: longest of these times.
    :param final_kinds: kinds of errors after which it does not run again.
    """

    attempts_max: _Attempt = 5
    first_ms: _Duration = 1000
    factor_percent: Annotated[
        int, Bounds(minimum=FACTOR_PERCENT_MIN, maximum=FACTOR_PERCENT_MAX)
    ] = 200
    longest_ms: _Duration = 60_000
    final_kinds: Annotated[tuple[_Name, ...], Bounds(length_max=FINAL_KINDS_MAX)] = ()

    def backoff_ms(self, attempt: int) -> int:
        """Return the time between the end of an attempt (from 1) and the next one."""
        backoff_ms = self.first_ms
        for _ in range(attempt - 1):
            if backoff_ms >= self.longest_ms or self.factor_percent == 100:
                break
            backoff_ms = backoff_ms * self.factor_percent // 100
        return min(backoff_ms, self.longest_ms)


# -- facts ----------------------------------------------------------------------------------------


@value
class MissionStarted:
    """
    A run begins; always the first event.

    :param run: from 1; each `continue_as_new` begins another one.
    :param parent: mission whose child it is; '': of none.
    :param parent_number: the child's number there.
    """

    name: _Name
    input: _Payload
    run: int
    parent: _Id = ''
    parent_number: int = 0


@value
class WorkerChanged:
    """
    Another robot, or another boot of it, runs the code from here on.

    :param epoch: fencing number: whoever has a lower one appends nothing any more.
    """

    robot: str
    epoch: int


@value
class ActivityStarted:
    """
    A robot has begun an attempt; nobody else begins the same one.

    :param lease: of the robot's boot; when it ends, the attempt is lost.
    """

    activity: int
    attempt: _Attempt
    robot: str
    lease: int


@value
class ActivityCompleted:
    """An attempt has ended well."""

    activity: int
    attempt: _Attempt
    result: _Payload


@value
class ActivityFailed:
    """
    An attempt has ended with an error.

    :param kind: kind of the error, as retries know it.
    :param final: the code is told; else it runs again.
    """

    activity: int
    attempt: _Attempt
    kind: _Name
    message: _Text
    final: bool


@value
class ActivityTimedOut:
    """An attempt took too long; `final` as in ActivityFailed."""

    activity: int
    attempt: _Attempt
    timeout: Timeout
    final: bool


@value
class ActivityLost:
    """
    Nobody knows how far an attempt came: its robot is gone, or has lost what did it.

    `final` as in ActivityFailed.
    """

    activity: int
    attempt: _Attempt
    final: bool


@value
class ActivityCancelled:
    """An activity has ended because it was asked to."""

    activity: int


@value
class TimerFired:
    """The time of a timer has passed."""

    timer: int


@value
class SignalReceived:
    """Somebody told the mission something."""

    name: _Name
    payload: _Payload


@value
class ChildEnded:
    """
    A child has ended.

    :param result: where it completed.
    :param kind: of the error, where it failed.
    """

    child: int
    status: MissionStatus
    result: _Payload
    kind: _Name
    message: _Text


@value
class CancelRequested:
    """Somebody asked the mission to end."""

    reason: _Text


# -- commands -------------------------------------------------------------------------------------


@value
class ActivityScheduled:
    """
    The code asks for an activity.

    :param robot: who is to run it; '': the mission's worker, ANY_ROBOT: whoever can.
    :param schedule_to_start_ms: most time before its first attempt begins; 0: no bound.
    :param start_to_close_ms: most time that one attempt may take; 0: no bound.
    :param heartbeat_ms: most time between two signs of life; 0: it gives none.
    """

    number: int
    name: _Name
    input: _Payload
    robot: str
    delivery: Delivery
    schedule_to_start_ms: _Duration
    start_to_close_ms: _Duration
    heartbeat_ms: _Duration
    retry: Retry


@value
class ActivityCancelAsked:
    """The code asks an activity to end."""

    number: int
    activity: int


@value
class TimerStarted:
    """The code asks to be told when a time has passed."""

    number: int
    duration_ms: _Duration


@value
class TimerCancelled:
    """The code no longer waits for a timer."""

    number: int
    timer: int


@value
class ChildStarted:
    """The code asks for a mission of its own."""

    number: int
    name: _Name
    input: _Payload


@value
class ChildCancelAsked:
    """The code asks a child to end."""

    number: int
    child: int


@value
class SideEffectRecorded:
    """What a side effect gave, when it happened; the code is told it by this event."""

    number: int
    value: _Payload


@value
class VersionMarked:
    """
    A marker: from here on the code does what its version says.

    Not numbered, and looked for by its name: code may stop asking for it.
    """

    change: _Name
    version: int


@value
class MissionCompleted:
    """The code has returned."""

    number: int
    result: _Payload


@value
class MissionFailed:
    """The code has raised, and what it had to compensate is done."""

    number: int
    kind: _Name
    message: _Text


@value
class MissionCancelled:
    """The code has ended because it was asked to."""

    number: int
    message: _Text


@value
class MissionContinued:
    """
    The code goes on as a new run with a new history.

    :param signals: those that it has not read.
    """

    number: int
    input: _Payload
    signals: Annotated[tuple[SignalReceived, ...], Bounds(length_max=SIGNALS_KEPT_MAX)] = ()


FACTS: tuple[tuple[int, type], ...] = (
    (1, MissionStarted),
    (2, WorkerChanged),
    (3, ActivityStarted),
    (4, ActivityCompleted),
    (5, ActivityFailed),
    (6, ActivityTimedOut),
    (7, ActivityLost),
    (8, ActivityCancelled),
    (9, TimerFired),
    (10, SignalReceived),
    (11, ChildEnded),
    (12, CancelRequested),
)
COMMANDS: tuple[tuple[int, type], ...] = (
    (32, ActivityScheduled),
    (33, ActivityCancelAsked),
    (34, TimerStarted),
    (35, TimerCancelled),
    (36, ChildStarted),
    (37, ChildCancelAsked),
    (38, SideEffectRecorded),
    (39, VersionMarked),
    (40, MissionCompleted),
    (41, MissionFailed),
    (42, MissionCancelled),
    (43, MissionContinued),
)

Fact = (
    MissionStarted
    | WorkerChanged
    | ActivityStarted
    | ActivityCompleted
    | ActivityFailed
    | ActivityTimedOut
    | ActivityLost
    | ActivityCancelled
    | TimerFired
    | SignalReceived
    | ChildEnded
    | CancelRequested
)
MissionCommandEvent = (
    ActivityScheduled
    | ActivityCancelAsked
    | TimerStarted
    | TimerCancelled
    | ChildStarted
    | ChildCancelAsked
    | SideEffectRecorded
    | VersionMarked
    | MissionCompleted
    | MissionFailed
    | MissionCancelled
    | MissionContinued
)
Event = Fact | MissionCommandEvent
Closing = MissionCompleted | MissionFailed | MissionCancelled | MissionContinued

COMMAND_TYPES: frozenset[type] = frozenset(cls for _, cls in COMMANDS)
CLOSING_TYPES: frozenset[type] = frozenset(
    (MissionCompleted, MissionFailed, MissionCancelled, MissionContinued)
)

AnyEvent = Annotated[Event, Kinds(FACTS + COMMANDS)]
AnyCommandEvent = Annotated[MissionCommandEvent, Kinds(COMMANDS)]


@value
class Recorded:
    """
    An event where it stands in a history.

    :param time_ms: committed time when it was appended.
    """

    time_ms: int
    event: AnyEvent


def event_bytes(event: Event) -> int:
    """Return what an event counts for where memory is bounded."""
    size = _OVERHEAD_BYTES
    for name in _SIZED.get(type(event), ()):
        size += len(getattr(event, name))
    if isinstance(event, MissionContinued):
        size += sum(event_bytes(signal) for signal in event.signals)
    return size


_OVERHEAD_BYTES = 100
_SIZED: dict[type, tuple[str, ...]] = {
    MissionStarted: ('input', 'name'),
    ActivityScheduled: ('input', 'name'),
    ActivityCompleted: ('result',),
    ActivityFailed: ('message',),
    SignalReceived: ('payload', 'name'),
    ChildStarted: ('input', 'name'),
    ChildEnded: ('result', 'message'),
    CancelRequested: ('reason',),
    SideEffectRecorded: ('value',),
    MissionCompleted: ('result',),
    MissionFailed: ('message',),
    MissionCancelled: ('message',),
    MissionContinued: ('input',),
}
