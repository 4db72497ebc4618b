"""
The course of a mission from its beginning to its end.

However the code ends, what it has begun is asked to end and waited for; then, unless it completed,
what it has done is undone, the last first; and only then the end is put into the history.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from swarm_consensus.missions.errors import Cancelled, Continued, Halted, MissionError
from swarm_consensus.missions.handles import ActivityHandle, ChildHandle
from swarm_consensus.missions.loop import Future, Task
from swarm_consensus.missions.payload import pack, unpack
from swarm_consensus.missions.places import Place, begin_of, place_text, raised_at
from swarm_consensus.missions.texts import short
from swarm_consensus.protocols.missions.events import (
    MESSAGE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    SIGNALS_KEPT_MAX,
    MissionCancelled,
    MissionCommandEvent,
    MissionCompleted,
    MissionContinued,
    MissionFailed,
)

if TYPE_CHECKING:
    from swarm_consensus.missions.interpreter import Interpreter


class Course:
    """
    The course of one run.

    :ivar ending: the code has returned or raised; only what has to be undone is still done.
    :ivar continued: it goes on as a new run; what comes from here on is for that one.
    :ivar closed: the end has been asked for.
    :ivar place: of what is asked for on behalf of the user's code; None: it asks itself.
    """

    def __init__(self, engine: Interpreter) -> None:
        self.ending = False
        self.continued: Continued | None = None
        self.closed = False
        self.place: Place | None = None
        self.root: Task[None] | None = None
        self._engine = engine
        self._compensations: list[tuple[Callable[[], object], Place]] = []
        self._unseen: list[Task[Any]] = []
        self._failure: BaseException | None = None

    def begin(self, data: bytes) -> None:
        """Begin."""
        self.root = self._engine.loop.spawn(self._main(data))

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Task[Any]:
        """Begin a task; where nobody sees that it failed, the mission ends with its error."""
        task = self._engine.loop.spawn(coroutine)

        def done() -> None:
            if task.failed:
                self._unseen.append(task)

        task.when_done(done)
        return task

    def compensate(self, action: Callable[[], object], place: Place) -> None:
        """Have something done should the mission not complete."""
        self._compensations.append((action, place))

    def fail(self, error: BaseException) -> None:
        """End the mission with an error that nobody waits for."""
        if self._failure is None and self.root is not None and not self.root.done:
            self._failure = error
            self.root.cancel()

    async def _main(self, data: bytes) -> None:
        engine = self._engine
        error: BaseException | None = None
        result = b'null'
        try:
            argument = unpack(data, 'the input')
            result = pack(await engine.function(engine.mission, argument), 'the result')
        # What the code raises is how the mission ends; it is in its history.
        except BaseException as raised:  # noqa: BLE001
            if isinstance(raised, Halted | GeneratorExit):
                raise
            error = raised
        root = self.root
        assert root is not None
        root.shield += 1
        self.ending = True
        if isinstance(error, Continued):
            self.continued = error
        await self._end_the_rest(root)
        for task in self._unseen:
            if self._failure is None and not task.retrieved:
                self._failure = task.error
        if self._failure is not None and (error is None or isinstance(error, Cancelled)):
            error = self._failure
        number = engine.number
        if error is None:
            self._close(MissionCompleted(number(), result), None)
        elif isinstance(error, Continued):
            self._close(self._new_run(number(), error), None)
        else:
            failed = await self._undo()
            place = raised_at(error, engine.function)
            self._close(self._end_of(error, place, failed), place)

    def signalled(self) -> None:
        """Note that a signal is for the new run; the end may be on its way into the history."""
        pending = self._engine.pending
        end = pending[-1] if pending else None
        # It may be too many of them by now, and fail for that.
        if self.continued is not None and isinstance(end, MissionContinued | MissionFailed):
            self._engine.replace_last(self._new_run(end.number, self.continued))

    def _new_run(self, number: int, error: Continued) -> MissionContinued | MissionFailed:
        """Return the end of a run that goes on as a new one, with what nobody has read."""
        kept = self._engine.signals.unread
        if len(kept) > SIGNALS_KEPT_MAX:
            message = f'{len(kept)} signals are unread, {SIGNALS_KEPT_MAX} can be handed on'
            return MissionFailed(number, 'TooManySignals', message)
        return MissionContinued(number, error.input, kept)

    async def _end_the_rest(self, root: Task[None]) -> None:
        """Ask everything that is under way to end, and wait until it has."""
        engine = self._engine
        while True:
            tasks = [task for task in engine.loop.tasks.values() if task is not root]
            steps = [
                handle
                for handle in engine.waiting.values()
                if isinstance(handle, ActivityHandle | ChildHandle)
            ]
            if not tasks and not steps:
                return
            self.place = begin_of(engine.function)
            for each in [*tasks, *steps]:
                each.cancel()
            self.place = None
            for each in [*tasks, *steps]:
                ended: Future[None] = Future()
                each.when_done(lambda ended=ended: ended.resolve(None))  # type: ignore[misc]
                await ended

    async def _undo(self) -> list[str]:
        """Compensate, the last first; returns what went wrong with it."""
        failed = []
        while self._compensations:
            action, self.place = self._compensations.pop()
            place = place_text(self.place)
            try:
                given = action()
                self.place = None
                if isinstance(given, Future | Coroutine):
                    await given
            except (Halted, GeneratorExit):
                raise
            # The others still have to be done; the end of the mission tells of this one.
            except BaseException as error:  # noqa: BLE001
                failed.append(f'{place}: {type(error).__name__}: {error}')
            finally:
                self.place = None
        return failed

    def _end_of(
        self, error: BaseException, place: Place | None, failed: list[str]
    ) -> MissionCommandEvent:
        engine = self._engine
        undone = f'; not compensated: {"; ".join(failed)}' if failed else ''
        if isinstance(error, Cancelled):
            message = short(f'{engine.cancel_reason or error}{undone}', MESSAGE_CHARACTERS_MAX)
            return MissionCancelled(engine.number(), message)
        kind = error.kind if isinstance(error, MissionError) else type(error).__name__
        where = f' ({place_text(place)})' if place is not None else ''
        message = short(f'{error}{where}{undone}', MESSAGE_CHARACTERS_MAX)
        return MissionFailed(engine.number(), short(kind, NAME_CHARACTERS_MAX), message)

    def _close(self, command: MissionCommandEvent, place: Place | None) -> None:
        self.place = place or begin_of(self._engine.function)
        self._engine.emit(command)
        self.place = None
        self.closed = True
