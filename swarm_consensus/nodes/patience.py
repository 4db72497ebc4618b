"""
Futures whose waiters let the thread of the runtime work.

An executor of rclpy resumes every coroutine that waits again and again, as fast as it can. That
takes a whole core, and with it Python's global lock: the runtime gets it back after 5 ms each time,
too late for heartbeats and appends, and so the answer that is waited for comes late as well. So one
of the waiters rests a moment each time, and is woken where answers come.
"""

from __future__ import annotations

from collections.abc import Generator
import threading
import time
from typing import TypeVar

from rclpy.task import Future

T = TypeVar('T')

# What else there is for the executor waits so long at most.
REST_S = 1e-3
# Who has not rested for so long waits no more, and another one does.
GONE_S = 0.05


class _Bench:
    """
    Where the waiters of a process rest; it has one executor (executor.py).

    One rests for all: were each to rest, all would wait for as many moments as there are.
    """

    def __init__(self) -> None:
        self._stirred = threading.Event()
        self._resting: object = None
        self._rested_s = 0.0

    def stir(self) -> None:
        self._stirred.set()

    def rest(self, who: object) -> None:
        now_s = time.monotonic()
        if who is not self._resting and now_s - self._rested_s < GONE_S:
            return
        self._resting = who
        self._stirred.wait(REST_S)
        self._stirred.clear()
        self._rested_s = time.monotonic()

    def leave(self, who: object) -> None:
        if self._resting is who:
            self._rested_s = 0.0


_bench = _Bench()


def stir() -> None:
    """Say that there is something to do for the executor now; from any thread."""
    _bench.stir()


class PatientFuture(Future[T]):
    """A future to wait for in coroutines of the executor of this process."""

    def __await__(self) -> Generator[None, None, T | None]:
        """Wait until it is done; returns its result."""
        try:
            while not (self.done() or self.cancelled()):
                _bench.rest(self)
                yield
        finally:
            _bench.leave(self)
        return self.result()
