"""
Writes for ever, as a robot that compacts its log does; a test kills it.

Each write follows from its number and the log before it, so that the test knows what must be there.
"""

from __future__ import annotations

import os
from pathlib import Path
import random
import sys

from swarm_consensus.protocols.raft import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    Persist,
    Snapshot,
    SnapshotMark,
)
from swarm_consensus.storage import SqliteStorage
from swarm_consensus.storage.port import Recovered

SNAPSHOT_BYTES_MAX = 400_000


def next_write(state: Recovered) -> Persist:
    """Return the write behind a state; the term counts the writes."""
    number = state.hard_state.term + 1
    rng = random.Random(number)
    mark = state.snapshot.mark.index if state.snapshot else 0
    terms = {entry.index: entry.term for entry in state.entries}
    end = mark + len(terms)
    snapshot = None
    kind = rng.random()
    if kind < 0.15 and terms:
        # Its own, as after every so many entries.
        mark = rng.randint(mark + 1, end)
        snapshot = _snapshot(rng, mark, terms[mark])
    elif kind < 0.2:
        # Of a leader, ahead of the whole log.
        mark = end = end + rng.randint(1, 50)
        snapshot = _snapshot(rng, mark, number)
    first = max(mark + 1, end + 1 - rng.choice([0, 0, 0, 1, 5]))
    entries = tuple(
        Entry(index, number, EntryKind.COMMAND, b'%d:%d ' % (index, number) * rng.randrange(40))
        for index in range(first, first + rng.choice([0, 1, 1, 7, 63]))
    )
    return Persist(HardState(number, f'r{number % 5}'), entries, snapshot)


def _snapshot(rng: random.Random, index: int, term: int) -> Snapshot:
    membership = Membership(('r1', 'r2', f'r{index % 7 + 3}'))
    data = b'%d/%d ' % (index, term) * (rng.randrange(SNAPSHOT_BYTES_MAX) // 10)
    return Snapshot(SnapshotMark(index, term, membership), data)


def main() -> None:
    """Write, and say each write once it has returned."""
    storage = SqliteStorage(Path(sys.argv[1]), swarm='team', robot='r1')
    os.write(1, b'boot %d\n' % storage.boot(0))
    while True:
        persist = next_write(storage.load())
        storage.write(persist)
        assert persist.hard_state is not None
        os.write(1, b'term %d\n' % persist.hard_state.term)


if __name__ == '__main__':
    main()
