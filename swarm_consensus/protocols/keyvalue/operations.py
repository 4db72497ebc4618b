"""
What can be asked of the key-value store, and what comes back.

Keys are ordered by their Unicode code points, which is the order of their UTF-8 bytes too.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import SIGNED, Bounds
from swarm_consensus.protocols.values import value

# The bounds are part of the state machine: they are the same on every robot.
KEY_CHARACTERS_MAX = 256
VALUE_BYTES_MAX = 1 << 20
# A year. Leases are for what should vanish with its owner.
TTL_MS_MAX = 366 * 24 * 3600 * 1000
# Most that one command can move the time of the leases: a leader that was stalled for longer
# lets them live longer.
ELAPSED_MS_MAX = 10_000

ANY = -1

_CODE_POINT_MAX = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)

_Key = Annotated[str, Bounds(length_max=KEY_CHARACTERS_MAX)]


@value
class Item:
    """
    A key with its value.

    :param version: changes since the key was made, from 1; a deletion starts it anew.
    :param created_index: log index of the change that made it.
    :param modified_index: log index of its last change: unlike the version it never comes again.
    :param lease: the key goes when this lease ends; 0: none.
    """

    key: str
    value: bytes
    version: int
    created_index: int
    modified_index: int
    lease: int


@value
class Expected:
    """
    What must hold of a key for an operation to happen; everything that is given must.

    :param version: version of the key; 0: there is no such key; ANY: whatever.
    :param modified_index: index of its last change; 0: there is no such key; ANY: whatever.
    :param value: its value; None: whatever.
    """

    version: Annotated[int, SIGNED] = ANY
    modified_index: Annotated[int, SIGNED] = ANY
    value: bytes | None = None

    def met_by(self, item: Item | None) -> bool:
        """Return whether a key stands as expected; None: there is no such key."""
        version, index, value = self.version, self.modified_index, self.value
        return (
            (version == ANY or version == (0 if item is None else item.version))
            and (index == ANY or index == (0 if item is None else item.modified_index))
            and (value is None or (item is not None and item.value == value))
        )


@value
class Put:
    """
    Set a key.

    :param lease: attach the key to this lease, and to no other; 0: to none.
    """

    key: _Key
    value: bytes
    lease: int = 0
    expected: Expected = Expected()


@value
class Delete:
    """Take a key away."""

    key: _Key
    expected: Expected = Expected()


@value
class Grant:
    """
    Make a lease.

    :param lease: its id; 0: the store gives one.
    :param ttl_ms: how long it lives without a KeepAlive, in committed time: at least so long from
        when it was asked for, and longer while nobody leads.
    """

    ttl_ms: int
    lease: int = 0


@value
class KeepAlive:
    """Let a lease live for its whole ttl again."""

    lease: int


@value
class Revoke:
    """End a lease and delete its keys."""

    lease: int


Operation = Put | Delete | Grant | KeepAlive | Revoke


class ResultStatus(IntEnum):
    """What became of an operation; the numbers are in snapshots."""

    DONE = 1
    CONFLICT = 2  # the key does not stand as expected; the result says how it does
    NOT_FOUND = 3  # no such key to delete
    LEASE_NOT_FOUND = 4  # no such lease: it was never granted, or has ended
    LEASE_EXISTS = 5  # there is a lease of this id
    FULL = 6  # a bound of the store is reached
    INVALID = 7  # a key, value or ttl out of its bounds
    SESSION_EXPIRED = 8  # whether it happened before is forgotten; now it did not


@value
class Result:
    """
    What one operation did.

    :param index: log index of the entry that did it.
    :param version: version of the key afterwards; 0: there is no such key.
    :param modified_index: index of the key's last change; 0: there is no such key.
    :param lease: the lease that was granted, kept alive or revoked.
    :param ttl_ms: its ttl.
    """

    status: ResultStatus
    index: int
    version: int = 0
    modified_index: int = 0
    lease: int = 0
    ttl_ms: int = 0


def key_after(key: str) -> str:
    """Return the least key that is greater than `key`, where a page that ends with it goes on."""
    return key + '\0'


def prefix_end(prefix: str) -> str:
    """Return the end of the range of the keys that begin with `prefix`; '': no end."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place]) + 1
        if code in _SURROGATES:
            code = _SURROGATES.stop
        if code <= _CODE_POINT_MAX:
            return prefix[:place] + chr(code)
    return ''
