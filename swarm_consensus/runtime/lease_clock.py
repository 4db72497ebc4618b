"""How the leader measures the time that leases live by (protocols/keyvalue/leases.py)."""

from __future__ import annotations

from swarm_consensus.protocols.keyvalue import ELAPSED_MS_MAX
from swarm_consensus.runtime.config import MILLISECOND


class LeaseClock:
    """
    The clock of one robot; it runs only while the robot leads and there are leases.

    It measures from when this robot saw the last move of time applied, which was after the
    stretch that was counted by it. Where the robot proposed that move itself, in the term in
    which it still leads, it measures on from where that stretch ended.

    :param period_ns: distance of two moves of time.
    :ivar _term: term in which it measures; 0: it does not.
    :ivar _previous: log index of the move of time that it measures from.
    :ivar _under_way: request id of the move that was proposed and has not ended; '': none.
    :ivar _counted_to_ns: end of the stretch that one counts.
    """

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._term = 0
        self._previous = 0
        self._since_ns = 0
        self._under_way = ''
        self._counted_to_ns = 0

    @property
    def due_ns(self) -> int | None:
        """Return when time is to be moved next; None: not before something else happens."""
        if not self._term or self._under_way:
            return None
        return self._since_ns + self._period_ns

    def poll(self, now_ns: int, term: int, leases: bool, previous: int) -> int:
        """
        Return by how many milliseconds to move time now; 0: not now.

        :param term: term in which this robot leads; 0: it does not.
        :param leases: whether there are any.
        :param previous: log index of the last move of time that was applied.
        """
        if not term or not leases:
            self._term = 0
            return 0
        if term != self._term or previous != self._previous:
            self._term, self._previous = term, previous
            self._since_ns = now_ns
            self._under_way = ''
        if self._under_way or now_ns - self._since_ns < self._period_ns:
            return 0
        return min((now_ns - self._since_ns) // MILLISECOND, ELAPSED_MS_MAX)

    def proposed(self, request_id: str, now_ns: int, elapsed_ms: int) -> None:
        """Note that what `poll` returned is on its way into the log."""
        self._under_way = request_id
        whole = elapsed_ms < ELAPSED_MS_MAX
        self._counted_to_ns = self._since_ns + elapsed_ms * MILLISECOND if whole else now_ns

    def applied(self, request_id: str, index: int, term: int) -> None:
        """Note that a move of time was applied, by an entry of this index and term."""
        if request_id == self._under_way and term == self._term:
            self._previous = index
            self._since_ns = self._counted_to_ns
            self._under_way = ''

    def ended(self, request_id: str) -> None:
        """Note that a proposal has ended: what it did not count is measured on."""
        if request_id == self._under_way:
            self._under_way = ''
