"""
The time of a runtime where `use_sim_time` is set: it goes as /clock goes, and stands as it stands.

A simulation may run at any pace, so a thread that sleeps until something is due cannot ask the wall
clock to wake it: the message that moves the time does.
"""

from __future__ import annotations

import threading

from rclpy.clock import Clock as RosClock
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration

from swarm_consensus.runtime.events import Arrival
from swarm_consensus.runtime.ports import Inbox

# A thread looks up so often in any case.
SLEEP_S_MAX = 1.0


class SimulatedClock:
    """
    A clock that never runs backward, made of one that may: a simulation can begin anew.

    It stands until /clock is heard, and does not make up for what was before.

    :param clock: of a node, with ROS time.
    """

    def __init__(self, clock: RosClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ros_ns = 0
        self._passed_ns = 0
        self._now_ns()

    @property
    def heard(self) -> bool:
        """Return whether there is a time at all."""
        return bool(self._clock.now().nanoseconds)

    def now_ns(self) -> int:
        """Return the nanoseconds of the simulation that have passed since this was made."""
        with self._lock:
            return self._now_ns()

    def _now_ns(self) -> int:
        ros_ns = int(self._clock.now().nanoseconds)
        # 0 is ROS for: no time was heard yet.
        if self._ros_ns and ros_ns > self._ros_ns:
            self._passed_ns += ros_ns - self._ros_ns
        self._ros_ns = ros_ns
        return self._passed_ns


class SimulatedInbox:
    """
    Sleeps by the time of a simulation; all else is that of the inbox behind it.

    :param inbox: where frames come in.
    :param clock: by which things are due.
    :param ros_clock: the same, as it is told of by whoever hears /clock.
    """

    def __init__(self, inbox: Inbox, clock: SimulatedClock, ros_clock: RosClock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._due_ns: int | None = None
        self._jumps = ros_clock.create_jump_callback(
            JumpThreshold(
                min_forward=Duration(nanoseconds=1),
                min_backward=Duration(nanoseconds=-1),
                on_clock_change=True,
            ),
            post_callback=self._moved,
        )

    @property
    def heard(self) -> bool:
        """Return whether there is a time at all."""
        return self._clock.heard

    def close(self) -> None:
        """Hear of no more time."""
        self._jumps.unregister()

    def wait(self, timeout_s: float) -> None:
        """Sleep until a frame is there, `wake` is or was called, or so much time has passed."""
        due_ns = self._due_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        try:
            # What moves the time from here on finds when to wake.
            if self._clock.now_ns() < due_ns:
                self._inbox.wait(SLEEP_S_MAX)
        finally:
            self._due_ns = None

    def wake(self) -> None:
        """See `Inbox`."""
        self._inbox.wake()

    def take(self, count_max: int) -> list[Arrival]:
        """See `Inbox`."""
        return self._inbox.take(count_max)

    def _moved(self, _jump: TimeJump) -> None:
        # A time that went back and on again must be seen to have done so.
        now_ns, due_ns = self._clock.now_ns(), self._due_ns
        if due_ns is not None and now_ns >= due_ns:
            self._inbox.wake()
