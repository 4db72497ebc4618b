"""
Checksums of the log: each covers its entry and, by the one before it, the whole log up to there.

A chain finds what a checksum per entry does not: an entry that is whole but old, or one that is
missing, where the disk lost a write.
"""

from __future__ import annotations

from collections.abc import Sequence
import struct
import zlib

from swarm_consensus.protocols.raft import Entry, InvariantError

CHAIN_START = 0
_ENTRY = struct.Struct('<QQBI')


def link(before: int, entry: Entry) -> int:
    """Return the checksum at an entry, given the one at the entry before it; 32 bits."""
    head = _ENTRY.pack(entry.index, entry.term, entry.kind, len(entry.data))
    return zlib.crc32(entry.data, zlib.crc32(head, before))


def require_joined(entries: Sequence[Entry], first_index: int, last_index: int) -> None:
    """
    Hold that entries have no gap inside, and none towards the stored log.

    :param first_index: first place that may be written (1, or the one after a snapshot).
    :param last_index: end of the stored log; first_index - 1 where it is empty.
    :raises InvariantError: they do.
    """
    first = entries[0].index
    if not first_index <= first <= last_index + 1:
        raise InvariantError(
            'entries join the stored log', first=first, stored=(first_index, last_index)
        )
    for place, entry in enumerate(entries, first):
        if entry.index != place:
            raise InvariantError('entries have no gap', index=entry.index, expected=place)
