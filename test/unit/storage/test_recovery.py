"""A robot whose storage is damaged comes back without its log, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY, Record
from swarm_consensus.protocols.raft import Entry, EntryKind, HardState, Persist, Restored
from swarm_consensus.storage import (
    DurabilityPoint,
    MemoryDisk,
    OnDamage,
    Opened,
    Place,
    SimulatedCrash,
    SqlitePlace,
    StorageDamaged,
    StorageFull,
    open_recovering,
)
from swarm_consensus.storage.database import DATABASE_FILE


def start(place: Place, now_ms: int = 0) -> Opened:
    return open_recovering(place, robot='r1', now_ms=now_ms)


def written(disk: Place) -> Opened:
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


def on_disk(tmp_path: Path) -> SqlitePlace:
    """Return a place whose log entry 1 has rotted."""
    place = SqlitePlace(tmp_path / 'r', 'team', 'r1')
    opened = start(place, 100)
    opened.storage.write(
        Persist(HardState(3, 'r2'), (Entry(1, 3, EntryKind.COMMAND, b'open the gate'),))
    )
    opened.storage.close()
    path = place.folder / DATABASE_FILE
    data = path.read_bytes()
    assert data.count(b'open the gate') == 1
    path.write_bytes(data.replace(b'open the gate', b'open the gape'))
    return place


def test_a_damaged_folder_is_set_aside_and_the_robot_comes_back_lost(tmp_path: Path) -> None:
    place = on_disk(tmp_path)
    with pytest.raises(StorageDamaged, match='log entry 1'):
        open_recovering(place, robot='r1', now_ms=0, on_damage=OnDamage.REFUSE)
    opened = start(place)
    aside = place.folder / f'damaged-{opened.incarnation}'
    # The boots that found the damage count too.
    assert opened.incarnation == 103
    assert opened.restored == Restored(HardState(lost='r1:103'))
    assert b'open the gape' in (aside / DATABASE_FILE).read_bytes()
    for said in (str(place.folder / DATABASE_FILE), 'log entry 1', str(aside), '1 such in all'):
        assert said in opened.notice
    assert sorted(path.name for path in place.folder.iterdir() if path != aside) == [
        'lock', DATABASE_FILE, f'{DATABASE_FILE}-wal'
    ]  # fmt: skip
    opened.storage.close()
    again = start(place)
    assert again.restored.hard_state.lost == 'r1:103' and again.incarnation == 104
    assert 'still waits' in again.notice
    again.storage.write(Persist(HardState(9)))
    again.storage.close()
    whole = start(place)
    assert whole.restored == Restored(HardState(9)) and whole.notice == ''
    whole.storage.close()


@pytest.mark.parametrize('last_step', range(4))
def test_a_crash_between_the_steps_of_setting_aside_leaves_it_damaged_or_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_step: int
) -> None:
    """Each rename is a step; the process dies before one of them."""
    place = on_disk(tmp_path)
    # A log beside the database, as a crash leaves it, so that there are two files to move.
    (place.folder / f'{DATABASE_FILE}-wal').write_bytes(bytes(8192))
    steps = 0
    rename = Path.rename

    def step(self: Path, target: Path) -> Path:
        nonlocal steps
        if steps == last_step:
            raise SimulatedCrash
        steps += 1
        return rename(self, target)

    monkeypatch.setattr(Path, 'rename', step)
    monkeypatch.setattr(SqlitePlace, 'open', lambda _: pytest.fail('it is not opened here'))
    with pytest.raises(SimulatedCrash):
        place.replace(200, 'r1:200')
    monkeypatch.undo()
    opened = start(place)
    opened.storage.close()
    # Before the first step it is found damaged once more, by a boot that counts on.
    assert opened.restored.hard_state.lost == ('r1:102' if last_step == 0 else 'r1:200')
    assert opened.incarnation == (102 if last_step == 0 else 201)
    (aside,) = place.folder.glob('damaged-*')
    assert b'open the gape' in (aside / DATABASE_FILE).read_bytes()
    assert not list(place.folder.glob('*.lost-*')) and not list(place.folder.glob('*.new*'))


def test_a_second_damage_keeps_the_first_one_s_files(tmp_path: Path) -> None:
    place = on_disk(tmp_path)
    first = start(place)
    first.storage.close()
    (place.folder / DATABASE_FILE).write_bytes(b'')
    second = start(place)
    second.storage.close()
    # Its number is nowhere to be read any more but in the name of the first recovery.
    assert second.incarnation > first.incarnation
    assert second.restored.hard_state.lost == f'r1:{second.incarnation}'
    assert len(list(place.folder.glob('damaged-*'))) == 2 and '2 such in all' in second.notice


def test_where_no_number_can_be_read_time_takes_its_place(tmp_path: Path) -> None:
    place = on_disk(tmp_path)
    (place.folder / DATABASE_FILE).write_bytes(b'')
    opened = start(place, 1_700_000_000_000)
    opened.storage.close()
    assert opened.incarnation == 1_700_000_000_000


def memory_with_a_rotten_record(_: Path) -> Place:
    disk = MemoryDisk()
    written(disk)
    storage = disk.open()
    storage.write_records([Record('a', b'1'), Record('b', b'1')])
    storage.close()
    disk.rot_record('b')
    return disk


def sqlite_with_a_rotten_record(tmp_path: Path) -> Place:
    place = SqlitePlace(tmp_path / 'r', 'team', 'r1')
    written(place)
    storage = place.open()
    storage.write_records([Record('a', b'1'), Record('b', b'said to all')])
    storage.close()
    path = place.folder / DATABASE_FILE
    data = path.read_bytes()
    assert data.count(b'said to all') == 1
    path.write_bytes(data.replace(b'said to all', b'said to ale'))
    return place


@pytest.mark.parametrize('make', [memory_with_a_rotten_record, sqlite_with_a_rotten_record])
def test_a_robot_whose_records_are_damaged_is_told_so_until_it_says_otherwise(
    tmp_path: Path, make: Callable[[Path], Place]
) -> None:
    place = make(tmp_path)
    with pytest.raises(StorageDamaged, match="table record.*key 'b'"):
        open_recovering(place, robot='r1', now_ms=0, on_damage=OnDamage.REFUSE)
    opened = start(place)
    assert opened.records_lost and opened.records == ()
    assert opened.restored.hard_state.lost and "key 'b'" in opened.notice
    # What was let in to the log again has not got its records back.
    opened.storage.write(Persist(HardState(9)), [Record('c', b'1')])
    opened.storage.close()
    again = start(place)
    assert again.records_lost and again.records == (Record('c', b'1'),)
    again.storage.write_records([Record(RECORDS_LOST_KEY, None)])
    again.storage.close()
    whole = start(place)
    assert not whole.records_lost and whole.records == (Record('c', b'1'),)
    whole.storage.close()


def test_records_go_with_a_damaged_log(tmp_path: Path) -> None:
    for place in (on_disk(tmp_path), MemoryDisk()):
        if isinstance(place, MemoryDisk):
            written(place)
            place.rot_entry(1)
        opened = start(place)
        assert opened.records_lost
        opened.storage.close()


@pytest.mark.parametrize('point', DurabilityPoint)
def test_a_crash_within_a_recovery_never_forgets_that_records_were_lost(
    point: DurabilityPoint,
) -> None:
    disk = memory_with_a_rotten_record(Path())
    assert isinstance(disk, MemoryDisk)
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
    assert start(disk).records_lost


def test_a_new_place_has_lost_no_records(tmp_path: Path) -> None:
    for place in (MemoryDisk(), SqlitePlace(tmp_path / 'r', 'team', 'r1')):
        opened = start(place)
        assert not opened.records_lost and opened.records == ()
        opened.storage.close()
