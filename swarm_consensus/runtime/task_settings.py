"""How a robot takes part in the allocation of tasks: each setting with its meaning and unit."""

from __future__ import annotations

from dataclasses import field

from swarm_consensus.protocols.allocation import (
    BidderConfig,
    Method,
    RuleScoring,
    Scoring,
    ScoringSetting,
)
from swarm_consensus.protocols.tasks import TTL_MS_MAX
from swarm_consensus.protocols.values import value

_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000


def _default_scoring() -> Scoring:
    return RuleScoring(ScoringSetting())


@value
class TaskSettings:
    """
    Settings of one robot, which are to be the same at all. Times in nanoseconds.

    :param method: how robots find out who does what.
    :param scoring: what a robot gains by a task.
    :param bundle_max: most tasks that a robot plans ahead.
    :param duty_ns: how long a robot keeps its tasks without being heard of by the log. A robot that
        is dead loses them after this and up to two `time_period_ns` more; one that is cut off stops
        earlier, by what follows.
    :param renew_ns: how often a robot renews its duty.
    :param stop_ns: how long a robot needs to stop, from being told to.
    :param silence_ns: a robot whose user's node says no more where it is goes off duty after so
        long; it may be dead.
    :param drift_percent: most by which the clocks of two robots go faster or slower than each
        other.
    :param settle_ns: for so long it must look to a robot as if a task were its own before it has
        it awarded to itself. Longer: fewer awards that better bids come too late for.
    :param rebid_ns: a robot makes all its bids anew, from where it is then, so often; 0: only when
        there are new tasks.
    :param leave_ns: longest that a robot that shuts down waits until its user's node has stopped
        and its tasks are handed back; then they are open again when its duty has run out.
    :param compare_ns: time between two comparisons of the bids that two robots know.
    :param relay_ns: what another robot bids is passed on within so long, at random; 0: at once.
    :param relay_heard: who hears others pass a bid on so often does not do it too; 0: it does in
        any case.
    :param patience_ns: a task that takes several robots and has not found them within so long is
        let be for as long; 0: never.
    :raises ValueError: what cannot be, and what to change.
    """

    method: Method = Method.CBBA
    scoring: Scoring = field(default_factory=_default_scoring)
    bundle_max: int = 5
    duty_ns: int = 5 * _SECOND
    renew_ns: int = _SECOND
    stop_ns: int = _SECOND
    silence_ns: int = 5 * _SECOND
    drift_percent: int = 5
    settle_ns: int = 300 * _MILLISECOND
    rebid_ns: int = 40 * _SECOND
    compare_ns: int = _SECOND
    relay_ns: int = 40 * _MILLISECOND
    relay_heard: int = 3
    patience_ns: int = 60 * _SECOND
    leave_ns: int = 3 * _SECOND

    def __post_init__(self) -> None:
        if min(self.renew_ns, self.stop_ns, self.silence_ns, self.compare_ns) <= 0:
            raise ValueError('renew, stop, silence and compare must be above 0 s')
        least = min(
            self.settle_ns, self.rebid_ns, self.patience_ns, self.relay_ns, self.leave_ns
        )
        if least < 0:
            raise ValueError('settle, rebid, patience, relay and leave must not be negative')
        if not 0 <= self.drift_percent < 50:
            raise ValueError(f'drift_percent is {self.drift_percent}, give 0..49')
        if self.duty_ns // _MILLISECOND > TTL_MS_MAX:
            raise ValueError(f'duty is {self.duty_ns * 1e-9:g} s, an hour is the most')
        least_ns = 2 * self.renew_ns + self.stop_ns
        if self.sure_ns < least_ns:
            raise ValueError(
                f'duty ({self.duty_ns * 1e-9:g} s) must be longer: less {self.drift_percent} % for '
                f'the clocks it has to hold two times renew and stop ({least_ns * 1e-9:g} s)'
            )

    @property
    def sure_ns(self) -> int:
        """Return how long a robot may count on a duty, by its own clock."""
        return self.duty_ns * (100 - self.drift_percent) // 100

    @property
    def going_ns(self) -> int:
        """
        Return how often a robot is told that it still has a task.

        With each renewal at least, so that the end of one is never reached before the next is told.
        """
        return min(_SECOND // 2, self.renew_ns)

    def bidder(self, robot: str, incarnation: int, tick_ns: int) -> BidderConfig:
        """Return the settings of the protocol."""
        return BidderConfig(
            robot,
            incarnation,
            self.method,
            self.bundle_max,
            relay_ticks=-(-self.relay_ns // tick_ns),
            relay_heard=self.relay_heard,
            compare_ticks=max(1, self.compare_ns // tick_ns),
            patience_ticks=self.patience_ns // tick_ns,
        )
