"""The disk in memory: what a crash takes, what rots, and where in a write a process may die."""

from __future__ import annotations

import pytest

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    Persist,
    Snapshot,
    SnapshotMark,
)
from swarm_consensus.storage import (
    DurabilityPoint,
    MemoryDisk,
    MemoryStorage,
    SimulatedCrash,
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


def snapshot(index: int, term: int = 1) -> Snapshot:
    return Snapshot(SnapshotMark(index, term, Membership(('r1',))), b'state at %d' % index)


@pytest.mark.parametrize('lies', [False, True])
@pytest.mark.parametrize('point', DurabilityPoint)
def test_the_process_may_die_at_each_point_of_a_write(point: DurabilityPoint, lies: bool) -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write(batch(1))
    asked: list[tuple[DurabilityPoint, Persist | None]] = []

    def crash_at(at: DurabilityPoint, persist: Persist | None) -> bool:
        asked.append((at, persist))
        return at is point

    disk.lies = lies
    disk.crash_at = crash_at
    with pytest.raises(SimulatedCrash, match=point.value):
        storage.write(batch(2))
    assert asked[-1] == (point, batch(2))
    with pytest.raises(StorageError, match='closed'):
        storage.write(batch(2))
    disk.crash()
    disk.crash_at = None
    kept = 2 if point is DurabilityPoint.AFTER_WRITE and not lies else 1
    assert len(MemoryStorage(disk).load().entries) == kept
    assert disk.cuts == (point is DurabilityPoint.MID_WRITE)


@pytest.mark.parametrize('lies', [False, True])
@pytest.mark.parametrize('point', DurabilityPoint)
@pytest.mark.parametrize('persist', [Persist(), batch(2)])
def test_the_process_may_die_at_each_point_of_a_write_of_records(
    persist: Persist, point: DurabilityPoint, lies: bool
) -> None:
    """Records are there with their batch or not at all."""
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write(batch(1), [Record('a', b'1'), Record('b', b'1')])
    asked: list[Persist | None] = []

    def crash_at(at: DurabilityPoint, asked_of: Persist | None) -> bool:
        asked.append(asked_of)
        return at is point

    disk.lies = lies
    disk.crash_at = crash_at
    with pytest.raises(SimulatedCrash, match=point.value):
        storage.write(persist, [Record('a', b'2'), Record('b', None), Record('c', b'2')])
    assert set(asked) == {persist if persist.entries else None}
    disk.crash()
    disk.crash_at = None
    state = MemoryStorage(disk).load()
    if point is DurabilityPoint.AFTER_WRITE and not lies:
        assert state.records == (Record('a', b'2'), Record('c', b'2'))
        assert len(state.entries) == 1 + len(persist.entries)
    else:
        assert state.records == (Record('a', b'1'), Record('b', b'1'))
        assert len(state.entries) == 1
    assert disk.cuts == (point is DurabilityPoint.MID_WRITE)


@pytest.mark.parametrize('keep', [0, 1, 2])
def test_a_lying_disk_loses_the_newest_records(keep: int) -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write_records([Record('a', b'0')])
    disk.crash()
    storage = MemoryStorage(disk)
    disk.lies = True
    storage.write_records([Record('a', b'1')])
    storage.write(batch(1), [Record('a', b'2')])
    disk.crash(keep)
    state = MemoryStorage(disk).load()
    assert state.records == (Record('a', b'%d' % keep),) and len(state.entries) == keep // 2


def test_a_full_disk_refuses_records() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write_records([Record('a', b'1')])
    disk.full = True
    with pytest.raises(StorageFull):
        storage.write_records([Record('a', None), Record('b', b'1')])
    assert storage.load().records == (Record('a', b'1'),)


def test_a_crash_in_a_boot_is_asked_for_too() -> None:
    disk = MemoryDisk()
    disk.crash_at = lambda point, persist: point is DurabilityPoint.AFTER_WRITE and persist is None
    with pytest.raises(SimulatedCrash):
        MemoryStorage(disk).boot(5)
    disk.crash()
    disk.crash_at = None
    assert MemoryStorage(disk).load().incarnation == 5


def test_a_torn_batch_is_cut_whole_at_the_next_opening() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    disk.lies = True
    for index in (1, 2, 3):
        storage.write(batch(index, index))
    disk.crash(keep=1, torn=True)
    again = MemoryStorage(disk).load()
    assert len(again.entries) == again.hard_state.term == 1
    assert disk.cuts == 1


def test_what_rots_is_named_until_it_is_replaced() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    for index in (1, 2, 3, 4):
        storage.write(batch(index))
    disk.rot_entry(2)
    with pytest.raises(StorageDamaged, match='log entry 2'):
        storage.load()
    storage.write(batch(2, 2))
    assert disk.stored == (1, 2) and len(storage.load().entries) == 2
    disk.rot_entry(1)
    storage.write(Persist(snapshot=snapshot(1)))
    assert disk.stored == (2, 2) and len(storage.load().entries) == 1
    disk.rot_snapshot()
    disk.crash()
    storage = MemoryStorage(disk)
    with pytest.raises(StorageDamaged, match='snapshot'):
        storage.load()
    storage.write(Persist(snapshot=snapshot(9, 3)))
    assert disk.stored == (10, 9) and not storage.load().entries
    disk.rot_state()
    with pytest.raises(StorageDamaged, match='table state'):
        storage.load()
    storage.write(Persist(HardState(4)))
    assert storage.load().hard_state == HardState(4)
    with pytest.raises(ValueError, match='10 to 9'):
        disk.rot_entry(9)
    with pytest.raises(ValueError, match='no snapshot'):
        MemoryDisk().rot_snapshot()


def test_a_record_that_rots_is_named_until_it_is_written_anew() -> None:
    disk = MemoryDisk()
    storage = MemoryStorage(disk)
    storage.write_records([Record('b', b'1'), Record('a', b'1')])
    assert disk.record_keys == ('a', 'b')
    for data in (b'2', None):
        disk.rot_record('b')
        with pytest.raises(StorageDamaged, match="table record, key 'b'"):
            storage.load()
        storage.write_records([Record('a', b'2')])
        with pytest.raises(StorageDamaged, match="table record, key 'b'"):
            storage.load()
        storage.write_records([Record('b', data)])
        assert storage.load().records[0] == Record('a', b'2')
    with pytest.raises(ValueError, match="no record 'b'"):
        disk.rot_record('b')
