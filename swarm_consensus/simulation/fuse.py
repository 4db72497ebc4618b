"""Where the power of a robot can fail within a step: between any two things that others notice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from swarm_consensus.storage.memory import DurabilityPoint


class CrashPoint(Enum):
    """A moment of a step; the disk's are those of its writes."""

    BEFORE_SEND = 'before_send'  # frames were made, none has left
    AMID_SEND = 'amid_send'  # some have left
    AFTER_SEND = 'after_send'  # all have left; a write that goes with them has not begun
    BEFORE_WRITE = DurabilityPoint.BEFORE_WRITE.value
    MID_WRITE = DurabilityPoint.MID_WRITE.value
    AFTER_WRITE = DurabilityPoint.AFTER_WRITE.value


@dataclass(slots=True)
class Fuse:
    """
    Blows when a point is passed.

    :param count: at which passing, from 1.
    """

    point: CrashPoint
    count: int = 1

    def blows(self, point: CrashPoint) -> bool:
        """Take note that a point is passed; returns whether the power fails there."""
        if point is not self.point:
            return False
        self.count -= 1
        return self.count == 0
