"""A disk without room: refused with a clear error, nothing lost, and it goes on when there is."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import subprocess

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
from swarm_consensus.storage import SqlitePlace, SqliteStorage, StorageFull, open_recovering
from swarm_consensus.storage.database import DATABASE_FILE

DISK_BYTES = 12 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 12 MB."""
    if os.geteuid() != 0:
        pytest.skip('mounting a small tmpfs needs root')
    place = tmp_path / 'disk'
    place.mkdir()
    mount = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', f'size={DISK_BYTES}', 'tmpfs', place],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mount.returncode:
        pytest.skip(f'no tmpfs can be mounted here: {mount.stderr.strip()}')
    try:
        yield place
    finally:
        subprocess.run(['umount', place], check=True)


def entry(index: int) -> Entry:
    return Entry(index, 1, EntryKind.COMMAND, b'%d' % index * 2000)


def open_at(folder: Path) -> SqliteStorage:
    return SqliteStorage(folder, swarm='team', robot='r1')


def fill(place: Path, leave: int) -> Path:
    """Take all room but some."""
    filler = place / 'filler'
    status = os.statvfs(place)
    filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
    return filler


def write_until_full(storage: SqliteStorage, index: int) -> int:
    for _ in range(10_000):
        try:
            storage.write(Persist(HardState(index, ''), (entry(index),)))
        except StorageFull as error:
            assert 'no room' in str(error)
            return index
        index += 1
    pytest.fail('the disk never became full')


def test_a_full_disk_refuses_loses_nothing_and_goes_on(small_disk: Path) -> None:
    storage = open_at(small_disk / 'r')
    storage.boot(1)
    filler = fill(small_disk, leave=100_000)
    refused = write_until_full(storage, 1)
    assert refused > 100
    before = storage.load()
    assert before.hard_state.term == len(before.entries) == refused - 1
    for _ in range(3):
        with pytest.raises(StorageFull):
            storage.write(Persist(HardState(10**6, 'r2'), tuple(
                entry(i) for i in range(refused, refused + 50)
            )))  # fmt: skip
    assert storage.load() == before
    filler.unlink()
    storage.write(Persist(HardState(refused, ''), (entry(refused),)))
    assert len(storage.load().entries) == refused
    # Full again, and down in that state.
    fill(small_disk, leave=0)
    refused = write_until_full(storage, refused + 1)
    before = storage.load()
    storage.close()
    (small_disk / 'filler').unlink()
    storage = open_at(small_disk / 'r')
    assert storage.load() == before
    storage.write(Persist(None, (entry(refused),)))
    storage.close()


def test_a_robot_cannot_begin_on_a_full_disk_and_can_when_there_is_room(small_disk: Path) -> None:
    storage = open_at(small_disk / 'r')
    storage.write(Persist(HardState(3, 'r2'), (entry(1),)))
    before = storage.load()
    storage.close()
    for leave in (0, 50_000, 1_000_000):
        filler = fill(small_disk, leave)
        with pytest.raises(StorageFull):
            open_at(small_disk / 'r')
        with pytest.raises(StorageFull):
            open_at(small_disk / f'new_{leave}').boot(1)
        filler.unlink()
        storage = open_at(small_disk / 'r')
        assert storage.load() == before
        storage.close()
    # What could not be made has left nothing that is in the way later.
    for leave in (0, 50_000, 1_000_000):
        storage = open_at(small_disk / f'new_{leave}')
        assert storage.boot(1) == 1
        storage.close()
        shutil.rmtree(small_disk / f'new_{leave}')


def snapshot(index: int, size: int) -> Snapshot:
    return Snapshot(SnapshotMark(index, 1, Membership(('r1',))), b'%07d ' % index * (size // 8))


def test_a_snapshot_that_finds_no_room_loses_nothing_and_fits_later(small_disk: Path) -> None:
    storage = open_at(small_disk / 'r')
    storage.write(Persist(HardState(1, ''), tuple(entry(index) for index in range(1, 21))))
    storage.write(Persist(snapshot=snapshot(5, 200_000)))
    before = storage.load()
    new = Persist(HardState(2, 'r2'), (entry(21),), snapshot(20, 4_500_000))
    for leave in (0, 50_000, 100_000):
        filler = fill(small_disk, leave)
        for _ in range(2):
            with pytest.raises(StorageFull):
                storage.write(new)
        assert storage.load() == before
        filler.unlink()
    storage.write(new)
    storage.close()
    storage = open_at(small_disk / 'r')
    after = storage.load()
    assert (after.hard_state, after.entries, after.snapshot) == (
        HardState(2, 'r2'), (entry(21),), new.snapshot
    )  # fmt: skip
    storage.close()


def write_records_until_full(storage: SqliteStorage, number: int) -> int:
    for _ in range(10_000):
        try:
            # The number, overwritten each time, and some that take room.
            batch = [Record('number', b'%d' % number), Record(f'{number:06}', bytes(3000))]
            storage.write_records(batch)
        except StorageFull as error:
            assert 'no room' in str(error)
            return number
        number += 1
    pytest.fail('the disk never became full')


def test_records_that_find_no_room_change_nothing_and_fit_later(small_disk: Path) -> None:
    storage = open_at(small_disk / 'r')
    storage.write(Persist(HardState(3, 'r2'), (entry(1),)))
    filler = fill(small_disk, leave=100_000)
    refused = write_records_until_full(storage, 1)
    before = storage.load()
    assert refused > 100 and len(before.records) == refused
    assert before.records[-1] == Record('number', b'%d' % (refused - 1))
    # More than fits: rows that are new, overwritten and removed, with the log and alone.
    batch = [Record(f'{number:06}', b'new' * 1500) for number in range(refused - 50, refused + 50)]
    batch += [Record('000001', None), Record('number', b'-1')]
    for persist in (Persist(HardState(9, 'r3'), (entry(2),)), Persist()):
        for _ in range(2):
            with pytest.raises(StorageFull):
                storage.write(persist, batch)
            assert storage.load() == before
    filler.unlink()
    storage.write(Persist(HardState(9, 'r3'), (entry(2),)), batch)
    after = storage.load()
    assert len(after.records) == refused + 50 - 1 and len(after.entries) == 2
    # Full again, and down in that state.
    fill(small_disk, leave=0)
    write_records_until_full(storage, refused + 50)
    before = storage.load()
    storage.close()
    (small_disk / 'filler').unlink()
    storage = open_at(small_disk / 'r')
    assert storage.load() == before
    storage.write_records([Record(record.key, None) for record in before.records])
    assert storage.load().records == ()
    storage.close()


def test_a_recovery_that_finds_no_room_changes_nothing_and_goes_on_later(small_disk: Path) -> None:
    folder = small_disk / 'r'
    storage = open_at(folder)
    storage.write(Persist(HardState(3, 'r2'), (entry(1),)))
    storage.close()
    data = (folder / DATABASE_FILE).read_bytes()
    (folder / DATABASE_FILE).write_bytes(data[:8192] + bytes(4096) + data[12288:])
    damaged = (folder / DATABASE_FILE).read_bytes()
    place = SqlitePlace(folder, 'team', 'r1')
    for leave in (0, 20_000, 50_000, 1_000_000):
        filler = fill(small_disk, leave)
        with pytest.raises(StorageFull):
            open_recovering(place, robot='r1', now_ms=7)
        filler.unlink()
    opened = open_recovering(place, robot='r1', now_ms=9)
    opened.storage.close()
    assert opened.restored.hard_state.lost and opened.records_lost
    (aside,) = folder.glob('damaged-*')
    assert (aside / DATABASE_FILE).read_bytes() == damaged
