"""How fast a robot sends, from the counters in its statuses."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.transport.outbox import ClassTraffic
from swarm_consensus.views.values import ClassUse

SECOND = 1_000_000_000
# Statuses that come at once with a change lie too near each other for a rate.
SPAN_MIN_NS = SECOND


class Rates:
    """Of one robot; told each of its statuses."""

    def __init__(self) -> None:
        self._incarnation = -1
        self._since_ns = 0
        self._bytes: dict[int, int] = {}
        self._rates: dict[int, float] = {}

    def tell(self, incarnation: int, traffic: Sequence[ClassTraffic], now_ns: int) -> None:
        """
        Take in the counters of a status.

        :param incarnation: of its boot, at which the counters begin anew.
        """
        counted = {int(each.traffic_class): each.bytes for each in traffic}
        if incarnation != self._incarnation:
            self._incarnation = incarnation
            self._rates = {}
        elif now_ns - self._since_ns < SPAN_MIN_NS:
            return
        else:
            seconds = (now_ns - self._since_ns) / SECOND
            self._rates = {
                kind: max(0, count - self._bytes.get(kind, 0)) / seconds
                for kind, count in counted.items()
            }
        self._since_ns, self._bytes = now_ns, counted

    def uses(self, traffic: Sequence[ClassTraffic]) -> tuple[ClassUse, ...]:
        """Return what the robot sends, class by class, given its newest counters."""
        return tuple(
            ClassUse(
                each.traffic_class.name.lower(),
                self._rates.get(int(each.traffic_class), -1.0),
                each.waiting_bytes,
                each.pressure,
                each.dropped,
                each.coalesced,
            )
            for each in traffic
        )
