"""
How well this robot itself is: the local health multiplier (Lifeguard, IV.A).

A robot that is slow misses the answers to its probes and takes healthy robots for dead. What it can
see of its own health makes it wait longer.
"""

from __future__ import annotations


class Awareness:
    """
    The local health of a robot.

    :param multiplier_max: most by which waits are stretched; 1: never.
    :ivar score: 0 where it is well, up to multiplier_max - 1.
    """

    def __init__(self, multiplier_max: int) -> None:
        self._score_max = multiplier_max - 1
        self.score = 0

    def note(self, change: int) -> None:
        """Take note of something good (below 0) or bad (above 0)."""
        self.score = min(max(self.score + change, 0), self._score_max)

    def stretch(self, ticks: int) -> int:
        """Return how long to wait for what takes so long in health."""
        return ticks * (self.score + 1)
