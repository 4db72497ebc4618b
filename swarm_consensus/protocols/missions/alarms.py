"""
Times that are waited for, by committed time (protocols/keyvalue/leases.py).

The stretch that the next move of time counts may have begun before an alarm was set. So an alarm's
time begins with the first move after it: it goes off late, by up to the distance of two moves, and
never early.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from heapq import heapify, heappop, heappush

from swarm_consensus.protocols.images import ImageError

_NOT_BEGUN = -1
_INTEGER_MAX = 2**63 - 1


class Alarm(IntEnum):
    """What is waited for; the numbers are in snapshots."""

    TIMER = 1
    SCHEDULE_TO_START = 2
    START_TO_CLOSE = 3
    HEARTBEAT = 4
    RETRY = 5


_ALARMS = frozenset(map(int, Alarm))

# mission, what, number of the command
Key = tuple[str, int, int]
# mission, what, number, duration in ms, deadline in ms of committed time or -1
AlarmRow = tuple[str, int, int, int, int]


class Alarms:
    """All alarms of all missions."""

    def __init__(self) -> None:
        # duration and deadline of each, by mission
        self._set: dict[str, dict[tuple[int, int], tuple[int, int]]] = {}
        # In the order in which they were set; those whose time has not begun.
        self._fresh: dict[Key, None] = {}
        # With those that are set no more, or otherwise.
        self._queue: list[tuple[int, Key]] = []

    def __len__(self) -> int:
        return sum(len(each) for each in self._set.values())

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._set)

    def arm(self, mission: str, what: Alarm, number: int, duration_ms: int) -> None:
        """Set an alarm, or set it anew."""
        self._set.setdefault(mission, {})[int(what), number] = (duration_ms, _NOT_BEGUN)
        self._fresh[mission, int(what), number] = None

    def disarm(self, mission: str, what: Alarm, number: int) -> None:
        """Take an alarm away, if it is set."""
        alarms = self._set.get(mission)
        if alarms is not None and alarms.pop((int(what), number), None) is not None:
            self._fresh.pop((mission, int(what), number), None)
            if not alarms:
                del self._set[mission]

    def disarm_all(self, mission: str) -> None:
        """Take the alarms of a mission away."""
        for what, number in self._set.pop(mission, ()):
            self._fresh.pop((mission, what, number), None)

    def elapse(self, time_ms: int) -> list[Key]:
        """
        Let time be so late.

        :returns: those that go off, in order of deadline and key; they are set no more.
        """
        due: list[Key] = []
        queue = self._queue
        while queue and queue[0][0] <= time_ms:
            deadline_ms, key = heappop(queue)
            mission, what, number = key
            known = self._set.get(mission, {}).get((what, number))
            if known is not None and known[1] == deadline_ms:
                due.append(key)
                self.disarm(mission, Alarm(what), number)
        for key in self._fresh:
            mission, what, number = key
            duration_ms = self._set[mission][what, number][0]
            deadline_ms = min(time_ms + duration_ms, _INTEGER_MAX)
            self._set[mission][what, number] = (duration_ms, deadline_ms)
            heappush(queue, (deadline_ms, key))
        self._fresh.clear()
        return due

    # -- images -----------------------------------------------------------------------------------

    def rows(self) -> tuple[AlarmRow, ...]:
        """Return the alarms in order of their keys."""
        return tuple(
            [
                (mission, what, number, *self._set[mission][what, number])
                for mission in sorted(self._set)
                for what, number in sorted(self._set[mission])
            ]
        )

    @classmethod
    def restored(cls, rows: Iterable[AlarmRow]) -> Alarms:
        """
        Return the alarms of an image.

        :raises ImageError: where they contradict each other.
        """
        self = cls()
        before: Key = ('', 0, 0)
        for mission, what, number, duration_ms, deadline_ms in rows:
            key = (mission, what, number)
            if key <= before:
                raise ImageError(f'alarm {key} after {before}')
            if what not in _ALARMS:
                raise ImageError(f'an alarm of kind {what}')
            before = key
            self._set.setdefault(mission, {})[what, number] = (duration_ms, deadline_ms)
            if deadline_ms == _NOT_BEGUN:
                self._fresh[key] = None
            else:
                self._queue.append((deadline_ms, key))
        heapify(self._queue)
        return self
