"""
Watches: the changes of keys as they happen, told to those who asked, at one robot.

No part of the replicated state: each robot keeps the newest changes, bounded in number and bytes,
and each watch is a place in them. What a watch has not taken yet costs nothing beside; one that
lags so far that its place is dropped ends, and says where it can go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from enum import Enum, IntEnum
import itertools

from swarm_consensus.protocols.values import value

EVENTS_MAX = 10_000
EVENT_BYTES_MAX = 16 << 20
EVENT_OVERHEAD_BYTES = 200
WATCHES_MAX = 256
# Most that is told to a watch and not taken yet.
UNTAKEN_MAX = 1_000


class EventKind(IntEnum):
    """What happened to a key."""

    PUT = 1
    DELETE = 2
    EXPIRED = 3  # its lease came to its end


@value
class Event:
    """
    One change of a key. A lease that ends takes all its keys at one index.

    :param value: after a PUT; else empty.
    :param version: of the key afterwards; 0: it is gone.
    :param index: log index of the change.
    """

    kind: EventKind
    key: str
    value: bytes
    version: int
    index: int


class WatchEnd(Enum):
    """Why a watch ended."""

    COMPACTED = 'compacted'  # the changes it asks for are no longer kept here
    TOO_SLOW = 'too_slow'  # what it had not taken yet had to be dropped
    TOO_MANY = 'too_many'  # this robot serves as many watches as it can


@value
class WatchEnded:
    """
    The end of a watch.

    :param from_index: the oldest index from which a watch can go on. Between what it was told and
        this index changes are lost: read the range, then watch behind the index of the read.
    """

    key: int
    end: WatchEnd
    from_index: int


class _Watch:
    """
    One watch.

    :ivar place: number of the next event to look at.
    :ivar untaken: events told and not taken yet.
    """

    __slots__ = ('first', 'from_index', 'last', 'place', 'untaken')

    def __init__(self, first: str, last: str, from_index: int, place: int) -> None:
        self.first = first
        self.last = last
        self.from_index = from_index
        self.place = place
        self.untaken = 0

    def wants(self, event: Event) -> bool:
        return (
            event.index >= self.from_index
            and event.key >= self.first
            and (not self.last or event.key < self.last)
        )

    def wants_all_from(self, event: Event) -> bool:
        """Whether it wants this event and all that follow, as most watches do that stand here."""
        return not self.first and not self.last and event.index >= self.from_index


def _size(event: Event) -> int:
    return len(event.key) + len(event.value) + EVENT_OVERHEAD_BYTES


class Watches:
    """
    The newest changes, and who watches them.

    :param from_index: log index from which on changes will be told to it.
    :ivar from_index: the oldest log index from which all changes are kept.
    :ivar _dropped: number of events that were kept once: the number of the first one kept.
    """

    def __init__(self, from_index: int = 1) -> None:
        self.from_index = from_index
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._dropped = 0
        self._watches: dict[int, _Watch] = {}
        self._news = False

    @property
    def news(self) -> bool:
        """Return whether there may be something that `take` would tell somebody."""
        return self._news and bool(self._watches)

    def add(self, key: int, first: str, last: str, from_index: int) -> WatchEnded | None:
        """
        Begin to watch the keys k with `first` <= k < `last`.

        :param key: names the watch at this robot; one that it named before is cancelled.
        :param last: '': no end.
        :param from_index: log index from which on changes are told.
        :returns: why there is no such watch; None: there is.
        """
        self._watches.pop(key, None)
        if len(self._watches) >= WATCHES_MAX:
            return WatchEnded(key, WatchEnd.TOO_MANY, self.from_index)
        if from_index < self.from_index:
            return WatchEnded(key, WatchEnd.COMPACTED, self.from_index)
        self._watches[key] = _Watch(first, last, from_index, self._dropped)
        self._news = True
        return None

    def cancel(self, key: int) -> None:
        """End a watch, if there is one of this key; it is told nothing more."""
        self._watches.pop(key, None)

    def taken(self, key: int, count: int) -> None:
        """Note that somebody has taken `count` more of the events that a watch was told."""
        watch = self._watches.get(key)
        if watch is not None:
            watch.untaken = max(0, watch.untaken - max(0, count))
            # There is room again for what waited for it.
            self._news = True

    def happened(self, events: Collection[Event]) -> list[WatchEnded]:
        """Keep the changes of log entries, in order; returns the watches that end by that."""
        self._events.extend(events)
        self._bytes += sum(map(_size, events))
        self._news = True
        if len(self._events) <= EVENTS_MAX and self._bytes <= EVENT_BYTES_MAX:
            return []
        slow: set[int] = set()
        while len(self._events) > EVENTS_MAX or self._bytes > EVENT_BYTES_MAX:
            self._drop_oldest(slow)
        return [self._end(key, WatchEnd.TOO_SLOW) for key in sorted(slow)] if slow else []

    def _drop_oldest(self, slow: set[int]) -> None:
        """
        Drop the oldest change, and with it its index as a place to begin at.

        :param slow: takes in the watches that lose something by that.
        """
        event = self._events.popleft()
        self._bytes -= _size(event)
        if self._watches:
            slow.update(
                key
                for key, watch in self._watches.items()
                if watch.place <= self._dropped and watch.wants(event)
            )
        self._dropped += 1
        self.from_index = event.index + 1

    def _end(self, key: int, end: WatchEnd) -> WatchEnded:
        del self._watches[key]
        return WatchEnded(key, end, self.from_index)

    def jumped(self, index: int) -> list[WatchEnded]:
        """
        Note that the store came to `index` by a snapshot: what happened before is not known.

        :returns: the watches that end by that.
        """
        self._dropped += len(self._events)
        self._events.clear()
        self._bytes = 0
        self.from_index = index + 1
        lost = [key for key, watch in self._watches.items() if watch.from_index <= index]
        for watch in self._watches.values():
            watch.place = self._dropped
        return [self._end(key, WatchEnd.COMPACTED) for key in lost]

    def take(self) -> list[tuple[int, tuple[Event, ...]]]:
        """
        Return what is to be told now: the key of each watch with its events, in order.

        Each watch is told each of its events once, and only so many as it has room for.
        """
        self._news = False
        end = self._dropped + len(self._events)
        told = []
        for key, watch in self._watches.items():
            if watch.place < end and watch.untaken < UNTAKEN_MAX:
                events = self._next(watch, end)
                if events:
                    told.append((key, events))
        return told

    def _next(self, watch: _Watch, end: int) -> tuple[Event, ...]:
        start = max(watch.place, self._dropped)
        # From the right: most watches stand near the end of thousands of events.
        fresh = list(itertools.islice(reversed(self._events), end - start))
        fresh.reverse()
        watch.place = end
        room = UNTAKEN_MAX - watch.untaken
        if 0 < len(fresh) <= room and watch.wants_all_from(fresh[0]):
            watch.untaken += len(fresh)
            watch.from_index = fresh[-1].index
            return tuple(fresh)
        chosen: list[Event] = []
        for number, event in enumerate(fresh, start=start):
            if watch.wants(event):
                if len(chosen) == room:
                    watch.place = number
                    break
                chosen.append(event)
        watch.untaken += len(chosen)
        watch.from_index = max(watch.from_index, chosen[-1].index if chosen else 0)
        return tuple(chosen)
