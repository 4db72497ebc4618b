"""
Leases, and the time by which they end.

Time is a number of milliseconds in the state, and only commands of the log move it. Each one says
how much time its leader saw pass since the one before, and names that one, so that of two leaders
who both measured one stretch only the first to be committed counts it.

The stretch that a command counts may have begun before a lease was granted or kept alive. So the
life of a lease begins with the first such command after it, and a lease lives longer than it was
asked to, by up to the distance of two of these commands, and never shorter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.keyvalue.operations import ELAPSED_MS_MAX, TTL_MS_MAX

LEASES_MAX = 10_000
# Stands for the deadline of a lease whose life has not begun.
_NOT_BEGUN = -1
_INTEGER_MAX = 2**63 - 1

# id, ttl in ms, deadline in ms of committed time or -1
LeaseRow = tuple[int, int, int]


class _Lease:
    """A lease, with the keys that hang on it."""

    __slots__ = ('deadline_ms', 'keys', 'ttl_ms')

    def __init__(self, ttl_ms: int, deadline_ms: int) -> None:
        self.ttl_ms = ttl_ms
        self.deadline_ms = deadline_ms
        self.keys: set[str] = set()


class Leases:
    """
    The leases of a store.

    :ivar time_ms: committed time.
    :ivar time_index: log index of the last command that moved it; 0: none.
    :ivar _by_deadline: (deadline, id) of those whose life has begun, in order.
    :ivar _fresh: ids of those whose life begins with the next move of time.
    """

    def __init__(self) -> None:
        self.time_ms = 0
        self.time_index = 0
        self._leases: dict[int, _Lease] = {}
        self._by_deadline: list[tuple[int, int]] = []
        self._fresh: set[int] = set()

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, lease: int) -> bool:
        return lease in self._leases

    @property
    def full(self) -> bool:
        """Return whether another lease must be refused."""
        return len(self._leases) >= LEASES_MAX

    def ttl_ms(self, lease: int) -> int:
        """Return the ttl of a lease that there is."""
        return self._leases[lease].ttl_ms

    def remaining_ms(self, lease: int) -> int:
        """Return how much committed time a lease that there is has left, at least."""
        one = self._leases[lease]
        return one.ttl_ms if one.deadline_ms < 0 else one.deadline_ms - self.time_ms

    def grant(self, lease: int, ttl_ms: int) -> None:
        """Make a lease of an id that is free."""
        self._leases[lease] = _Lease(ttl_ms, _NOT_BEGUN)
        self._fresh.add(lease)

    def keep_alive(self, lease: int) -> None:
        """Begin the life of a lease anew."""
        self._drop_deadline(lease)
        self._leases[lease].deadline_ms = _NOT_BEGUN
        self._fresh.add(lease)

    def end(self, lease: int) -> list[str]:
        """Take a lease away; returns its keys in order."""
        self._drop_deadline(lease)
        self._fresh.discard(lease)
        return sorted(self._leases.pop(lease).keys)

    def attach(self, key: str, lease: int) -> None:
        """Hang a key on a lease; 0: on none."""
        if lease:
            self._leases[lease].keys.add(key)

    def detach(self, key: str, lease: int) -> None:
        """Take a key off the lease on which it hangs; 0: it hangs on none."""
        if lease:
            self._leases[lease].keys.discard(key)

    def elapse(self, index: int, previous: int, elapsed_ms: int) -> list[int] | None:
        """
        Move time.

        :param index: log index of the command.
        :param previous: log index of the command that it follows.
        :returns: the leases that are due, in order of deadline and id; None: time that is
            counted already, nothing is changed.
        """
        if previous != self.time_index:
            return None
        self.time_ms = min(self.time_ms + min(max(elapsed_ms, 0), ELAPSED_MS_MAX), _INTEGER_MAX)
        self.time_index = index
        due = bisect_left(self._by_deadline, (self.time_ms + 1, 0))
        ended = [lease for _, lease in self._by_deadline[:due]]
        for lease in self._fresh:
            one = self._leases[lease]
            one.deadline_ms = min(self.time_ms + one.ttl_ms, _INTEGER_MAX)
            insort(self._by_deadline, (one.deadline_ms, lease))
        self._fresh.clear()
        return ended

    def _drop_deadline(self, lease: int) -> None:
        deadline_ms = self._leases[lease].deadline_ms
        if deadline_ms >= 0:
            del self._by_deadline[bisect_left(self._by_deadline, (deadline_ms, lease))]

    # -- images -----------------------------------------------------------------------------------

    def rows(self) -> tuple[LeaseRow, ...]:
        """Return the leases without their keys, in order of their ids."""
        return tuple([(n, x.ttl_ms, x.deadline_ms) for n, x in sorted(self._leases.items())])

    @classmethod
    def restored(cls, time_ms: int, time_index: int, rows: Iterable[LeaseRow]) -> Leases:
        """
        Return the leases of an image; their keys are to be attached.

        :raises ImageError: where they contradict each other.
        """
        self = cls()
        self.time_ms, self.time_index = time_ms, time_index
        before = 0
        for lease, ttl_ms, deadline_ms in rows:
            if lease <= before:
                raise ImageError(f'lease {lease} after lease {before}')
            if not 0 < ttl_ms <= TTL_MS_MAX:
                raise ImageError(f'lease {lease} has a ttl of {ttl_ms} ms')
            before = lease
            self._leases[lease] = _Lease(ttl_ms, deadline_ms)
            if deadline_ms == _NOT_BEGUN:
                self._fresh.add(lease)
            elif time_ms < deadline_ms <= time_ms + ttl_ms:
                self._by_deadline.append((deadline_ms, lease))
            else:
                raise ImageError(f'lease {lease} ends at {deadline_ms} ms, now is {time_ms} ms')
        if len(self._leases) > LEASES_MAX:
            raise ImageError(f'{len(self._leases)} leases, there can be {LEASES_MAX}')
        self._by_deadline.sort()
        return self
