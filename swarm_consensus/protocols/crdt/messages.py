"""
What replicas say to each other. Every message stands for itself: any may be lost, late or repeated.

A `Delta` is a state by itself, to be joined. `Digest`, `Pull`, `Dots` and `Pulled` are anti-entropy
(replica.py). Whatever a peer puts into one is checked here, beyond the bounds of its fields, before
it is used; `check` says what is wrong.
"""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.protocols.bounds import UNSIGNED_64, Bounds
from swarm_consensus.protocols.crdt.context import ALL, Context, Span, context_of
from swarm_consensus.protocols.crdt.ids import ID_CHARACTERS_MAX, LEVEL_MAX, is_replica_id
from swarm_consensus.protocols.crdt.kinds import WireWrite, is_well_formed
from swarm_consensus.protocols.values import value

WRITERS_MAX = 4096
BUCKETS = 256
HASH_BYTES = 8

WriterTable = Annotated[
    tuple[Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)], ...],
    Bounds(length_max=WRITERS_MAX),
]
_Level = Annotated[int, Bounds(maximum=LEVEL_MAX)]
# place of the writer in the table, first and last sequence number
_WireSpan = tuple[
    Annotated[int, Bounds(maximum=WRITERS_MAX)],
    Annotated[int, Bounds(maximum=ALL)],
    Annotated[int, Bounds(maximum=ALL)],
]
WireSpans = tuple[_WireSpan, ...]
# bucket, lowest and highest hash of the range, sorted hashes in it, HASH_BYTES each
HashRange = tuple[
    Annotated[int, Bounds(maximum=BUCKETS - 1)],
    Annotated[int, UNSIGNED_64],
    Annotated[int, UNSIGNED_64],
    bytes,
]


@value
class Delta:
    """
    Some writes, and dots that were seen beside those: what of these is live elsewhere is removed.

    :param writers: names of the replicas that the rest names by their place.
    :param writes: live writes; their dots are seen, whether or not `spans` holds them.
    :param spans: further dots that were seen.
    """

    writers: WriterTable
    writes: tuple[WireWrite, ...]
    spans: WireSpans


@value
class Digest:
    """
    How the state of the sender stands; of two equal states both hashes are equal.

    :param level: of the settled history.
    :param context: hash of the dots that were seen.
    :param content: hash of the live writes.
    """

    level: _Level
    context: Annotated[int, UNSIGNED_64]
    content: Annotated[int, UNSIGNED_64]


@value
class Pull:
    """
    The sender wishes what it lacks.

    :param number: comes back in what answers it.
    :param level: of the settled history of the sender.
    :param writers: see Delta.
    :param spans: all dots that the sender has seen; 0..0 for a writer of which it saw none.
    :param buckets: sums of the hashes of the live writes in each bucket, HASH_BYTES each.
    """

    number: int
    level: _Level
    writers: WriterTable
    spans: WireSpans
    buckets: Annotated[bytes, Bounds(length_max=BUCKETS * HASH_BYTES)]


@value
class Dots:
    """
    What is live at the sender in buckets where the two differ, so that removals are seen.

    :param level: as of Pull; with `writers` and `spans` the context of the sender.
    :param buckets: hashes of the live writes in the buckets, or a range of these.
    """

    level: _Level
    writers: WriterTable
    spans: WireSpans
    buckets: tuple[HashRange, ...]


@value
class Pulled:
    """
    The end of the answer to a Pull.

    :param number: of the Pull.
    :param more: there is more; to be pulled again.
    :param level: of the sender, where the puller lacks nothing: it has seen all that was settled by
        then. 0: it lacks something, or did when it pulled.
    """

    number: int
    more: bool
    level: _Level


Message = Delta | Digest | Pull | Dots | Pulled
MESSAGE_TYPES: tuple[type[Message], ...] = (Delta, Digest, Pull, Dots, Pulled)


def check(message: Message) -> str:
    """Return what is wrong with a message whose fields are within their bounds; '' for nothing."""
    if isinstance(message, (Digest, Pulled)):
        return ''
    writers = message.writers
    count = len(writers)
    if not all(map(is_replica_id, writers)) or (count > 1 and len(set(writers)) != count):
        return 'WRITERS'
    lowest = 1 if isinstance(message, Delta) else 0
    for place, first, last in message.spans:
        if place >= count or not lowest <= first <= last or (first == 0) != (last == 0):
            return 'SPANS'
    if isinstance(message, Delta):
        for key, kind, item, place, _sequence, time, content in message.writes:
            if place >= count or not is_well_formed(key, kind, item, time, content):
                return 'WRITES'
    elif isinstance(message, Pull):
        if len(message.buckets) != BUCKETS * HASH_BYTES:
            return 'BUCKETS'
    elif any(len(hashes) % HASH_BYTES for _, _, _, hashes in message.buckets):
        return 'BUCKETS'
    return ''


def context_in(message: Pull | Dots) -> Context:
    """Return the context that a message carries."""
    return context_of(message.level, spans_in(message.writers, message.spans))


def spans_in(writers: tuple[str, ...], spans: WireSpans) -> list[Span]:
    """Return spans with the names of their writers."""
    return [(writers[place], first, last) for place, first, last in spans]


def tabled(spans: list[Span]) -> tuple[tuple[str, ...], WireSpans]:
    """Return the table of writers, in order of appearance, and the spans by their places in it."""
    places: dict[str, int] = {}
    wire = tuple(
        (places.setdefault(writer, len(places)), first, last) for writer, first, last in spans
    )
    return tuple(places), wire
