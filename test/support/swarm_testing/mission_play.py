"""A small world for one mission: does what its code asks for, and can kill its worker anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from swarm_consensus.missions import Interpreter, MissionFunction
from swarm_consensus.missions.payload import pack, unpack
from swarm_consensus.protocols.missions.events import (
    CLOSING_TYPES,
    ActivityCancelAsked,
    ActivityCancelled,
    ActivityCompleted,
    ActivityFailed,
    ActivityScheduled,
    ActivityStarted,
    CancelRequested,
    ChildCancelAsked,
    ChildEnded,
    ChildStarted,
    Event,
    MissionStarted,
    MissionStatus,
    Recorded,
    SignalReceived,
    TimerCancelled,
    TimerFired,
    TimerStarted,
    WorkerChanged,
)

Act = Callable[[str, Any], object]


class Play:
    """
    One run of a mission and its world.

    :param act: what activities do, by name and input: gives the result, or raises.
    :param crash: the worker dies after every event, and another one begins from the history.
    :ivar effects: what activities were run, in order.
    """

    def __init__(
        self,
        function: MissionFunction,
        input: object = None,
        act: Act = lambda name, given: given,
        *,
        crash: bool = False,
    ) -> None:
        self.function = function
        self.act = act
        self.crash = crash
        self.history: list[Recorded] = []
        self.effects: list[tuple[str, Any]] = []
        self.open: dict[int, ActivityScheduled] = {}
        self.timers: dict[int, int] = {}
        self.children: dict[int, ChildStarted] = {}
        self.time_ms = 0
        self.worker = Interpreter(function, 'm')
        self.add(MissionStarted('mission', pack(input, 'the input'), 1))

    def add(self, event: Event) -> None:
        """Append an event, and have the worker take it in; or a new worker the whole history."""
        self.history.append(Recorded(self.time_ms, event))
        if self.crash:
            if len(self.history) % 3 == 0 and not self.closed:
                self.history.append(Recorded(self.time_ms, WorkerChanged('r2', 2)))
            self.worker.close()
            self.worker = Interpreter(self.function, 'm')
        self.worker.advance(self.history)

    def append(self) -> bool:
        """Append the first command that the code asks for; returns whether there was one."""
        pending = self.worker.pending
        if not pending:
            return False
        command = pending[0]
        if isinstance(command, ActivityScheduled):
            self.open[command.number] = command
        elif isinstance(command, TimerStarted):
            self.timers[command.number] = self.time_ms + command.duration_ms
        elif isinstance(command, TimerCancelled):
            self.timers.pop(command.timer, None)
        elif isinstance(command, ChildStarted):
            self.children[command.number] = command
        self.add(command)
        if isinstance(command, ActivityCancelAsked) and command.activity in self.open:
            del self.open[command.activity]
            self.add(ActivityCancelled(command.activity))
        elif isinstance(command, ChildCancelAsked) and self.children.pop(command.child, None):
            status = MissionStatus.CANCELLED
            self.add(ChildEnded(command.child, status, b'', '', 'cancelled'))
        return True

    def happen(self) -> bool:
        """Let the next activity, child or else timer happen; returns whether one did."""
        if self.open:
            number, asked = next(iter(self.open.items()))
            del self.open[number]
            self.add(ActivityStarted(number, 1, 'r1', 1))
            given = unpack(asked.input, 'the input')
            self.effects.append((asked.name, given))
            try:
                result = self.act(asked.name, given)
            except ValueError as error:
                self.add(ActivityFailed(number, 1, 'ValueError', str(error), True))
            else:
                self.add(ActivityCompleted(number, 1, pack(result, 'the result')))
            return True
        if self.children:
            number, child = next(iter(self.children.items()))
            del self.children[number]
            self.add(ChildEnded(number, MissionStatus.COMPLETED, child.input, '', ''))
            return True
        if self.timers:
            number = min(self.timers, key=lambda each: (self.timers[each], each))
            self.time_ms = max(self.time_ms, self.timers.pop(number))
            self.add(TimerFired(number))
            return True
        return False

    def settle(self) -> None:
        """Append all that the code asks for."""
        while self.worker.problem is None and self.append():
            pass

    def run(self) -> Event:
        """Let everything happen until the mission ends or waits for the outside; last event."""
        self.settle()
        while self.worker.problem is None and not self.closed and self.happen():
            self.settle()
        return self.history[-1].event

    @property
    def closed(self) -> bool:
        """Whether the history has its end."""
        return type(self.history[-1].event) in CLOSING_TYPES

    def signal(self, name: str, payload: object = None) -> None:
        """Tell the mission something."""
        self.add(SignalReceived(name, pack(payload, 'the signal')))
        self.settle()

    def cancel(self, reason: str = 'enough') -> None:
        """Ask the mission to end."""
        self.add(CancelRequested(reason))
        self.settle()

    @property
    def events(self) -> list[Event]:
        """Return the history without what the code does not hear of."""
        unheard = (WorkerChanged, ActivityStarted)
        return [each.event for each in self.history if not isinstance(each.event, unheard)]


def replays(
    function: MissionFunction, history: list[Recorded]
) -> Iterable[tuple[int, Interpreter]]:
    """Give, for every prefix of a history, an interpreter that has taken it in."""
    for length in range(1, len(history) + 1):
        interpreter = Interpreter(function, 'm')
        interpreter.advance(history[:length])
        yield length, interpreter
        interpreter.close()
