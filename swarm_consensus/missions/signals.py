"""Signals that a mission has been sent: those that wait, and those who wait for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from swarm_consensus.missions.errors import Cancelled, Halted
from swarm_consensus.missions.loop import Future
from swarm_consensus.missions.payload import unpack
from swarm_consensus.protocols.missions.events import SignalReceived

if TYPE_CHECKING:
    from swarm_consensus.missions.interpreter import Interpreter

Handler = Callable[[Any], object]


class Signals:
    """
    The signals of one run.

    A signal goes to who has waited the longest for one of its name, else to the handler of its
    name, else it is kept.
    """

    def __init__(self, engine: Interpreter) -> None:
        self._engine = engine
        # In order: names and payloads of those that nobody has read.
        self._kept: list[SignalReceived] = []
        self._receivers: dict[str, deque[Future[object]]] = {}
        self._handlers: dict[str, Handler] = {}

    @property
    def unread(self) -> tuple[SignalReceived, ...]:
        """Return those that nobody has read, in order."""
        return tuple(self._kept)

    def arrived(self, event: SignalReceived) -> None:
        """Take one in."""
        if self._engine.course.continued is not None:
            # Whoever would hear it here is being ended.
            self._kept.append(event)
            self._engine.course.signalled()
            return
        receivers = self._receivers.get(event.name)
        while receivers:
            receiver = receivers.popleft()
            if not receiver.done:
                receiver.resolve(_payload(event))
                return
        handler = self._handlers.get(event.name)
        if handler is not None:
            self._handle(handler, event)
        else:
            self._kept.append(event)

    def receive(self, name: str) -> Future[object]:
        """Return a future of the next signal of a name."""
        future: Future[object] = Future()
        for place, event in enumerate(self._kept):
            if event.name == name:
                del self._kept[place]
                future.resolve(_payload(event))
                return future
        self._receivers.setdefault(name, deque()).append(future)
        return future

    def handle(self, name: str, handler: Handler) -> None:
        """Have a function called for each signal of a name, also for those that came before."""
        self._handlers[name] = handler
        waiting = [event for event in self._kept if event.name == name]
        self._kept = [event for event in self._kept if event.name != name]
        for event in waiting:
            self._handle(handler, event)

    def _handle(self, handler: Handler, event: SignalReceived) -> None:
        async def handled() -> None:
            given = handler(_payload(event))
            if isinstance(given, Coroutine):
                await given

        engine = self._engine
        # It is nobody's part: it is in no shield, whoever registered it.
        current, engine.loop.current = engine.loop.current, None
        task = engine.loop.spawn(handled())
        engine.loop.current = current
        task.cancelled = engine.cancel_requested

        def done() -> None:
            error = task.error
            if error is not None and not isinstance(error, Cancelled | Halted):
                engine.course.fail(error)

        task.when_done(done)


def _payload(event: SignalReceived) -> object:
    return unpack(event.payload, f"signal '{event.name}'")
