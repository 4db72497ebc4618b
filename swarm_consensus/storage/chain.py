"""
Checksums of the log: each covers its entry and, by the one before it, the whole log up to there.

A chain finds what a checksum per entry does not: an entry that is whole but old, or one that is
missing, where the disk lost a write.

Over a snapshot the chain goes on: the entries behind its mark keep their links, and the value at
the mark is kept in their stead, so that a snapshot rewrites no entry. Only where the log is cut off
whole, because the snapshot is of a log that this robot did not have, does it start anew, from the
checksum of the snapshot: entries of the log before cannot be taken for a part of the new one.
"""

from __future__ import annotations

import struct
import zlib

from swarm_consensus.protocols.raft import Entry

CHAIN_START = 0
_ENTRY = struct.Struct('<QQBI')


def link(before: int, entry: Entry) -> int:
    """Return the checksum at an entry, given the one at the entry before it; 32 bits."""
    head = _ENTRY.pack(entry.index, entry.term, entry.kind, len(entry.data))
    return zlib.crc32(entry.data, zlib.crc32(head, before))
