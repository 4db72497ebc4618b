"""
The tables of the database and the checksums of their rows.

Each single row carries a checksum over itself. The row of `state` also says what belongs with it:
where the log begins and ends, its chain of checksums at both ends (chain.py), and the checksums of
the snapshot and of all records (record_rows.py); so a row that is whole but old, where the disk
lost a write, does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
import json
import struct
import zlib

from swarm_consensus.protocols.raft import HardState, Membership, Snapshot, SnapshotMark
from swarm_consensus.protocols.values import value
from swarm_consensus.storage.chain import CHAIN_START

SCHEMA_VERSION = 3
SCHEMA = """
CREATE TABLE identity (
  swarm TEXT NOT NULL, robot TEXT NOT NULL, version INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE boot (
  id INTEGER PRIMARY KEY CHECK (id = 0), incarnation INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 0), term INTEGER NOT NULL, vote TEXT NOT NULL,
  lost TEXT NOT NULL, mark_index INTEGER NOT NULL, mark_chain INTEGER NOT NULL,
  last_index INTEGER NOT NULL, chain INTEGER NOT NULL, snapshot INTEGER NOT NULL,
  records INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE snapshot (
  id INTEGER PRIMARY KEY CHECK (id = 0), idx INTEGER NOT NULL, term INTEGER NOT NULL,
  membership TEXT NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE entry (
  idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL,
  chain INTEGER NOT NULL
);
CREATE TABLE record (
  slot INTEGER PRIMARY KEY, key TEXT NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL
);
"""
_STATE = struct.Struct('<QQIQIIIII')
_SNAPSHOT = struct.Struct('<QQIQ')
_IDENTITY = struct.Struct('<QI')
_KEYS = tuple(field.name for field in fields(Membership))

Row = tuple[object, ...]


class RowError(Exception):
    """A row is not as it was written; the text says what is wrong."""


@value
class State:
    """
    The row of `state`.

    :param hard_state: term, vote and loss.
    :param mark_index: last entry that the snapshot covers; 0 without one.
    :param mark_chain: checksum at that entry, from which the stored log goes on.
    :param last_index: last entry of the stored log; mark_index where it is empty.
    :param chain: checksum at the last entry.
    :param snapshot: checksum of the stored snapshot; 0 without one.
    :param records: checksum of the table of records; 0 where it is empty.
    """

    hard_state: HardState = HardState()
    mark_index: int = 0
    mark_chain: int = CHAIN_START
    last_index: int = 0
    chain: int = CHAIN_START
    snapshot: int = 0
    records: int = 0

    def row(self) -> Row:
        """Return it as the columns behind `id`, the checksum last."""
        vote, lost = self.hard_state.vote.encode(), self.hard_state.lost.encode()
        numbers = (self.mark_index, self.mark_chain, self.last_index, self.chain, self.snapshot,
                   self.records)  # fmt: skip
        head = _STATE.pack(self.hard_state.term, *numbers, len(vote), len(lost))
        checksum = zlib.crc32(lost, zlib.crc32(vote, zlib.crc32(head)))
        return (self.hard_state.term, self.hard_state.vote, self.hard_state.lost, *numbers,
                checksum)  # fmt: skip


def read_state(rows: Sequence[Row]) -> State:
    """
    Return the state.

    :param rows: all rows of the table, without `id`.
    :raises RowError: they are not as they were written.
    """
    (row,) = _only(rows)
    term, vote, lost, *numbers, _ = row
    try:
        state = State(HardState(term, vote, lost), *numbers)  # type: ignore[arg-type]
        intact = state.row() == row
    except (struct.error, AttributeError, TypeError):
        intact = False
    if not intact:
        raise RowError('the checksum of the vote is wrong')
    return state


def boot_row(incarnation: int) -> tuple[int, int]:
    """Return the columns of `boot` behind `id`."""
    return incarnation, zlib.crc32(b'boot' + incarnation.to_bytes(8, 'little', signed=True))


def read_boot(rows: Sequence[Row]) -> int:
    """
    Return the number of the last boot.

    :raises RowError: the row is not as it was written.
    """
    (row,) = _only(rows)
    incarnation = row[0]
    if not isinstance(incarnation, int) or boot_row(incarnation) != row:
        raise RowError('the checksum is wrong')
    return incarnation


def identity_row(swarm: str, robot: str, version: int) -> Row:
    """Return the columns of `identity`."""
    head = _IDENTITY.pack(version, len(swarm.encode()))
    return swarm, robot, version, zlib.crc32(f'{swarm}{robot}'.encode(), zlib.crc32(head))


def read_identity(rows: Sequence[Row]) -> tuple[str, str, int]:
    """
    Return swarm, robot and version.

    :raises RowError: the row is not as it was written.
    """
    (row,) = _only(rows)
    swarm, robot, version, _ = row
    if (
        not isinstance(swarm, str)
        or not isinstance(robot, str)
        or not isinstance(version, int)
        or not 0 <= version < 2**63
        or identity_row(swarm, robot, version) != row
    ):
        raise RowError('the checksum is wrong')
    return swarm, robot, version


def snapshot_row(snapshot: Snapshot) -> Row:
    """Return the columns of `snapshot` behind `id`, the checksum last."""
    mark = snapshot.mark
    members = {key: list(getattr(mark.membership, key)) for key in _KEYS}
    membership = json.dumps(members, ensure_ascii=False, separators=(',', ':'))
    head = _SNAPSHOT.pack(mark.index, mark.term, len(membership.encode()), len(snapshot.data))
    checksum = zlib.crc32(snapshot.data, zlib.crc32(membership.encode(), zlib.crc32(head)))
    return mark.index, mark.term, membership, snapshot.data, checksum


def read_snapshot(rows: Sequence[Row], state: State) -> Snapshot | None:
    """
    Return the snapshot that belongs to a state.

    :raises RowError: it is not as it was written, missing, or not the one that the state names.
    """
    if not rows and not state.mark_index:
        return None
    (row,) = _only(rows)
    index, term, text, data, checksum = row
    try:
        members = json.loads(text)  # type: ignore[arg-type]
        if set(members) != set(_KEYS):
            raise RowError('its membership is unreadable')
        membership = Membership(**{key: tuple(names) for key, names in members.items()})
        snapshot = Snapshot(SnapshotMark(index, term, membership), data)  # type: ignore[arg-type]
        intact = snapshot_row(snapshot) == row
    except (struct.error, ValueError, TypeError, AttributeError) as error:
        raise RowError('its content is unreadable') from error
    if not intact:
        raise RowError('its checksum is not that of its content')
    if (index, checksum) != (state.mark_index, state.snapshot):
        raise RowError('it is whole, but not the one that was written last')
    return snapshot


def _only(rows: Sequence[Row]) -> Sequence[Row]:
    if len(rows) != 1:
        raise RowError(f'{len(rows)} rows, not 1')
    return rows
