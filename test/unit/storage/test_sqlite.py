"""How SQLite is used here: every commit synced, from whichever thread, in space taken before."""

from __future__ import annotations

from pathlib import Path
import sqlite3
import threading

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
from swarm_consensus.storage import SqliteStorage
from swarm_consensus.storage.database import DATABASE_FILE


def open_at(folder: Path) -> SqliteStorage:
    return SqliteStorage(folder, swarm='team', robot='r1')


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """Killing a process cannot show this; only a power cut could, so the settings are held."""
    storage = open_at(tmp_path)
    connection = storage._connection
    assert connection is not None
    for pragma, expected in (('synchronous', 2), ('journal_mode', 'wal')):
        assert connection.execute(f'PRAGMA {pragma}').fetchone() == (expected,), pragma
    storage.close()


def test_one_thread_may_open_and_another_use_it(tmp_path: Path) -> None:
    storage = open_at(tmp_path)
    failures: list[Exception] = []

    def use() -> None:
        try:
            storage.write(Persist(HardState(1, 'r2'), (Entry(1, 1, EntryKind.NOOP),)))
            storage.close()
        except Exception as error:  # noqa: BLE001 -- shown by the assertion below
            failures.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert not failures
    assert open_at(tmp_path).load().hard_state == HardState(1, 'r2')


def test_small_writes_stay_in_the_space_that_was_taken(tmp_path: Path) -> None:
    """The write-ahead log must be used again and again: a file that grows syncs slower."""
    storage = open_at(tmp_path)
    wal = tmp_path / f'{DATABASE_FILE}-wal'
    size = wal.stat().st_size
    assert size > 4_000_000
    for index in range(1, 2001):
        entry = Entry(index, 1, EntryKind.COMMAND, bytes(100))
        storage.write(Persist(None, (entry,)))
    assert wal.stat().st_size == size
    storage.close()


def test_records_and_log_in_one_batch_are_one_transaction(tmp_path: Path) -> None:
    storage = open_at(tmp_path)
    connection = storage._connection
    assert connection is not None
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    storage.write(
        Persist(HardState(1), (Entry(1, 1, EntryKind.NOOP),)),
        [Record('a', b'1'), Record('b', b'1')],
    )
    connection.set_trace_callback(None)
    assert [each for each in statements if each in ('BEGIN IMMEDIATE', 'COMMIT')] == [
        'BEGIN IMMEDIATE', 'COMMIT'
    ]  # fmt: skip
    assert sum('record' in each for each in statements if 'state' not in each) == 2
    storage.close()


def test_records_that_come_and_go_use_their_room_again(tmp_path: Path) -> None:
    """Neither the files nor the slots grow, also where batches are of many pages."""
    storage = open_at(tmp_path)
    sizes = []
    for number in range(600):
        new = [Record(f'{number}/{i}', b'%d' % i * 200) for i in range(32)]
        old = [Record(f'{number - 9}/{i}', None) for i in range(32)]
        storage.write_records(new + old)
        if number % 50 == 49 and number > 200:
            sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
            assert len(storage.load().records) == 9 * 32
    # The first checkpoint, which copies them into the database, was before the first of these.
    assert len(set(sizes)) == 1, sizes
    assert storage._connection is not None
    (slots,) = storage._connection.execute('SELECT max(slot) FROM record').fetchone()
    assert slots < 10 * 32
    storage.close()
    # After a reboot, too, and though most go at once.
    storage = open_at(tmp_path)
    for record in storage.load().records[1:]:
        storage.write_records([Record(record.key, None)])
    storage.write_records([Record(f'again/{i}', b'x' * 500) for i in range(9 * 32)])
    assert storage._connection is not None
    assert storage._connection.execute('SELECT max(slot) FROM record').fetchone()[0] <= slots + 1
    storage.close()
    assert len(open_at(tmp_path).load().records) == 9 * 32 + 1


def test_an_interrupted_creation_is_begun_again(tmp_path: Path) -> None:
    draft = tmp_path / f'{DATABASE_FILE}.new'
    connection = sqlite3.connect(draft)
    connection.execute('CREATE TABLE half (a)')
    connection.close()
    (tmp_path / f'{draft.name}-wal').write_bytes(b'half')
    storage = open_at(tmp_path)
    storage.write(Persist(HardState(1, '')))
    storage.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['lock', DATABASE_FILE]


def test_an_interrupted_preallocation_does_no_harm(tmp_path: Path) -> None:
    open_at(tmp_path).close()
    (tmp_path / f'{DATABASE_FILE}-wal').write_bytes(bytes(12345))
    storage = open_at(tmp_path)
    storage.write(Persist(HardState(1, '')))
    storage.close()
    assert open_at(tmp_path).load().hard_state.term == 1


def stored_rows(storage: SqliteStorage) -> int:
    assert storage._connection is not None
    count: int = storage._connection.execute('SELECT count(*) FROM entry').fetchone()[0]
    return count


def test_compacted_rows_go_a_few_a_write_and_their_room_is_used_again(tmp_path: Path) -> None:
    storage = open_at(tmp_path)
    threshold, index, sizes = 2000, 0, []
    for _ in range(6):
        for _ in range(threshold // 10):
            batch = tuple(Entry(index + i, 1, EntryKind.COMMAND, bytes(100)) for i in range(1, 11))
            index += 10
            storage.write(Persist(None, batch))
        before = stored_rows(storage)
        mark = SnapshotMark(index - 5, 1, Membership(('r1',)))
        storage.write(Persist(snapshot=Snapshot(mark, bytes(300_000))))
        # Not all at once, and all of the snapshot before are gone.
        assert before <= threshold + 5 and before - stored_rows(storage) <= 100
        assert [e.index for e in storage.load().entries] == list(range(index - 4, index + 1))
        sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
    assert max(sizes[3:]) == sizes[2], sizes
    storage.close()
    # What was not removed yet goes after a reboot, by whatever is written.
    storage = open_at(tmp_path)
    for term in range(1, 40):
        storage.write(Persist(HardState(term)))
    assert stored_rows(storage) == 5
    storage.close()
