"""What goes into a robot's runtime and comes out of it for missions: plain values."""

from __future__ import annotations

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.missions import MissionResult
from swarm_consensus.protocols.missions.events import MissionStatus, Recorded
from swarm_consensus.protocols.missions.operations import (
    Begin,
    Cancel,
    EndKind,
    Forget,
    Signal,
)
from swarm_consensus.protocols.values import value

UserOperation = Begin | Signal | Cancel | Forget


@value
class MissionAsked:
    """Somebody at this robot wants a mission begun, told something, ended or forgotten."""

    key: int
    operation: UserOperation
    request_id: str
    timeout_ns: int


@value
class MissionsAsked:
    """
    Somebody at this robot wants to know how missions stand, here and now.

    :param mission: one mission; '': all that begin with `prefix`.
    :param history_from: of the one mission, the history from this event on (from 0).
    """

    key: int
    mission: str
    prefix: str
    history_from: int
    count_max: int


@value
class MissionQueried:
    """Somebody at this robot asks the code of a mission something."""

    key: int
    mission: str
    name: str
    argument: bytes


@value
class MissionWatched:
    """Somebody at this robot wants to be told how a mission goes, until it has ended."""

    key: int
    mission: str


@value
class MissionUnwatched:
    """Whoever watched does no longer."""

    key: int


@value
class ActivityKey:
    """
    An attempt that runs at this robot.

    :param lease: with which it was begun: of this boot.
    """

    mission: str
    run: int
    activity: int
    attempt: int
    lease: int


@value
class ActivityEnded:
    """An attempt that ran here has ended."""

    attempt: ActivityKey
    end: EndKind
    result: bytes = b''
    kind: str = ''
    message: str = ''


@value
class ActivityBeat:
    """An attempt that runs here gives a sign of life."""

    attempt: ActivityKey
    details: bytes


MissionInput = (
    MissionAsked
    | MissionsAsked
    | MissionQueried
    | MissionWatched
    | MissionUnwatched
    | ActivityEnded
    | ActivityBeat
)
MISSION_INPUTS = (
    MissionAsked,
    MissionsAsked,
    MissionQueried,
    MissionWatched,
    MissionUnwatched,
    ActivityEnded,
    ActivityBeat,
)


@value
class MissionAnswered:
    """
    To whoever asked: what became of it.

    :param result: where it went through the log.
    """

    key: int
    status: Status
    reason: str
    result: MissionResult | None = None


@value
class MissionView:
    """
    How a mission stands at this robot.

    :param reason: why it stands NONDETERMINISTIC, or how it failed or was cancelled.
    :param kind: of the error, where it failed.
    :param result: where it completed.
    :param under_way: what is done for it: name, attempt and robot of each activity.
    :param length: events in its history.
    """

    mission: str
    name: str
    status: MissionStatus
    run: int
    worker: str
    epoch: int
    parent: str
    cancel_asked: bool
    reason: str
    kind: str
    result: bytes
    under_way: tuple[tuple[str, int, str], ...]
    length: int


@value
class MissionsTold:
    """
    To whoever asked: the missions.

    :param history: of the one mission that was asked for.
    :param more: there are more missions, or more events.
    :param reason: why this robot knows of none; '': it would.
    """

    key: int
    index: int
    missions: tuple[MissionView, ...]
    history: tuple[Recorded, ...] = ()
    more: bool = False
    reason: str = ''


@value
class MissionQueryAnswered:
    """
    To whoever asked: what the code says.

    :param reason: why there is no answer; '': there is.
    """

    key: int
    answer: bytes
    reason: str


@value
class MissionTold:
    """
    To whoever watches: how the mission stands; None: there is none.

    Where it has ended, nothing more is told.
    """

    key: int
    view: MissionView | None


@value
class ActivityJob:
    """
    To do: an attempt of an activity, here and now.

    :param token: the same for all attempts: by it an idempotent target knows them as one.
    :param repeated: of an earlier attempt nobody knows how far it came.
    :param beat: what the last sign of life of an earlier attempt said; b'': nothing.
    """

    attempt: ActivityKey
    name: str
    input: bytes
    token: str
    repeated: bool
    beat: bytes


@value
class ActivityStop:
    """To end: an attempt that runs here is no longer wanted; how it ends is told all the same."""

    attempt: ActivityKey
    reason: str


MissionOutput = (
    MissionAnswered
    | MissionsTold
    | MissionQueryAnswered
    | MissionTold
    | ActivityJob
    | ActivityStop
)
