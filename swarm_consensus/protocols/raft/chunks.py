"""
A snapshot in pieces: what a leader knows of one on its way to a follower, and what a follower has.

The follower answers with how much it has from the beginning without gaps, and keeps pieces that
came too early, so that one that was lost is all that must be sent again. The leader lets a window
of pieces fly, which opens with each answer that shows progress. Where the answers to heartbeats
pass and nothing moves, it goes back to what the follower last said, with one piece; it waits twice
as long each time, since the pieces may only be slow: heartbeats overtake them.
"""

from __future__ import annotations

from hashlib import blake2b

from swarm_consensus.protocols.raft.entry import Snapshot, SnapshotMark
from swarm_consensus.protocols.raft.messages import SnapshotChunk

DIGEST_BYTES = 16

# Heartbeat answers without progress after which pieces are sent again: 1, and up to this.
PATIENCE_MAX = 8


def digest_of(data: bytes) -> bytes:
    """Return what tells whether a snapshot's bytes arrived as they were."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


class Source:
    """A snapshot that is being sent, to any number of followers."""

    __slots__ = ('data', 'digest', 'index', 'mark')

    def __init__(self, snapshot: Snapshot) -> None:
        self.mark = snapshot.mark
        self.index = snapshot.mark.index
        self.data = snapshot.data
        self.digest = digest_of(snapshot.data)


class Outgoing:
    """
    A snapshot on its way to one follower, at the leader.

    Holds always: 0 <= received <= sent <= size of the snapshot.

    :ivar received: the follower has this much from the beginning, as far as is known.
    :ivar sent: place of the next piece.
    :ivar whole: the last piece was sent.
    :ivar window: pieces that may be under way.
    """

    __slots__ = (
        '_marked',
        '_patience',
        '_quiet',
        '_told',
        'received',
        'sent',
        'source',
        'whole',
        'window',
    )

    def __init__(self, source: Source) -> None:
        self.source = source
        self.received = 0
        self.sent = 0
        self.whole = False
        self.window = 1
        # What the follower last said, which is less than `received` after its reboot.
        self._told = 0
        self._marked = 0
        self._quiet = 0
        self._patience = 1

    def wants(self, chunk_bytes: int) -> bool:
        """Return whether a piece may be sent now."""
        return not self.whole and self.sent - self.received < self.window * chunk_bytes

    def piece_sent(self, size: int) -> None:
        """Take note that a piece of this size went out."""
        self.sent += size
        self.whole = self.sent >= len(self.source.data)

    def answered(self, received: int, window_max: int) -> None:
        """Take note of how much the follower says that it has."""
        self._told = received
        if received <= self.received:
            # Late, or the follower was rebooted: if nothing moves, that will be seen.
            return
        self.received = received
        if self.sent < received:
            self.sent = received
            self.whole = received >= len(self.source.data)
        self.window = min(2 * self.window, window_max)
        self._patience = max(1, self._patience // 2)

    def mark(self) -> None:
        """Take note of how far it is when a heartbeat goes out."""
        self._marked = self.received

    def heartbeat_answered(self) -> bool:
        """Return whether there is something to send again, since all has been quiet."""
        if self.received > self._marked:
            self._quiet = 0
            return False
        self._quiet += 1
        if self._quiet < self._patience:
            return False
        self._quiet = 0
        self._patience = min(2 * self._patience, PATIENCE_MAX)
        # A follower that has it all and does not say that it is installed may have been rebooted.
        self.received = self._told if self._told < len(self.source.data) else 0
        self.sent = self.received
        self.whole = False
        self.window = 1
        return True


class Incoming:
    """
    A snapshot that a follower is being sent.

    :param chunk: a piece of it, for what is said of the whole; it is not taken in yet.
    :param ahead_max: most pieces kept that are not next, which with what has come without gaps
        is all the memory that it takes.
    """

    __slots__ = ('_ahead', '_ahead_max', '_data', 'digest', 'mark', 'size', 'term')

    def __init__(self, chunk: SnapshotChunk, ahead_max: int) -> None:
        self.term = chunk.term
        self.mark = SnapshotMark(chunk.index, chunk.index_term, chunk.membership)
        self.size = chunk.size
        self.digest = chunk.digest
        self._data = bytearray()
        self._ahead: dict[int, bytes] = {}
        self._ahead_max = ahead_max

    @property
    def received(self) -> int:
        """Bytes from the beginning without gaps."""
        return len(self._data)

    @property
    def complete(self) -> bool:
        """Whether all has come."""
        return len(self._data) == self.size

    def same(self, chunk: SnapshotChunk) -> bool:
        """Return whether a piece belongs to this snapshot, whoever sends it."""
        mark = self.mark
        return (
            chunk.index == mark.index
            and chunk.digest == self.digest
            and chunk.size == self.size
            and chunk.index_term == mark.term
            and chunk.membership == mark.membership
        )

    def take(self, offset: int, data: bytes) -> None:
        """Take in a piece, which lies within the size; repeated and overlapping ones are fine."""
        have = self._data
        if offset > len(have):
            if len(self._ahead) < self._ahead_max or offset in self._ahead:
                self._ahead[offset] = max(data, self._ahead.get(offset, b''), key=len)
            return
        have += data[len(have) - offset :]
        while self._ahead and (first := min(self._ahead)) <= len(have):
            have += self._ahead.pop(first)[len(have) - first :]

    def snapshot(self) -> Snapshot | None:
        """Return the whole, or None where it is not what its digest says."""
        data = bytes(self._data)
        return Snapshot(self.mark, data) if digest_of(data) == self.digest else None
