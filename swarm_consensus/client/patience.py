"""
Futures that a user's coroutine may await in any executor without burning a core.

Executors that park (`nodes/parking.py`, rclpy from Jazzy 7.1.9 and Kilted 9.1.4) resume it when
the future is done. Before that, SingleThreadedExecutor and MultiThreadedExecutor resume what waits
after each event, and sleep in between; EventsExecutor resumes it again at once. There one of those
who wait rests a moment in each round, and the executor with it.
"""

from __future__ import annotations

from collections.abc import Generator
import threading
import time
from typing import Any, Generic, TypeVar

from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.task import Future

T = TypeVar('T')

# What else there is for the executor waits so long at most ...
REST_MAX_S = 1e-3
# ... and no longer than this part of what has been waited for already.
REST_SHARE = 1 / 8
# An executor that leaves so much time between two who wait has other work to do, or sleeps.
ELSEWHERE_S = 150e-6
# Who has not rested for so long waits no more, and another one does.
GONE_S = 0.05


def rest(stirred: threading.Event, seconds: float) -> None:
    """Do nothing for so long at most, or until stirred."""
    stirred.wait(seconds)
    stirred.clear()


class _Bench(threading.local):
    """
    Where those rest who wait in one thread.

    One rests for all: were each to rest, all would wait for as many moments as there are.
    """

    def __init__(self) -> None:
        self.stirred = threading.Event()
        self._resting: object = None
        self._rested_s = 0.0
        self._left_s = 0.0
        self._elsewhere = False

    def turn(self, who: object, since_s: float) -> None:
        """
        Rest if it is the turn of this one, and if this thread has done nothing else meanwhile.

        :param since_s: when it began to wait, by time.monotonic().
        """
        now_s = time.monotonic()
        if now_s - self._left_s > ELSEWHERE_S:
            self._elsewhere = True
        if who is self._resting or now_s - self._rested_s > GONE_S:
            if who is self._resting and not self._elsewhere:
                rest(self.stirred, min(REST_MAX_S, REST_SHARE * (now_s - since_s)))
            self._resting = who
            self._elsewhere = False
            now_s = self._rested_s = time.monotonic()
        self._left_s = now_s

    def leave(self, who: object) -> None:
        """Let another one rest."""
        if self._resting is who:
            self._rested_s = 0.0


_bench = _Bench()


# Future is a generic class only from Kilted on.
class PatientFuture(Future, Generic[T]):
    """
    A future to await in coroutines of any executor of rclpy; it may be set from any thread.

    :param node: its executor is the one that runs those who wait.
    """

    def __init__(self, node: Node | None = None) -> None:
        super().__init__()
        self.node = node

    def __await__(self) -> Generator[Any, None, T | None]:
        """Wait until it is done; returns its result."""
        if not (self.done() or self.cancelled()):
            # Who parks comes back when it is done.
            yield self
        if not (self.done() or self.cancelled()):
            yield from self._polled()
        return self.result()

    def _polled(self) -> Generator[Any, None, None]:
        who, since_s, stirred = object(), time.monotonic(), _bench.stirred
        # Another thread may set it while this one rests.
        self.add_done_callback(lambda _: stirred.set())
        try:
            while not (self.done() or self.cancelled()):
                if self._hurried():
                    _bench.turn(who, since_s)
                yield self
        finally:
            _bench.leave(who)

    def _hurried(self) -> bool:
        """Return whether the executor resumes those who wait without any rest of its own."""
        executor = None if self.node is None else self.node.executor
        # Those that are written in Python are of this class; EventsExecutor only looks like it.
        return executor is not None and not isinstance(executor, Executor)
