"""
What the author of a mission works with.

A mission is an ordinary `async def` function of `(mission, input)`. It may be run again from its
history at any time, on another robot: all that it does to the world it does in activities, all
that it learns of the world it learns from `mission`, and it always does the same with the same.
So: no clock but `mission.now()`, no dice but `mission.random`, no files, sensors or threads, and no
order that comes from a `set`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn

from swarm_consensus.missions.errors import (
    Cancelled,
    Continued,
    HistoryFullError,
    TimedOutError,
)
from swarm_consensus.missions.handles import ActivityHandle, ChildHandle, TimerHandle
from swarm_consensus.missions.loop import Future, Task
from swarm_consensus.missions.payload import pack
from swarm_consensus.missions.places import caller
from swarm_consensus.protocols.missions.events import (
    ATTEMPTS_MAX,
    DURATION_MS_MAX,
    FACTOR_PERCENT_MAX,
    FACTOR_PERCENT_MIN,
    FINAL_KINDS_MAX,
    ID_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    ActivityScheduled,
    ChildStarted,
    Delivery,
    Retry,
    SideEffectRecorded,
    TimerStarted,
)
from swarm_consensus.protocols.missions.operations import (
    HISTORY_EVENTS_ADVISED,
    HISTORY_EVENTS_MAX,
)

if TYPE_CHECKING:
    from swarm_consensus.missions.interpreter import Interpreter

_RETRY = Retry()


class Mission:
    """The mission as its own code sees it."""

    def __init__(self, engine: Interpreter) -> None:
        self._engine = engine

    # -- what it knows ----------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Return the name of this mission in the swarm."""
        return self._engine.mission_id

    @property
    def run(self) -> int:
        """Return which run this is, from 1; each `continue_as_new` begins another one."""
        return self._engine.run_number

    @property
    def random(self) -> Random:
        """Return random numbers that come again when the code is run again."""
        self._engine.may_ask()
        return self._engine.random

    @property
    def history_length(self) -> int:
        """Return how many events this run has so far."""
        return self._engine.position

    @property
    def continue_advised(self) -> bool:
        """Whether the history has become long enough to `continue_as_new` where that fits."""
        return self._engine.position >= HISTORY_EVENTS_ADVISED

    @property
    def cancel_requested(self) -> bool:
        """Whether the mission has been asked to end."""
        return self._engine.cancel_requested

    def now(self) -> float:
        """Return committed time in seconds; it is the swarm's, and no time of day."""
        return self._engine.now_ms / 1000

    # -- steps ------------------------------------------------------------------------------------

    def activity(
        self,
        name: str,
        input: object = None,
        *,
        robot: str = '',
        delivery: Delivery = Delivery.AT_LEAST_ONCE,
        schedule_to_start: float = 0.0,
        start_to_close: float = 0.0,
        heartbeat: float = 0.0,
        retry: Retry = _RETRY,
        wait_cancelled: bool = True,
    ) -> ActivityHandle:
        """
        Have something done in the world; await what comes back for its result.

        It begins at once, whether awaited or not; what is under way when the mission ends is asked
        to end first.

        :param name: as it is registered on the robots.
        :param input: what JSON can hold; the result likewise.
        :param robot: who does it; '': the mission's worker, ANY_ROBOT: whoever can.
        :param delivery: whether it may be done again where nobody knows whether it was done.
        :param schedule_to_start: s; longest time before it is begun; 0: as long as it takes.
        :param start_to_close: s; longest time of one attempt; 0: as long as it takes.
        :param heartbeat: s; longest time without a sign of life from it; 0: it gives none.
        :param retry: when it is done again after an error.
        :param wait_cancelled: a cancellation waits until it has ended.
        :raises ActivityError: when awaited: it failed for good.
        """
        engine = self._engine
        self._may_step()
        _check(robot, delivery, retry)
        number = engine.number()
        command = ActivityScheduled(
            number,
            _name(name, 'an activity'),
            pack(input, f"the input of '{name}'"),
            robot,
            delivery,
            _ms(schedule_to_start, 'schedule_to_start'),
            _ms(start_to_close, 'start_to_close'),
            _ms(heartbeat, 'heartbeat'),
            retry,
        )
        engine.emit(command)
        return ActivityHandle(engine, number, name, wait_cancelled)

    def sleep(self, seconds: float) -> TimerHandle:
        """Wait for a time, which may pass while no robot runs the mission."""
        engine = self._engine
        self._may_step()
        number = engine.number()
        engine.emit(TimerStarted(number, _ms(seconds, 'the time')))
        return TimerHandle(engine, number, 'timer', True)

    def child(self, name: str, input: object = None) -> ChildHandle:
        """
        Have another mission run as a child of this one; await it for its result.

        :raises ChildError: when awaited: it failed, or somebody else cancelled it.
        """
        engine = self._engine
        self._may_step()
        number = engine.number()
        data = pack(input, f"the input of '{name}'")
        engine.emit(ChildStarted(number, _name(name, 'a child'), data))
        return ChildHandle(engine, number, name, True)

    def side_effect(self, function: Callable[[], object]) -> Future[object]:
        """
        Call a function now, and its value back whenever the code is run again.

        For what is quick and reads something that differs from robot to robot, such as a file name;
        all else is an activity. It is called again where its robot dies before the value is
        committed.

        :raises MissionError: when awaited: the function raised; `kind` says what.
        """
        engine = self._engine
        self._may_step()
        number = engine.number()
        engine.emit(SideEffectRecorded(number, engine.side_effect(function)))
        future: Future[object] = _Recorded()
        engine.wait_for(number, future)
        return future

    # -- what others say --------------------------------------------------------------------------

    def wait_signal(self, name: str) -> Future[object]:
        """Wait for the next signal of a name; those that came before it was asked for count."""
        self._engine.may_ask()
        return self._engine.signals.receive(name)

    def on_signal(self, name: str, handler: Callable[[Any], object]) -> None:
        """Have a function, or coroutine function, called with each signal of a name."""
        self._engine.may_ask()
        self._engine.signals.handle(name, handler)

    def on_query(self, name: str, answer: Callable[[Any], object]) -> None:
        """Answer questions from outside by a function, which must not change anything."""
        self._engine.handle_query(name, answer)

    def wait_until(self, condition: Callable[[], object]) -> Future[None]:
        """Wait until a function of the mission's own variables gives something true."""
        self._engine.may_ask()
        return self._engine.condition(condition)

    # -- several things at once -------------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task[Any]:
        """Run a coroutine beside this one; await what comes back for its result."""
        try:
            self._engine.may_ask()
        except BaseException:
            coroutine.close()
            raise
        return self._engine.course.spawn(coroutine)

    async def gather(self, *parts: Awaitable[Any], return_errors: bool = False) -> list[Any]:
        """
        Wait for all of them; returns their results in order.

        :param return_errors: errors stand among the results. Else the first one ends it: the
            others are asked to end, and it is raised once all have.
        """
        futures = [self._future(part) for part in parts]
        done: Future[None] = _Parts(futures)
        left = len(futures)

        def one_done(future: Future[Any]) -> None:
            nonlocal left
            left -= 1
            if not left:
                done.resolve(None)
            elif future.failed and not return_errors:
                done.cancel()

        for future in futures:
            future.when_done(lambda future=future: one_done(future))  # type: ignore[misc]
        if not futures:
            done.resolve(None)
        await done
        if return_errors:
            return [future.result() if future.error is None else future.error for future in futures]
        for failed in (True, False):
            for future in futures:
                if future.error is not None and (future.failed or not failed):
                    raise future.error
        return [future.result() for future in futures]

    async def select(self, *parts: Awaitable[Any]) -> tuple[int, Future[Any]]:
        """
        Wait for the first of them; the others go on.

        :returns: its place among them, and itself, whose `result()` may raise.
        """
        futures = [self._future(part) for part in parts]
        if not futures:
            raise ValueError('there is nothing to select from')
        first: Future[None] = Future()
        for future in futures:
            future.when_done(lambda: first.resolve(None))
        await first
        return next((n, future) for n, future in enumerate(futures) if future.done)

    async def within(self, seconds: float, part: Awaitable[Any]) -> Any:
        """
        Wait for something, for a time at most.

        :raises TimedOutError: the time is over; it has been asked to end, and has.
        """
        future = self._future(part)
        if future.done:
            return future.result()
        timer = self.sleep(seconds)
        try:
            await self.select(future, timer)
        finally:
            with self.shield():
                if not timer.done:
                    timer.cancel()
                elif not future.done:
                    future.cancel()
                    await _ended(future)
        if isinstance(future.error, Cancelled):
            raise TimedOutError(f'not done within {seconds:g} s')
        return future.result()

    # -- how it ends ------------------------------------------------------------------------------

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Let what is inside be finished though the mission is asked to end meanwhile."""
        task = self._engine.loop.current
        if task is None:
            raise RuntimeError('a shield is for the code of a mission')
        task.shield += 1
        try:
            yield
        finally:
            task.shield -= 1

    def compensate(
        self, what: str | Callable[[], object], input: object = None, **options: Any
    ) -> None:
        """
        Have something undone should the mission fail or be cancelled; the last is undone first.

        It is not interrupted, and what goes wrong with it does not keep the others from being done.

        :param what: an activity, with `input` and options as for `activity`; or a coroutine
            function.
        """
        self._engine.may_ask()
        if isinstance(what, str):
            name = what
            pack(input, f"the input of '{name}'")

            def what() -> object:
                return self.activity(name, input, **options)

        self._engine.course.compensate(what, caller())

    def continue_as_new(self, input: object = None) -> NoReturn:
        """
        Begin anew with another input and an empty history; signals not read yet go along.

        What is to be compensated is forgotten: pass it on in the input.
        """
        self._engine.may_ask()
        raise Continued(pack(input, 'the input of the new run'))

    # -- code that changes ------------------------------------------------------------------------

    def version(self, change: str, minimum: int, maximum: int) -> int:
        """
        Return which code to run in this run, where the code has been changed.

        :param change: name of the change.
        :param minimum: lowest version that the code still knows; 0: that before the change.
        :param maximum: the version that it has now; runs that come here anew get it.
        """
        self._engine.may_ask()
        if not 0 <= minimum <= maximum:
            raise ValueError(f'versions {minimum} to {maximum}; they are numbers from 0')
        return self._engine.version(_name(change, 'a change'), minimum, maximum)

    # -- inside -----------------------------------------------------------------------------------

    def _may_step(self) -> None:
        engine = self._engine
        engine.may_ask()
        if engine.position >= HISTORY_EVENTS_MAX and not engine.course.ending:
            raise HistoryFullError(
                f'the history of this run has {engine.position} events, of {HISTORY_EVENTS_MAX}; '
                'call mission.continue_as_new before that, as soon as mission.continue_advised'
            )

    def _future(self, part: Awaitable[Any]) -> Future[Any]:
        if isinstance(part, Future):
            return part
        if isinstance(part, Coroutine):
            return self.spawn(part)
        raise TypeError(f'a mission cannot wait for a {type(part).__name__}')


class _Recorded(Future[object]):
    """A side effect: it has happened, so it cannot be asked to end."""

    __slots__ = ()

    def cancel(self) -> None:
        """Do nothing: the value comes with the next commit."""


class _Parts(Future[None]):
    """All of several futures; asked to end, it asks them, and ends when they have."""

    __slots__ = ('_asked', '_futures')

    def __init__(self, futures: list[Future[Any]]) -> None:
        super().__init__()
        self._futures = futures
        self._asked = False

    def cancel(self) -> None:
        """Ask every part to end."""
        if not self._asked:
            self._asked = True
            for future in self._futures:
                if not future.done:
                    future.cancel()


def _ended(future: Future[Any]) -> Future[None]:
    """Return what is done when a future has ended, however that was."""
    ended: Future[None] = Future()
    future.when_done(lambda: ended.resolve(None))
    return ended


def _name(name: str, what: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        raise ValueError(f'the name of {what} has 1 to {NAME_CHARACTERS_MAX} characters')
    name.encode()
    return name


def _check(robot: str, delivery: Delivery, retry: Retry) -> None:
    """Refuse here what could not go into the log."""
    if not isinstance(robot, str) or len(robot) > ID_CHARACTERS_MAX:
        raise ValueError(f'the name of a robot has {ID_CHARACTERS_MAX} characters at most')
    robot.encode()
    if not isinstance(delivery, Delivery):
        raise ValueError(f'delivery is {delivery!r}; it is one of Delivery')
    if not (
        1 <= retry.attempts_max <= ATTEMPTS_MAX
        and 0 <= retry.first_ms <= DURATION_MS_MAX
        and 0 <= retry.longest_ms <= DURATION_MS_MAX
        and FACTOR_PERCENT_MIN <= retry.factor_percent <= FACTOR_PERCENT_MAX
        and len(retry.final_kinds) <= FINAL_KINDS_MAX
    ):
        raise ValueError(
            f'{retry}: attempts_max is from 1 to {ATTEMPTS_MAX}, times from 0 to a year, '
            f'factor_percent from {FACTOR_PERCENT_MIN} to {FACTOR_PERCENT_MAX}, and there are '
            f'{FINAL_KINDS_MAX} final kinds at most'
        )
    for kind in retry.final_kinds:
        _name(kind, 'a final kind')


def _ms(seconds: float, what: str) -> int:
    """Return a time in milliseconds, rounded up."""
    if not 0 <= seconds <= DURATION_MS_MAX / 1000:
        raise ValueError(f'{what} is {seconds:g} s; it must be from 0 to a year')
    return -int(-seconds * 1000 // 1)
