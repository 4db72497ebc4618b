"""
How many beliefs a second a robot can make use of, for whoever makes them.

Under a byte budget a belief that waits is replaced by the next one, so nothing queues up; but the
model ran for nothing. The rate that producers are told falls by a share while beliefs wait without
a break, and rises by a step while they do not: additive increase, multiplicative decrease (Chiu and
Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989), which
comes to rest near what the radio carries whatever the number of producers and the size of their
beliefs.
"""

from __future__ import annotations

PERIOD_NS = 500_000_000
# Waiting for a tenth of a second without a break is a queue that does not drain.
PRESSED = 0.1
DECREASE = 0.7
INCREASE_HZ = 0.5
INCREASE_SHARE = 0.05
# Producers never fall silent: what they see may be what matters.
RATE_MIN_HZ = 0.2
# The limit is lifted when producers have stayed below half of it for so many periods.
LIFT_PERIODS = 10


class BeliefFlow:
    """
    The rate of one robot.

    :ivar rate_hz: most beliefs a second that each producer should make; 0.0: no limit.
    """

    def __init__(self, now_ns: int) -> None:
        self.rate_hz = 0.0
        self._seen = 0
        self._pressed = False
        self._begun_ns = now_ns
        self._below = 0

    @property
    def due_ns(self) -> int | None:
        """Return when it is to be polled again; None: whenever something else is done."""
        return self._begun_ns + PERIOD_NS if self.rate_hz else None

    def seen(self) -> None:
        """Count a belief of this robot."""
        self._seen += 1

    def poll(self, now_ns: int, pressure: float) -> bool:
        """
        Let time pass.

        :param pressure: of the class of the beliefs.
        :returns: whether producers are to be told the rate.
        """
        self._pressed = self._pressed or pressure >= PRESSED
        passed_ns = now_ns - self._begun_ns
        if passed_ns < PERIOD_NS:
            return False
        before = self.rate_hz
        measured_hz = self._seen * 1e9 / passed_ns
        if self._pressed:
            known = measured_hz if not before else min(before, measured_hz)
            self.rate_hz = max(RATE_MIN_HZ, DECREASE * known)
            self._below = 0
        elif before:
            self.rate_hz = before * (1.0 + INCREASE_SHARE) + INCREASE_HZ
            self._below = self._below + 1 if measured_hz < before / 2 else 0
            if self._below >= LIFT_PERIODS:
                self.rate_hz = 0.0
                self._below = 0
        self._begun_ns = now_ns
        self._seen = 0
        self._pressed = False
        # Said again while there is one: a producer that hears no more of it goes back to its own.
        return bool(before or self.rate_hz)
