"""The disk in memory: a crash takes what was not synced, oldest kept first, and nothing else."""

from __future__ import annotations

import pytest

from swarm_consensus.protocols.raft import Entry, EntryKind, HardState, Persist
from swarm_consensus.storage import (
    MemoryDisk,
    MemoryStorage,
    StorageDamaged,
    StorageError,
    StorageFull,
)


def batch(index: int, term: int = 1) -> Persist:
    return Persist(HardState(term, ''), (Entry(index, term, EntryKind.NOOP),))


def test_an_honest_disk_loses_nothing_in_a_crash() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    incarnation = storage.boot(7)
    storage.write(batch(1))
    before = storage.load()
    disk.crash()
    assert MemoryStorage(disk).load() == before
    assert before.incarnation == incarnation == 7
    assert disk.syncs == 2


@pytest.mark.parametrize('keep', [0, 1, 2, 3])
def test_a_lying_disk_loses_a_suffix_of_whole_writes(keep: int) -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write(batch(1))
    disk.lies = True
    for index in (2, 3, 4):
        storage.write(batch(index, index))
    assert len(storage.load().entries) == 4 and disk.unsynced == 3
    disk.crash(keep)
    again = MemoryStorage(disk).load()
    assert [e.index for e in again.entries] == list(range(1, 2 + keep))
    assert again.hard_state.term == 1 + keep


def test_a_sync_makes_up_for_the_lie() -> None:
    disk = MemoryDisk()
    disk.lies = True
    storage = MemoryStorage(disk)
    storage.write(batch(1))
    disk.sync()
    storage.write(batch(1, 5))
    disk.crash()
    assert MemoryStorage(disk).load().hard_state.term == 1


def test_a_crashed_storage_is_dead_and_its_disk_free() -> None:
    disk = MemoryDisk()
    old = MemoryStorage(disk)
    with pytest.raises(StorageError):
        MemoryStorage(disk)
    disk.crash()
    with pytest.raises(StorageError):
        old.write(batch(1))
    new = MemoryStorage(disk)
    old.close()
    new.write(batch(1))
    assert len(new.load().entries) == 1


def test_a_full_disk_refuses_and_loses_nothing() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write(batch(1))
    before = storage.load()
    disk.full = True
    with pytest.raises(StorageFull):
        storage.write(batch(2))
    with pytest.raises(StorageFull):
        storage.boot(1)
    assert storage.load() == before
    disk.full = False
    storage.write(batch(2))
    assert len(storage.load().entries) == 2


def test_damage_is_named() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    disk.damaged = 'log entry 3'
    with pytest.raises(StorageDamaged, match='log entry 3'):
        storage.load()


def test_what_was_loaded_does_not_change_with_later_writes() -> None:
    storage = MemoryStorage()
    storage.write(batch(1))
    before = storage.load()
    storage.write(batch(1, 2))
    assert before.entries[0].term == 1
