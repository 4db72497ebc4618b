"""What robots say to each other about chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.parameters.blobs import CHUNK_BYTES, Hash

# Chunks named by one message.
HASHES_MAX = 64

Hashes = Annotated[tuple[Hash, ...], Bounds(length_max=HASHES_MAX)]


@dataclass(frozen=True, slots=True)
class ChunksWanted:
    """Asks for chunks; what the receiver holds of them comes as Chunk."""

    hashes: Hashes


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    A chunk that was asked for.

    :param hash: by which it was asked for; the receiver checks it.
    """

    hash: Hash
    data: Annotated[bytes, Bounds(length_max=CHUNK_BYTES)]


@dataclass(frozen=True, slots=True)
class ChunksNotHeld:
    """Answers for chunks that the sender does not hold, so that others are asked at once."""

    hashes: Hashes


Message = ChunksWanted | Chunk | ChunksNotHeld
MESSAGE_TYPES: tuple[type[Message], ...] = (ChunksWanted, Chunk, ChunksNotHeld)
