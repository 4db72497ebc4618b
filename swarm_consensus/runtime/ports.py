"""What a robot's runtime needs from its surroundings, beside `storage.Storage`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from swarm_consensus.runtime.events import Arrival
from swarm_consensus.transport.frame import Frame


class Clock(Protocol):
    """Time that never runs backward; simulated time where the swarm uses it."""

    def now_ns(self) -> int:
        """Return the time in nanoseconds since an arbitrary origin."""


class Transport(Protocol):
    """The way to the other robots; may lose, repeat, delay and reorder."""

    def send(self, frames: Sequence[Frame]) -> None:
        """Hand frames over; returns without waiting for anybody to receive them."""


class Inbox(Protocol):
    """Where the thread of a runtime sleeps, and where it finds the frames of the others."""

    def wait(self, timeout_s: float) -> None:
        """Sleep until a frame is there, `wake` is or was called, or the time is over."""

    def wake(self) -> None:
        """End the wait under way, or else the next one; from any thread."""

    def take(self, count_max: int) -> list[Arrival]:
        """Return frames that are there, most urgent first; never waits."""
