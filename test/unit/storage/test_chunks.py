"""Chunks on disk: whole or not there, checked when they are read, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm_consensus.protocols.parameters.blobs import cut, join
from swarm_consensus.storage import chunks as module
from swarm_consensus.storage.chunks import FolderChunks, MemoryChunks

DATA = bytes(range(256)) * 1000
BLOB, CHUNKS = cut(DATA)
ROOM = 1 << 20


@pytest.fixture(params=['memory', 'folder'])
def store(request, tmp_path: Path):
    return MemoryChunks() if request.param == 'memory' else FolderChunks(tmp_path / 'c', ROOM)


def fill(store) -> None:
    for name, data in CHUNKS.items():
        assert not store.held(name)
        assert store.keep(name, data)
        assert store.held(name)


def test_what_is_kept_is_read(store):
    fill(store)
    assert join(BLOB, store.read) == DATA
    assert store.read(bytes(32)) is None and not store.held(bytes(32))


def test_what_is_not_used_is_let_go_of(store, monkeypatch):
    monkeypatch.setattr(module, 'YOUNG_S', 0.0)
    fill(store)
    used = set(list(CHUNKS)[:2])
    assert store.collect(used) == len(CHUNKS) - 2
    assert {name for name in CHUNKS if store.held(name)} == used
    assert {name for name in CHUNKS if store.read(name) is not None} == used


def test_chunks_survive_the_process(tmp_path):
    fill(FolderChunks(tmp_path, ROOM))
    (tmp_path / ('ab' * 32 + '.part')).write_bytes(b'half')
    (tmp_path / 'readme').write_text('not ours')
    again = FolderChunks(tmp_path, ROOM)
    assert join(BLOB, again.read) == DATA
    assert {path.name for path in tmp_path.iterdir()} == {
        *(name.hex() for name in CHUNKS),
        'readme',
    }


@pytest.mark.parametrize('spoil', ['short', 'flipped', 'empty', 'long', 'gone'])
def test_a_damaged_chunk_is_not_held_once_it_was_read(tmp_path, spoil):
    fill(FolderChunks(tmp_path, ROOM))
    name = next(iter(CHUNKS))
    path, data = tmp_path / name.hex(), CHUNKS[name]
    if spoil == 'gone':
        store = FolderChunks(tmp_path, ROOM)
        path.unlink()
    else:
        flipped = bytes([data[0] ^ 1]) + data[1:]
        path.write_bytes(
            {'short': data[:-1], 'flipped': flipped, 'empty': b'', 'long': data + b'0'}[spoil]
        )
        store = FolderChunks(tmp_path, ROOM)
    assert store.held(name)
    assert store.read(name) is None
    assert not store.held(name) and not path.exists()
    assert store.keep(name, data) and store.read(name) == data


def test_there_is_no_room_beyond_the_bound(tmp_path):
    first, *rest = CHUNKS
    store = FolderChunks(tmp_path, len(CHUNKS[first]) + 10)
    assert store.keep(first, CHUNKS[first])
    assert not store.keep(rest[0], CHUNKS[rest[0]])
    assert store.keep(first, CHUNKS[first])


def test_what_came_only_now_stays(tmp_path):
    store = FolderChunks(tmp_path, ROOM)
    fill(store)
    assert store.collect(()) == 0
    assert FolderChunks(tmp_path, ROOM).collect(()) == len(CHUNKS)


def test_a_disk_that_cannot_be_written_to_is_no_room(tmp_path):
    store = FolderChunks(tmp_path / 'c', ROOM)
    (tmp_path / 'c').rmdir()
    name = next(iter(CHUNKS))
    assert not store.keep(name, CHUNKS[name]) and not store.held(name)
