"""
All missions: what operations and committed time do to them.

Whoever calls it says how late it is and which leases there are; both are part of the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.missions import operations as bounds
from swarm_consensus.protocols.missions.activities import Activities
from swarm_consensus.protocols.missions.alarms import Alarm, Alarms
from swarm_consensus.protocols.missions.events import (
    CLOSING_TYPES,
    ID_CHARACTERS_MAX,
    ActivityCancelAsked,
    ActivityScheduled,
    CancelRequested,
    ChildCancelAsked,
    ChildEnded,
    ChildStarted,
    Event,
    MissionCancelled,
    MissionCommandEvent,
    MissionCompleted,
    MissionContinued,
    MissionFailed,
    MissionStarted,
    MissionStatus,
    Recorded,
    SignalReceived,
    TimerCancelled,
    TimerFired,
    TimerStarted,
    VersionMarked,
    WorkerChanged,
    event_bytes,
)
from swarm_consensus.protocols.missions.operations import (
    Append,
    Beat,
    Begin,
    Cancel,
    Claim,
    EndActivity,
    Forget,
    Halt,
    MissionResult,
    MissionResultStatus,
    Operation,
    Signal,
    StartActivity,
)
from swarm_consensus.protocols.missions.rows import MissionRow, MissionsImage

Alive = Callable[[int], bool]

_DONE = MissionResultStatus.DONE
_STATUS: dict[type, MissionStatus] = {
    MissionCompleted: MissionStatus.COMPLETED,
    MissionFailed: MissionStatus.FAILED,
    MissionCancelled: MissionStatus.CANCELLED,
}


class Missions:
    """
    The missions of a swarm.

    :ivar alarms: what they wait for.
    :ivar activities: what is done for them.
    """

    def __init__(self) -> None:
        self.alarms = Alarms()
        self.activities = Activities(self)
        self.time_ms = 0
        self._rows: dict[str, MissionRow] = {}
        self._open: dict[str, MissionRow] = {}
        self._ended_order: dict[str, None] = {}
        self._begun = 0
        self._ended = 0
        self._bytes = 0
        self._touched: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def used(self) -> bool:
        """Whether there ever was a mission."""
        return self._begun > 0

    @property
    def running(self) -> dict[str, MissionRow]:
        """Return those that have not ended, by id, the oldest first; not to be changed."""
        return self._open

    def get(self, mission: str) -> MissionRow | None:
        """Return a mission, which is not to be changed."""
        return self._rows.get(mission)

    def rows(self) -> Iterator[MissionRow]:
        """Give all missions in order of their ids; they are not to be changed."""
        for mission in sorted(self._rows):
            yield self._rows[mission]

    @property
    def was_touched(self) -> bool:
        """Whether something has happened to a mission since `take_touched`."""
        return bool(self._touched)

    def take_touched(self) -> tuple[str, ...]:
        """Return the missions that something has happened to since it was last asked."""
        touched = tuple(self._touched)
        self._touched.clear()
        return touched

    # -- operations -------------------------------------------------------------------------------

    def apply(
        self, index: int, operation: Operation, time_ms: int, alive: Alive
    ) -> MissionResult:
        """
        Do what is asked.

        :param index: log index of the entry that asks.
        :param time_ms: committed time.
        :param alive: whether there is a lease.
        """
        self.time_ms = time_ms
        if isinstance(operation, Begin):
            status = self._begin(operation, alive)
            row = self._rows.get(operation.mission)
        else:
            attempt = isinstance(operation, StartActivity | EndActivity | Beat)
            mission = operation.attempt.mission if attempt else operation.mission  # type: ignore[union-attr]
            row = self._rows.get(mission)
            if row is None:
                return MissionResult(MissionResultStatus.NOT_FOUND, index)
            if isinstance(operation, Forget):
                status = self._forget(row)
            elif row.status.closed:
                status = MissionResultStatus.CLOSED
            elif isinstance(operation, StartActivity | EndActivity | Beat):
                status = self.activities.apply(row, operation, alive)
            else:
                status = self._change(row, operation, alive)
        if status is _DONE and row is not None and not row.status.closed:
            self._hold_bounds(row)
        if row is None:
            return MissionResult(status, index)
        return MissionResult(status, index, row.epoch, len(row.history))

    def _change(
        self,
        row: MissionRow,
        operation: Append | Claim | Signal | Cancel | Halt,
        alive: Alive,
    ) -> MissionResultStatus:
        if isinstance(operation, Append):
            return self._append(row, operation, alive)
        if isinstance(operation, Claim):
            return self._claim(row, operation, alive)
        if isinstance(operation, Halt):
            return self._halt(row, operation)
        if isinstance(operation, Cancel):
            if not row.cancel_asked:
                self.ask_to_end(row, operation.reason)
            return _DONE
        signal = SignalReceived(operation.name, operation.payload)
        if (
            len(row.history) >= bounds.HISTORY_EVENTS_MAX
            or row.size + event_bytes(signal) > bounds.HISTORY_BYTES_LIMIT // 2
            or not self._make_room(event_bytes(signal))
        ):
            return MissionResultStatus.FULL
        self.record(row, signal)
        return _DONE

    def _begin(self, asked: Begin, alive: Alive) -> MissionResultStatus:
        if not asked.mission or not asked.name:
            return MissionResultStatus.INVALID
        if asked.mission in self._rows:
            return MissionResultStatus.EXISTS
        return self._create(
            asked.mission,
            MissionStarted(asked.name, asked.input, 1),
            asked.robot if alive(asked.lease) else '',
            asked.lease,
        )

    def _create(
        self, mission: str, started: MissionStarted, robot: str, lease: int
    ) -> MissionResultStatus:
        while self._ended_order and len(self._rows) >= bounds.MISSIONS_MAX:
            self._drop(next(iter(self._ended_order)))
        if len(self._rows) >= bounds.MISSIONS_MAX or not self._make_room(event_bytes(started)):
            return MissionResultStatus.FULL
        self._begun += 1
        row = MissionRow(mission, started.name, self._begun)
        row.parent, row.parent_number = started.parent, started.parent_number
        self._rows[mission] = self._open[mission] = row
        self.record(row, started)
        if robot:
            self._employ(row, robot, lease)
        return _DONE

    def _employ(self, row: MissionRow, robot: str, lease: int) -> None:
        row.worker, row.lease = robot, lease
        row.epoch += 1
        self.record(row, WorkerChanged(robot, row.epoch))

    def _claim(self, row: MissionRow, asked: Claim, alive: Alive) -> MissionResultStatus:
        if asked.epoch != row.epoch:
            return MissionResultStatus.CONFLICT
        if not asked.robot or not alive(asked.lease):
            return MissionResultStatus.INVALID
        if row.status is MissionStatus.NONDETERMINISTIC:
            if asked.code in row.codes:
                return MissionResultStatus.FENCED
        elif alive(row.lease) and (row.worker != asked.robot or row.lease == asked.lease):
            return MissionResultStatus.FENCED
        row.status, row.reason = MissionStatus.RUNNING, ''
        self._employ(row, asked.robot, asked.lease)
        return _DONE

    def _halt(self, row: MissionRow, asked: Halt) -> MissionResultStatus:
        if asked.epoch != row.epoch:
            return MissionResultStatus.FENCED
        row.status, row.reason = MissionStatus.NONDETERMINISTIC, asked.reason
        row.codes = (*row.codes, asked.code)[-bounds.CODES_MAX :]
        self._touched[row.mission] = None
        return _DONE

    def _append(self, row: MissionRow, asked: Append, alive: Alive) -> MissionResultStatus:
        if asked.epoch != row.epoch:
            return MissionResultStatus.FENCED
        if row.status is not MissionStatus.RUNNING or asked.commands != row.commands:
            return MissionResultStatus.CONFLICT
        if not asked.events or not self._sound(row, asked):
            return MissionResultStatus.INVALID
        last = asked.events[-1]
        if type(last) in CLOSING_TYPES and asked.length != len(row.history):
            return MissionResultStatus.CONFLICT
        row.codes = ()
        for event in asked.events:
            if not isinstance(event, VersionMarked):
                row.commands += 1
            self.record(row, event)
            self._carry_out(row, event)
        for number in asked.begun:
            if alive(row.lease):
                self.activities.begin(row, number, row.worker, row.lease)
        return _DONE

    @staticmethod
    def _sound(row: MissionRow, asked: Append) -> bool:
        """Return whether commands follow from those before and can be done."""
        number = row.commands
        own: set[int] = set()
        for place, event in enumerate(asked.events):
            if type(event) in CLOSING_TYPES and place != len(asked.events) - 1:
                return False
            if isinstance(event, VersionMarked):
                continue
            number += 1
            if event.number != number:
                return False
            if isinstance(event, ActivityScheduled) and event.robot in ('', '*', row.worker):
                own.add(number)
        return own.issuperset(asked.begun) and len(set(asked.begun)) == len(asked.begun)

    def _carry_out(self, row: MissionRow, event: MissionCommandEvent) -> None:
        mission = row.mission
        if isinstance(event, ActivityScheduled):
            self.activities.schedule(row, event)
        elif isinstance(event, ActivityCancelAsked):
            self.activities.ask_to_end(row, event.activity)
        elif isinstance(event, TimerStarted):
            self.alarms.arm(mission, Alarm.TIMER, event.number, event.duration_ms)
        elif isinstance(event, TimerCancelled):
            self.alarms.disarm(mission, Alarm.TIMER, event.timer)
        elif isinstance(event, ChildStarted):
            self._begin_child(row, event)
        elif isinstance(event, ChildCancelAsked):
            child = self._open.get(row.children.get(event.child, ''))
            if child is not None and not child.cancel_asked:
                self.ask_to_end(child, f"its parent '{mission}' asked it to end")
        elif isinstance(event, MissionContinued):
            self._continue(row, event)
        elif type(event) in _STATUS:
            self._end(row, event)

    # -- what happens -----------------------------------------------------------------------------

    def record(self, row: MissionRow, event: Event) -> None:
        """Append an event to a history."""
        size = event_bytes(event)
        row.history.append(Recorded(self.time_ms, event))
        row.size += size
        self._bytes += size
        self._touched[row.mission] = None

    def touch(self, row: MissionRow) -> None:
        """Note that something has happened to a mission that is not in its history."""
        self._touched[row.mission] = None

    def ask_to_end(self, row: MissionRow, reason: str) -> None:
        """Ask a mission to end."""
        row.cancel_asked = True
        self.record(row, CancelRequested(reason))

    def elapse(self, time_ms: int, alive: Alive) -> None:
        """Let committed time be so late, and do what is due; leases may have ended by it."""
        self.time_ms = time_ms
        for mission, what, number in self.alarms.elapse(time_ms):
            row = self._open.get(mission)
            if row is None:
                continue
            if what == Alarm.TIMER:
                self.record(row, TimerFired(number))
            else:
                self.activities.rang(row, Alarm(what), number)
            self._hold_bounds(row)
        self.leases_ended(alive)

    def leases_ended(self, alive: Alive) -> None:
        """Look after the missions of robots that are gone; leases may have ended."""
        for row in tuple(self._open.values()):
            if row.lease and not alive(row.lease):
                row.lease = 0
                self._touched[row.mission] = None
            if self.activities.lose(row, alive):
                self._hold_bounds(row)

    def _begin_child(self, row: MissionRow, event: ChildStarted) -> None:
        child = f'{row.mission}/{row.run}.{event.number}'
        status = MissionResultStatus.FULL
        if len(child) <= ID_CHARACTERS_MAX and child not in self._rows:
            started = MissionStarted(event.name, event.input, 1, row.mission, event.number)
            status = self._create(child, started, '', 0)
        if status is _DONE:
            row.children[event.number] = child
            return
        message = 'there is no room for it, its name is too long, or there is one of this name'
        self.record(
            row, ChildEnded(event.number, MissionStatus.FAILED, b'', 'NotBegun', message)
        )

    def _continue(self, row: MissionRow, event: MissionContinued) -> None:
        self._leave(row)
        self._bytes -= row.size
        row.size = row.commands = 0
        row.history = []
        row.activities = {}
        row.run += 1
        started = MissionStarted(row.name, event.input, row.run, row.parent, row.parent_number)
        self.record(row, started)
        self.record(row, WorkerChanged(row.worker, row.epoch))
        for signal in event.signals:
            self.record(row, signal)
        if row.cancel_asked:
            self.record(row, CancelRequested('it was asked to end in the run before'))

    def _leave(self, row: MissionRow) -> None:
        """Let go of what a run leaves behind."""
        self.alarms.disarm_all(row.mission)
        for number in sorted(row.children):
            child = self._open.get(row.children[number])
            if child is not None and not child.cancel_asked:
                self.ask_to_end(child, f"its parent '{row.mission}' has ended")
        row.children = {}

    def _end(self, row: MissionRow, event: Event) -> None:
        self._leave(row)
        row.status = _STATUS[type(event)]
        row.lease = 0
        row.reason = ''
        row.activities = {}
        self._ended += 1
        row.ended = self._ended
        del self._open[row.mission]
        self._ended_order[row.mission] = None
        parent = self._open.get(row.parent)
        if parent is not None and parent.children.get(row.parent_number) == row.mission:
            del parent.children[row.parent_number]
            result = event.result if isinstance(event, MissionCompleted) else b''
            kind = event.kind if isinstance(event, MissionFailed) else ''
            message = '' if isinstance(event, MissionCompleted) else event.message  # type: ignore[union-attr]
            self.record(parent, ChildEnded(row.parent_number, row.status, result, kind, message))
        while len(self._ended_order) > bounds.CLOSED_MAX:
            self._drop(next(iter(self._ended_order)))

    def _make_room(self, size: int) -> bool:
        """Return whether there is room for so many bytes, for which ended missions may go."""
        while self._ended_order and self._bytes + size > bounds.MISSIONS_BYTES_MAX:
            self._drop(next(iter(self._ended_order)))
        return self._bytes + size <= bounds.MISSIONS_BYTES_MAX

    def _hold_bounds(self, row: MissionRow) -> None:
        """Let a mission fail whose history has grown beyond its bounds, or beyond those of all."""
        if row.status.closed:
            return
        events, size = len(row.history), row.size
        if events > bounds.HISTORY_EVENTS_LIMIT or size > bounds.HISTORY_BYTES_LIMIT:
            message = (
                f'the history of this run has {events} events and {size} bytes, at most '
                f'{bounds.HISTORY_EVENTS_LIMIT} and {bounds.HISTORY_BYTES_LIMIT} are kept; call '
                'mission.continue_as_new as soon as mission.continue_advised'
            )
        elif (
            not self._make_room(0)
            and self._bytes > bounds.MISSIONS_BYTES_MAX + bounds.MISSIONS_BYTES_SPARE
        ):
            message = (
                f'all missions together have {self._bytes} bytes, of {bounds.MISSIONS_BYTES_MAX}; '
                'let long ones continue_as_new, and pass the names of large data, not the data'
            )
        else:
            return
        row.commands += 1
        event = MissionFailed(row.commands, 'HistoryFull', message)
        self.record(row, event)
        self._end(row, event)

    def _forget(self, row: MissionRow) -> MissionResultStatus:
        if not row.status.closed:
            return MissionResultStatus.CONFLICT
        self._drop(row.mission)
        return _DONE

    def _drop(self, mission: str) -> None:
        row = self._rows.pop(mission)
        del self._ended_order[mission]
        self._bytes -= row.size
        self._touched[mission] = None

    # -- images -----------------------------------------------------------------------------------

    def image(self) -> MissionsImage:
        """Return all of it."""
        return MissionsImage(
            self._begun,
            self._ended,
            tuple([row.image() for row in self.rows()]),
            self.alarms.rows(),
        )

    @classmethod
    def restored(cls, image: MissionsImage, time_ms: int) -> Missions:
        """
        Return the missions of an image.

        :raises ImageError: where it contradicts itself.
        """
        self = cls()
        self.time_ms = time_ms
        self._begun, self._ended = image.begun, image.ended
        before = ''
        for each in image.missions:
            if each.mission <= before:
                raise ImageError(f"mission '{each.mission}' after '{before}'")
            before = each.mission
            row = self._rows[each.mission] = MissionRow.restored(each)
            self._bytes += row.size
            self._touched[row.mission] = None
        for row in sorted(self._rows.values(), key=lambda each: each.begun):
            if not row.status.closed:
                self._open[row.mission] = row
        for row in sorted(self._rows.values(), key=lambda each: each.ended):
            if row.status.closed:
                self._ended_order[row.mission] = None
        if any(each[0] not in self._open for each in image.alarms):
            raise ImageError('an alarm of a mission that is not open')
        self.alarms = Alarms.restored(image.alarms)
        return self


