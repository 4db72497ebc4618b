"""
Large values in chunks, named by what they hold: a hash tree of fixed form.

A blob is cut into chunks of `CHUNK_BYTES`. Their hashes, one after another, are the bytes of
nodes, which are chunks themselves, and so on up to one: the root. Its hash and the size say the
whole blob, so every chunk can be checked by itself, whoever it comes from, and equal chunks are
one chunk. Leaves and nodes are hashed with another first byte (RFC 6962, 2.1), so that neither can
pass for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import hashlib
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.values import value

CHUNK_BYTES = 32_768
HASH_BYTES = 32
FANOUT = CHUNK_BYTES // HASH_BYTES
BLOB_BYTES_MAX = 64 << 20

Hash = Annotated[bytes, Bounds(length_max=HASH_BYTES)]
# What of the chunks is here: the bytes of one, or None.
Read = Callable[[bytes], bytes | None]


@value
class Blob:
    """
    A large value by its name.

    :param size: bytes, 1 to BLOB_BYTES_MAX.
    :param root: hash of its root.
    :raises ParametersError: no such blob can be.
    """

    size: int
    root: Hash

    def __post_init__(self) -> None:
        if not 0 < self.size <= BLOB_BYTES_MAX or len(self.root) != HASH_BYTES:
            raise ParametersError(f'{self.size} bytes named by {len(self.root)}: no blob is so')

    @property
    def whole(self) -> Part:
        """Return the part that is all of it."""
        height, span = 0, CHUNK_BYTES
        while span < self.size:
            height, span = height + 1, span * FANOUT
        return Part(self.root, self.size, height)


@value
class Part:
    """
    A chunk of a blob with all that hangs on it.

    :param size: bytes of the blob that lie below it.
    :param height: 0 for a leaf, which holds bytes of the blob.
    """

    hash: bytes
    size: int
    height: int

    @property
    def chunk_bytes(self) -> int:
        """Return how many bytes the chunk itself has."""
        if self.height == 0:
            return self.size
        return -(-self.size // self._span) * HASH_BYTES

    @property
    def _span(self) -> int:
        """Bytes of the blob below each child but the last."""
        span: int = CHUNK_BYTES * FANOUT ** (self.height - 1)
        return span

    def fits(self, data: bytes) -> bool:
        """Return whether these bytes are the chunk."""
        return chunk_hash(data, leaf=self.height == 0) == self.hash

    def children(self, data: bytes) -> Iterator[Part]:
        """Return the parts below a node, given the bytes of its chunk (chunk_bytes of them)."""
        left = self.size
        for at in range(0, len(data), HASH_BYTES):
            size = min(left, self._span)
            left -= size
            yield Part(data[at : at + HASH_BYTES], size, self.height - 1)


def chunk_hash(data: bytes, *, leaf: bool) -> bytes:
    """Return the hash by which a chunk is known."""
    return hashlib.sha256((b'\x00' if leaf else b'\x01') + data).digest()


def cut(data: bytes) -> tuple[Blob, dict[bytes, bytes]]:
    """
    Cut bytes into a blob.

    :returns: its name, and every chunk by its hash, nodes too.
    :raises ParametersError: there is nothing to cut, or more than a blob may hold.
    """
    chunks: dict[bytes, bytes] = {}
    if not data or len(data) > BLOB_BYTES_MAX:
        raise ParametersError(f'{len(data)} bytes: a blob holds 1 to {BLOB_BYTES_MAX}')
    level, leaf = data, True
    while True:
        hashes = []
        for at in range(0, len(level), CHUNK_BYTES):
            chunk = level[at : at + CHUNK_BYTES]
            hashes.append(chunk_hash(chunk, leaf=leaf))
            chunks[hashes[-1]] = chunk
        if len(hashes) == 1:
            return Blob(len(data), hashes[0]), chunks
        level, leaf = b''.join(hashes), False


def join(blob: Blob, read: Read) -> bytes | None:
    """Return the bytes of a blob, each chunk checked again; None where one is missing or wrong."""
    parts = [blob.whole]
    found = bytearray()
    while parts:
        part = parts.pop()
        data = read(part.hash)
        if data is None or len(data) != part.chunk_bytes or not part.fits(data):
            return None
        if part.height:
            parts.extend(reversed(list(part.children(data))))
        else:
            found += data
    return bytes(found)


def chunks_of(blob: Blob, read: Read) -> Iterator[bytes]:
    """Return the hashes of the chunks of a blob, as far as its nodes are here."""
    parts = [blob.whole]
    while parts:
        part = parts.pop()
        yield part.hash
        data = read(part.hash) if part.height else None
        if data is not None and len(data) == part.chunk_bytes:
            parts.extend(part.children(data))
