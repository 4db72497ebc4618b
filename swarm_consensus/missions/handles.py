"""What a mission holds in its hand of a step that is under way: await it, or ask it to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarm_consensus.missions.errors import (
    ActivityError,
    ActivityTimedOutError,
    ActivityUnknownError,
    Cancelled,
    ChildError,
)
from swarm_consensus.missions.loop import Future
from swarm_consensus.missions.payload import unpack
from swarm_consensus.protocols.missions.events import (
    ActivityCancelAsked,
    ActivityCancelled,
    ActivityCompleted,
    ActivityFailed,
    ActivityLost,
    ActivityTimedOut,
    ChildCancelAsked,
    ChildEnded,
    MissionStatus,
    Timeout,
    TimerCancelled,
)

if TYPE_CHECKING:
    from swarm_consensus.missions.interpreter import Interpreter


class _Handle(Future[object]):
    """
    A step under way.

    :ivar number: of its command.
    """

    __slots__ = ('_asked', '_engine', '_name', '_wait', 'number')

    def __init__(self, engine: Interpreter, number: int, name: str, wait: bool) -> None:
        super().__init__()
        self._engine = engine
        self._name = name
        self._wait = wait
        self._asked = False
        self.number = number
        engine.wait_for(number, self)


class ActivityHandle(_Handle):
    """
    An activity under way.

    :param wait: a cancellation waits until the activity has ended.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """Ask it to end; await it to know that it has."""
        if self._done or self._asked:
            return
        self._asked = True
        engine = self._engine
        engine.emit(ActivityCancelAsked(engine.number(), self.number))
        if not self._wait:
            engine.forget(self.number)
            self.fail(Cancelled(f"activity '{self._name}' was asked to end"))

    def completed(self, event: ActivityCompleted) -> None:
        """Note that it ended well."""
        self.resolve(unpack(event.result, f"the result of '{self._name}'"))

    def ended(
        self, event: ActivityFailed | ActivityTimedOut | ActivityLost | ActivityCancelled
    ) -> None:
        """Note that it ended otherwise, for good."""
        what = f"activity '{self._name}'"
        if isinstance(event, ActivityCancelled):
            self.fail(Cancelled(f'{what} was cancelled'))
        elif isinstance(event, ActivityFailed):
            self.fail(ActivityError(f'{what}: {event.message}', event.kind))
        elif isinstance(event, ActivityTimedOut):
            started = event.timeout is not Timeout.SCHEDULE_TO_START
            which = event.timeout.name.lower().replace('_', '-')
            self.fail(ActivityTimedOutError(f'{what} ran out of {which} time', started))
        else:
            self.fail(
                ActivityUnknownError(f'{what} was begun, and how far it came is not known')
            )


class TimerHandle(_Handle):
    """A timer under way."""

    __slots__ = ()

    def cancel(self) -> None:
        """Stop it."""
        if self._done:
            return
        engine = self._engine
        engine.emit(TimerCancelled(engine.number(), self.number))
        engine.forget(self.number)
        self.fail(Cancelled('the timer was cancelled'))


class ChildHandle(_Handle):
    """A child mission under way."""

    __slots__ = ()

    def cancel(self) -> None:
        """Ask it to end; await it to know that it has."""
        if self._done or self._asked:
            return
        self._asked = True
        engine = self._engine
        engine.emit(ChildCancelAsked(engine.number(), self.number))

    def ended(self, event: ChildEnded) -> None:
        """Note how it ended."""
        what = f"child '{self._name}'"
        if event.status is MissionStatus.COMPLETED:
            self.resolve(unpack(event.result, f'the result of {what}'))
        elif event.status is MissionStatus.CANCELLED and self._asked:
            self.fail(Cancelled(f'{what} was cancelled'))
        else:
            kind = event.kind or event.status.name
            self.fail(ChildError(f'{what}: {event.message or event.status.name}', kind))
