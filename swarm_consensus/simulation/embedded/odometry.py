"""
Where a robot takes itself to be by its wheels alone, as real ones do.

It begins at the origin, looking along x (frame `odom` of REP-105), and drifts as wheels slip.
"""

from __future__ import annotations

import math

from swarm_consensus.simulation.embedded.model import TRACK_M, WHEEL_M


class WheelOdometry:
    """
    Dead reckoning of a differential drive.

    :param left_rad: how far the left wheel has turned so far.
    :param right_rad: how far the right one has.
    :param at_s: when that was.
    :ivar x_m: where it is, and `y_m` with it; `yaw` in rad, which way it looks, -pi..pi.
    :ivar speed_mps: how fast it went ahead since the update before the last one.
    :ivar turn_radps: how fast it turned to the left meanwhile.
    """

    __slots__ = ('_at_s', '_left', '_right', 'speed_mps', 'turn_radps', 'x_m', 'y_m', 'yaw')

    def __init__(
        self, left_rad: float = 0.0, right_rad: float = 0.0, at_s: float = 0.0
    ) -> None:
        self._left, self._right, self._at_s = left_rad, right_rad, at_s
        self.x_m = self.y_m = self.yaw = 0.0
        self.speed_mps = self.turn_radps = 0.0

    def update(self, left_rad: float, right_rad: float, at_s: float) -> None:
        """
        Take in how far the wheels have turned.

        :param at_s: now; later than at the update before.
        """
        seconds, self._at_s = at_s - self._at_s, at_s
        left_m = (left_rad - self._left) * WHEEL_M
        right_m = (right_rad - self._right) * WHEEL_M
        self._left, self._right = left_rad, right_rad
        ahead, turned = (left_m + right_m) / 2.0, (right_m - left_m) / TRACK_M
        # On an arc the chord points half-way between how it looked and how it looks.
        middle = self.yaw + turned / 2.0
        chord = ahead * _sinc(turned / 2.0)
        self.x_m += chord * math.cos(middle)
        self.y_m += chord * math.sin(middle)
        self.yaw = math.remainder(self.yaw + turned, math.tau)
        self.speed_mps, self.turn_radps = ahead / seconds, turned / seconds


def _sinc(angle: float) -> float:
    """Return sin(a) / a: the chord of an arc by its length."""
    return math.sin(angle) / angle if abs(angle) > 1e-9 else 1.0
