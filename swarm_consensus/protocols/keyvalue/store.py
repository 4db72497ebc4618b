"""The store: keys in order, each with its versions; leases that take their keys with them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Annotated

from swarm_consensus.protocols.bounds import SIGNED, Bounds
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.keyvalue.leases import Leases
from swarm_consensus.protocols.keyvalue.operations import (
    KEY_CHARACTERS_MAX,
    TTL_MS_MAX,
    VALUE_BYTES_MAX,
    Delete,
    Grant,
    Item,
    KeepAlive,
    Operation,
    Put,
    Result,
    ResultStatus,
    Revoke,
)
from swarm_consensus.protocols.keyvalue.watch import Event, EventKind
from swarm_consensus.protocols.values import value

# Bounds of the whole store; part of the state machine, the same on every robot. Together with the
# sessions and the history of decisions it stays well below the largest snapshot (64 MiB).
KEYS_MAX = 100_000
STORE_BYTES_MAX = 32 << 20
# What one key costs beside its characters and its value.
ITEM_OVERHEAD_BYTES = 200

_MANY = Bounds(length_max=KEYS_MAX)
# To look a member up in its Enum takes as long as the rest of the line, and most commands are puts.
_DONE = ResultStatus.DONE
_PUT = EventKind.PUT

# key, value, version, created index, modified index, lease
ItemRow = tuple[Annotated[str, Bounds(length_max=KEY_CHARACTERS_MAX)], bytes, int, int, int, int]
Events = list[Event]


@value
class KeyValueImage:
    """
    A whole store; equal stores have equal images.

    :param time_ms: committed time.
    :param time_index: log index of the command that moved it last.
    :param items: in order of their keys.
    :param leases: (id, ttl in ms, deadline or -1) in order of their ids.
    """

    time_ms: int
    time_index: int
    items: Annotated[tuple[ItemRow, ...], _MANY]
    leases: tuple[tuple[int, int, Annotated[int, SIGNED]], ...]


@value
class Page:
    """
    Part of a range of keys.

    :param more: there are more keys in the range, from `key_after` the last one of these.
    """

    items: tuple[Item, ...]
    more: bool


class KeyValueStore:
    """
    The store.

    :ivar leases: the leases and committed time.
    :ivar _keys: in order.
    """

    def __init__(self) -> None:
        self.leases = Leases()
        self._keys: list[str] = []
        self._items: dict[str, Item] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    # -- reading ----------------------------------------------------------------------------------

    def get(self, key: str) -> Item | None:
        """Return a key as it stands."""
        return self._items.get(key)

    def range(self, first: str, last: str, count_max: int, value_bytes_max: int) -> Page:
        """
        Return the keys k with `first` <= k < `last`, in order.

        :param last: '': no end.
        :param count_max: most keys returned.
        :param value_bytes_max: most bytes of values returned; one key comes in any case, so that
            whoever reads on always gets further.
        """
        place = bisect_left(self._keys, first)
        end = bisect_left(self._keys, last) if last else len(self._keys)
        chosen: list[Item] = []
        value_bytes = 0
        for key in self._keys[place : min(end, place + max(count_max, 0))]:
            item = self._items[key]
            value_bytes += len(item.value)
            if chosen and value_bytes > value_bytes_max:
                break
            chosen.append(item)
        return Page(tuple(chosen), place + len(chosen) < end)

    # -- changing ---------------------------------------------------------------------------------

    def apply(self, index: int, operation: Operation) -> tuple[Result, Sequence[Event]]:
        """
        Do one operation.

        :param index: log index of the entry that asks for it.
        :returns: what it did, and the changes of keys, in order.
        """
        events: Events = []
        # By far the most.
        if isinstance(operation, Put):
            result = self._put(index, operation, events)
        elif isinstance(operation, Delete):
            result = self._delete(index, operation, events)
        elif isinstance(operation, Grant):
            result = self._grant(index, operation)
        else:
            result = self._on_lease(index, operation, events)
        return result, events

    def elapse(self, index: int, previous: int, elapsed_ms: int) -> tuple[bool, Sequence[Event]]:
        """
        Move committed time, and end the leases that are due.

        :param previous: log index of the command that moved it last, as its leader knew it.
        :returns: whether it counted, and the keys that went with their leases, in order.
        """
        due = self.leases.elapse(index, previous, elapsed_ms)
        events: Events = []
        for lease in due or ():
            for key in self.leases.end(lease):
                self._remove(index, key, EventKind.EXPIRED, events)
        return due is not None, events

    def _put(self, index: int, put: Put, events: Events) -> Result:
        key, value, lease = put.key, put.value, put.lease
        before = self._items.get(key)
        if not 0 < len(key) <= KEY_CHARACTERS_MAX or len(value) > VALUE_BYTES_MAX:
            return _stands(ResultStatus.INVALID, index, before)
        if not put.expected.met_by(before):
            return _stands(ResultStatus.CONFLICT, index, before)
        if lease and lease not in self.leases:
            return _stands(ResultStatus.LEASE_NOT_FOUND, index, before)
        size = self._bytes + len(value)
        if before is None:
            size += len(key) + ITEM_OVERHEAD_BYTES
            full = len(self._items) >= KEYS_MAX
        else:
            size -= len(before.value)
            full = False
        if full or (size > STORE_BYTES_MAX and size > self._bytes):
            return _stands(ResultStatus.FULL, index, before)
        if before is None:
            version = 1
            item = Item(key, value, version, index, index, lease)
            insort(self._keys, key)
        else:
            version = before.version + 1
            item = Item(key, value, version, before.created_index, index, lease)
            if before.lease:
                self.leases.detach(key, before.lease)
        self._items[key] = item
        self._bytes = size
        if lease:
            self.leases.attach(key, lease)
        events.append(Event(_PUT, key, value, version, index))
        return Result(_DONE, index, version, index)

    def _delete(self, index: int, delete: Delete, events: Events) -> Result:
        before = self._items.get(delete.key)
        if not delete.expected.met_by(before):
            return _stands(ResultStatus.CONFLICT, index, before)
        if before is None:
            return Result(ResultStatus.NOT_FOUND, index)
        self.leases.detach(delete.key, before.lease)
        self._remove(index, delete.key, EventKind.DELETE, events)
        return Result(ResultStatus.DONE, index)

    def _remove(self, index: int, key: str, kind: EventKind, events: Events) -> None:
        item = self._items.pop(key)
        self._bytes -= _size(item)
        del self._keys[bisect_left(self._keys, key)]
        events.append(Event(kind, key, b'', 0, index))

    def _grant(self, index: int, grant: Grant) -> Result:
        if not 0 < grant.ttl_ms <= TTL_MS_MAX:
            return Result(ResultStatus.INVALID, index)
        if grant.lease in self.leases:
            ttl_ms = self.leases.ttl_ms(grant.lease)
            return Result(ResultStatus.LEASE_EXISTS, index, lease=grant.lease, ttl_ms=ttl_ms)
        if self.leases.full:
            return Result(ResultStatus.FULL, index)
        lease = grant.lease or index
        while lease in self.leases:
            lease += 1
        self.leases.grant(lease, grant.ttl_ms)
        return Result(ResultStatus.DONE, index, lease=lease, ttl_ms=grant.ttl_ms)

    def _on_lease(self, index: int, asked: KeepAlive | Revoke, events: Events) -> Result:
        lease = asked.lease
        if lease not in self.leases:
            return Result(ResultStatus.LEASE_NOT_FOUND, index, lease=lease)
        ttl_ms = self.leases.ttl_ms(lease)
        if isinstance(asked, KeepAlive):
            self.leases.keep_alive(lease)
        else:
            for key in self.leases.end(lease):
                self._remove(index, key, EventKind.DELETE, events)
        return Result(ResultStatus.DONE, index, lease=lease, ttl_ms=ttl_ms)

    # -- images -----------------------------------------------------------------------------------

    def image(self) -> KeyValueImage:
        """Return the whole store."""
        items = self._items
        rows = [
            (x.key, x.value, x.version, x.created_index, x.modified_index, x.lease)
            for x in [items[key] for key in self._keys]
        ]
        leases = self.leases
        return KeyValueImage(leases.time_ms, leases.time_index, tuple(rows), leases.rows())

    @classmethod
    def restored(cls, image: KeyValueImage, index: int) -> KeyValueStore:
        """
        Return the store of an image.

        :param index: log index at which it was taken.
        :raises ImageError: where the image contradicts itself.
        """
        self = cls()
        self.leases = Leases.restored(image.time_ms, image.time_index, image.leases)
        before = ''
        for row in image.items:
            item = Item(*row)
            if item.key <= before:
                raise ImageError(f'key {item.key!r} after key {before!r}')
            if not 0 < item.created_index <= item.modified_index <= index or item.version < 1:
                raise ImageError(f'the versions of key {item.key!r} contradict each other')
            if item.lease and item.lease not in self.leases:
                raise ImageError(f'key {item.key!r} hangs on lease {item.lease}, which is not')
            before = item.key
            self._keys.append(item.key)
            self._items[item.key] = item
            self._bytes += _size(item)
            self.leases.attach(item.key, item.lease)
        if len(self._keys) > KEYS_MAX or image.time_index > index:
            raise ImageError(f'{len(self._keys)} keys, time of {image.time_index} at {index}')
        return self


def _size(item: Item) -> int:
    return len(item.key) + len(item.value) + ITEM_OVERHEAD_BYTES


def _stands(status: ResultStatus, index: int, item: Item | None) -> Result:
    if item is None:
        return Result(status, index)
    return Result(status, index, item.version, item.modified_index)
