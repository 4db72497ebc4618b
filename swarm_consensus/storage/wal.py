"""
Looks at SQLite's write-ahead log before SQLite does.

SQLite takes the frames of its log up to the first one whose checksum fails and passes over the
rest in silence. That is right for a torn tail, the last transaction of a robot that lost its
power. It is not where a disk rots: transactions that were synced and answered for would be gone,
a vote with them. Every transaction is synced before the next one is written, so a bad frame with
two commits of the same log behind it, or in it, is damage; with one, it may be the torn last
transaction, and nothing on the disk can tell. But a commit hides where the header of its own frame
is bad. Then pages tell: a transaction writes each of its pages once, so where one is there twice
before the last commit, two transactions are.

The format is https://www.sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import struct

from swarm_consensus.protocols.values import value
from swarm_consensus.storage.errors import StorageDamaged

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
_MAGIC = 0x377F0682
_HEADER = struct.Struct('>8I')  # magic, format, page bytes, checkpoint, 2 salts, 2 checksums
_FRAME = struct.Struct('>6I')  # page, pages after commit or 0, 2 salts, 2 checksums
_WORD_MASK = 0xFFFFFFFF


@value
class _Frame:
    offset: int
    page: int
    commits: bool
    intact: bool


def check_wal(database: Path) -> None:
    """
    Hold that no synced transaction in the write-ahead log of a closed database is damaged.

    A log that is missing, empty or all zeros (preallocated) holds no transaction.

    :param database: the database file; its log has the same name with '-wal' behind.
    :raises StorageDamaged: names the log and the offset of the first bad frame.
    :raises OSError: the log cannot be read.
    """
    path = database.with_name(database.name + '-wal')
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    if not data.strip(b'\0'):
        return
    if not database.exists() or not database.stat().st_size:
        raise StorageDamaged(database, 'offset 0', f'the file is empty or gone, {path} is not')
    if len(data) < HEADER_BYTES or not _header_intact(data):
        raise StorageDamaged(path, 'offset 0', 'the header of the write-ahead log is unreadable')
    bad: _Frame | None = None
    commits = 0
    # Pages since the last commit that can be read. What stands behind the next commit may be left
    # over from a transaction that was given up, and says nothing.
    pages: set[int] = set()
    twice = False
    for frame in _frames(data):
        if bad is None and not frame.intact:
            bad = frame
        if bad is not None:
            commits += frame.commits
        if bad is None and frame.commits:
            pages.clear()
        elif not commits:
            # Of a commit itself the page may be there before: SQLite may have written it early to
            # make room in memory, and then writes the last page anew.
            twice = twice or frame.page in pages
            if frame.page:
                pages.add(frame.page)
    if bad is not None and (commits > 1 or (commits and twice)):
        raise StorageDamaged(
            path,
            f'offset {bad.offset}',
            f'{max(commits, 2)} synced transactions can no longer be read',
        )


def merge_wal(database: Path) -> bytes:
    """
    Return a closed database with the transactions of its log that can be read, as one image.

    Nothing is judged here: the result may be damaged. It is no longer in write-ahead mode.

    :raises OSError: the database cannot be read.
    """
    image = bytearray(database.read_bytes())
    path = database.with_name(database.name + '-wal')
    data = path.read_bytes() if path.exists() else b''
    if len(data) >= HEADER_BYTES and _header_intact(data):
        page_bytes = _HEADER.unpack_from(data)[2]
        pending: list[int] = []
        for frame in _frames(data):
            if not frame.intact:
                break
            pending.append(frame.offset)
            if frame.commits:
                for offset in pending:
                    start = (_FRAME.unpack_from(data, offset)[0] - 1) * page_bytes
                    body = offset + FRAME_HEADER_BYTES
                    image.extend(bytes(max(0, start + page_bytes - len(image))))
                    image[start : start + page_bytes] = data[body : body + page_bytes]
                pending.clear()
    image[18:20] = b'\x01\x01'  # versions of writing and reading: a rollback journal
    return bytes(image)


def _header_intact(data: bytes) -> bool:
    magic, _, page_bytes, _, _, _, sum_0, sum_1 = _HEADER.unpack_from(data)
    if magic & ~1 != _MAGIC or page_bytes < 512 or page_bytes & (page_bytes - 1):
        return False
    return _checksum(data[:24], _order(magic), 0, 0) == (sum_0, sum_1)


def _order(magic: int) -> str:
    return '>' if magic & 1 else '<'


def _frames(data: bytes) -> Iterator[_Frame]:
    """Yield the frames that claim to belong to this log, and every frame that is not intact."""
    magic, _, page_bytes, _, *salts, sum_0, sum_1 = _HEADER.unpack_from(data)
    order = _order(magic)
    size = FRAME_HEADER_BYTES + page_bytes
    intact = True
    for offset in range(HEADER_BYTES, len(data) - size + 1, size):
        page, pages, salt_0, salt_1, check_0, check_1 = _FRAME.unpack_from(data, offset)
        ours = page > 0 and [salt_0, salt_1] == salts
        if intact and ours:
            body = data[offset + FRAME_HEADER_BYTES : offset + size]
            sum_0, sum_1 = _checksum(data[offset : offset + 8], order, sum_0, sum_1)
            sum_0, sum_1 = _checksum(body, order, sum_0, sum_1)
            intact = (sum_0, sum_1) == (check_0, check_1)
        else:
            # Either the end of the log, with frames of an earlier round or zeros behind it, or
            # a frame whose own header is damaged: what follows tells.
            intact = False
        yield _Frame(offset, page if ours else 0, ours and pages > 0, intact)


def _checksum(data: bytes, order: str, sum_0: int, sum_1: int) -> tuple[int, int]:
    words = struct.unpack(f'{order}{len(data) // 4}I', data)
    for place in range(0, len(words), 2):
        sum_0 = (sum_0 + words[place] + sum_1) & _WORD_MASK
        sum_1 = (sum_1 + words[place + 1] + sum_0) & _WORD_MASK
    return sum_0, sum_1
