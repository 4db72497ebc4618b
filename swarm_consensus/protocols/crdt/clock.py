"""
Hybrid logical clock, for writes that nothing else orders.

Kulkarni, Demirbas, Madappa, Avva, Leone: 'Logical physical clocks', OPODIS 2014, section 3, in one
number: milliseconds in the upper bits, a counter in the lower 16. A write that has seen another one
replaces it whatever the clocks say; the time only chooses among concurrent ones.

A peer moves this clock no further than `ahead_ms_max` beyond the robot's own. So a clock that is a
year ahead, or a robot that lies, does not carry the whole swarm with it: its own concurrent writes
win, the next write that has seen them takes their place, and nobody else's time is changed.
"""

from __future__ import annotations

COUNTER_BITS = 16
TIME_MAX = 2**63 - 1


class HybridClock:
    """
    The clock of one replica.

    :param ahead_ms_max: how far beyond the robot's own clock a peer may move this one.
    :ivar latest: the newest time that it gave or took over.
    """

    def __init__(self, ahead_ms_max: int) -> None:
        self._ahead_max = ahead_ms_max << COUNTER_BITS
        self.latest = 0

    def now(self, physical_ms: int) -> int:
        """
        Return the time of a write: later than all that this clock gave or took over.

        :param physical_ms: the robot's own clock; may run backward.
        """
        self.latest = min(max(physical_ms << COUNTER_BITS, self.latest + 1), TIME_MAX)
        return self.latest

    def observe(self, time: int, physical_ms: int) -> bool:
        """
        Take over the time of a peer's write, unless it is too far ahead.

        :returns: whether it is within bounds.
        """
        if time <= self.latest:
            return True
        if time > (physical_ms << COUNTER_BITS) + self._ahead_max:
            return False
        self.latest = time
        return True


def milliseconds(time: int) -> int:
    """Return the physical part of a time."""
    return time >> COUNTER_BITS
