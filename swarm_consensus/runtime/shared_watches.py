"""
Watches of the shared state: which keys changed, for those who asked, at one robot.

A watch remembers keys, not changes: what it is told is how a key stands when there is room for it.
So one that is slow misses what stood between, and never the newest, and takes no more room than the
state itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from swarm_consensus.protocols import crdt
from swarm_consensus.runtime.events import SharedEvent, SharedTold

WATCHES_MAX = 256
# Most that is told to a watch and not taken yet.
UNTAKEN_MAX = 1_000


class _Watch:
    """One watch, and the keys that it is still to be told of, each once, oldest first."""

    __slots__ = ('keys', 'prefix', 'untaken')

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.keys: dict[str, None] = {}
        self.untaken = 0


class SharedWatches:
    """Who watches what."""

    def __init__(self) -> None:
        self._watches: dict[int, _Watch] = {}
        self._news = False

    def add(self, key: int, prefix: str) -> bool:
        """Begin to watch; returns False where there are too many."""
        if len(self._watches) >= WATCHES_MAX and key not in self._watches:
            return False
        self._watches[key] = _Watch(prefix)
        return True

    def cancel(self, key: int) -> None:
        """End a watch, if there is one of this key."""
        self._watches.pop(key, None)

    def taken(self, key: int, count: int) -> None:
        """Note that there is room for so many more events."""
        watch = self._watches.get(key)
        if watch is not None:
            watch.untaken = max(0, watch.untaken - max(0, count))
            self._news = True

    def changed(self, keys: Iterable[str]) -> None:
        """Note that keys changed."""
        for watch in self._watches.values():
            for key in keys:
                if key.startswith(watch.prefix):
                    # What waits already keeps its turn.
                    watch.keys[key] = None
            self._news = True

    def take(self, read: Callable[[str], tuple[crdt.Item, ...]]) -> list[SharedTold]:
        """Return what is to be told now."""
        if not self._news:
            return []
        self._news = False
        told = []
        for key, watch in self._watches.items():
            room = UNTAKEN_MAX - watch.untaken
            names = list(watch.keys)[:room]
            if names:
                for name in names:
                    del watch.keys[name]
                watch.untaken += len(names)
                told.append(SharedTold(key, tuple(SharedEvent(n, read(n)) for n in names)))
        return told
