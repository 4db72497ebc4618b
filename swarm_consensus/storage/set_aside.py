"""
Moves a damaged storage aside within its folder, and puts an empty one of a lost robot there.

The order of the steps is what makes it all or nothing. The new database is made whole under the
name `log.sqlite.lost-<boot>`, which decides: before it is there nothing has changed, and once it
is there every opening finishes what is left to do (`finish_replacing`): the damaged files go into
`damaged-<boot>/`, then the new one takes its name. Nothing is ever deleted.
"""

from __future__ import annotations

from pathlib import Path
import sqlite3

from swarm_consensus.storage.database import (
    COMPANIONS,
    DATABASE_FILE,
    create_database,
    typed_errors,
)
from swarm_consensus.storage.folder import FolderLock, make_folder, sync_folder
from swarm_consensus.storage.rows import RowError, read_boot
from swarm_consensus.storage.wal import merge_wal

_LOST = f'{DATABASE_FILE}.lost-'
_DAMAGED = 'damaged-'


def replace_damaged(folder: Path, *, swarm: str, robot: str, incarnation: int, lost: str) -> Path:
    """
    Put an empty database of a lost robot in the place of what is there.

    :param incarnation: number of the boot, above that of every earlier recovery.
    :returns: the folder with the damaged files.
    :raises StorageLocked: another process uses the folder.
    :raises StorageError: what it cannot do; the damaged files are where they were.
    """
    make_folder(folder)
    lock = FolderLock(folder, robot)
    try:
        with typed_errors(folder / DATABASE_FILE):
            create_database(
                folder / f'{_LOST}{incarnation}',
                swarm=swarm,
                robot=robot,
                incarnation=incarnation,
                lost=lost,
            )
            finish_replacing(folder)
    finally:
        lock.release()
    return folder / f'{_DAMAGED}{incarnation}'


def finish_replacing(folder: Path) -> None:
    """
    Go on with a recovery that a crash interrupted; nothing where there was none.

    Only with the folder locked.

    :raises OSError: a file cannot be moved.
    """
    for number, fresh in _numbered(folder, _LOST)[-1:]:
        aside = folder / f'{_DAMAGED}{number}'
        aside.mkdir(mode=0o700, exist_ok=True)
        for name in (DATABASE_FILE, *(DATABASE_FILE + end for end in COMPANIONS)):
            if (folder / name).exists():
                (folder / name).rename(aside / name)
        sync_folder(aside)
        # Durable before the new one has the name: the old write-ahead log must not meet it.
        sync_folder(folder)
        fresh.rename(folder / DATABASE_FILE)
        sync_folder(folder)


def salvage_incarnation(folder: Path) -> int:
    """
    Return the highest number of a boot that can still be read in a folder; 0 where none can.

    From the damaged database with as much of its write-ahead log as is intact, where the row of
    the boot has the right checksum, and from the names of earlier recoveries.
    """
    found = [number for prefix in (_LOST, _DAMAGED) for number, _ in _numbered(folder, prefix)]
    connection = sqlite3.connect(':memory:')
    try:
        connection.deserialize(merge_wal(folder / DATABASE_FILE))
        rows = connection.execute('SELECT incarnation, checksum FROM boot').fetchall()
        found.append(read_boot(rows))
    except (OSError, sqlite3.Error, RowError, ValueError):
        # It is damaged: that this cannot be read is no news. Time takes the number's place.
        pass
    finally:
        connection.close()
    return max(found, default=0)


def describe_damaged(folder: Path) -> str:
    """Return how many damaged copies a folder keeps, and how much room they take."""
    kept = [path for _, path in _numbered(folder, _DAMAGED)]
    used = sum(file.stat().st_size for path in kept for file in path.iterdir())
    return f'{len(kept)} such in all, {used / 1e6:.1f} MB; delete them when they are of no more use'


def _numbered(folder: Path, prefix: str) -> list[tuple[int, Path]]:
    found = []
    for path in folder.glob(f'{prefix}*'):
        number = path.name.removeprefix(prefix)
        if number.isdecimal():
            found.append((int(number), path))
    return sorted(found)
