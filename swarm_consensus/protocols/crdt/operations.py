"""What can be asked of the shared state, and what is read from it: plain values."""

from __future__ import annotations

from enum import IntEnum

from swarm_consensus.protocols.crdt.kinds import (
    Kind,
    count_of,
    items_of,
    values_of,
    winner,
)
from swarm_consensus.protocols.crdt.state import State
from swarm_consensus.protocols.values import value


class Action(IntEnum):
    """What is done under a key."""

    PUT = 1  # set the last-writer-wins register to `content`
    ASSIGN = 2  # set the multi-value register to `content`
    ADD = 3  # put `content` into the add-wins set
    DISCARD = 4  # take `content` out of the add-wins set
    GROW = 5  # put `content` into the grow-only set
    INCREMENT = 6  # add `amount` to the counter
    REMOVE = 7  # remove all under the key; below it, where it ends with '/'


@value
class Operation:
    """
    One change.

    :param content: value or element.
    :param amount: of INCREMENT; may be negative.
    """

    action: Action
    key: str
    content: bytes = b''
    amount: int = 0


@value
class Item:
    """
    What stands under a key in one type.

    :param values: the value of a register, all concurrent ones of a multi-value register, or the
        elements of a set, sorted; () for a counter.
    :param count: of a counter; else 0.
    """

    key: str
    kind: Kind
    values: tuple[bytes, ...] = ()
    count: int = 0

    @property
    def size(self) -> int:
        """Return the bytes of its key and values."""
        return len(self.key) + sum(map(len, self.values))


def items_at(state: State, key: str) -> tuple[Item, ...]:
    """Return what stands under a key, one item for each type; () where nothing does."""
    return tuple(_item(state, key, kind) for kind in state.kinds_of(key))


def _item(state: State, key: str, kind: Kind) -> Item:
    writes = state.writes_of(key, kind)
    if kind is Kind.COUNTER:
        return Item(key, kind, (), count_of(writes))
    if kind is Kind.REGISTER:
        return Item(key, kind, (winner(writes)[6],))
    return Item(key, kind, values_of(writes) if kind is Kind.MULTI else items_of(writes))


def page(
    state: State, prefix: str, after: str, count_max: int, bytes_max: int
) -> tuple[tuple[Item, ...], bool]:
    """
    Return the items of the keys that begin so, in their order, and whether there are more.

    :param after: only keys above this one.
    :param count_max: most keys.
    :param bytes_max: most bytes of keys and values; one key is returned whatever it has.
    """
    found: list[Item] = []
    keys = size = 0
    for key in state.keys_from(max(prefix, after)):
        if not key.startswith(prefix):
            break
        if key <= after and after:
            continue
        items = items_at(state, key)
        size += sum(item.size for item in items)
        if keys == count_max or (keys and size > bytes_max):
            return tuple(found), True
        found += items
        keys += 1
    return tuple(found), False
