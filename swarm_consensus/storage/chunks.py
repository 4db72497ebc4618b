"""
Where a robot keeps the chunks of models: a port, a twin in memory, and a folder.

Chunks are named by what they hold, so one that is damaged or torn shows when it is read; it is then
removed and fetched again. That is why nothing here is synced to the disk: what is lost can be had
from the others. Any thread may call anything.
"""

from __future__ import annotations

from collections.abc import Collection
import os
from pathlib import Path
import threading
import time
from typing import Protocol

from swarm_consensus.protocols.parameters.blobs import CHUNK_BYTES, HASH_BYTES, chunk_hash

# Chunks that are younger stay in any case: what they belong to may not be known yet.
YOUNG_S = 120.0


class Chunks(Protocol):
    """The chunks that one robot holds."""

    def held(self, chunk: bytes) -> bool:
        """Return whether a chunk is here, by its hash."""

    def read(self, chunk: bytes) -> bytes | None:
        """Return a chunk, checked; None where it is not here, or not what it should be."""

    def keep(self, chunk: bytes, data: bytes) -> bool:
        """Keep a chunk; False: there is no room."""

    def collect(self, used: Collection[bytes]) -> int:
        """Let go of all chunks but these, and those that came only now; returns how many."""


class MemoryChunks:
    """Chunks in memory."""

    def __init__(self) -> None:
        self._chunks: dict[bytes, bytes] = {}

    def held(self, chunk: bytes) -> bool:
        return chunk in self._chunks

    def read(self, chunk: bytes) -> bytes | None:
        return self._chunks.get(chunk)

    def keep(self, chunk: bytes, data: bytes) -> bool:
        self._chunks[chunk] = data
        return True

    def collect(self, used: Collection[bytes]) -> int:
        gone = [chunk for chunk in self._chunks if chunk not in used]
        for chunk in gone:
            del self._chunks[chunk]
        return len(gone)


class FolderChunks:
    """
    Chunks as files of a folder, which is made where it is not there.

    :param bytes_max: of all chunks together.
    :raises OSError: the folder cannot be made or read.
    """

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._sizes: dict[bytes, int] = {}
        self._came: dict[bytes, float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            try:
                chunk = bytes.fromhex(path.name)
            except ValueError:
                chunk = b''
            if len(chunk) == HASH_BYTES:
                self._sizes[chunk] = path.stat().st_size
            elif path.suffix == '.part':
                # Left by a write that a power failure ended.
                path.unlink()
        self._bytes = sum(self._sizes.values())

    def held(self, chunk: bytes) -> bool:
        return chunk in self._sizes

    def read(self, chunk: bytes) -> bytes | None:
        if chunk not in self._sizes:
            return None
        try:
            with self._path(chunk).open('rb') as file:
                data = file.read(CHUNK_BYTES + 1)
        except FileNotFoundError:
            data = b''
        if chunk in (chunk_hash(data, leaf=True), chunk_hash(data, leaf=False)):
            return data
        self._remove(chunk)
        return None

    def keep(self, chunk: bytes, data: bytes) -> bool:
        with self._lock:
            if chunk in self._sizes:
                return True
            if self._bytes + len(data) > self._bytes_max:
                return False
            part = self._path(chunk).with_suffix('.part')
            try:
                part.write_bytes(data)
                # Whole or not at all for whoever reads it meanwhile.
                os.replace(part, self._path(chunk))
            except OSError:
                # A full disk, for instance; the chunk is not held, and whoever counts says so.
                part.unlink(missing_ok=True)
                return False
            self._sizes[chunk] = len(data)
            self._bytes += len(data)
            self._came[chunk] = time.monotonic()
            return True

    def collect(self, used: Collection[bytes]) -> int:
        now = time.monotonic()
        with self._lock:
            self._came = {
                chunk: came for chunk, came in self._came.items() if now - came < YOUNG_S
            }
            gone = [
                chunk for chunk in self._sizes if chunk not in used and chunk not in self._came
            ]
        for chunk in gone:
            self._remove(chunk)
        return len(gone)

    def _remove(self, chunk: bytes) -> None:
        with self._lock:
            self._bytes -= self._sizes.pop(chunk, 0)
            self._path(chunk).unlink(missing_ok=True)

    def _path(self, chunk: bytes) -> Path:
        return self._folder / chunk.hex()
