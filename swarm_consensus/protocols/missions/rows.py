"""One mission as the state machine knows it, and as it stands in images."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import SIGNED, Bounds
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.missions.events import COMMAND_TYPES as _COMMAND_TYPES
from swarm_consensus.protocols.missions.events import (
    ID_CHARACTERS_MAX,
    MESSAGE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PAYLOAD_BYTES_MAX,
    ActivityScheduled,
    MissionStarted,
    MissionStatus,
    Recorded,
    VersionMarked,
    event_bytes,
)
from swarm_consensus.protocols.missions.operations import (
    APPEND_EVENTS_MAX,
    CODES_MAX,
    HISTORY_EVENTS_LIMIT,
    MISSIONS_MAX,
)
from swarm_consensus.protocols.values import value

# One operation is looked at as a whole before a history is found too long.
_HISTORY_MAX = HISTORY_EVENTS_LIMIT + 2 * APPEND_EVENTS_MAX + 64


class ActivityState(IntEnum):
    """How an activity stands that has not ended; the numbers are in snapshots."""

    WAITING = 1  # its next attempt is not due yet
    READY = 2  # it may be begun
    RUNNING = 3


_STATES = frozenset(map(int, ActivityState))


class Activity:
    """
    An activity that has not ended.

    :ivar attempt: the one that is running or to be begun, from 1.
    :ivar robot: that runs it; '': nobody.
    :ivar lease: of that robot.
    :ivar cancel_asked: it was asked to end.
    :ivar repeated: of an earlier attempt nobody knows how far it came.
    :ivar beat: what the last sign of life said of how far it is.
    """

    __slots__ = (
        'attempt',
        'beat',
        'cancel_asked',
        'lease',
        'repeated',
        'robot',
        'scheduled',
        'state',
    )

    def __init__(self, scheduled: ActivityScheduled) -> None:
        self.scheduled = scheduled
        self.attempt = 1
        self.state = ActivityState.READY
        self.robot = ''
        self.lease = 0
        self.cancel_asked = False
        self.repeated = False
        self.beat = b''


# number, attempt, state, robot, lease, cancel asked, repeated, beat
ActivityRow = tuple[
    int,
    int,
    int,
    str,
    int,
    bool,
    bool,
    Annotated[bytes, Bounds(length_max=PAYLOAD_BYTES_MAX)],
]


@value
class MissionImage:
    """A mission in an image; the fields are those of MissionRow."""

    mission: Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
    name: Annotated[str, Bounds(length_max=NAME_CHARACTERS_MAX)]
    begun: int
    ended: int
    status: int
    run: int
    worker: str
    epoch: int
    lease: int
    parent: Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
    parent_number: int
    cancel_asked: bool
    reason: Annotated[str, Bounds(length_max=MESSAGE_CHARACTERS_MAX)]
    codes: Annotated[tuple[int, ...], Bounds(length_max=CODES_MAX)]
    history: Annotated[tuple[Recorded, ...], Bounds(length_max=_HISTORY_MAX)]
    activities: tuple[ActivityRow, ...]
    children: tuple[tuple[int, Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]], ...]


@value
class MissionsImage:
    """
    All missions; equal tables have equal images.

    :param begun: how many were begun ever.
    :param ended: how many have ended ever.
    :param missions: in order of their ids.
    :param alarms: mission, what, number, duration and deadline, in order.
    """

    begun: int
    ended: int
    missions: Annotated[tuple[MissionImage, ...], Bounds(length_max=MISSIONS_MAX)]
    alarms: Annotated[
        tuple[
            tuple[
                Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)],
                int,
                int,
                int,
                Annotated[int, SIGNED],
            ],
            ...,
        ],
        Bounds(length_max=1 << 20),
    ]


class MissionRow:
    """
    A mission.

    :ivar begun: how many missions were begun before, of all that there ever were.
    :ivar ended: likewise, among those that have ended, from 1; 0: it has not.
    :ivar worker: robot that runs its code; '': nobody has yet.
    :ivar epoch: fencing number, higher with each worker.
    :ivar lease: of the worker; 0: it has none any more.
    :ivar commands: numbered commands in the history.
    :ivar reason: why it stands NONDETERMINISTIC.
    :ivar codes: that it was stopped with.
    :ivar history: of this run; another list for each run.
    :ivar size: bytes that the history counts for.
    :ivar activities: those that have not ended, by number.
    :ivar children: ids of those that have not ended, by number.
    """

    __slots__ = (
        'activities',
        'begun',
        'cancel_asked',
        'children',
        'codes',
        'commands',
        'ended',
        'epoch',
        'history',
        'lease',
        'mission',
        'name',
        'parent',
        'parent_number',
        'reason',
        'run',
        'size',
        'status',
        'worker',
    )

    def __init__(self, mission: str, name: str, begun: int) -> None:
        self.mission = mission
        self.name = name
        self.begun = begun
        self.ended = 0
        self.status = MissionStatus.RUNNING
        self.run = 1
        self.worker = ''
        self.epoch = 0
        self.lease = 0
        self.commands = 0
        self.parent = ''
        self.parent_number = 0
        self.cancel_asked = False
        self.reason = ''
        self.codes: tuple[int, ...] = ()
        self.history: list[Recorded] = []
        self.size = 0
        self.activities: dict[int, Activity] = {}
        self.children: dict[int, str] = {}

    def image(self) -> MissionImage:
        """Return it as it stands in images."""
        return MissionImage(
            self.mission,
            self.name,
            self.begun,
            self.ended,
            int(self.status),
            self.run,
            self.worker,
            self.epoch,
            self.lease,
            self.parent,
            self.parent_number,
            self.cancel_asked,
            self.reason,
            self.codes,
            tuple(self.history),
            tuple([_row(number, each) for number, each in sorted(self.activities.items())]),
            tuple(sorted(self.children.items())),
        )

    @classmethod
    def restored(cls, image: MissionImage) -> MissionRow:
        """
        Return the mission of an image.

        :raises ImageError: where it contradicts itself.
        """
        self = cls(image.mission, image.name, image.begun)
        what = f"mission '{image.mission}'"
        try:
            self.status = MissionStatus(image.status)
        except ValueError as error:
            raise ImageError(f'{what}: {error}') from error
        if self.status.closed != bool(image.ended):
            raise ImageError(f'{what} is {self.status.name} and ended as number {image.ended}')
        self.ended, self.run = image.ended, image.run
        self.worker, self.epoch, self.lease = image.worker, image.epoch, image.lease
        self.parent, self.parent_number = image.parent, image.parent_number
        self.cancel_asked, self.reason, self.codes = image.cancel_asked, image.reason, image.codes
        self.history = list(image.history)
        if not self.history or not isinstance(self.history[0].event, MissionStarted):
            raise ImageError(f'{what} has a history without a beginning')
        scheduled: dict[int, ActivityScheduled] = {}
        for recorded in self.history:
            event = recorded.event
            self.size += event_bytes(event)
            if type(event) in _COMMAND_TYPES and not isinstance(event, VersionMarked):
                self.commands += 1
                if event.number != self.commands:  # type: ignore[union-attr]
                    raise ImageError(f'{what}: command {self.commands} has another number')
                if isinstance(event, ActivityScheduled):
                    scheduled[event.number] = event
        before = 0
        for number, attempt, state, robot, lease, cancel_asked, repeated, beat in image.activities:
            if number not in scheduled or number <= before or self.status.closed:
                raise ImageError(f'{what} has no open activity {number}')
            before = number
            activity = self.activities[number] = Activity(scheduled[number])
            if state not in _STATES:
                raise ImageError(f'{what}: activity {number} is in state {state}')
            activity.attempt, activity.state = attempt, ActivityState(state)
            activity.robot, activity.lease = robot, lease
            activity.cancel_asked, activity.repeated = cancel_asked, repeated
            activity.beat = beat
        self.children = dict(image.children)
        return self


def _row(number: int, activity: Activity) -> ActivityRow:
    return (
        number,
        activity.attempt,
        int(activity.state),
        activity.robot,
        activity.lease,
        activity.cancel_asked,
        activity.repeated,
        activity.beat,
    )
