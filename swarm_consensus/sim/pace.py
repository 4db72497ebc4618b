"""Keeps the time of a world in step with the wall clock."""

from __future__ import annotations

from collections.abc import Callable
import time

# What a world is behind by is not made up for where it is more than this.
BEHIND_S_MAX = 0.1


class Pace:
    """
    How long to wait before time may go on.

    :param factor: seconds of the world in one of the wall clock; 0: as many as go.
    :param now_s: the time of the wall clock.
    """

    def __init__(self, factor: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._factor = factor
        self._origin: tuple[float, float] | None = None
        self._measured: tuple[float, float] | None = None

    @property
    def factor(self) -> float:
        """Return the factor that is asked for."""
        return self._factor

    @factor.setter
    def factor(self, factor: float) -> None:
        self._factor = factor
        self._origin = None

    def wait_s(self, world_s: float) -> float:
        """Return how long to wait, in s of the wall clock, with so much time past in the world."""
        if self._factor == 0.0:
            return 0.0
        now_s = self._now_s()
        if self._origin is None:
            self._origin = now_s, world_s
        ahead_s = (world_s - self._origin[1]) / self._factor - (now_s - self._origin[0])
        if ahead_s < -BEHIND_S_MAX:
            # Time lost is lost: a burst would not be that pace either.
            self._origin = now_s, world_s
        return max(0.0, ahead_s)

    def reached(self, world_s: float) -> float:
        """Return the factor since this was asked before; the one that is asked for at first."""
        now_s = self._now_s()
        before, self._measured = self._measured, (now_s, world_s)
        if before is None or now_s <= before[0]:
            return self._factor
        return (world_s - before[1]) / (now_s - before[0])
