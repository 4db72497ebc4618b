"""What robots say to each other about chunks."""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.parameters.blobs import CHUNK_BYTES, Hash
from swarm_consensus.protocols.values import value

# Chunks named by one message.
HASHES_MAX = 64

Hashes = Annotated[tuple[Hash, ...], Bounds(length_max=HASHES_MAX)]


@value
class ChunksWanted:
    """Asks for chunks; what the receiver holds of them comes as Chunk."""

    hashes: Hashes


@value
class Chunk:
    """
    A chunk that was asked for.

    :param hash: by which it was asked for; the receiver checks it.
    """

    hash: Hash
    data: Annotated[bytes, Bounds(length_max=CHUNK_BYTES)]


@value
class ChunksNotHeld:
    """Answers for chunks that the sender does not hold, so that others are asked at once."""

    hashes: Hashes


Message = ChunksWanted | Chunk | ChunksNotHeld
MESSAGE_TYPES: tuple[type[Message], ...] = (ChunksWanted, Chunk, ChunksNotHeld)
