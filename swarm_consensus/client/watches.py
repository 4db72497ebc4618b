"""What a client watches: decisions and status as they come, by callback or by async iterator."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
import inspect
import threading
from typing import Any, Generic, TypeVar

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.task import Future

from swarm_consensus.client.errors import OverrunError
from swarm_consensus.client.patience import PatientFuture
from swarm_consensus.client.values import Decision
from swarm_consensus.decision.types import Level

T = TypeVar('T')

# Values that an iterator holds for one who is slow to take them.
BACKLOG_MAX = 10_000
# Of a subscription that ends while the node spins: in a MultiThreadedExecutor that may be while
# another thread gathers what it waits for, and rclpy bears that of a subscription, but not of the
# handlers of its events, and spin() raises.
NO_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)


def concerns(decision: Decision, subject: str) -> bool:
    """
    Return whether a decision is about a subject or an instance of it.

    :param subject: 'sign' is also asked by 'sign/object_17'; empty: every subject.
    """
    return (
        not subject or decision.subject == subject or decision.subject.startswith(f'{subject}/')
    )


def overrun() -> OverrunError:
    """Return the error for a consumer that is too slow."""
    return OverrunError(
        f'more than {BACKLOG_MAX} values waited to be taken; read the log or the keys for the rest'
    )


class DecisionFilter:
    """
    Passes on the decisions that a watch wants, each once.

    A robot that was restarted publishes again what its log holds; those are known already by
    their place in the log.

    :param answered_only: leave out NO_QUORUM, UNDECIDED and whatever else names no answer.
    """

    def __init__(self, subject: str, answered_only: bool) -> None:
        self._subject = subject
        self._answered_only = answered_only
        self._last_index = 0

    def wants(self, decision: Decision) -> bool:
        """Return whether to pass on a decision, and remember it."""
        if not concerns(decision, self._subject):
            return False
        if self._answered_only and not decision.answered:
            return False
        if decision.level is Level.COMMITTED and decision.answered:
            if decision.index <= self._last_index:
                return False
            self._last_index = decision.index
        return True


class Watch:
    """
    A standing wish to be told; ends with `close()` or with its client.

    :param stop: releases what feeds it; called once.
    """

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def close(self) -> None:
        """End it; harmless where it has ended."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._stop()


class Stream(Watch, AsyncIterator[T], Generic[T]):
    """
    A watch as an async iterator for coroutines that an rclpy executor runs.

    :param newest_only: hold only the newest value for a slow consumer; otherwise all, and where
        they are too many the iterator raises OverrunError.
    :param node: whose executor runs the coroutines.
    """

    def __init__(
        self, stop: Callable[[], object], newest_only: bool, node: Node | None = None
    ) -> None:
        super().__init__(stop)
        self._node = node
        self._held: deque[T] = deque()
        self._newest_only = newest_only
        self._overrun = False
        self._waiting: Future | None = None

    def push(self, value: T) -> None:
        """Hand in a value; in the executor's thread."""
        if self._newest_only:
            self._held.clear()
        elif len(self._held) >= BACKLOG_MAX:
            self._overrun = True
            return
        self._held.append(value)
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def close(self) -> None:
        """End it; whoever iterates gets what is held and then the end."""
        super().close()
        self._wake()

    async def __anext__(self) -> T:
        while not self._held:
            if self._overrun:
                self._overrun = False
                raise overrun()
            if self.closed:
                raise StopAsyncIteration
            if self._waiting is None:
                self._waiting = PatientFuture(self._node)
            await self._waiting
        return self._held.popleft()


def as_subscription(
    callback: Callable[[T], object], convert: Callable[[Any], T | None]
) -> Callable[[Any], None] | Callable[[Any], Coroutine[Any, Any, None]]:
    """
    Return a subscription's callback that converts and passes on.

    :param callback: plain or a coroutine function; both kinds of executor tell them apart by the
        function, so the kind is kept.
    :param convert: the value of a message, or None to pass over it.
    """
    if inspect.iscoroutinefunction(callback):

        async def receive_async(message: Any) -> None:
            value = convert(message)
            if value is not None:
                await callback(value)

        return receive_async

    def receive(message: Any) -> None:
        value = convert(message)
        if value is not None:
            callback(value)

    return receive
