"""What a robot's runtime needs from its surroundings, beside `storage.Storage`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from swarm_consensus.transport.frame import FrameHeader


class Clock(Protocol):
    """Time that never runs backward; simulated time where the swarm uses it."""

    def now_ns(self) -> int:
        """Return the time in nanoseconds since an arbitrary origin."""


class Transport(Protocol):
    """The way to the other robots; may lose, repeat, delay and reorder."""

    def send(self, frames: Sequence[tuple[FrameHeader, bytes]]) -> None:
        """Hand frames over; returns without waiting for anybody to receive them."""
