"""A robot whose storage is damaged comes back without its log, and says so."""

from __future__ import annotations

import pytest

from swarm_consensus.protocols.raft import Entry, EntryKind, HardState, Persist, Restored
from swarm_consensus.storage import (
    DurabilityPoint,
    MemoryDisk,
    OnDamage,
    Opened,
    Place,
    SimulatedCrash,
    StorageDamaged,
    StorageFull,
)
from swarm_consensus.storage.recovery import open_recovering


def start(place: Place, now_ms: int = 0) -> Opened:
    return open_recovering(place, robot='r1', now_ms=now_ms)


def written(disk: MemoryDisk) -> Opened:
    opened = start(disk, 100)
    opened.storage.write(Persist(HardState(3, 'r2'), (Entry(1, 3, EntryKind.NOOP),)))
    opened.storage.close()
    return opened


def test_a_whole_storage_is_only_opened() -> None:
    disk = MemoryDisk()
    assert written(disk).incarnation == 100
    opened = start(disk)
    assert opened.incarnation == 101 and opened.notice == ''
    assert opened.restored == Restored(HardState(3, 'r2'), (Entry(1, 3, EntryKind.NOOP),))


def test_a_damaged_memory_disk_is_recovered_once_and_stays_lost() -> None:
    disk = MemoryDisk()
    written(disk)
    disk.rot_entry(1)
    opened = start(disk)
    assert opened.restored == Restored(HardState(lost=f'r1:{opened.incarnation}'))
    assert opened.incarnation > 100
    assert 'log entry 1' in opened.notice and 'damaged-' in opened.notice
    opened.storage.write(Persist(HardState(5, lost=opened.restored.hard_state.lost)))
    disk.crash()
    again = start(disk)
    assert again.restored.hard_state == HardState(5, lost=opened.restored.hard_state.lost)
    assert 'still waits' in again.notice and again.incarnation > opened.incarnation
    again.storage.write(Persist(HardState(5)))
    again.storage.close()
    disk.damaged = 'table state'
    assert start(disk).restored.hard_state.lost not in ('', opened.restored.hard_state.lost)
    assert disk.replaced == 2


def test_refuse_leaves_everything_as_it_is() -> None:
    disk = MemoryDisk()
    written(disk)
    disk.rot_entry(1)
    for _ in range(2):
        with pytest.raises(StorageDamaged, match='log entry 1.*on_damage'):
            open_recovering(disk, robot='r1', now_ms=0, on_damage=OnDamage.REFUSE)


@pytest.mark.parametrize('point', DurabilityPoint)
def test_a_crash_within_a_recovery_leaves_it_damaged_or_lost(point: DurabilityPoint) -> None:
    disk = MemoryDisk()
    written(disk)
    disk.rot_entry(1)
    passed: list[DurabilityPoint] = []

    def crash_at(at: DurabilityPoint, _: Persist | None) -> bool:
        passed.append(at)
        # The first three points are those of the boot that finds the damage.
        return at is point and len(passed) > 3

    disk.crash_at = crash_at
    with pytest.raises(SimulatedCrash):
        start(disk)
    disk.crash()
    disk.crash_at = None
    assert start(disk).restored.hard_state.lost


def test_a_full_disk_changes_nothing() -> None:
    disk = MemoryDisk()
    written(disk)
    disk.damaged = 'log entry 1'
    disk.full = True
    with pytest.raises(StorageFull):
        start(disk)
    disk.full = False
    assert start(disk).restored.hard_state.lost
