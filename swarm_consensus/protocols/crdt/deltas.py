"""How writes and removals become deltas that fit into a message, each a state by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swarm_consensus.protocols.crdt.context import Dot, Span
from swarm_consensus.protocols.crdt.kinds import WireWrite, Write
from swarm_consensus.protocols.crdt.messages import Delta

# What a write takes on the wire beside key, element and value, at most.
WRITE_WIRE_BYTES = 40
WRITER_WIRE_BYTES = 170
SPAN_WIRE_BYTES = 24


class Piece:
    """A delta in the making."""

    def __init__(self, bytes_max: int) -> None:
        self._room = bytes_max
        self._places: dict[str, int] = {}
        self._writes: list[WireWrite] = []
        self._spans: list[Span] = []

    @property
    def empty(self) -> bool:
        return not self._writes and not self._spans

    @property
    def has_room_for_span(self) -> bool:
        return self.empty or self._room >= WRITER_WIRE_BYTES + SPAN_WIRE_BYTES

    def has_room(self, write: Write) -> bool:
        return self.empty or self._room >= wire_size(write) + WRITER_WIRE_BYTES + SPAN_WIRE_BYTES

    def add(self, write: Write) -> None:
        key, kind, item, writer, sequence, time, value = write
        self._room -= wire_size(write) + self._cost(writer)
        self._writes.append((key, kind, item, self._place(writer), sequence, time, value))

    def add_span(self, writer: str, first: int, last: int) -> None:
        self._room -= SPAN_WIRE_BYTES + self._cost(writer)
        self._place(writer)
        self._spans.append((writer, first, last))

    def _cost(self, writer: str) -> int:
        return 0 if writer in self._places else len(writer) + 3

    def _place(self, writer: str) -> int:
        return self._places.setdefault(writer, len(self._places))

    def delta(self) -> Delta:
        spans = tuple((self._place(writer), first, last) for writer, first, last in self._spans)
        return Delta(tuple(self._places), tuple(self._writes), spans)


def deltas_of(
    writes: Iterable[Write], removed: Iterable[Dot], bytes_max: int
) -> Iterator[Delta]:
    """
    Give some changes as deltas.

    :param writes: that are new.
    :param removed: dots of writes that are no longer live.
    :param bytes_max: of a delta on the wire, about.
    """
    piece = Piece(bytes_max)
    for write in writes:
        if not piece.has_room(write):
            yield piece.delta()
            piece = Piece(bytes_max)
        piece.add(write)
    for writer, first, last in _spans_of(removed):
        if not piece.has_room_for_span:
            yield piece.delta()
            piece = Piece(bytes_max)
        piece.add_span(writer, first, last)
    if not piece.empty:
        yield piece.delta()


def _spans_of(dots: Iterable[Dot]) -> Iterator[Span]:
    """Give dots as spans, sorted."""
    span: Span | None = None
    for writer, sequence in sorted(dots):
        if span is not None and span[0] == writer and span[2] + 1 == sequence:
            span = (writer, span[1], sequence)
            continue
        if span is not None:
            yield span
        span = (writer, sequence, sequence)
    if span is not None:
        yield span


def wire_size(write: Write) -> int:
    """Return the most bytes that a write takes on the wire, without the name of its writer."""
    # A character of a key has up to 4 bytes in UTF-8; those of most keys have one.
    key = write[0]
    size = len(key) if key.isascii() else 4 * len(key)
    return size + len(write[2]) + len(write[6]) + WRITE_WIRE_BYTES
