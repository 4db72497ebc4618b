"""
How a robot begins from its storage: as it left it, or, where that is damaged, without its log.

A robot whose log is damaged has lost promises: a vote, or entries that it acknowledged. It must
not vote or count for a commit again before the swarm has made it a learner (`HardState.lost`).
What is damaged is moved aside and never deleted, and what takes its place says durably, from its
first moment, that this robot is lost; a crash at any point leaves the one or the other. Its records
go with its log, and what takes their place says that as well.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Protocol

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import Restored
from swarm_consensus.protocols.values import value
from swarm_consensus.storage.errors import StorageDamaged
from swarm_consensus.storage.port import Recovered, Storage
from swarm_consensus.storage.set_aside import (
    describe_damaged,
    replace_damaged,
    salvage_incarnation,
)
from swarm_consensus.storage.sqlite import SqliteStorage

_LOST = (
    'This robot does not vote and its copy does not count until the swarm has made it a learner; '
    'it then catches up and may be promoted again. That needs a leader among the other voters: '
    'where this robot was the only voter, or the others are damaged too, there is none. Then put a '
    'good copy of the files back, or, if what was committed may be given up, start all robots on '
    'empty folders'
)


class OnDamage(Enum):
    """What to do where the storage is damaged."""

    REFUSE = 'refuse'  # raise StorageDamaged; people decide
    REJOIN = 'rejoin'  # move it aside, and come back as a robot that lost its log


class Place(Protocol):
    """Where the storage of one robot is: `SqlitePlace`, or a `MemoryDisk` itself."""

    def open(self) -> Storage:
        """
        Open it.

        :raises StorageError: see the implementation.
        """

    def salvage(self) -> int:
        """Return the number of the last boot as far as damage lets it be read; 0 where not."""

    def replace(self, incarnation: int, lost: str) -> str:
        """
        Put what is there aside, and an empty storage of a lost robot in its place.

        All or nothing, and durable when this returns. Nothing may be open on the place.

        :param incarnation: number of the boot that found the damage; the new storage holds it.
        :param lost: token of the loss, for HardState.lost.
        :returns: for people: where the damaged files are and how much room such files take.
        :raises StorageError: what it cannot do; what was there is still there.
        """


@value
class SqlitePlace:
    """
    The folder of a robot's `SqliteStorage`.

    :param folder: made where it is missing.
    """

    folder: Path
    swarm: str
    robot: str

    def open(self) -> SqliteStorage:
        """Open it; see SqliteStorage for the errors."""
        return SqliteStorage(self.folder, swarm=self.swarm, robot=self.robot)

    def salvage(self) -> int:
        """Return the number of the last boot as far as damage lets it be read; 0 where not."""
        return salvage_incarnation(self.folder)

    def replace(self, incarnation: int, lost: str) -> str:
        """Put what is there into `damaged-<incarnation>`; see the port."""
        aside = replace_damaged(
            self.folder,
            swarm=self.swarm,
            robot=self.robot,
            incarnation=incarnation,
            lost=lost,
        )
        return f'{aside} ({describe_damaged(self.folder)})'


@value
class Opened:
    """
    A storage that is ready for a runtime, which closes it.

    :param storage: open.
    :param incarnation: number of this boot.
    :param restored: for Raft.
    :param notice: for people, where the log was lost now or before; '' where it was not.
    :param records: what was said in agreements, sorted by key.
    :param records_lost: records were lost, now or before; see `Recovered`.
    """

    storage: Storage
    incarnation: int
    restored: Restored
    notice: str = ''
    records: tuple[Record, ...] = ()
    records_lost: bool = False


def open_recovering(
    place: Place, *, robot: str, now_ms: int, on_damage: OnDamage = OnDamage.REJOIN
) -> Opened:
    """
    Open a robot's storage and begin a boot.

    :param robot: its name, for the token of a loss.
    :param now_ms: milliseconds of the wall clock since 1970; see `Storage.boot`.
    :raises StorageDamaged: where it is damaged and `on_damage` is REFUSE.
    :raises StorageError: it cannot be opened for another reason.
    """
    try:
        storage, recovered = _begin(place, now_ms)
        lost = recovered.hard_state.lost
        notice = f'this robot lost its log ({lost}) and still waits to be let in. {_LOST}'
        return _opened(storage, recovered, notice if lost else '')
    except StorageDamaged as error:
        if on_damage is OnDamage.REFUSE:
            raise
        damage = error
    incarnation = max(place.salvage() + 1, now_ms)
    aside = place.replace(incarnation, f'{robot}:{incarnation}')
    storage = place.open()
    try:
        recovered = storage.load()
    except BaseException:
        storage.close()
        raise
    return _opened(storage, recovered, _notice(damage, aside))


def _opened(storage: Storage, recovered: Recovered, notice: str) -> Opened:
    return Opened(
        storage,
        recovered.incarnation,
        recovered.restored,
        notice,
        recovered.records,
        recovered.records_lost,
    )


def _begin(place: Place, now_ms: int) -> tuple[Storage, Recovered]:
    storage = place.open()
    try:
        storage.boot(now_ms)
        return storage, storage.load()
    except BaseException:
        storage.close()
        raise


def _notice(damage: StorageDamaged, aside: str) -> str:
    return f'{damage.finding}. The damaged files are kept: {aside}. {_LOST}'
