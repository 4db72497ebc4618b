"""The files of SQLite under a robot's log: how they are made and opened, what errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import sqlite3

from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY, Record
from swarm_consensus.protocols.raft import HardState
from swarm_consensus.storage.errors import StorageDamaged, StorageError, StorageFull
from swarm_consensus.storage.folder import storage_error, sync_folder
from swarm_consensus.storage.record_rows import RecordChange, RecordRows
from swarm_consensus.storage.rows import SCHEMA, SCHEMA_VERSION, State, boot_row, identity_row
from swarm_consensus.storage.wal import FRAME_HEADER_BYTES, HEADER_BYTES

DATABASE_FILE = 'log.sqlite'
# What SQLite keeps beside a database; the last only where somebody opened it in another mode.
COMPANIONS = ('-wal', '-shm', '-journal')
APPLICATION_ID = 0x53574331  # 'SWC1'
PAGE_BYTES = 4096
# Pages in the write-ahead log at which SQLite copies them into the database: one stall of a few
# milliseconds every 500 small writes.
CHECKPOINT_PAGES = 1000
# Large batches pass the checkpoint's mark, so the preallocated log has room beyond it.
_WAL_PAGES = CHECKPOINT_PAGES + 64

# Errors of the disk or the system; every other one means that the file is not as it was written.
_WORLD_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def create_database(
    path: Path, *, swarm: str, robot: str, incarnation: int = 0, lost: str = ''
) -> None:
    """
    Make a database under another name and move it into place when it is whole.

    So a file of the right name that is empty was not left by a crash here: it is damage.

    :param path: where it is to be; nothing may be there.
    :param incarnation: last boot that it says it had.
    :param lost: token of the loss, for a robot that lost its log and its records.
    :raises sqlite3.Error, OSError: it cannot be made; nothing is at `path`.
    """
    folder = path.parent
    draft = folder / f'{DATABASE_FILE}.new'
    for left_behind in folder.glob(f'{draft.name}*'):
        left_behind.unlink()
    connection = connect(draft)
    try:
        connection.execute('BEGIN IMMEDIATE')
        for statement in SCHEMA.split(';'):
            connection.execute(statement)
        connection.execute(
            'INSERT INTO identity VALUES (?, ?, ?, ?)', identity_row(swarm, robot, SCHEMA_VERSION)
        )
        connection.execute('INSERT INTO boot VALUES (0, ?, ?)', boot_row(incarnation))
        losses = [Record(RECORDS_LOST_KEY, lost.encode())] if lost else []
        records = RecordRows().plan(losses)
        put_records(connection, records)
        connection.execute(
            'INSERT INTO state VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
            State(HardState(lost=lost), records=records.checksum).row(),
        )
        connection.execute(f'PRAGMA application_id = {APPLICATION_ID}')
        connection.execute(f'PRAGMA user_version = {SCHEMA_VERSION}')
        connection.execute('COMMIT')
        # Closing would copy the log into the database too, and say nothing where it fails.
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    finally:
        connection.close()
    draft.rename(path)
    sync_folder(folder)


def put_records(connection: sqlite3.Connection, change: RecordChange) -> None:
    """Carry out in the table what a batch does to the records."""
    if change.emptied:
        connection.executemany('DELETE FROM record WHERE slot = ?', change.emptied)
    connection.executemany('REPLACE INTO record VALUES (?, ?, ?, ?)', change.rows)


def preallocate_wal(database: Path) -> None:
    """Fill a missing log with zeros, which SQLite takes for an empty one, and sync it."""
    path = database.with_name(f'{database.name}-wal')
    if path.exists() and path.stat().st_size:
        return
    zeros = bytes(HEADER_BYTES + _WAL_PAGES * (FRAME_HEADER_BYTES + PAGE_BYTES))
    try:
        with path.open('wb') as file:
            file.write(zeros)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # Half a log is as good as none, but takes room.
        path.unlink(missing_ok=True)
        raise
    sync_folder(database.parent)


def connect(path: Path) -> sqlite3.Connection:
    """
    Open a database with every commit synced.

    :raises StorageError: the file system cannot do what that needs.
    """
    # The runtime's thread alone uses it, which need not be the one that opens it.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    # Exclusive, set before the log is first used: no file of shared memory is needed, whose
    # growth could fail on a full disk in ways that SQLite does not tell apart.
    connection.execute('PRAGMA locking_mode = EXCLUSIVE')
    connection.execute(f'PRAGMA page_size = {PAGE_BYTES}')
    connection.execute('PRAGMA synchronous = FULL')
    connection.execute(f'PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}')
    # A damaged page must not be able to do more than be wrong.
    connection.execute('PRAGMA trusted_schema = OFF')
    connection.execute('PRAGMA cell_size_check = ON')
    (mode,) = connection.execute('PRAGMA journal_mode = WAL').fetchone()
    if mode != 'wal':
        connection.close()
        raise StorageError(path, f'this file system allows journal mode {mode} only, not WAL')
    return connection


@contextmanager
def typed_errors(path: Path) -> Iterator[None]:
    """
    Turn errors of SQLite and of the system into those of this room.

    :raises StorageFull: no room; nothing was written.
    :raises StorageDamaged: SQLite cannot make sense of the file.
    :raises StorageError: the disk or the system failed.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _typed(path, error) from error
    except OSError as error:
        raise storage_error(path, error, 'the log cannot be used') from error


def _typed(path: Path, error: sqlite3.Error) -> StorageError:
    # No code: the module itself could not make sense of a value that it read.
    code = getattr(error, 'sqlite_errorcode', sqlite3.SQLITE_CORRUPT) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(path, 'no room on the disk; nothing was written')
    if code in _WORLD_CODES:
        name = getattr(error, 'sqlite_errorname', '')
        return StorageError(path, f'the disk failed: {error} ({name})')
    # The statements are fixed and right, so what they meet is not what was written.
    return StorageDamaged(path, 'an unknown place', str(error))
