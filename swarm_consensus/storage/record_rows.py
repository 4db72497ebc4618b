"""
Where the records stand in their table, and the checksums that hold it together.

A record has a slot, the number of its row, for as long as it lives; a new one takes a slot that is
free. Rows are overwritten where they stand, and records that came together lie on the same pages.
Measured with the sync left out, batches among 300 records of 500 bytes: 8 records take 42 us this
way and 88 us in a table by key (WITHOUT ROWID), 32 records 137 us and 218 us.

Each row carries a checksum over its slot and content. One more over all these, in the order of the
slots, stands in the row of `state`: so a row that is missing, or whole but old, is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
import struct
import zlib

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.values import value
from swarm_consensus.storage.rows import Row, RowError

_HEAD = struct.Struct('<QII')
_CHECKSUM = struct.Struct('<I')


def record_checksum(slot: int, key: str, data: bytes) -> int:
    """Return the checksum of a row, 32 bits."""
    # With the slot, though its place tells it too: a rotten one must not say how long a table is.
    name = key.encode()
    return zlib.crc32(data, zlib.crc32(name, zlib.crc32(_HEAD.pack(slot, len(name), len(data)))))


@value
class RecordChange:
    """
    What a batch does to the table; nothing has happened yet.

    :param rows: to put in, each in the place of what has its slot.
    :param emptied: slots whose rows go, as parameters of a statement.
    :param checksum: of the table after it.
    :param added: slots of the keys that are new.
    :param removed: keys that go.
    :param free: slots that are free after it.
    :param checksums: of the rows after it.
    """

    rows: list[tuple[int, str, bytes, int]]
    emptied: list[tuple[int]]
    checksum: int
    added: dict[str, int]
    removed: list[str]
    free: list[int]
    checksums: bytearray


@dataclass(slots=True)
class RecordRows:
    """The slots of the records, in memory."""

    _slots: dict[str, int] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)
    # Of the rows by slot, 4 bytes each, 0 where a slot is free.
    _checksums: bytearray = field(default_factory=bytearray)

    def plan(self, records: Iterable[Record]) -> RecordChange:
        """
        Return what a batch does; of several records of one key the last counts.

        :raises UnicodeEncodeError: a key that is no text (half of a surrogate pair).
        """
        batch = {record.key: record.data for record in records}
        # All must be text, those to remove as well.
        ''.join(batch).encode()
        slots, checksums, free = self._slots, bytearray(self._checksums), self._free.copy()
        # Emptied slots first: a new record in the place of a removed one touches one page.
        removed = [key for key, data in batch.items() if data is None and key in slots]
        kept = len(free)
        for key in removed:
            free.append(slots[key])
            _CHECKSUM.pack_into(checksums, 4 * slots[key], 0)
        rows, added = [], {}
        for key, data in batch.items():
            if data is None:
                continue
            slot = slots.get(key, -1)
            if slot < 0:
                if free:
                    slot = free.pop()
                else:
                    slot = len(checksums) // 4
                    checksums += bytes(4)
                added[key] = slot
            checksum = record_checksum(slot, key, data)
            _CHECKSUM.pack_into(checksums, 4 * slot, checksum)
            rows.append((slot, key, data, checksum))
        emptied = [(slot,) for slot in free[kept:]]
        count = len(slots) - len(removed) + len(added)
        whole = _table_checksum(count, checksums)
        return RecordChange(rows, emptied, whole, added, removed, free, checksums)

    def carry_out(self, change: RecordChange) -> None:
        """Take over a change of these rows that has become durable."""
        for key in change.removed:
            del self._slots[key]
        self._slots.update(change.added)
        self._free, self._checksums = change.free, change.checksums


def read_records(rows: Sequence[Row], checksum: int) -> tuple[RecordRows, list[Record]]:
    """
    Return where the records stand, and all of them, sorted by key.

    :param rows: all rows of the table, with `id`.
    :param checksum: of the table, from the row of `state`.
    :raises RowError: they are not as they were written; names the key where it can be read.
    """
    records, slots, checksums = [], {}, {}
    for slot, key, data, stored in rows:
        try:
            intact = record_checksum(slot, key, data) == stored  # type: ignore[arg-type]
        except (struct.error, AttributeError, TypeError, UnicodeError):
            intact = False
        if not intact:
            raise RowError(f'the checksum of row {slot!r}, key {key!r}, is not that of its content')
        assert isinstance(slot, int) and isinstance(key, str) and isinstance(data, bytes)
        assert isinstance(stored, int)
        slots[key] = slot
        checksums[slot] = stored
        records.append(Record(key, data))
    found = bytearray(4 * (max(checksums, default=-1) + 1))
    for slot, stored in checksums.items():
        _CHECKSUM.pack_into(found, 4 * slot, stored)
    if _table_checksum(len(rows), found) != checksum:
        raise RowError('its rows are whole, but not those that were written last')
    free = [slot for slot in range(len(found) // 4) if slot not in checksums]
    return RecordRows(slots, free, found), sorted(records, key=lambda record: record.key)


def _table_checksum(count: int, checksums: bytearray) -> int:
    # Free slots at the end are not known any more after a reboot.
    return zlib.crc32(checksums.rstrip(b'\0'), count)
