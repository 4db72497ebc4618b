"""
A disk in memory for simulation: what was synced outlives a crash, what was not may be lost.

The disk outlives its storages, as a real one outlives processes: crash it, then open a new
`MemoryStorage` on it. Faults are switched on from outside; nothing here is random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY, Record
from swarm_consensus.protocols.raft import Entry, HardState, Persist, Snapshot, SnapshotMark
from swarm_consensus.protocols.values import value
from swarm_consensus.storage.errors import StorageDamaged, StorageError, StorageFull
from swarm_consensus.storage.joining import require_joined
from swarm_consensus.storage.port import Recovered

PLACE = Path('memory')


class SimulatedCrash(BaseException):
    """
    The process dies here; no handler of errors may see it.

    Whoever runs the process catches it, and calls `MemoryDisk.crash`.
    """


class DurabilityPoint(Enum):
    """Where in a write the process may die."""

    BEFORE_WRITE = 'before_write'  # nothing of it is on the disk
    MID_WRITE = 'mid_write'  # some of it is: a torn tail, cut at the next opening
    AFTER_WRITE = 'after_write'  # all of it is (synced, unless the disk lies); nobody was told


@value
class _Boot:
    incarnation: int


@value
class _Fresh:
    incarnation: int
    lost: str


@value
class _Batch:
    persist: Persist
    records: tuple[Record, ...]


_Write = _Batch | _Boot | _Fresh
_NOTHING = Persist()


@dataclass(slots=True)
class _Image:
    """One state of the disk; `rotten` holds the places that no longer read as written."""

    incarnation: int = 0
    hard_state: HardState = HardState()
    snapshot: Snapshot | None = None
    entries: list[Entry] = field(default_factory=list)
    records: dict[str, bytes] = field(default_factory=dict)
    rotten: set[str] = field(default_factory=set)

    @property
    def mark(self) -> SnapshotMark | None:
        return None if self.snapshot is None else self.snapshot.mark

    @property
    def first_index(self) -> int:
        return 1 if self.snapshot is None else self.snapshot.mark.index + 1

    @property
    def last_index(self) -> int:
        return self.first_index - 1 + len(self.entries)

    def term_at(self, index: int) -> int | None:
        if not self.first_index <= index <= self.last_index:
            return None
        return self.entries[index - self.first_index].term

    def apply(self, write: _Write) -> None:
        if isinstance(write, _Boot):
            self.incarnation = write.incarnation
            return
        if isinstance(write, _Fresh):
            self.incarnation = write.incarnation
            self.hard_state = HardState(lost=write.lost)
            self.snapshot = None
            self.entries = []
            self.records = {RECORDS_LOST_KEY: write.lost.encode()} if write.lost else {}
            self.rotten = set()
            return
        self._apply_records(write.records)
        self._apply_log(write.persist)

    def _apply_records(self, records: tuple[Record, ...]) -> None:
        for record in records:
            self._forget(_record(record.key))
            if record.data is None:
                self.records.pop(record.key, None)
            else:
                self.records[record.key] = record.data

    def _apply_log(self, write: Persist) -> None:
        if write.hard_state is not None:
            self.hard_state = write.hard_state
        # The row of the state is written with each batch.
        self.rotten.discard(_STATE)
        if write.snapshot is not None:
            stays = require_joined(write, self.mark, self.last_index, self.term_at)
            behind = write.snapshot.mark.index + 1
            self._forget(_SNAPSHOT)
            self._forget_entries(self.first_index, behind - 1)
            if stays:
                del self.entries[: behind - self.first_index]
            else:
                self._forget_entries(behind, self.last_index)
                self.entries.clear()
            self.snapshot = write.snapshot
        if write.entries:
            first = write.entries[0].index
            self._forget_entries(first, self.last_index)
            self.entries[first - self.first_index :] = write.entries

    def _forget(self, *places: str) -> None:
        if self.rotten:
            self.rotten.difference_update(places)

    def _forget_entries(self, first: int, last: int) -> None:
        # Mostly nothing rots; then the names of ten thousand entries are not made at each snapshot.
        if self.rotten:
            self.rotten.difference_update(map(_entry, range(first, last + 1)))

    def copy(self) -> _Image:
        return replace(
            self,
            entries=list(self.entries),
            records=dict(self.records),
            rotten=set(self.rotten),
        )


_STATE = 'table state'
_SNAPSHOT = 'snapshot'


def _entry(index: int) -> str:
    return f'log entry {index}'


def _record(key: str) -> str:
    return f'table record, key {key!r}'


class MemoryDisk:
    """
    What a crash leaves and what it may take.

    Public switches:

    - `full` refuses every write for want of room.
    - `lies` lets a write return though it is not synced, as a disk with a volatile cache does, so
      that a crash loses it.
    - `crash_at(point, persist)` is asked at each point of each write (`persist` is None where it
      is of records alone, the number of a boot, or a recovery); True raises SimulatedCrash there.
    - `damaged` names a place of damage that every `load` finds, '' for none; see also `rot_*`.

    `syncs`, `cuts` (torn tails) and `replaced` (recoveries) count.
    """

    def __init__(self) -> None:
        self.full = False
        self.lies = False
        self.crash_at: Callable[[DurabilityPoint, Persist | None], bool] | None = None
        self.damaged = ''
        self.syncs = 0
        self.cuts = 0
        self.replaced = 0
        self._durable = _Image()
        self._current = _Image()
        self._unsynced: list[_Write] = []
        self._torn = False
        self._owner: MemoryStorage | None = None

    @property
    def unsynced(self) -> int:
        """Return how many writes a crash would lose."""
        return len(self._unsynced)

    @property
    def stored(self) -> tuple[int, int]:
        """Return the first and last index of the log on the disk; empty where last < first."""
        return self._current.first_index, self._current.last_index

    @property
    def record_keys(self) -> tuple[str, ...]:
        """Return the keys of the records on the disk, sorted."""
        return tuple(sorted(self._current.records))

    def sync(self) -> None:
        """Make every write durable."""
        self.syncs += 1
        for write in self._unsynced:
            self._durable.apply(write)
        self._unsynced.clear()

    def crash(self, keep: int = 0, *, torn: bool = False) -> None:
        """
        Take the process down; the storage that was open can no longer be used.

        :param keep: how many of the unsynced writes survive, oldest first: a disk may have got
            around to some of them.
        :param torn: of the write behind those, some survives. The next opening finds the torn
            tail and cuts it whole: a batch is there or it is not.
        """
        self._torn = self._torn or (torn and keep < len(self._unsynced))
        for write in self._unsynced[:keep]:
            self._durable.apply(write)
        self._unsynced.clear()
        self._current = self._durable.copy()
        self._owner = None

    def rot_entry(self, index: int) -> None:
        """
        Let a stored entry rot: `load` raises StorageDamaged until it is overwritten or compacted.

        :raises ValueError: there is no such entry on the disk (see `stored`).
        """
        first, last = self.stored
        if not first <= index <= last:
            raise ValueError(f'entry {index} is not on the disk, which has {first} to {last}')
        self._rot(_entry(index))

    def rot_snapshot(self) -> None:
        """
        Let the stored snapshot rot: `load` raises StorageDamaged until it is replaced.

        :raises ValueError: there is none.
        """
        if self._current.snapshot is None:
            raise ValueError('there is no snapshot on the disk')
        self._rot(_SNAPSHOT)

    def rot_record(self, key: str) -> None:
        """
        Let a stored record rot: `load` raises StorageDamaged until it is overwritten or removed.

        :raises ValueError: there is none of that key (see `record_keys`).
        """
        if key not in self._current.records:
            raise ValueError(f'there is no record {key!r} on the disk')
        self._rot(_record(key))

    def rot_state(self) -> None:
        """Let term and vote rot: `load` raises StorageDamaged until the next write."""
        self._rot(_STATE)

    def _rot(self, place: str) -> None:
        for image in (self._durable, self._current):
            image.rotten.add(place)

    # -- a place of a robot's storage (recovery.py) -----------------------------------------------

    def open(self) -> MemoryStorage:
        """
        Open a storage on this disk.

        :raises StorageError: another one is open on it.
        """
        return MemoryStorage(self)

    def salvage(self) -> int:
        """Return the number of the last boot, as far as it can still be read."""
        return self._current.incarnation

    def replace(self, incarnation: int, lost: str) -> str:
        """
        Begin anew with a robot that lost its log, all or nothing; synced even where the disk lies.

        :returns: where the damaged state is now, for people.
        :raises StorageFull: the disk is full; nothing changed.
        """
        self._commit(_Fresh(incarnation, lost))
        self.sync()
        self.damaged = ''
        self.replaced += 1
        return str(PLACE / f'damaged-{incarnation}')

    # -- for MemoryStorage ------------------------------------------------------------------------

    def attach(self, storage: MemoryStorage) -> None:
        """
        Give the disk to a storage, and cut a torn tail.

        :raises StorageError: another one is open on it.
        """
        if self._owner is not None:
            raise StorageError(PLACE, 'another storage is open on this disk')
        self._owner = storage
        self.cuts += self._torn
        self._torn = False

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

    def commit(self, write: _Batch | _Boot) -> None:
        """
        Take a write, and sync it unless the disk lies.

        :raises StorageFull: the disk is full; nothing changed.
        :raises SimulatedCrash: `crash_at` said so.
        """
        self._commit(write)

    def _commit(self, write: _Write) -> None:
        self._pass(DurabilityPoint.BEFORE_WRITE, write)
        if self.full:
            raise StorageFull(PLACE, 'no room; switched on by the simulation')
        self._pass(DurabilityPoint.MID_WRITE, write)
        self._current.apply(write)
        self._unsynced.append(write)
        if not self.lies:
            self.sync()
        self._pass(DurabilityPoint.AFTER_WRITE, write)

    def _pass(self, point: DurabilityPoint, write: _Write) -> None:
        if self.crash_at is None:
            return
        persist = write.persist if isinstance(write, _Batch) else _NOTHING
        if self.crash_at(point, None if persist == _NOTHING else persist):
            self._torn = point is DurabilityPoint.MID_WRITE
            self._owner = None
            raise SimulatedCrash(point.value)


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
        for place in (self._disk.damaged, *sorted(image.rotten)):
            if place:
                raise StorageDamaged(PLACE, place, 'switched on by the simulation')
        records = image.records
        return Recovered(
            image.incarnation,
            image.hard_state,
            tuple(image.entries),
            image.snapshot,
            tuple(Record(key, records[key]) for key in sorted(records) if key != RECORDS_LOST_KEY),
            RECORDS_LOST_KEY in records,
        )

    def write_records(self, records: Sequence[Record]) -> None:
        """Write and remove records alone; see the port."""
        self.write(_NOTHING, records)

    def write(self, persist: Persist, records: Sequence[Record] = ()) -> None:
        """Make a batch durable; see the port."""
        image = self._disk.current(self)
        if persist == _NOTHING and not records:
            return
        for record in records:
            # As where it is stored as text: what is none of it must fail here, too.
            record.key.encode()
        require_joined(persist, image.mark, image.last_index, image.term_at)
        self._disk.commit(_Batch(persist, tuple(records)))

    def close(self) -> None:
        """Release the disk; see the port."""
        self._disk.detach(self)
