"""
Runs a robot's runtime in a thread of its own, on a real clock.

Callbacks of the middleware only put inputs into the queue here and return; the runtime works at
its own pace, so a disk that syncs slowly never blocks the executor. Frames do not pass through
other threads at all: this one waits for them itself. It sleeps until an input or a frame comes or
a timer of the protocols is due.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
import threading
import time
from typing import Protocol

from swarm_consensus.runtime.events import Input, Output
from swarm_consensus.runtime.ports import Inbox

# Inputs taken in one step, so that timers and the disk get their turn in a flood.
STEP_INPUTS_MAX = 256


class MonotonicClock:
    """The clock of the operating system that never runs backward."""

    def now_ns(self) -> int:
        """Return the nanoseconds since an arbitrary origin."""
        return time.monotonic_ns()


class Steppable(Protocol):
    """What the driver needs of a runtime."""

    def step(self, inputs: Sequence[Input]) -> list[Output]:
        """Take inputs in, do everything that is due, return what is to be told."""

    def flush(self) -> None:
        """Send what waited for more to go with it."""

    def sleep_ns(self) -> int:
        """Return how long nothing is due unless an input comes."""

    def farewell(self) -> None:
        """Tell the others that this robot leaves; only `close` follows."""

    def close(self) -> None:
        """Release the storage."""


class Driver:
    """
    The thread of a runtime.

    :param open_runtime: makes the runtime; called in the thread, because the storage belongs to
        the thread that opened it.
    :param inbox: where frames come in.
    :param deliver: called in the thread with the outputs of each step.
    :param failed: called in the thread, once, with what ended it; no output follows.
    """

    def __init__(
        self,
        open_runtime: Callable[[], Steppable],
        inbox: Inbox,
        deliver: Callable[[list[Output]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._open_runtime = open_runtime
        self._deliver = deliver
        self._failed = failed
        self._inbox = inbox
        self._inputs: deque[Input] = deque()
        # Said before the queue is looked at for the last time, so whoever puts something in and
        # finds it unsaid knows that it will be seen.
        self._asleep = False
        self._stopping = False
        self._opened = threading.Event()
        self._open_error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name='runtime', daemon=True)

    def start(self, timeout_s: float = 30.0) -> None:
        """
        Start the thread and wait until the runtime is open.

        :raises Exception: what opening raised, e.g. a StorageError.
        :raises TimeoutError: not open in time.
        """
        self._thread.start()
        if not self._opened.wait(timeout_s):
            raise TimeoutError(f'the storage did not open within {timeout_s} s')
        if self._open_error is not None:
            raise self._open_error

    @property
    def waiting(self) -> int:
        """Return how many inputs wait for the runtime to take them in."""
        return len(self._inputs)

    def put(self, item: Input) -> None:
        """Hand an input to the runtime; never blocks."""
        self._inputs.append(item)
        if self._asleep:
            self._inbox.wake()

    def stop(self, timeout_s: float = 10.0) -> None:
        """
        End the thread after the step it is in; what is queued is not looked at any more.

        :raises TimeoutError: the step did not end in time.
        """
        self._stopping = True
        self._inbox.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise TimeoutError(f'the runtime did not end within {timeout_s} s')

    def _run(self) -> None:
        try:
            runtime = self._open_runtime()
        except Exception as error:  # noqa: BLE001 -- handed to the caller of start()
            self._open_error = error
            self._opened.set()
            return
        self._opened.set()
        try:
            self._loop(runtime)
            runtime.farewell()
        except Exception as error:  # noqa: BLE001 -- a broken invariant: stop at once and say so
            self._failed(error)
        finally:
            runtime.close()

    def _loop(self, runtime: Steppable) -> None:
        while not self._stopping:
            if not self._inputs:
                runtime.flush()
                timeout_s = runtime.sleep_ns() * 1e-9
                self._asleep = True
                if not self._inputs and not self._stopping and timeout_s > 0:
                    self._inbox.wait(timeout_s)
                self._asleep = False
            if self._stopping:
                return
            inputs = self._take()
            if not inputs and runtime.sleep_ns() > 0:
                # Woken for nothing: by a frame of our own that came back.
                continue
            outputs = runtime.step(inputs)
            if outputs:
                self._deliver(outputs)

    def _take(self) -> list[Input]:
        # Requests of this robot's own users first: they are few, frames may come in a flood.
        taken: list[Input] = []
        while self._inputs and len(taken) < STEP_INPUTS_MAX:
            taken.append(self._inputs.popleft())
        taken += self._inbox.take(STEP_INPUTS_MAX)
        return taken
