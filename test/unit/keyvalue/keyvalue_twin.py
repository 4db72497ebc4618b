"""A slow, obvious store with the same meaning, and random operations for both."""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.keyvalue import (
    ANY,
    Delete,
    Event,
    EventKind,
    Expected,
    Grant,
    Item,
    KeepAlive,
    Operation,
    Put,
    Result,
    ResultStatus,
    Revoke,
)

KEYS = ('a', 'a/1', 'a/2', 'b', 'b\0', 'é', '\U0001f916')


class TwinStore:
    """Every question is answered by looking at everything."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        # id -> (ttl, time at which it ends; None: not known yet)
        self.leases: dict[int, tuple[int, int | None]] = {}
        self.time_ms = 0
        self.time_index = 0

    def apply(self, index: int, operation: Operation) -> tuple[Result, list[Event]]:
        """Do one operation."""
        if isinstance(operation, Put | Delete):
            return self._key(index, operation)
        if isinstance(operation, Grant):
            lease = operation.lease
            if lease == 0:
                lease = index
                while lease in self.leases:
                    lease += 1
            elif lease in self.leases:
                ttl = self.leases[lease][0]
                return Result(ResultStatus.LEASE_EXISTS, index, 0, 0, lease, ttl), []
            self.leases[lease] = (operation.ttl_ms, None)
            return Result(ResultStatus.DONE, index, 0, 0, lease, operation.ttl_ms), []
        lease = operation.lease
        if lease not in self.leases:
            return Result(ResultStatus.LEASE_NOT_FOUND, index, 0, 0, lease), []
        ttl = self.leases[lease][0]
        events: list[Event] = []
        if isinstance(operation, KeepAlive):
            self.leases[lease] = (ttl, None)
        else:
            events = self._end(index, lease, EventKind.DELETE)
        return Result(ResultStatus.DONE, index, 0, 0, lease, ttl), events

    def _key(self, index: int, operation: Put | Delete) -> tuple[Result, list[Event]]:
        item = self.items.get(operation.key)
        version = item.version if item else 0
        modified = item.modified_index if item else 0
        wanted = operation.expected
        conflict = (
            (wanted.version != ANY and wanted.version != version)
            or (wanted.modified_index != ANY and wanted.modified_index != modified)
            or (wanted.value is not None and (item is None or item.value != wanted.value))
        )
        if conflict:
            return Result(ResultStatus.CONFLICT, index, version, modified), []
        if isinstance(operation, Delete):
            if item is None:
                return Result(ResultStatus.NOT_FOUND, index), []
            del self.items[operation.key]
            return Result(ResultStatus.DONE, index), [
                Event(EventKind.DELETE, operation.key, b'', 0, index)
            ]
        if operation.lease and operation.lease not in self.leases:
            return Result(ResultStatus.LEASE_NOT_FOUND, index, version, modified), []
        created = item.created_index if item else index
        self.items[operation.key] = Item(
            operation.key, operation.value, version + 1, created, index, operation.lease
        )
        return Result(ResultStatus.DONE, index, version + 1, index), [
            Event(EventKind.PUT, operation.key, operation.value, version + 1, index)
        ]

    def _end(self, index: int, lease: int, kind: EventKind) -> list[Event]:
        del self.leases[lease]
        keys = sorted(key for key, item in self.items.items() if item.lease == lease)
        for key in keys:
            del self.items[key]
        return [Event(kind, key, b'', 0, index) for key in keys]

    def elapse(self, index: int, previous: int, elapsed_ms: int) -> tuple[bool, list[Event]]:
        """Move time."""
        if previous != self.time_index:
            return False, []
        self.time_ms += min(elapsed_ms, 10_000)
        self.time_index = index
        due = sorted(
            (end, lease)
            for lease, (_, end) in self.leases.items()
            if end is not None and end <= self.time_ms
        )
        events = [e for _, lease in due for e in self._end(index, lease, EventKind.EXPIRED)]
        self.leases = {
            lease: (ttl, self.time_ms + ttl if end is None else end)
            for lease, (ttl, end) in self.leases.items()
        }
        return True, events

    def range(self, first: str, last: str) -> list[Item]:
        """Every key in a range."""
        return [
            self.items[key]
            for key in sorted(self.items)
            if key >= first and (not last or key < last)
        ]


def random_operation(draw: Random, index: int) -> Operation:
    """An operation on few keys and leases, so that they meet."""
    kind = draw.random()
    lease = draw.randint(1, 5)
    if kind < 0.6:
        expected = Expected(
            version=draw.choice([ANY, ANY, ANY, 0, 1, 2]),
            modified_index=draw.choice([ANY] * 5 + [0, index - 1, index - 2]),
            value=draw.choice([None] * 5 + [b'x', b'']),
        )
        key = draw.choice(KEYS)
        if kind < 0.2:
            return Delete(key, expected)
        return Put(key, draw.choice([b'', b'x', b'yy']), draw.choice([0, 0, lease]), expected)
    if kind < 0.8:
        return Grant(draw.choice([1, 30, 100]), draw.choice([0, lease, lease]))
    return KeepAlive(lease) if kind < 0.92 else Revoke(lease)
