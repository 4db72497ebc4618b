"""
Runs a mission's code from its history, and tells what the code asks for next.

The history is taken in one event after the other. A fact is told to the code, which then runs to
where it waits; what it asks for on the way stands in a queue. A command in the history must be the
one at the head of that queue, or the code is not the one that made the history: then everything
stops, and nothing that the code asked for may be carried out any more.

Nothing here reads a clock or draws a random number, so that any robot that takes in the same
history has the same queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
import hashlib
from random import Random
from typing import Any

from swarm_consensus.missions.context import Mission
from swarm_consensus.missions.course import Course
from swarm_consensus.missions.errors import (
    Cancelled,
    Halted,
    MissionError,
    NonDeterminismError,
)
from swarm_consensus.missions.handles import ActivityHandle, ChildHandle
from swarm_consensus.missions.loop import Future, Loop, RunawayError
from swarm_consensus.missions.payload import pack, unpack
from swarm_consensus.missions.places import Place, begin_of, caller, place_text, waits_at
from swarm_consensus.missions.signals import Signals
from swarm_consensus.missions.texts import describe, short
from swarm_consensus.protocols.missions.events import (
    CLOSING_TYPES,
    COMMAND_TYPES,
    MESSAGE_CHARACTERS_MAX,
    ActivityCancelled,
    ActivityCompleted,
    ActivityFailed,
    ActivityLost,
    ActivityScheduled,
    ActivityStarted,
    ActivityTimedOut,
    CancelRequested,
    ChildEnded,
    MissionCommandEvent,
    MissionStarted,
    Recorded,
    SideEffectRecorded,
    SignalReceived,
    TimerFired,
    VersionMarked,
    WorkerChanged,
)

MissionFunction = Callable[[Mission, Any], Coroutine[Any, Any, object]]

# Code that catches Cancelled and goes on asking would do so for ever.
REFUSED_MAX = 1_000

# Facts that the code does not hear of.
_UNHEARD = frozenset({WorkerChanged, ActivityStarted})


class Interpreter:
    """
    One run of one mission.

    :param function: the code.
    :param mission_id: of the mission.
    :ivar now_ms: committed time of the last fact that the code was told.
    :ivar problem: why it has stopped; None: it has not.
    :ivar position: how many events it has taken in.
    :ivar loop: where the code runs.
    :ivar waiting: futures that a fact will end, by the numbers of their commands.
    """

    def __init__(self, function: MissionFunction, mission_id: str) -> None:
        self.function = function
        self.mission_id = mission_id
        self.loop = Loop()
        self.now_ms = 0
        self.run_number = 0
        self.position = 0
        self.problem: NonDeterminismError | None = None
        self.random = Random()
        self.cancel_reason = ''
        self.cancel_requested = False
        self.mission = Mission(self)
        self.course = Course(self)
        self.signals = Signals(self)
        self.waiting: dict[int, Future[Any]] = {}
        self._pending: deque[tuple[MissionCommandEvent, Place]] = deque()
        self._emitted = 0
        self._matched = 0
        # Of all the history that is known, also what was not taken in yet.
        self._scanned = 0
        self._commands_known = 0
        self._markers: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._queries: dict[str, Callable[[Any], object]] = {}
        self._conditions: list[tuple[Callable[[], object], Future[None]]] = []
        self._querying = False
        # Steps that were refused since the last fact.
        self._refused = 0
        self._halted = False
        self._taken_down = False

    # -- what its worker asks ---------------------------------------------------------------------

    @property
    def pending(self) -> tuple[MissionCommandEvent, ...]:
        """Return what the code asks for and the history does not hold yet; () once it stopped."""
        if self.problem is not None:
            return ()
        return tuple([command for command, _ in self._pending])

    @property
    def commands(self) -> int:
        """Return how many numbered commands of the history it has taken in."""
        return self._matched

    @property
    def closed(self) -> bool:
        """Whether the history holds the end of this run, and it was taken in."""
        return self.course.closed and not self._pending

    def advance(self, history: Sequence[Recorded], events_max: int | None = None) -> bool:
        """
        Take in the history from where it left off.

        :param history: all of it; what was given before must not have changed.
        :param events_max: most events to take in now; None: all.
        :returns: whether all are taken in, or it has stopped.
        """
        self._scan(history)
        end = len(history)
        if events_max is not None:
            end = min(end, self.position + events_max)
        while self.position < end and self.problem is None:
            recorded = history[self.position]
            self.position += 1
            try:
                self._take(recorded)
            except NonDeterminismError as problem:
                self.stop(problem)
            except RunawayError as error:
                self.stop(NonDeterminismError(self._where(), self.position, str(error)))
            if self.problem is not None and not self._taken_down:
                self.close()
        return self.problem is not None or self.position >= len(history)

    def query(self, name: str, argument: bytes) -> bytes:
        """
        Ask the code something; it must not change anything by answering.

        :raises MissionError: it has no such query, or the query raised.
        """
        asked = self._queries.get(name)
        if asked is None:
            known = ', '.join(sorted(self._queries)) or 'none'
            raise MissionError(f"there is no query '{name}'; there are: {known}", 'NoQuery')
        self._querying = True
        try:
            return pack(asked(unpack(argument, 'the argument')), f"the answer to '{name}'")
        # The query is the user's: whatever it raises is the answer of this one question.
        except Exception as error:
            raise MissionError(f'{type(error).__name__}: {error}', 'QueryFailed') from error
        finally:
            self._querying = False

    def stop(self, problem: NonDeterminismError) -> None:
        """Stop for good."""
        if self.problem is None:
            self.problem = problem
            self.close()

    def close(self) -> None:
        """Take the code down; it is not used any more."""
        self._halted = self._taken_down = True
        self.loop.close(Halted())

    # -- history ----------------------------------------------------------------------------------

    def _scan(self, history: Sequence[Recorded]) -> None:
        for place in range(self._scanned, len(history)):
            event = history[place].event
            if type(event) is VersionMarked:
                self._markers.setdefault(event.change, event.version)
            elif type(event) in COMMAND_TYPES:
                self._commands_known += 1
        self._scanned = len(history)

    def _take(self, recorded: Recorded) -> None:
        event = recorded.event
        kind = type(event)
        if kind in _UNHEARD:
            return
        if kind in COMMAND_TYPES:
            self._match(event)  # type: ignore[arg-type]
            if kind is not SideEffectRecorded:
                return
        elif self.course.root is None and kind is not MissionStarted:
            raise NonDeterminismError(
                self._where(), self.position, f'the history begins with {describe(event)}'
            )
        self.now_ms = recorded.time_ms
        self._refused = 0
        _TAKE[kind](self, event)
        self._settle()

    def _settle(self) -> None:
        """Run until nothing moves."""
        self.loop.run()
        while self._conditions and self._check_conditions():
            self.loop.run()

    def _check_conditions(self) -> bool:
        for entry in self._conditions:
            condition, future = entry
            if future.done:
                self._conditions.remove(entry)
                return True
            try:
                met = condition()
            # The condition is the user's; who waits for it is told.
            except Exception as error:  # noqa: BLE001
                self._conditions.remove(entry)
                future.fail(error)
                return True
            if met:
                self._conditions.remove(entry)
                future.resolve(None)
                return True
        return False

    def _match(self, event: MissionCommandEvent) -> None:
        pending = self._pending
        if type(event) is VersionMarked:
            if pending and pending[0][0] == event:
                pending.popleft()
            return
        if not pending:
            waits = 'has ended' if self.course.closed else 'asks for nothing and waits'
            raise NonDeterminismError(
                self._where(),
                self.position,
                f'the code {waits}, but event {self.position} of its history is '
                f'{describe(event)}',
            )
        command, place = pending[0]
        if not _fits(command, event):
            raise NonDeterminismError(
                place_text(place),
                self.position,
                f'the code asks for {describe(command)}, but event {self.position} of its '
                f'history is {describe(event)}',
            )
        pending.popleft()
        self._matched += 1

    # -- facts ------------------------------------------------------------------------------------

    def _started(self, event: MissionStarted) -> None:
        if self.course.root is not None:
            raise NonDeterminismError(self._where(), self.position, 'the history begins twice')
        self.run_number = event.run
        seed = hashlib.blake2b(f'{self.mission_id}/{event.run}'.encode(), digest_size=16)
        self.random.seed(int.from_bytes(seed.digest(), 'big'))
        self.course.begin(event.input)

    def _activity_completed(self, event: ActivityCompleted) -> None:
        handle = self.waiting.pop(event.activity, None)
        if isinstance(handle, ActivityHandle):
            handle.completed(event)

    def _activity_ended(
        self, event: ActivityFailed | ActivityTimedOut | ActivityLost | ActivityCancelled
    ) -> None:
        if not isinstance(event, ActivityCancelled) and not event.final:
            return
        handle = self.waiting.pop(event.activity, None)
        if isinstance(handle, ActivityHandle):
            handle.ended(event)

    def _timer_fired(self, event: TimerFired) -> None:
        handle = self.waiting.pop(event.timer, None)
        if handle is not None:
            handle.resolve(None)

    def _child_ended(self, event: ChildEnded) -> None:
        handle = self.waiting.pop(event.child, None)
        if isinstance(handle, ChildHandle):
            handle.ended(event)

    def _side_effect(self, event: SideEffectRecorded) -> None:
        handle = self.waiting.pop(event.number, None)
        given = unpack(event.value, 'the side effect')
        if handle is None or not isinstance(given, dict):
            return
        if 'error' in given:
            kind, message = given['error']
            handle.fail(MissionError(message, kind))
        else:
            handle.resolve(given['value'])

    def _signalled(self, event: SignalReceived) -> None:
        self.signals.arrived(event)

    def _cancel(self, event: CancelRequested) -> None:
        if self.cancel_requested:
            return
        self.cancel_requested, self.cancel_reason = True, event.reason
        for task in tuple(self.loop.tasks.values()):
            task.cancel()

    # -- what `Mission` asks ----------------------------------------------------------------------

    def may_ask(self) -> None:
        """
        Check that the code may ask for something now.

        :raises Halted: it has been stopped.
        :raises Cancelled: it has been asked to end, and is in no shield.
        :raises RuntimeError: it is answering a query.
        """
        if self._halted:
            raise Halted
        if self._querying:
            raise RuntimeError('a query must not change anything: no step, timer or signal in it')
        current = self.loop.current
        if current is not None and current.must_end:
            self._refused += 1
            if self._refused > REFUSED_MAX:
                self.fatal(
                    f'the code was refused {REFUSED_MAX} steps after it was asked to end, and goes '
                    'on asking; let Cancelled through, or put clean-up into a shield'
                )
            raise Cancelled(self.cancel_reason or 'cancelled')

    def number(self) -> int:
        """Return the number of the command that comes next."""
        return self._emitted + 1

    def emit(self, command: MissionCommandEvent) -> None:
        """Put a command into the queue; if numbered, it has the number that `number` gave."""
        if type(command) is not VersionMarked:
            self._emitted += 1
        self._pending.append((command, self.course.place or caller()))

    def replace_last(self, command: MissionCommandEvent) -> None:
        """Ask for another command in place of the last one, which is not in the history yet."""
        self._pending[-1] = (command, self._pending[-1][1])

    def wait_for(self, number: int, future: Future[Any]) -> None:
        """Have the fact that ends a command end a future."""
        self.waiting[number] = future

    def forget(self, number: int) -> None:
        """Let the fact that ends a command end nothing."""
        self.waiting.pop(number, None)

    def side_effect(self, function: Callable[[], object]) -> bytes:
        """Return what a side effect is recorded as; where the history has it, nothing happens."""
        if self.number() <= self._commands_known:
            return b''
        try:
            return pack({'value': function()}, 'the side effect')
        # What the function raises is recorded as well: it comes again when the code is run again.
        except Exception as error:  # noqa: BLE001
            message = short(str(error), MESSAGE_CHARACTERS_MAX)
            return pack({'error': [type(error).__name__, message]}, 'the error of a side effect')

    def version(self, change: str, minimum: int, maximum: int) -> int:
        """Return the version of a change in this run; Mission.version describes it."""
        version = self._versions.get(change)
        if version is None:
            version = self._markers.get(change)
            if version is None:
                if self._emitted < self._commands_known:
                    # Code that knew nothing of this change has been here.
                    version = 0
                else:
                    version = maximum
                    self.emit(VersionMarked(change, version))
            self._versions[change] = version
        if not minimum <= version <= maximum:
            self.fatal(
                f"'{change}' stands at version {version} in this run, the code knows {minimum} to "
                f'{maximum}'
            )
        return version

    def fatal(self, message: str) -> None:
        """
        Stop, from within the code.

        :raises Halted: always.
        """
        self.problem = NonDeterminismError(place_text(caller()), self.position, message)
        self._halted = True
        raise Halted

    def handle_query(self, name: str, asked: Callable[[Any], object]) -> None:
        """Answer queries of a name by a function."""
        self._queries[name] = asked

    def condition(self, condition: Callable[[], object]) -> Future[None]:
        """Return a future that ends once a condition is met."""
        future: Future[None] = Future()
        self._conditions.append((condition, future))
        return future

    def _where(self) -> str:
        """Return where the code waits, or begins."""
        if self.course.root is not None and not self.course.root.done:
            places = [waits_at(task.coroutine) for task in self.loop.tasks.values()]
            found = [place_text(place) for place in places if place is not None]
            if found:
                return ', '.join(dict.fromkeys(found))
        return place_text(begin_of(self.function))


def _fits(command: MissionCommandEvent, event: MissionCommandEvent) -> bool:
    """
    Return whether a command is the one in the history.

    Times and retries may be other ones: those of the history hold. How the code ended is only
    compared in kind: nothing comes after it.
    """
    if type(command) is not type(event):
        return False
    if isinstance(event, ActivityScheduled):
        assert isinstance(command, ActivityScheduled)
        return (
            command.number == event.number
            and command.name == event.name
            and command.input == event.input
            and command.robot == event.robot
            and command.delivery == event.delivery
        )
    if isinstance(event, SideEffectRecorded):
        assert isinstance(command, SideEffectRecorded)
        return command.number == event.number
    if type(event) in CLOSING_TYPES:
        return True
    return command == event


_TAKE: dict[type, Callable[[Interpreter, Any], None]] = {
    MissionStarted: Interpreter._started,
    ActivityCompleted: Interpreter._activity_completed,
    ActivityFailed: Interpreter._activity_ended,
    ActivityTimedOut: Interpreter._activity_ended,
    ActivityLost: Interpreter._activity_ended,
    ActivityCancelled: Interpreter._activity_ended,
    TimerFired: Interpreter._timer_fired,
    ChildEnded: Interpreter._child_ended,
    SideEffectRecorded: Interpreter._side_effect,
    SignalReceived: Interpreter._signalled,
    CancelRequested: Interpreter._cancel,
}
