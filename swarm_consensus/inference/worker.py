"""
A thread that always works on the newest frame.

Frames wait in a mailbox with one slot a subject: a frame that comes while an older one of the same
subject waits takes its place, so what is worked on is never older than one run, and nothing piles
up. Subjects take turns in the order in which they came. The number of slots is bounded: when all
are taken, the frame that has waited longest is let go.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
import threading
import time
from typing import Generic, TypeVar

Frame = TypeVar('Frame')


class Worker(Generic[Frame]):
    """
    Runs `process` on the newest frame of each subject, at most `rate_max` times a second.

    :param process: called in the thread of the worker; what it raises ends the worker.
    :param failed: called in that thread with what `process` raised.
    :param slots: subjects that may wait at once, >= 1.
    :param rate_max: runs a second, Hz; 0: no limit.
    """

    def __init__(
        self,
        process: Callable[[Frame], None],
        failed: Callable[[Exception], None],
        *,
        slots: int = 1,
        rate_max: float = 0.0,
    ) -> None:
        self._process = process
        self._failed = failed
        self._slots = slots
        self._rate_max = rate_max
        self._superseded = 0
        self._waiting: OrderedDict[str, Frame] = OrderedDict()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._running = False

    @property
    def superseded(self) -> int:
        """Frames that a newer one took the place of, or that had to be let go."""
        return self._superseded

    @property
    def running(self) -> bool:
        """Whether frames are taken."""
        return self._running

    def start(self) -> None:
        """Begin to work; nothing happens if the worker works already."""
        if self._thread is None:
            self._running = True
            self._thread = threading.Thread(target=self._work, name='inference', daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Finish the run under way, forget what waits, and return when the thread is gone."""
        with self._condition:
            self._running = False
            self._superseded += len(self._waiting)
            self._waiting.clear()
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def set_rate_max(self, rate_max: float) -> None:
        """Change the limit, Hz; 0: none."""
        with self._condition:
            self._rate_max = rate_max
            self._condition.notify()

    def put(self, subject: str, frame: Frame) -> None:
        """Leave a frame for the worker; never waits for it. Ignored while it is stopped."""
        with self._condition:
            if not self._running:
                return
            if subject in self._waiting:
                # The newer frame keeps the turn of the older one: its subject must not starve.
                self._superseded += 1
            elif len(self._waiting) >= self._slots:
                self._waiting.popitem(last=False)
                self._superseded += 1
            self._waiting[subject] = frame
            self._condition.notify()

    def _work(self) -> None:
        try:
            begun = -float('inf')
            while (frame := self._take(begun)) is not None:
                begun = time.monotonic()
                self._process(frame)
                # Let go of it now, and not when the next one comes: it may be megabytes.
                del frame
        except Exception as error:  # noqa: BLE001 -- handed on, not swallowed
            self._failed(error)

    def _take(self, begun: float) -> Frame | None:
        """Wait for a frame and for the rate limit; None when the worker is to end."""
        with self._condition:
            while self._running:
                if not self._waiting:
                    self._condition.wait()
                    continue
                due = begun + 1.0 / self._rate_max if self._rate_max > 0 else begun
                remaining = due - time.monotonic()
                if remaining <= 0:
                    return self._waiting.popitem(last=False)[1]
                self._condition.wait(remaining)
        return None
