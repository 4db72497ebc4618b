"""
What can be asked of the missions of a swarm, and what comes back.

Who runs a mission's code is its *worker*: a robot with a lease of the key-value store. When the
lease has ended another robot may claim the mission, which gives it a higher *epoch*; whatever a
worker of a lower epoch still appends is refused. And each append says how many commands there are
in the history before it, so that nothing is appended twice, or after something that was not seen.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds, Kinds
from swarm_consensus.protocols.missions.events import (
    ATTEMPTS_MAX,
    ID_CHARACTERS_MAX,
    MESSAGE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PAYLOAD_BYTES_MAX,
    AnyCommandEvent,
)
from swarm_consensus.protocols.values import value

# Bounds of one mission and of all; part of the state machine, the same on every robot.
MISSIONS_MAX = 10_000
HISTORY_EVENTS_ADVISED = 8_000
# From here on the code is told to continue as new, and signals are refused.
HISTORY_EVENTS_MAX = 20_000
# Room for what is under way and for compensation; beyond it a mission fails.
HISTORY_EVENTS_LIMIT = 24_000
HISTORY_BYTES_LIMIT = 8 << 20
# Of all missions. Together with the keys and the sessions below the largest snapshot (64 MiB).
MISSIONS_BYTES_MAX = 16 << 20
# Beyond that and this, the mission fails that something happens to.
MISSIONS_BYTES_SPARE = 4 << 20
# Missions that have ended, which are kept to be looked at.
CLOSED_MAX = 1_000
APPEND_EVENTS_MAX = 256
# Codes that a mission was halted with, and waits for another one than these.
CODES_MAX = 16

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
_Name = Annotated[str, Bounds(length_max=NAME_CHARACTERS_MAX)]
_Text = Annotated[str, Bounds(length_max=MESSAGE_CHARACTERS_MAX)]
_Payload = Annotated[bytes, Bounds(length_max=PAYLOAD_BYTES_MAX)]
_Attempt = Annotated[int, Bounds(minimum=1, maximum=ATTEMPTS_MAX)]


@value
class Begin:
    """
    Begin a mission.

    :param mission: its name in the swarm.
    :param name: of its code.
    :param robot: its first worker; '': whoever claims it.
    :param lease: of that robot.
    """

    mission: _Id
    name: _Name
    input: _Payload
    robot: str = ''
    lease: int = 0


@value
class Claim:
    """
    Become the worker of a mission whose worker is gone, or which waits for other code.

    :param epoch: at which the mission stands.
    :param code: fingerprint of the robot's code of the mission.
    """

    mission: _Id
    epoch: int
    robot: str
    lease: int
    code: int


@value
class Append:
    """
    Append what the code asked for.

    :param epoch: of the worker.
    :param commands: numbered commands in the history before these.
    :param length: events in the history that the code has seen, where these end the run: it must
        have seen all; else it does not count.
    :param begun: activities among these that the worker begins at once, with its lease.
    """

    mission: _Id
    epoch: int
    commands: int
    length: int
    events: Annotated[tuple[AnyCommandEvent, ...], Bounds(length_max=APPEND_EVENTS_MAX)]
    begun: Annotated[tuple[int, ...], Bounds(length_max=APPEND_EVENTS_MAX)] = ()


@value
class Attempt:
    """Which attempt of which activity of which run."""

    mission: _Id
    run: int
    activity: int
    attempt: _Attempt


@value
class StartActivity:
    """Begin an attempt, if nobody has."""

    attempt: Attempt
    robot: str
    lease: int


class EndKind(IntEnum):
    """
    How an attempt ended; the numbers are in the log.

    UNKNOWN: the robot that ran it is there, and does not know how far it came.
    """

    COMPLETED = 1
    FAILED = 2
    CANCELLED = 3
    UNKNOWN = 4


@value
class EndActivity:
    """
    Say how an attempt ended.

    :param robot: that had begun it.
    :param lease: with which it had.
    :param kind: of the error, where it failed.
    """

    attempt: Attempt
    robot: str
    lease: int
    end: EndKind
    result: _Payload = b''
    kind: _Name = ''
    message: _Text = ''


@value
class Beat:
    """A sign of life of an attempt, with how far it is; the next attempt is told."""

    attempt: Attempt
    robot: str
    lease: int
    details: _Payload


@value
class Signal:
    """Tell a mission something."""

    mission: _Id
    name: _Name
    payload: _Payload


@value
class Cancel:
    """Ask a mission to end."""

    mission: _Id
    reason: _Text


@value
class Halt:
    """
    Stop a mission whose code does not fit its history.

    :param epoch: of the worker.
    :param code: fingerprint of that code.
    """

    mission: _Id
    epoch: int
    code: int
    reason: _Text


@value
class Forget:
    """Take a mission away that has ended."""

    mission: _Id


OPERATIONS: tuple[tuple[int, type], ...] = (
    (1, Begin),
    (2, Claim),
    (3, Append),
    (4, StartActivity),
    (5, EndActivity),
    (6, Beat),
    (7, Signal),
    (8, Cancel),
    (9, Halt),
    (10, Forget),
)
Operation = (
    Begin
    | Claim
    | Append
    | StartActivity
    | EndActivity
    | Beat
    | Signal
    | Cancel
    | Halt
    | Forget
)
AnyOperation = Annotated[Operation, Kinds(OPERATIONS)]


class MissionResultStatus(IntEnum):
    """What became of an operation; the numbers are in snapshots."""

    DONE = 1
    EXISTS = 2  # there is a mission of this name
    NOT_FOUND = 3  # there is none
    CLOSED = 4  # it has ended
    FENCED = 5  # another worker has it, or has it still
    CONFLICT = 6  # its history, or the attempt, does not stand as expected
    FULL = 7  # a bound is reached
    INVALID = 8  # it contradicts the history, or itself
    SESSION_EXPIRED = 9  # whether it happened before is forgotten; now it did not


@value
class MissionResult:
    """
    What one operation did.

    :param index: log index of the entry that did it.
    :param epoch: of the mission afterwards.
    :param length: of its history afterwards.
    """

    status: MissionResultStatus
    index: int
    epoch: int = 0
    length: int = 0
