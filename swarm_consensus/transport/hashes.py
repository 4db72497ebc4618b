"""
Short names of swarms and label lists, equal on every robot and in every language (docs/wire.md).

BLAKE2b with a digest of 8 bytes, read as a big-endian number with the top bit cleared, so that it
also fits the signed integers of other languages and of databases.
"""

from __future__ import annotations

from collections.abc import Iterable
import hashlib

_MASK = 2**63 - 1
_SWARM = b'swarm_consensus/swarm/1'
_LABELS = b'swarm_consensus/labels/1'


def swarm_hash(name: str) -> int:
    """
    Return the hash of the name of a swarm, 0..2**63-1.

    :raises ValueError: a name that has no UTF-8 form.
    """
    return _hash(_SWARM + _sized(name))


def labels_hash(labels: Iterable[str]) -> int:
    """
    Return the hash of an ordered list of labels, 1..2**63-1; never 0, which stands for 'none'.

    :raises ValueError: a label that has no UTF-8 form.
    """
    return _hash(_LABELS + b''.join(_sized(label) for label in labels)) or 1


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), 'big') & _MASK


def _sized(text: str) -> bytes:
    # With its length in front, ['ab', 'c'] and ['a', 'bc'] are different lists.
    data = text.encode()
    return len(data).to_bytes(4, 'big') + data
