"""
Where a robot keeps its log: one folder a robot, held by one process at a time.

The default is the state directory of the user (XDG Base Directory Specification), which outlives
reboots; a temporary folder is used only where somebody names one.
"""

from __future__ import annotations

from collections.abc import Mapping
import errno
import fcntl
import json
import os
from pathlib import Path
import re

from swarm_consensus.storage.errors import StorageError, StorageFull, StorageLocked

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,99}')
LOCK_FILE = 'lock'


def validate_name(what: str, name: str) -> str:
    """
    Return the name if it can be that of a folder.

    :param what: 'swarm' or 'robot', for the error.
    :raises ValueError: says what a name may hold.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} name {name[:120]!r}: use 1 to 100 letters, digits, '_', '-' or '.', with a "
            'letter or a digit in front'
        )
    return name


def default_folder(swarm: str, robot: str, environment: Mapping[str, str] = os.environ) -> Path:
    """
    Return the folder of a robot below the user's state directory; makes nothing.

    That is $XDG_STATE_HOME, or ~/.local/state where it is unset, empty or relative.

    :raises ValueError: a name that cannot be that of a folder.
    :raises StorageError: the user has no home directory.
    """
    state = environment.get('XDG_STATE_HOME', '')
    if not os.path.isabs(state):
        home = environment.get('HOME') or os.path.expanduser('~')
        if not os.path.isabs(home):
            raise StorageError(
                '~', 'this user has no home directory; set HOME, or name a folder for the storage'
            )
        state = os.path.join(home, '.local', 'state')
    return robot_folder(Path(state) / 'swarm_consensus', swarm, robot)


def robot_folder(base: Path, swarm: str, robot: str) -> Path:
    """
    Return the folder of a robot below a base folder: `<base>/<swarm>/<robot>`; makes nothing.

    :raises ValueError: a name that cannot be that of a folder.
    """
    return base / validate_name('swarm', swarm) / validate_name('robot', robot)


def make_folder(folder: Path) -> None:
    """
    Make a folder and its parents, durably, readable by the user alone.

    :raises StorageFull: no room.
    :raises StorageError: it cannot be made or written to; says why.
    """
    missing = []
    level = folder
    while not level.exists() and level != level.parent:
        missing.append(level)
        level = level.parent
    try:
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(folder, error, 'the folder cannot be made') from error
    if not folder.is_dir():
        raise StorageError(folder, 'this is a file; the storage needs a folder')
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StorageError(folder, 'this user may not write here')


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(path: Path, error: OSError, what: str) -> StorageError:
    """Return the typed error for what the operating system said."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(path, f'{what}: {error.strerror}')
    return StorageError(path, f'{what}: {error.strerror}')


class FolderLock:
    """
    Holds a folder against other processes for as long as this one lives.

    The lock is the kernel's: it goes with the process, however that ends, so a lock file that is
    left behind means nothing. The file says who holds it.

    :raises StorageLocked: another process holds it; names that process and robot.
    """

    def __init__(self, folder: Path, robot: str) -> None:
        self.path = folder / LOCK_FILE
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(self.path, error, 'the lock cannot be made') from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 4096, 0)
            os.close(self._descriptor)
            raise _locked(folder, holder) from None
        except OSError as error:
            os.close(self._descriptor)
            raise storage_error(self.path, error, 'this file system cannot lock') from error
        try:
            note = json.dumps({'pid': os.getpid(), 'robot': robot}).encode() + b'\n'
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, note, 0)
        except OSError as error:
            os.close(self._descriptor)
            raise storage_error(self.path, error, 'the lock cannot be written') from error

    def release(self) -> None:
        """Let other processes have the folder. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _locked(folder: Path, note: bytes) -> StorageLocked:
    pid, robot = 0, ''
    try:
        holder = json.loads(note)
        pid, robot = int(holder['pid']), str(holder['robot'])
    except (ValueError, TypeError, KeyError):
        # The holder is between opening the file and writing to it.
        pass
    who = f"process {pid} (robot '{robot}')" if pid else 'another process'
    return StorageLocked(
        folder,
        pid,
        f'{who} uses this folder; end it first, or give each robot its own name or folder',
    )
