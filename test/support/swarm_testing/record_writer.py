"""
Writes records for ever, with the log and alone, as a robot that agrees does; a test kills it.

Each write follows from its number, so that the test knows what must be there.
"""

from __future__ import annotations

import os
from pathlib import Path
import random
import sys

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import Entry, EntryKind, HardState, Persist
from swarm_consensus.storage import Recovered, SqliteStorage, Storage

_NUMBER = 'number'
_LOG_ENTRIES_MAX = 200


def last_number(state: Recovered) -> int:
    """Return the number of the write that made a state; 0 before the first."""
    for record in state.records:
        if record.key == _NUMBER and record.data is not None:
            return int(record.data)
    return 0


def write_next(storage: Storage, number: int) -> None:
    """Make the write of a number: records alone, or a batch of the log with them."""
    rng = random.Random(number)
    records = [Record(_NUMBER, b'%d' % number)]
    for key in rng.sample(range(200), rng.choice([1, 1, 7, 31])):
        data = b'%d:%d ' % (key, number) * rng.choice([0, 30, 60, 900])
        records.append(Record(f'r{key}', None if rng.random() < 0.3 else data))
    if number % 3:
        storage.write_records(records)
        return
    # From 1 on, and then from 1 again, which cuts off the log.
    index = (number // 3 - 1) % _LOG_ENTRIES_MAX + 1
    entry = Entry(index, number, EntryKind.COMMAND, b'%d ' % number * rng.randrange(40))
    storage.write(Persist(HardState(number, 'r2'), (entry,)), records)


def main() -> None:
    """Write, and say each write once it has returned."""
    storage = SqliteStorage(Path(sys.argv[1]), swarm='team', robot='r1')
    os.write(1, b'boot %d\n' % storage.boot(0))
    number = last_number(storage.load())
    while True:
        number += 1
        write_next(storage, number)
        os.write(1, b'wrote %d\n' % number)


if __name__ == '__main__':
    main()
