"""A blob is told by its root and size alone: each chunk is checked, and equal ones are one."""

from __future__ import annotations

import hashlib

from hypothesis import example, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from swarm_consensus.protocols.parameters import blobs
from swarm_consensus.protocols.parameters.blobs import (
    BLOB_BYTES_MAX,
    CHUNK_BYTES,
    FANOUT,
    Blob,
    chunks_of,
    cut,
    join,
)
from swarm_consensus.protocols.parameters.errors import ParametersError


def pattern(size: int) -> bytes:
    """Bytes of which no two chunks are alike."""
    return np.arange(-(-size // 4), dtype='>u4').tobytes()[:size]


@settings(deadline=None)
@given(st.integers(1, 40 * CHUNK_BYTES))
@example(1)
@example(CHUNK_BYTES)
@example(CHUNK_BYTES + 1)
@example(FANOUT * CHUNK_BYTES)
@example(FANOUT * CHUNK_BYTES + 1)
def test_a_blob_is_put_together_from_its_chunks(size):
    data = pattern(size)
    blob, chunks = cut(data)
    assert join(blob, chunks.get) == data
    assert set(chunks_of(blob, chunks.get)) == set(chunks)
    assert all(len(chunk) <= CHUNK_BYTES for chunk in chunks.values())


def test_the_form_of_the_tree_is_the_one_that_is_documented():
    data = pattern(CHUNK_BYTES + 5)
    leaves = [
        hashlib.sha256(b'\x00' + data[:CHUNK_BYTES]).digest(),
        hashlib.sha256(b'\x00' + data[CHUNK_BYTES:]).digest(),
    ]
    blob, chunks = cut(data)
    assert blob == Blob(len(data), hashlib.sha256(b'\x01' + b''.join(leaves)).digest())
    assert set(chunks) == {blob.root, *leaves}
    assert cut(data[:9])[0].root == hashlib.sha256(b'\x00' + data[:9]).digest()


def test_equal_chunks_are_one():
    blob, chunks = cut(bytes(100 * CHUNK_BYTES))
    assert len(chunks) == 2
    assert join(blob, chunks.get) == bytes(100 * CHUNK_BYTES)


@pytest.mark.parametrize('size', [5, 3 * CHUNK_BYTES, FANOUT * CHUNK_BYTES + 9])
def test_a_chunk_that_is_missing_or_wrong_shows(size):
    blob, chunks = cut(pattern(size))
    for name in list(chunks)[:: max(1, len(chunks) // 20)]:
        without = {each: data for each, data in chunks.items() if each != name}
        assert join(blob, without.get) is None
        wrong = chunks[name][:-1] + bytes([chunks[name][-1] ^ 1])
        assert join(blob, (chunks | {name: wrong}).get) is None
        assert join(blob, (chunks | {name: chunks[name] + b'0'}).get) is None


def test_a_node_cannot_pass_for_a_leaf():
    data = pattern(2 * CHUNK_BYTES)
    blob, chunks = cut(data)
    # Who said that the blob is the bytes of its node would name the same chunk.
    assert join(Blob(len(chunks[blob.root]), blob.root), chunks.get) is None


def test_another_size_of_the_same_root_is_another_blob():
    blob, chunks = cut(pattern(3 * CHUNK_BYTES))
    for size in (1, 3 * CHUNK_BYTES - 1, 3 * CHUNK_BYTES + 1, BLOB_BYTES_MAX):
        assert join(Blob(size, blob.root), chunks.get) is None


@pytest.mark.parametrize('size', [0, -1, BLOB_BYTES_MAX + 1])
def test_sizes_that_no_blob_has_are_refused(size):
    with pytest.raises(ParametersError):
        Blob(size, bytes(32))
    with pytest.raises(ParametersError):
        Blob(5, bytes(31))


def test_what_is_too_large_or_nothing_is_not_cut(monkeypatch):
    monkeypatch.setattr(blobs, 'BLOB_BYTES_MAX', 10)
    for data in (b'', bytes(11)):
        with pytest.raises(ParametersError):
            cut(data)
