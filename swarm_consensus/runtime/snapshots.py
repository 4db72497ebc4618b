"""
The replicated state as the bytes of a snapshot, and back.

    magic 'SWCS' | version, 1 byte | BLAKE2b of the rest, 16 bytes | image in MessagePack

The image is a StateImage, or once there was a mission a StateImageWithMissions.

Equal states give equal bytes: the image has one order, and the encoder one form for each value.
"""

from __future__ import annotations

import hashlib

from swarm_consensus.decision.replicated import (
    AnyImage,
    ReplicatedState,
    StateImage,
    StateImageWithMissions,
)
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import MalformedError

VERSION = 2

_MAGIC = b'SWCS'
_CHECK_BYTES = 16
_HEADER_BYTES = len(_MAGIC) + 1 + _CHECK_BYTES
_IMAGES: Codec[AnyImage] = Codec({1: StateImage, 2: StateImageWithMissions})


class SnapshotError(Exception):
    """The bytes are no snapshot that this version can read; says why."""


def encode_state(state: ReplicatedState) -> bytes:
    """Return the bytes of a state."""
    body = _IMAGES.encode(state.image())
    return _MAGIC + bytes((VERSION,)) + _check(body) + body


def restore_state(state: ReplicatedState, data: bytes) -> None:
    """
    Have a state become the one of a snapshot; where that fails, it has not changed.

    :raises SnapshotError: damaged, written by a newer version, or no snapshot at all.
    """
    if len(data) < _HEADER_BYTES or data[: len(_MAGIC)] != _MAGIC:
        raise SnapshotError(f'{len(data)} bytes that are no snapshot of the replicated state')
    version = data[len(_MAGIC)]
    if version != VERSION:
        raise SnapshotError(
            f'a snapshot of version {version}, this robot reads version {VERSION}; bring it to '
            'the version of the other robots'
        )
    body = memoryview(data)[_HEADER_BYTES:]
    if _check(body) != data[len(_MAGIC) + 1 : _HEADER_BYTES]:
        raise SnapshotError(f'the snapshot of {len(data)} bytes is damaged: its check is wrong')
    try:
        state.restore(_IMAGES.decode(body))
    except (MalformedError, ImageError) as error:
        raise SnapshotError(f'the snapshot is whole but not of a valid state: {error}') from error


def _check(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES).digest()
