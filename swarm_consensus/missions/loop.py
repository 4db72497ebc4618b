"""
The loop that mission code runs on: futures and tasks, in one fixed order, and nothing of asyncio.

A task is stepped when what it waits for is done, in the order in which that happened. Between two
facts the loop runs until nothing is ready any more.

Cancellation is a state, not a shot: once a task is asked to end, everything that it waits for is
asked to end too, now and later, until it has ended, but what it does inside a shield. So clean-up
is written inside a shield, and cannot hang by accident elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar

from swarm_consensus.missions.errors import Cancelled

ValueT = TypeVar('ValueT')

# Steps after one fact before the code is said to run in a circle.
STEPS_MAX = 100_000


class RunawayError(Exception):
    """The code goes on and on without waiting for anything."""


class Future(Generic[ValueT]):
    """
    Something that will be done.

    :ivar retrieved: somebody has seen how it ended.
    """

    __slots__ = ('_callbacks', '_done', '_error', '_value', 'retrieved')

    def __init__(self) -> None:
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] | None = None
        self.retrieved = False

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._done

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error that is no cancellation."""
        return self._error is not None and not isinstance(self._error, Cancelled)

    @property
    def error(self) -> BaseException | None:
        """Return what it ended with, where it did not end well."""
        self.retrieved = True
        return self._error

    def result(self) -> ValueT:
        """
        Return what came of it; raises what it ended with.

        :raises RuntimeError: it has not ended.
        """
        if not self._done:
            raise RuntimeError('it has not ended yet; await it')
        self.retrieved = True
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def resolve(self, value: ValueT) -> None:
        """Let it end well; the first end counts."""
        self._end(value, None)

    def fail(self, error: BaseException) -> None:
        """Let it end with an error; the first end counts."""
        self._end(None, error)

    def cancel(self) -> None:
        """Ask it to end; it may take its time."""
        self.fail(Cancelled('cancelled'))

    def when_done(self, callback: Callable[[], None]) -> None:
        """Have a function called when it ends; at once where it has."""
        if self._done:
            callback()
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def _end(self, value: Any, error: BaseException | None) -> None:
        if self._done:
            return
        self._done, self._value, self._error = True, value, error
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback()

    def __await__(self) -> Generator[Future[Any], None, ValueT]:
        if not self._done:
            yield self
        return self.result()


class Task(Future[ValueT]):
    """
    A coroutine on its way.

    :ivar cancelled: it was asked to end.
    :ivar shield: depth of the shields that it is in.
    """

    __slots__ = ('_loop', '_ready', 'cancelled', 'coroutine', 'shield', 'waits_for')

    def __init__(self, loop: Loop, coroutine: Coroutine[Any, Any, ValueT], shield: int) -> None:
        super().__init__()
        self._loop = loop
        self._ready = False
        self.coroutine = coroutine
        self.cancelled = False
        self.shield = shield
        self.waits_for: Future[Any] | None = None

    @property
    def must_end(self) -> bool:
        """Whether it was asked to end, and is in no shield."""
        return self.cancelled and not self.shield

    def cancel(self) -> None:
        """Ask it to end."""
        if self._done:
            return
        self.cancelled = True
        if self.waits_for is not None and not self.shield:
            self.waits_for.cancel()

    def wake(self) -> None:
        """Have it stepped."""
        if not self._ready and not self._done:
            self._ready = True
            self._loop.ready.append(self)

    def step(self) -> None:
        """Run it to where it waits next."""
        self._ready = False
        self.waits_for = None
        error: BaseException | None = None
        while True:
            try:
                if error is None:
                    given = self.coroutine.send(None)
                else:
                    raised, error = error, None
                    given = self.coroutine.throw(raised)
            except StopIteration as end:
                self.resolve(end.value)
                return
            # The code is the user's: whatever it raises is how the task ends.
            except BaseException as raised:  # noqa: BLE001
                self.fail(raised)
                return
            if not isinstance(given, Future):
                error = RuntimeError(
                    'a mission can only await what `mission` gives it; put other waiting into an '
                    'activity'
                )
                continue
            if self.must_end and not given.done:
                given.cancel()
            if not given.done:
                break
        self.waits_for = given
        given.when_done(self.wake)


class Loop:
    """
    All tasks of a mission.

    :ivar ready: those to be stepped, in order.
    :ivar current: the one that is being stepped.
    :ivar tasks: those that have not ended, in the order in which they began.
    """

    def __init__(self) -> None:
        self.ready: deque[Task[Any]] = deque()
        self.current: Task[Any] | None = None
        self.tasks: dict[int, Task[Any]] = {}
        self._begun = 0

    def spawn(self, coroutine: Coroutine[Any, Any, ValueT]) -> Task[ValueT]:
        """Begin a task; it inherits the shield of the one that begins it."""
        current = self.current
        task = Task(self, coroutine, current.shield if current is not None else 0)
        task.cancelled = current is not None and current.cancelled
        self._begun += 1
        number = self._begun
        self.tasks[number] = task

        def ended() -> None:
            self.tasks.pop(number, None)

        task.when_done(ended)
        task.wake()
        return task

    def run(self) -> None:
        """
        Step tasks until none is ready.

        :raises RunawayError: that does not come.
        """
        ready = self.ready
        steps = 0
        while ready:
            task = self.current = ready.popleft()
            task.step()
            steps += 1
            if steps > STEPS_MAX:
                self.current = None
                raise RunawayError(f'{STEPS_MAX} steps without waiting for anything')
        self.current = None

    def close(self, error: BaseException) -> None:
        """
        Take the code down, the task that began last first.

        :param error: is raised where it waits.
        """
        for task in reversed(list(self.tasks.values())):
            self.current = task
            # Clean-up of code that is no longer wanted; what it raises or waits for is nobody's.
            with suppress(BaseException):
                task.coroutine.throw(error)
            with suppress(BaseException):
                task.coroutine.close()
            self.current = None
        self.tasks.clear()
        self.ready.clear()
