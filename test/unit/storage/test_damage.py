"""Damage is never read as something else: the true state, or an error that names the place."""

from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import random
import shutil
import sqlite3
import subprocess
import sys

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
    Recovered,
    SqliteStorage,
    StorageDamaged,
    StorageError,
    StorageForeign,
    StorageVersionError,
)
from swarm_consensus.storage.database import DATABASE_FILE

WAL_FILE = f'{DATABASE_FILE}-wal'
WRITES = 60
# The write that brings a snapshot too, and the entry that it stands at.
SNAPSHOT_WRITE, MARK = 40, 30

# Writes and then dies without closing, so that its log of SQLite stays as a crash leaves it.
WRITER = """
import os, pathlib, sys
from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import *
from swarm_consensus.storage import SqliteStorage
storage = SqliteStorage(pathlib.Path(sys.argv[1]), swarm='team', robot='r1')
storage.boot(1000)
writes, at, mark = map(int, sys.argv[2:])
for index in range(1, writes + 1):
    entry = Entry(index, index, EntryKind.COMMAND, b'%d' % index * 40)
    snapshot = None
    if index == at:
        mark = SnapshotMark(mark, mark, Membership(('r1', 'r2'), ('r3',)))
        snapshot = Snapshot(mark, b'%d ' % index * 7000)
    records = [Record('robot/%02d' % (index % 17), b'%d,' % index * 200)]
    if index % 5 == 0:
        records += [Record('large', b'%d;' % index * 1500), Record('robot/03', None)]
    storage.write(Persist(HardState(index, 'r2'), (entry,), snapshot), records)
os._exit(0)
"""


# One transaction of 1300 pages, behind a boot.
LARGE_WRITER = """
import os, pathlib, sys
from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import *
from swarm_consensus.storage import SqliteStorage
storage = SqliteStorage(pathlib.Path(sys.argv[1]), swarm='team', robot='r1')
storage.boot(0)
mark = SnapshotMark(60, 60, Membership(('r1',)))
records = [Record('large/%d' % i, b'%d ' % i * 2000) for i in range(200)]
storage.write(Persist(HardState(99, 'r3'), (), Snapshot(mark, bytes(3_000_000))), records)
os._exit(0)
"""


def records_after(count: int) -> tuple[Record, ...]:
    """Return the records after so many writes of WRITER."""
    found = {}
    for index in range(1, count + 1):
        found[f'robot/{index % 17:02}'] = b'%d,' % index * 200
        if index % 5 == 0:
            found['large'] = b'%d;' % index * 1500
            found.pop('robot/03', None)
    return tuple(Record(key, found[key]) for key in sorted(found))


def states(count: int) -> list[Recovered]:
    """Return the state after each write of WRITER."""
    log = tuple(
        Entry(index, index, EntryKind.COMMAND, b'%d' % index * 40) for index in range(1, count + 1)
    )
    mark = SnapshotMark(MARK, MARK, Membership(('r1', 'r2'), ('r3',)))
    snapshot = Snapshot(mark, b'%d ' % SNAPSHOT_WRITE * 7000)
    return [
        Recovered(
            1000,
            HardState(index, 'r2') if index else HardState(),
            log[MARK if index >= SNAPSHOT_WRITE else 0 : index],
            snapshot if index >= SNAPSHOT_WRITE else None,
            records_after(index),
        )
        for index in range(count + 1)
    ]


@pytest.fixture(scope='module')
def crashed(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A folder whose writes are still in the write-ahead log."""
    folder = tmp_path_factory.mktemp('crashed')
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    numbers = [str(number) for number in (WRITES, SNAPSHOT_WRITE, MARK)]
    subprocess.run([sys.executable, '-c', WRITER, folder, *numbers], check=True, env=environment)
    assert (folder / WAL_FILE).stat().st_size > 100_000
    return folder


@pytest.fixture(scope='module')
def closed(crashed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose writes are all in the database."""
    folder = tmp_path_factory.mktemp('closed') / 'r'
    shutil.copytree(crashed, folder)
    storage = SqliteStorage(folder, swarm='team', robot='r1')
    assert storage.load() == states(WRITES)[-1]
    storage.close()
    assert not (folder / WAL_FILE).exists()
    return folder


def read(folder: Path) -> Recovered:
    storage = SqliteStorage(folder, swarm='team', robot='r1')
    try:
        return storage.load()
    finally:
        storage.close()


def damage_twice(folder: Path) -> StorageDamaged:
    """Hold that the damage is found, and found again: the first look must not wipe it away."""
    found = []
    for _ in range(2):
        with pytest.raises(StorageDamaged) as caught:
            read(folder)
        found.append(str(caught.value))
    assert found[0] == found[1]
    assert str(folder) in found[0] and caught.value.where in found[0]
    return caught.value


def copy_of(folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / 'copy'
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


def frames(wal: bytes) -> list[int]:
    """Return the offsets of the frames of the current round."""
    page = int.from_bytes(wal[8:12], 'big')
    offsets = range(32, len(wal), page + 24)
    return [o for o in offsets if wal[o + 8 : o + 16] == wal[16:24] and any(wal[o : o + 4])]


def execute(folder: Path, *statements: str) -> None:
    """Change a database behind the back of its storage."""
    connection = sqlite3.connect(folder / DATABASE_FILE)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def flip(path: Path, offset: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1 << bit
    path.write_bytes(data)


def test_a_bit_in_the_middle_of_the_wal_is_damage_with_its_offset(
    crashed: Path, tmp_path: Path
) -> None:
    folder = copy_of(crashed, tmp_path)
    offset = frames((folder / WAL_FILE).read_bytes())[20]
    flip(folder / WAL_FILE, offset + 500)
    error = damage_twice(folder)
    assert error.where == f'offset {offset}' and error.path.name == WAL_FILE


def test_a_torn_tail_is_cut(crashed: Path, tmp_path: Path) -> None:
    """What remains of the last transaction does not count; all before it does."""
    whole = (crashed / WAL_FILE).read_bytes()
    last = frames(whole)[-1]
    for torn in (whole[:last], whole[: last + 100], whole[:last] + bytes(len(whole) - last)):
        folder = copy_of(crashed, tmp_path)
        (folder / WAL_FILE).write_bytes(torn)
        assert read(folder) == states(WRITES)[-2]


def test_a_last_transaction_that_was_written_out_of_order_is_cut(
    crashed: Path, tmp_path: Path
) -> None:
    """A disk may have got to its commit and not to the page before it when the power went."""
    whole = (crashed / WAL_FILE).read_bytes()
    *_, page, commit = frames(whole)
    assert not any(whole[page + 4 : page + 8]) and any(whole[commit + 4 : commit + 8])
    folder = copy_of(crashed, tmp_path)
    (folder / WAL_FILE).write_bytes(whole[:page] + bytes(commit - page) + whole[commit:])
    assert read(folder) == states(WRITES)[-2]


def test_what_a_transaction_that_was_given_up_left_behind_the_tail_says_nothing(
    crashed: Path, tmp_path: Path
) -> None:
    """Its pages belong to the same log, and are there a second time."""
    whole = (crashed / WAL_FILE).read_bytes()
    *_, page, commit = frames(whole)
    end = commit + 4120
    left = whole[page:commit] * 2
    for tail in (whole[page:end], bytes(4120) + whole[commit:end]):
        folder = copy_of(crashed, tmp_path)
        (folder / WAL_FILE).write_bytes(whole[:page] + tail + left + whole[end + len(left) :])
        assert read(folder) == states(WRITES)[-1 if any(tail[:24]) else -2]


def test_a_commit_whose_own_header_rots_is_missed(crashed: Path, tmp_path: Path) -> None:
    """The last transaction would be taken for the end of the one before, and both be cut."""
    whole = (crashed / WAL_FILE).read_bytes()
    *_, before_last, last = (o for o in frames(whole) if any(whole[o + 4 : o + 8]))
    for header in (bytes(24), bytes(8) + whole[before_last + 8 : before_last + 24]):
        folder = copy_of(crashed, tmp_path)
        rotten = whole[:before_last] + header + whole[before_last + 24 :]
        (folder / WAL_FILE).write_bytes(rotten)
        assert damage_twice(folder).where == f'offset {before_last}'
        # The header of the last one is torn with it.
        (folder / WAL_FILE).write_bytes(whole[:last] + header + whole[last + 24 :])
        assert read(folder) == states(WRITES)[-2]


def test_a_large_last_transaction_is_cut_wherever_it_is_torn(
    crashed: Path, tmp_path: Path, repository: Path
) -> None:
    """One that SQLite writes in parts, since it does not fit into its memory."""
    source = copy_of(crashed, tmp_path)
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    subprocess.run([sys.executable, '-c', LARGE_WRITER, source], check=True, env=environment)
    whole = (source / WAL_FILE).read_bytes()
    ours = frames(whole)
    assert len(ours) > 1000
    before = next(i for i in reversed(range(len(ours) - 1)) if any(whole[ours[i] + 4 :][:4]))
    rng = random.Random(3)
    for place in (ours[before + 1], ours[-1], *rng.sample(ours[before + 1 :], 4)):
        folder = shutil.copytree(source, tmp_path / 'torn', dirs_exist_ok=True)
        (folder / WAL_FILE).write_bytes(whole[:place] + bytes(4120) + whole[place + 4120 :])
        assert read(folder) == replace(states(WRITES)[-1], incarnation=1001)


def test_the_header_of_the_wal_is_watched(crashed: Path, tmp_path: Path) -> None:
    for offset in range(0, 32, 5):
        folder = copy_of(crashed, tmp_path)
        flip(folder / WAL_FILE, offset)
        assert damage_twice(folder).where == 'offset 0'


def test_a_lost_database_beside_its_wal_is_damage(crashed: Path, tmp_path: Path) -> None:
    folder = copy_of(crashed, tmp_path)
    (folder / DATABASE_FILE).unlink()
    damage_twice(folder)
    (folder / DATABASE_FILE).touch()
    damage_twice(folder)


def test_an_empty_or_cut_database_is_damage(closed: Path, tmp_path: Path) -> None:
    for size in (0, 1, 4096, 5 * 4096):
        folder = copy_of(closed, tmp_path)
        with (folder / DATABASE_FILE).open('r+b') as file:
            file.truncate(size)
        with pytest.raises((StorageDamaged, StorageForeign)):
            read(folder)


@pytest.mark.parametrize(
    ('statement', 'where'),
    [
        ("UPDATE state SET vote = 'r3'", 'table state'),
        ('UPDATE state SET term = 7', 'table state'),
        ('UPDATE state SET last_index = 59', 'table state'),
        ("UPDATE state SET term = 'x'", 'table state'),
        ('DELETE FROM state', 'table state'),
        ("UPDATE state SET lost = 'r1:5'", 'table state'),
        ('UPDATE state SET mark_index = 31', 'table state'),
        ('UPDATE state SET mark_chain = 7', 'table state'),
        ('UPDATE state SET snapshot = 7', 'table state'),
        ('UPDATE state SET records = 7', 'table state'),
        ("UPDATE snapshot SET data = x'00'", 'the snapshot'),
        ("UPDATE snapshot SET data = 'text'", 'the snapshot'),
        ('UPDATE snapshot SET idx = 31', 'the snapshot'),
        ('UPDATE snapshot SET term = 31', 'the snapshot'),
        ("UPDATE snapshot SET term = 'x'", 'the snapshot'),
        ("UPDATE snapshot SET membership = '{}'", 'the snapshot'),
        ("UPDATE snapshot SET membership = '[]'", 'the snapshot'),
        ("UPDATE snapshot SET membership = 'x'", 'the snapshot'),
        (
            "UPDATE snapshot SET membership = replace(membership, 'r3', 'r4')",
            'the snapshot',
        ),
        ('DELETE FROM snapshot', 'the snapshot'),
        ('UPDATE boot SET incarnation = 5', 'table boot'),
        ('DELETE FROM boot', 'table boot'),
        ('DELETE FROM identity', 'table identity'),
        ('DELETE FROM entry WHERE idx = 31', 'log entry 31'),
        ('DELETE FROM entry WHERE idx = 47', 'log entry 47'),
        ('DELETE FROM entry WHERE idx = 60', 'log entry 60'),
        ('UPDATE entry SET term = 99 WHERE idx = 47', 'log entry 47'),
        ('UPDATE entry SET kind = 9 WHERE idx = 47', 'log entry 47'),
        ("UPDATE entry SET data = x'00' WHERE idx = 47", 'log entry 47'),
        ("UPDATE entry SET data = 'text' WHERE idx = 47", 'log entry 47'),
        ('UPDATE entry SET chain = 1 WHERE idx = 60', 'log entry 60'),
        ("INSERT INTO entry VALUES (61, 61, 1, x'00', 5)", 'log entry 61'),
        ('DROP TABLE entry', 'an unknown place'),
        ("UPDATE record SET key = 'robot/99' WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET key = x'726f626f742f3035' WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET data = x'00' WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET data = 'text' WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET checksum = 7 WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET checksum = 'x' WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET slot = 99 WHERE key = 'robot/05'", 'table record'),
        ("UPDATE record SET slot = -1 WHERE key = 'robot/05'", 'table record'),
        ("DELETE FROM record WHERE key = 'robot/05'", 'table record'),
        ("DELETE FROM record WHERE key >= 'robot/05'", 'table record'),
        ('DELETE FROM record', 'table record'),
        ("INSERT INTO record VALUES (99, 'robot/99', x'00', 0)", 'table record'),
        ('DROP TABLE record', 'an unknown place'),
    ],
)
def test_rows_that_are_not_as_written_are_named(
    closed: Path, tmp_path: Path, statement: str, where: str
) -> None:
    folder = copy_of(closed, tmp_path)
    execute(folder, statement)
    error = damage_twice(folder)
    assert error.where == where and error.path.name == DATABASE_FILE


def test_an_old_entry_in_the_place_of_a_newer_one_is_found(closed: Path, tmp_path: Path) -> None:
    """A write that the disk lost: the row is whole, but from before."""
    folder = copy_of(closed, tmp_path)
    storage = SqliteStorage(folder, swarm='team', robot='r1')
    storage.load()
    old = (
        sqlite3.connect(closed / DATABASE_FILE)
        .execute('SELECT * FROM entry WHERE idx = 60')
        .fetchone()
    )
    storage.write(Persist(HardState(70, ''), (Entry(60, 70, EntryKind.NOOP),)))
    storage.close()
    connection = sqlite3.connect(folder / DATABASE_FILE)
    connection.execute('DELETE FROM entry WHERE idx = 60')
    connection.execute('INSERT INTO entry VALUES (?, ?, ?, ?, ?)', old)
    connection.commit()
    connection.close()
    assert damage_twice(folder).where.startswith('log entry 6')


def test_an_old_snapshot_in_the_place_of_a_newer_one_is_found(closed: Path, tmp_path: Path) -> None:
    folder = copy_of(closed, tmp_path)
    storage = SqliteStorage(folder, swarm='team', robot='r1')
    storage.write(Persist(snapshot=Snapshot(SnapshotMark(35, 35, Membership(('r1',))), b'new')))
    storage.close()
    connection = sqlite3.connect(folder / DATABASE_FILE)
    connection.execute('ATTACH ? AS old', (str(closed / DATABASE_FILE),))
    connection.execute('DELETE FROM snapshot')
    connection.execute('INSERT INTO snapshot SELECT * FROM old.snapshot')
    connection.commit()
    connection.close()
    assert damage_twice(folder).where == 'the snapshot'


@pytest.mark.parametrize('change', ["data = x'00'", f'slot = {1 << 50}', 'checksum = 0'])
def test_a_damaged_record_is_named_with_its_table_and_key(
    closed: Path, tmp_path: Path, change: str
) -> None:
    folder = copy_of(closed, tmp_path)
    execute(folder, f"UPDATE record SET {change} WHERE key = 'robot/05'")
    finding = damage_twice(folder).finding
    assert 'damaged at table record: the checksum of row ' in finding
    assert "key 'robot/05', is not that of its content" in finding


def test_old_records_in_the_place_of_newer_ones_are_found(closed: Path, tmp_path: Path) -> None:
    """Writes that the disk lost: rows that are whole, but from before; one, some, or all."""
    newer = copy_of(closed, tmp_path)
    storage = SqliteStorage(newer, swarm='team', robot='r1')
    before = storage.load().records
    # Alike but for a number, so that the differences of the rows are the same.
    storage.write_records([Record(record.key, b'%d' % place * 500)
                           for place, record in enumerate(before)])  # fmt: skip
    middle = shutil.copytree(newer, tmp_path / 'middle')
    storage.write_records([Record(record.key, b'%d' % (place + 1) * 500)
                           for place, record in enumerate(before)])  # fmt: skip
    storage.close()
    SqliteStorage(middle, swarm='team', robot='r1').close()
    slots = list(range(len(before)))
    for old in (closed, middle):
        for chosen in ([3], [3, 4], slots[::2], slots):
            folder = shutil.copytree(newer, tmp_path / 'old', dirs_exist_ok=True)
            connection = sqlite3.connect(folder / DATABASE_FILE)
            connection.execute('ATTACH ? AS old', (str(old / DATABASE_FILE),))
            for slot in chosen:
                connection.execute(
                    'REPLACE INTO record SELECT * FROM old.record WHERE slot = ?', (slot,)
                )
            connection.commit()
            connection.close()
            assert 'written last' in damage_twice(folder).finding


def test_what_is_damaged_below_the_snapshot_harms_nobody(closed: Path, tmp_path: Path) -> None:
    """Its rows are no part of the log any more, and go with the next writes."""
    folder = copy_of(closed, tmp_path)
    execute(folder, "INSERT INTO entry VALUES (3, 'x', 9, 'y', -1)")
    assert read(folder) == states(WRITES)[-1]


def test_a_log_is_not_cut_by_what_a_rotten_entry_says(closed: Path, tmp_path: Path) -> None:
    """Its term would tell that the snapshot is of another log, and what follows would be gone."""
    folder = copy_of(closed, tmp_path)
    execute(folder, 'UPDATE entry SET term = 46 WHERE idx = 47')
    storage = SqliteStorage(folder, swarm='team', robot='r1')
    mark = SnapshotMark(47, 47, Membership(('r1',)))
    with pytest.raises(StorageDamaged, match='log entry 47'):
        storage.write(Persist(snapshot=Snapshot(mark, b'')))
    storage.close()


def test_nothing_is_believed_after_damage(closed: Path, tmp_path: Path) -> None:
    folder = copy_of(closed, tmp_path)
    execute(folder, 'DELETE FROM entry WHERE idx = 47')
    storage = SqliteStorage(folder, swarm='team', robot='r1')
    with pytest.raises(StorageDamaged):
        storage.load()
    with pytest.raises(StorageError, match='earlier'):
        storage.write(Persist(HardState(99, 'r3')))
    storage.close()


def test_another_program_s_file_and_a_newer_version_are_told_apart(tmp_path: Path) -> None:
    other = tmp_path / 'other'
    other.mkdir()
    connection = sqlite3.connect(other / DATABASE_FILE)
    connection.execute('CREATE TABLE photos (name TEXT)')
    connection.close()
    with pytest.raises(StorageForeign, match='another program'):
        read(other)
    newer = tmp_path / 'newer'
    SqliteStorage(newer, swarm='team', robot='r1').close()
    execute(
        newer,
        'PRAGMA user_version = 99',
        'UPDATE identity SET version = 99, checksum = 1',
    )
    with pytest.raises(StorageVersionError, match='version 99, .* reads 3; install'):
        read(newer)
    older = tmp_path / 'older'
    SqliteStorage(older, swarm='team', robot='r1').close()
    execute(
        older,
        'PRAGMA user_version = 1',
        'DROP TABLE identity',
        'CREATE TABLE identity (swarm TEXT NOT NULL, robot TEXT NOT NULL)',
        "INSERT INTO identity VALUES ('team', 'r1')",
    )
    with pytest.raises(StorageVersionError, match='version 1, .* reads 3; install'):
        read(older)


@pytest.mark.parametrize('pragma', ['user_version', 'application_id'])
@pytest.mark.parametrize('value', [0, 99])
def test_a_header_that_names_another_program_is_damage_where_the_content_is_ours(
    closed: Path, tmp_path: Path, pragma: str, value: int
) -> None:
    folder = copy_of(closed, tmp_path)
    execute(folder, f'PRAGMA {pragma} = {value}')
    assert damage_twice(folder).where == 'offset 60'


@pytest.mark.parametrize('which', ['database', 'wal'])
def test_random_damage_is_never_read_as_another_state(
    which: str, closed: Path, crashed: Path, tmp_path: Path
) -> None:
    """Bits and sectors, 150 times each: the true state, or damage that is said."""
    seed = 41
    rng = random.Random(seed)
    source, name = (closed, DATABASE_FILE) if which == 'database' else (crashed, WAL_FILE)
    allowed = states(WRITES)[-1:]
    if which == 'wal':
        # The last transaction cannot be told from a torn one.
        allowed = states(WRITES)[-2:]
    original = (source / name).read_bytes()
    used = len(original) if which == 'database' else frames(original)[-1] + 4120
    found = 0
    for round_number in range(150):
        folder = copy_of(source, tmp_path)
        data = bytearray(original)
        if rng.random() < 0.6:
            data[rng.randrange(used)] ^= 1 << rng.randrange(8)
        else:
            start = rng.randrange(used // 512) * 512
            data[start : start + 512] = rng.choice([bytes(512), rng.randbytes(512)])
        (folder / name).write_bytes(data)
        try:
            state = read(folder)
        except StorageDamaged:
            found += 1
            continue
        assert state in allowed, f'seed {seed}, round {round_number}'
    assert found > 30


def test_a_bit_in_each_page_is_harmless_or_damage(closed: Path, tmp_path: Path) -> None:
    """No page of the database may rot unseen, but those that are free."""
    original = (closed / DATABASE_FILE).read_bytes()
    found = []
    for page in range(len(original) // 4096):
        for offset in range(page * 4096, page * 4096 + 4096, 509):
            folder = copy_of(closed, tmp_path)
            flip(folder / DATABASE_FILE, offset, 5)
            try:
                assert read(folder) == states(WRITES)[-1], f'offset {offset}'
            except StorageDamaged:
                found.append(offset)
    # The snapshot alone has 5 whole pages and the records 3, in each of which every bit counts.
    assert len(found) > 8 * 8
