"""
The data types: what the live writes under a key mean.

All of them are made of the same stuff: a set of writes, each under its dot, in an observed-remove
map (state.py). A write replaces those that it has seen; concurrent ones stand beside each other,
and here is how each type reads them:

- REGISTER, last writer wins: of concurrent writes the one of the latest time (clock.py).
- MULTI, multi-value register: all concurrent values.
- GROW_SET: elements are added, never taken away one by one.
- ADD_SET, add-wins set (OR-set): a removal takes the additions that it has seen, so an addition
  that is concurrent to it stays.
- COUNTER, PN-counter: one write a writer, with the sum of its increments and of its decrements.

A map in the map is a common prefix of keys: `robots/r1/battery` lies in the map `robots/r1/`, and
to remove that map is to remove all that was seen below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
import struct
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.crdt.clock import TIME_MAX
from swarm_consensus.protocols.crdt.context import SEQUENCE_MAX

KEY_CHARACTERS_MAX = 256
ITEM_BYTES_MAX = 1024
VALUE_BYTES_MAX = 1 << 20
COUNT_MAX = 2**62

_SUMS = struct.Struct('>QQ')
SUMS_BYTES = _SUMS.size


class Kind(IntEnum):
    """The type of what stands under a key; a key may hold one of each."""

    REGISTER = 1
    MULTI = 2
    GROW_SET = 3
    ADD_SET = 4
    COUNTER = 5


SETS = frozenset({Kind.GROW_SET, Kind.ADD_SET})

# Key, kind, element of a set (else empty), writer, sequence, time of a register (else 0), value of
# a register or sums of a counter (else empty). On the wire the writer is its place in a table.
Write = tuple[str, int, bytes, str, int, int, bytes]
WireWrite = tuple[
    Annotated[str, Bounds(length_max=KEY_CHARACTERS_MAX)],
    Annotated[int, Bounds(minimum=1, maximum=len(Kind))],
    Annotated[bytes, Bounds(length_max=ITEM_BYTES_MAX)],
    int,
    Annotated[int, Bounds(minimum=1, maximum=SEQUENCE_MAX)],
    Annotated[int, Bounds(maximum=TIME_MAX)],
    Annotated[bytes, Bounds(length_max=VALUE_BYTES_MAX)],
]


def is_well_formed(key: str, kind: int, item: bytes, time: int, value: bytes) -> bool:
    """Return whether the parts of a write that are within their bounds go together."""
    if not key:
        return False
    if kind == Kind.REGISTER:
        return not item
    if time:
        return False
    if kind == Kind.COUNTER:
        return not item and len(value) == SUMS_BYTES and max(_SUMS.unpack(value)) <= COUNT_MAX
    return not item if kind == Kind.MULTI else not value


def pack_sums(up: int, down: int) -> bytes:
    """Return the value of a counter's write; both sums are in 0..COUNT_MAX."""
    return _SUMS.pack(up, down)


def unpack_sums(value: bytes) -> tuple[int, int]:
    """Return the sums of the increments and of the decrements."""
    up, down = _SUMS.unpack(value)
    return up, down


def winner(writes: Iterable[Write]) -> Write:
    """Return the write of a last-writer-wins register that counts; of equal times, by the dot."""
    return max(writes, key=lambda write: (write[5], write[3], write[4]))


def newest_of_each(writes: Iterable[Write]) -> list[Write]:
    """
    Return the writes at one place without those that their own writer has replaced.

    A replica always writes in the place of what it wrote there before. But where the change that
    said so was lost together with its robot's disk, both are live.
    """
    newest: dict[str, Write] = {}
    for write in writes:
        other = newest.get(write[3])
        if other is None or other[4] < write[4]:
            newest[write[3]] = write
    return list(newest.values())


def values_of(writes: Iterable[Write]) -> tuple[bytes, ...]:
    """Return the values of a multi-value register, each once, sorted."""
    return tuple(sorted({write[6] for write in newest_of_each(writes)}))


def items_of(writes: Iterable[Write]) -> tuple[bytes, ...]:
    """Return the elements of a set, sorted."""
    return tuple(sorted({write[2] for write in writes}))


def count_of(writes: Iterable[Write]) -> int:
    """Return the value of a counter."""
    count = 0
    for write in newest_of_each(writes):
        up, down = _SUMS.unpack(write[6])
        count += up - down
    return count
