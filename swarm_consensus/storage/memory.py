"""
A disk in memory for simulation: what was synced outlives a crash, what was not may be lost.

The disk outlives its storages, as a real one outlives processes: crash it, then open a new
`MemoryStorage` on it. Faults are switched on from outside; nothing here is random.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from swarm_consensus.protocols.raft import Entry, HardState, Persist
from swarm_consensus.storage.chain import require_joined
from swarm_consensus.storage.errors import StorageDamaged, StorageError, StorageFull
from swarm_consensus.storage.port import Recovered

PLACE = Path('memory')


@dataclass(frozen=True, slots=True)
class _Boot:
    incarnation: int


_Write = Persist | _Boot


@dataclass(slots=True)
class _Image:
    """One state of the disk."""

    incarnation: int = 0
    hard_state: HardState = HardState()
    entries: list[Entry] = field(default_factory=list)

    def apply(self, write: _Write) -> None:
        if isinstance(write, _Boot):
            self.incarnation = write.incarnation
            return
        if write.hard_state is not None:
            self.hard_state = write.hard_state
        if write.entries:
            self.entries[write.entries[0].index - 1 :] = write.entries

    def copy(self) -> _Image:
        return _Image(self.incarnation, self.hard_state, list(self.entries))


class MemoryDisk:
    """
    What a crash leaves and what it may take.

    Public switches: `full` refuses every write for want of room; `lies` lets a write return though
    it is not synced, as a disk with a volatile cache does, so that a crash loses it; `damaged`
    names the place of the damage that the next `load` finds, '' for none. `syncs` counts.
    """

    def __init__(self) -> None:
        self.full = False
        self.lies = False
        self.damaged = ''
        self.syncs = 0
        self._durable = _Image()
        self._current = _Image()
        self._unsynced: list[_Write] = []
        self._owner: MemoryStorage | None = None

    @property
    def unsynced(self) -> int:
        """Return how many writes a crash would lose."""
        return len(self._unsynced)

    def sync(self) -> None:
        """Make every write durable."""
        self.syncs += 1
        for write in self._unsynced:
            self._durable.apply(write)
        self._unsynced.clear()

    def crash(self, keep: int = 0) -> None:
        """
        Take the process down; the storage that was open can no longer be used.

        :param keep: how many of the unsynced writes survive, oldest first: a disk may have got
            around to some of them. A write never survives in part.
        """
        for write in self._unsynced[:keep]:
            self._durable.apply(write)
        self._unsynced.clear()
        self._current = self._durable.copy()
        self._owner = None

    def attach(self, storage: MemoryStorage) -> None:
        """
        Give the disk to a storage.

        :raises StorageError: another one is open on it.
        """
        if self._owner is not None:
            raise StorageError(PLACE, 'another storage is open on this disk')
        self._owner = storage

    def detach(self, storage: MemoryStorage) -> None:
        """Take the disk back, if the storage still has it."""
        if self._owner is storage:
            self._owner = None

    def current(self, storage: MemoryStorage) -> _Image:
        """
        Return the state that a storage reads and writes: everything written, synced or not.

        :raises StorageError: the storage was closed, or its process has crashed.
        """
        if self._owner is not storage:
            raise StorageError(PLACE, 'this storage is closed')
        return self._current

    def commit(self, write: _Write) -> None:
        """
        Take a write, and sync it unless the disk lies.

        :raises StorageFull: the disk is full; nothing changed.
        """
        if self.full:
            raise StorageFull(PLACE, 'no room; switched on by the simulation')
        self._current.apply(write)
        self._unsynced.append(write)
        if not self.lies:
            self.sync()


class MemoryStorage:
    """
    A `Storage` on a `MemoryDisk`.

    :param disk: one that may have been written before; None: a new one.
    """

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self._disk = disk if disk is not None else MemoryDisk()
        self._disk.attach(self)

    def boot(self, now_ms: int) -> int:
        """Begin a boot; see the port."""
        incarnation = max(self._disk.current(self).incarnation + 1, now_ms)
        self._disk.commit(_Boot(incarnation))
        return incarnation

    def load(self) -> Recovered:
        """Return what is durable; see the port."""
        image = self._disk.current(self)
        if self._disk.damaged:
            raise StorageDamaged(PLACE, self._disk.damaged, 'switched on by the simulation')
        return Recovered(image.incarnation, image.hard_state, tuple(image.entries))

    def write(self, persist: Persist) -> None:
        """Make a batch durable; see the port."""
        image = self._disk.current(self)
        if persist.entries:
            require_joined(persist.entries, 1, len(image.entries))
        self._disk.commit(persist)

    def close(self) -> None:
        """Release the disk; see the port."""
        self._disk.detach(self)
