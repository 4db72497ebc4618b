"""
The state of one replica: live writes and the causal context, and how two of them are joined.

One observed-remove map holds everything (kinds.py). In terms of the causal framework of Almeida,
Shoker and Baquero (2018, section 7) it is a dot store with one causal context for all of it: of
each write only the dot is looked at, so one join serves all types. A write is live in a join where
it is live on both sides, or live on one and not seen by the other.

Deltas are minimal in the sense of Enes, Almeida, Baquero and Leitao: 'Efficient synchronization of
state-based CRDTs', ICDE 2019: the dots of a context decompose a state, and `missing` joins just
those that the receiver has not seen (their section 4), in pieces that are deltas themselves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
import hashlib
import itertools
import struct
import zlib

from swarm_consensus.protocols.crdt.context import Context, Dot
from swarm_consensus.protocols.crdt.deltas import Piece
from swarm_consensus.protocols.crdt.kinds import Kind, Write
from swarm_consensus.protocols.crdt.messages import (
    BUCKETS,
    HASH_BYTES,
    Delta,
    HashRange,
    tabled,
)

# What a write takes in memory beside key, element and value, about.
WRITE_OVERHEAD_BYTES = 400

# Key, type and element: what a write takes the place of others at.
Place = tuple[str, int, bytes]
_Slot = tuple[int, bytes]
_HEAD = struct.Struct('>HBHQQI')
_SUMS = struct.Struct(f'>{BUCKETS}Q')
_ROW = struct.Struct('>HQ')
_RANGE = struct.Struct('>QQ')


class State:
    """
    Live writes and the dots that were seen.

    :ivar context: the dots that were seen; those of live writes always are.
    :ivar size: bytes of memory of the live writes, about.
    """

    def __init__(self, context: Context | None = None, writes: Iterable[Write] = ()) -> None:
        self.context = context or Context()
        self.size = 0
        self._live: dict[str, dict[int, Write]] = {}
        self._keys: dict[str, dict[_Slot, list[Write]]] = {}
        self._news: dict[Dot, Write | None] = {}
        self._touched: dict[str, None] = {}
        # The keys, sorted; None: some came or went since that was asked.
        self._sorted: list[str] | None = None
        # Places whose hashes are out of date; hashes of the writes at the others; the places of
        # each bucket, and the sum of the hashes of its writes.
        self._stale: set[Place] = set()
        self._hashes: dict[Place, tuple[int, ...]] = {}
        self._buckets: list[set[Place]] = [set() for _ in range(BUCKETS)]
        self._sums = [0] * BUCKETS
        self._content = int.from_bytes(_hash(bytes(BUCKETS * HASH_BYTES)), 'big')
        for write in writes:
            self._insert(write)
        self._news.clear()
        self._touched.clear()

    # -- reading ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of live writes."""
        return sum(map(len, self._live.values()))

    def keys(self) -> list[str]:
        """Return the keys under which something is live, sorted."""
        return list(self.keys_from(''))

    def keys_from(self, first: str) -> Iterator[str]:
        """Give the keys from one on, sorted; the state must not change meanwhile."""
        if self._sorted is None:
            self._sorted = sorted(self._keys)
        return itertools.islice(self._sorted, bisect_left(self._sorted, first), None)

    def writes_of(self, key: str, kind: int) -> list[Write]:
        """Return the live writes of one type under a key, in no order."""
        return [
            write
            for (each, _), writes in self._keys.get(key, {}).items()
            if each == kind
            for write in writes
        ]

    def writes_under(self, key: str) -> list[Write]:
        """Return all live writes under a key, in no order."""
        return [write for writes in self._keys.get(key, {}).values() for write in writes]

    def slot(self, key: str, kind: int, item: bytes = b'') -> list[Write]:
        """Return the live writes of a register, a counter or one element of a set."""
        return list(self._keys.get(key, {}).get((kind, item), ()))

    def kinds_of(self, key: str) -> list[Kind]:
        """Return the types that something is live of under a key, sorted."""
        return [Kind(kind) for kind in sorted({kind for kind, _ in self._keys.get(key, {})})]

    def write_at(self, writer: str, sequence: int) -> Write | None:
        """Return the live write of a dot; None: there is none."""
        return self._live.get(writer, {}).get(sequence)

    def writes_by(self, writer: str) -> list[Write]:
        """Return the live writes of a replica, in the order in which they were made."""
        return [write for _, write in sorted(self._live.get(writer, {}).items())]

    def writers(self) -> list[str]:
        """Return the replicas of which something is live, sorted."""
        return sorted(self._live)

    def writes(self) -> Iterator[Write]:
        """Give all live writes by key, type, element and dot."""
        for key in sorted(self._keys):
            for _, writes in sorted(self._keys[key].items()):
                yield from sorted(writes, key=_dot)

    # -- changing ---------------------------------------------------------------------------------

    def write(
        self,
        writer: str,
        key: str,
        kind: int,
        item: bytes,
        time: int,
        value: bytes,
        replaced: Iterable[Write],
    ) -> Write:
        """Write under the next dot of the writer, in the place of some live writes."""
        sequence = self.context.rows.get(writer, 0) + 1
        self.context.add(writer, sequence, sequence)
        write = (key, kind, item, writer, sequence, time, value)
        self._insert(write)
        for old in replaced:
            self._remove(old)
        return write

    def remove(self, writes: Iterable[Write]) -> None:
        """Take live writes away; their dots stay seen, and no other write is."""
        for write in writes:
            self._remove(write)

    def join(self, delta: Delta) -> bool:
        """
        Join a delta that was checked, and say whether it brought anything.

        Commutative, associative and idempotent: what two replicas hold depends on which deltas
        they have joined alone.
        """
        writers, context = delta.writers, self.context
        before = len(self._news)
        grown = self._join_writes(delta)
        if delta.spans:
            # Behind the writes, so that what takes the place of another finds it in its place.
            self._remove_seen(delta)
        for place, first, last in delta.spans:
            if not context.covers(writers[place], first, last):
                context.add(writers[place], first, last)
                grown = True
        return grown or len(self._news) != before

    def _join_writes(self, delta: Delta) -> bool:
        writers, context = delta.writers, self.context
        rows, gaps, contains = context.rows, context.gaps, context.contains
        grown = False
        for key, kind, item, place, sequence, time, value in delta.writes:
            writer = writers[place]
            row = rows.get(writer)
            if row is not None and sequence == row + 1 and writer not in gaps:
                rows[writer] = sequence
            elif contains(writer, sequence):
                continue
            else:
                context.add(writer, sequence, sequence)
            self._insert((key, kind, item, writer, sequence, time, value))
            grown = True
        return grown

    def _remove_seen(self, delta: Delta) -> None:
        """Take away what is live here, seen there and not live there."""
        live = self._live
        there: set[Dot] | None = None
        for place, first, last in delta.spans:
            writer = delta.writers[place]
            here = live.get(writer)
            if not here:
                continue
            if first == last:
                found = [here[first]] if first in here else []
            elif last - first < len(here):
                found = [here[n] for n in range(first, last + 1) if n in here]
            else:
                found = [write for n, write in here.items() if first <= n <= last]
            if not found:
                continue
            if there is None:
                there = {(delta.writers[write[3]], write[4]) for write in delta.writes}
            for write in found:
                if (writer, write[4]) not in there:
                    self._remove(write)

    def _insert(self, write: Write) -> None:
        key, kind, item, writer, sequence, _, value = write
        by_sequence = self._live.get(writer)
        if by_sequence is None:
            self._live[writer] = {sequence: write}
        else:
            by_sequence[sequence] = write
        slot = (kind, item)
        slots = self._keys.get(key)
        if slots is None:
            self._keys[key] = {slot: [write]}
            self._sorted = None
        else:
            writes = slots.get(slot)
            if writes is None:
                slots[slot] = [write]
            else:
                writes.append(write)
        self.size += len(key) + len(item) + len(value) + WRITE_OVERHEAD_BYTES
        self._news[writer, sequence] = write
        self._touched[key] = None
        self._stale.add((key, kind, item))

    def _remove(self, write: Write) -> None:
        key, kind, item, writer, sequence, _, value = write
        by_sequence = self._live[writer]
        del by_sequence[sequence]
        if not by_sequence:
            del self._live[writer]
        slots = self._keys[key]
        writes = slots[kind, item]
        if len(writes) > 1:
            writes.remove(write)
        elif len(slots) > 1:
            del slots[kind, item]
        else:
            del self._keys[key]
            self._sorted = None
        self.size -= len(key) + len(item) + len(value) + WRITE_OVERHEAD_BYTES
        self._news[writer, sequence] = None
        self._touched[key] = None
        self._stale.add((key, kind, item))

    # -- what happened ----------------------------------------------------------------------------

    def take_news(self) -> dict[Dot, Write | None]:
        """Return what became of dots since the last call: the live write, or None where it went."""
        news, self._news = self._news, {}
        return news

    def take_touched(self) -> dict[str, None]:
        """Return the keys under which something changed since the last call, in order."""
        touched, self._touched = self._touched, {}
        return touched

    # -- deltas -----------------------------------------------------------------------------------

    def missing(self, other: Context, bytes_max: int) -> Iterator[Delta]:
        """
        Give what a replica lacks that has seen `other`, and nothing else, in pieces.

        Each piece is a delta by itself. Together they hold every dot that was seen here and not
        there, but of settled writers those of live writes alone; what was removed here and is live
        there is not among it (`hashes_in`).

        :param bytes_max: of a piece on the wire, about; a single write may be larger.
        """
        writers = self.context.rows.keys() | self._live.keys()
        piece = Piece(bytes_max)
        for writer in sorted(writers):
            if writer in self.context.rows:
                spans = self.context.missing(writer, other)
            else:
                # Of a settled writer all counts as seen here, also what was void. One that stands
                # at a lower level must not take that over: it would seem to have been removed.
                found = sorted(self._live[writer])
                spans = [(n, n) for n in found if not other.contains(writer, n)]
            if not spans:
                continue
            here = self._live.get(writer, {})
            ordered = sorted(n for n in here if n >= spans[0][0])
            place = 0
            for first, last in spans:
                if not piece.has_room_for_span:
                    yield piece.delta()
                    piece = Piece(bytes_max)
                while place < len(ordered) and ordered[place] < first:
                    place += 1
                while place < len(ordered) and ordered[place] <= last:
                    write = here[ordered[place]]
                    if not piece.has_room(write):
                        # A piece says of its own dots alone that they were seen.
                        if first < write[4]:
                            piece.add_span(writer, first, write[4] - 1)
                            first = write[4]
                        yield piece.delta()
                        piece = Piece(bytes_max)
                    piece.add(write)
                    place += 1
                piece.add_span(writer, first, last)
        if not piece.empty:
            yield piece.delta()

    # -- comparing --------------------------------------------------------------------------------

    def bucket_hashes(self) -> bytes:
        """Return the sums of the hashes of the live writes in each bucket, HASH_BYTES each."""
        self._refresh()
        return self._sums_bytes()

    def content_hash(self) -> int:
        """Return a hash of all live writes."""
        self._refresh()
        return self._content

    def context_hash(self) -> int:
        """Return a hash of the dots that were seen."""
        return int.from_bytes(_hash(_context_bytes(self.context)), 'big')

    def hashes_in(self, bucket: int) -> list[int]:
        """Return the hashes of the live writes in a bucket, sorted."""
        self._refresh()
        return sorted(each for place in self._buckets[bucket] for each in self._hashes[place])

    def not_in(self, told: HashRange) -> list[Write]:
        """Return the live writes of a bucket (or a range of it) whose hashes were not told."""
        self._refresh()
        bucket, lowest, highest, hashes = told
        there = {
            int.from_bytes(hashes[at : at + HASH_BYTES], 'big')
            for at in range(0, len(hashes), HASH_BYTES)
        }
        return [
            write
            for place in sorted(self._buckets[bucket])
            for write, each in zip(self.slot(*place), self._hashes[place], strict=True)
            if lowest <= each <= highest and each not in there
        ]

    def _refresh(self) -> None:
        """Bring the hashes up to date; a place that was written often meanwhile is hashed once."""
        if not self._stale:
            return
        mask = (1 << 8 * HASH_BYTES) - 1
        for place in self._stale:
            bucket = bucket_of(place)
            total = self._sums[bucket] - sum(self._hashes.pop(place, ()))
            writes = self.slot(*place)
            if writes:
                hashes = tuple(map(_write_hash, writes))
                self._hashes[place] = hashes
                self._buckets[bucket].add(place)
                total += sum(hashes)
            else:
                self._buckets[bucket].discard(place)
            self._sums[bucket] = total & mask
        self._stale.clear()
        self._content = int.from_bytes(_hash(self._sums_bytes()), 'big')

    def _sums_bytes(self) -> bytes:
        return _SUMS.pack(*self._sums)

    def encode(self) -> bytes:
        """Return the canonical form: equal states give equal bytes, and others do not."""
        parts = [_context_bytes(self.context)]
        parts += [_write_bytes(write) for write in self.writes()]
        return b''.join(parts)


def size_of(writes: Iterable[Write]) -> int:
    """Return what writes take in memory, about."""
    return sum(len(w[0]) + len(w[2]) + len(w[6]) + WRITE_OVERHEAD_BYTES for w in writes)


def whole(state: State) -> Delta:
    """Return a whole state as one delta; for tests and for small states."""
    spans = [span for span in state.context.spans() if span[2]]
    writers, wire = tabled(spans)
    places = {writer: place for place, writer in enumerate(writers)}
    writes = [
        (key, kind, item, places.setdefault(writer, len(places)), sequence, time, value)
        for key, kind, item, writer, sequence, time, value in state.writes()
    ]
    return Delta(tuple(places), tuple(writes), wire)


def bucket_of(place: Place) -> int:
    """Return the bucket in which a register, a counter or an element of a set is compared."""
    key, kind, item = place
    return (zlib.crc32(item, zlib.crc32(key.encode())) + kind) % BUCKETS


def _dot(write: Write) -> tuple[str, int]:
    return write[3], write[4]


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=HASH_BYTES).digest()


def _write_hash(write: Write) -> int:
    return int.from_bytes(_hash(_write_bytes(write)), 'big')


def _write_bytes(write: Write) -> bytes:
    key, kind, item, writer, sequence, time, value = write
    name, by = key.encode(), writer.encode()
    head = _HEAD.pack(len(name), kind, len(item), sequence, time, len(value))
    return b''.join((head, name, item, value, by, b'\0'))


def _context_bytes(context: Context) -> bytes:
    parts = [context.level.to_bytes(8, 'big')]
    for writer in sorted(context.rows):
        name = writer.encode()
        gaps = context.gaps.get(writer, ())
        parts += (_ROW.pack(len(name), context.rows[writer]), name, len(gaps).to_bytes(4, 'big'))
        parts += [_RANGE.pack(first, last) for first, last in gaps]
    parts.append(b'\xff\xff')
    return b''.join(parts)

