"""
What can be wrong with the place where a robot keeps its log.

Each names the file or folder and says what a person can do. None of them is ever answered by
starting over with an empty log as if nothing had been in it: a robot that forgets its vote can
vote twice.
"""

from __future__ import annotations

from pathlib import Path


class StorageError(Exception):
    """
    Base of all; raised itself where the disk failed in a way that leaves its content unknown.

    :param path: file or folder concerned.
    :param text: what is wrong and what to do, after the path.
    """

    def __init__(self, path: Path | str, text: str) -> None:
        """Keep the path; the message is `<path>: <text>`."""
        self.path = Path(path)
        super().__init__(f'{path}: {text}')


class StorageDamaged(StorageError):
    """
    What was written is not what is read.

    :param where: place inside the file, e.g. 'log entry 17' or 'offset 4152'.
    :param text: what is wrong there.
    """

    def __init__(self, path: Path | str, where: str, text: str) -> None:
        """Keep the place; the message says what the robot needs, `finding` only what was found."""
        self.where = where
        self.finding = f'{path}: damaged at {where}: {text}'
        super().__init__(
            path,
            f'damaged at {where}: {text}; this robot must not vote with it. Restore the folder '
            'from this disk, or let the robot come back without its log (storage: {on_damage: '
            'rejoin})',
        )


class StorageFull(StorageError):
    """There is no room. Nothing of the write was kept, nothing before it was lost; try again."""


class StorageForeign(StorageError):
    """The folder belongs to another robot, another swarm or another program."""


class StorageLocked(StorageError):
    """
    Another process uses the folder.

    :param pid: its process id; 0 where it could not be read.
    """

    def __init__(self, path: Path | str, pid: int, text: str) -> None:
        """Keep the process id."""
        self.pid = pid
        super().__init__(path, text)


class StorageVersionError(StorageError):
    """Another version of this package wrote the folder, in a format that this one cannot read."""
