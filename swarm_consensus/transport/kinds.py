"""
The numbers of message kinds on the wire (docs/wire.md). A number never changes its meaning.

Each room that talks has a range; the room's own table says which number is which message. All
ranges below 128 take one byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from swarm_consensus.protocols.raft.messages import MESSAGE_TYPES, Message

RAFT_FIRST: Final = 1  # 1..47: protocols/raft
PRESENCE_FIRST: Final = 48  # 48..55: signs of life and membership
EVIDENCE_FIRST: Final = 56  # 56..63: evidence about subjects
AGREEMENT_FIRST: Final = 64  # 64..79: protocols/agreement
GOSSIP_FIRST: Final = 80  # 80..111: protocols/gossip, protocols/crdt
ALLOCATION_FIRST: Final = 112  # 112..127: protocols/allocation

_FIRSTS: Final = (
    RAFT_FIRST,
    PRESENCE_FIRST,
    EVIDENCE_FIRST,
    AGREEMENT_FIRST,
    GOSSIP_FIRST,
    ALLOCATION_FIRST,
    128,
)


def numbered(first: int, types: Iterable[type]) -> dict[int, type]:
    """
    Return a table that numbers types in their order from the start of a range.

    :raises ValueError: `first` starts no range, or there are more types than it holds.
    """
    if first not in _FIRSTS[:-1]:
        raise ValueError(f'{first} is not the start of a range of kinds')
    table = dict(enumerate(types, first))
    room = _FIRSTS[_FIRSTS.index(first) + 1] - first
    if len(table) > room:
        raise ValueError(f'{len(table)} types; the range from {first} holds {room} kinds')
    return table


RAFT_KINDS: Mapping[int, type[Message]] = numbered(RAFT_FIRST, MESSAGE_TYPES)
