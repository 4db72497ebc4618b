"""A process that writes is killed -9 at random points: what it was told is durable is there."""

from __future__ import annotations

import os
from pathlib import Path
import random
import subprocess
import sys
import time

import pytest
from swarm_testing import record_writer, snapshot_writer

from swarm_consensus.protocols.raft import Entry, EntryKind
from swarm_consensus.storage import MemoryStorage, SqliteStorage

ROUNDS = 20

# Continues its log for ever: appends, overwrites now and then, and says each write once it has
# returned. The term counts the writes of all processes, so that each is told from the others.
WRITER = """
import os, pathlib, random, sys
from swarm_consensus.protocols.raft import Entry, EntryKind, HardState, Persist
from swarm_consensus.storage import SqliteStorage
rng = random.Random(int(sys.argv[2]))
storage = SqliteStorage(pathlib.Path(sys.argv[1]), swarm='team', robot='r1')
incarnation = storage.boot(0)
state = storage.load()
os.write(1, b'boot %d\\n' % incarnation)
term, end = state.hard_state.term, len(state.entries)
while True:
    term += 1
    first = max(1, end + 1 - rng.choice([0, 0, 0, 0, 1, 3]))
    end = first + rng.choice([0, 0, 1, 7, 63])
    if end > 600:
        first, end = 1, 1
    entries = tuple(
        Entry(index, term, EntryKind.COMMAND, b'%d:%d ' % (index, term) * rng.randrange(40))
        for index in range(first, end + 1)
    )
    storage.write(Persist(HardState(term, 'r%d' % (term % 5)), entries))
    os.write(1, b'term %d %d %d\\n' % (term, first, end))
"""


def kill(
    child: subprocess.Popen[bytes], told: Path, told_bytes: int, seconds: float, where: str
) -> None:
    """Kill a writer so long after it has told so much, however slow the disk is."""
    deadline = time.monotonic() + 60
    while told.stat().st_size < told_bytes and child.poll() is None:
        assert time.monotonic() < deadline, f'{where}: the writer is stuck'
        time.sleep(0.005)
    time.sleep(seconds)
    assert child.poll() is None, f'{where}: the writer failed'
    child.kill()
    child.wait()


@pytest.mark.slow
def test_what_was_acknowledged_survives_kills(tmp_path: Path, repository: Path) -> None:
    seed = 7
    rng = random.Random(seed)
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    terms: dict[int, int] = {}  # index -> term of the newest acknowledged write there
    end = boots = writes = last_term = 0
    for round_number in range(ROUNDS):
        told = tmp_path / f'told_{round_number}'
        with told.open('wb') as output:
            child = subprocess.Popen(
                [sys.executable, '-c', WRITER, tmp_path / 'r', f'{seed}{round_number}'],
                stdout=output, env=environment,
            )  # fmt: skip
            # From 'while it opens' to some hundred writes, past the checkpoints.
            told_bytes = rng.choice([0, 1, *range(100, 1500, 100)])
            where = f'seed {seed}, round {round_number}'
            kill(child, told, told_bytes, rng.uniform(0.0, 0.3), where)
        for line in told.read_text().split('\n')[:-1]:
            what, *numbers = line.split()
            if what == 'boot':
                assert int(numbers[0]) > boots
                boots = int(numbers[0])
                continue
            last_term, first, end = map(int, numbers)
            writes += 1
            terms = {index: t for index, t in terms.items() if index < first}
            terms.update(dict.fromkeys(range(first, end + 1), last_term))
        storage = SqliteStorage(tmp_path / 'r', swarm='team', robot='r1')
        state = storage.load()
        storage.close()
        assert state.incarnation >= boots, where
        # Nothing told is missing; at most the one write more that was not yet told of.
        extra = state.hard_state.term - last_term
        assert extra in (0, 1), where
        term, vote = state.hard_state.term, state.hard_state.vote
        assert vote == (f'r{term % 5}' if term else ''), where
        if not extra:
            assert [entry.term for entry in state.entries] == list(terms.values()), where
        else:
            first_new = next(e.index for e in state.entries if e.term == last_term + 1)
            kept = [terms[index] for index in range(1, first_new)]
            assert [e.term for e in state.entries] == kept + [last_term + 1] * (
                len(state.entries) - len(kept)
            ), where
            terms = {entry.index: entry.term for entry in state.entries}
            last_term, end = state.hard_state.term, len(state.entries)
        for entry in state.entries:
            unit = f'{entry.index}:{entry.term} '.encode()
            assert entry.data == unit * (len(entry.data) // len(unit)), where
            assert entry == Entry(entry.index, entry.term, EntryKind.COMMAND, entry.data)
    assert writes > 10 * ROUNDS, 'the kills came too early to show anything'
    print(f'{writes} acknowledged writes, {boots} boots')


@pytest.mark.slow
def test_snapshots_and_compaction_survive_kills(tmp_path: Path, repository: Path) -> None:
    """What is there is what so many whole writes leave: all that were told, at most one more."""
    seed = 11
    rng = random.Random(seed)
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    twin = MemoryStorage()
    boots = told_term = snapshots = 0
    for round_number in range(ROUNDS):
        where = f'seed {seed}, round {round_number}'
        told = tmp_path / 'told'
        with told.open('wb') as output:
            child = subprocess.Popen(
                [sys.executable, snapshot_writer.__file__, tmp_path / 'r'],
                stdout=output, env=environment,
            )  # fmt: skip
            # From 'while it opens' to some fifty writes.
            told_bytes = rng.choice([0, 1, *range(50, 450, 50)])
            kill(child, told, told_bytes, rng.uniform(0.0, 0.2), where)
        for line in told.read_text().split('\n')[:-1]:
            what, number = line.split()
            if what == 'boot':
                assert int(number) > boots, where
                boots = int(number)
            else:
                told_term = int(number)
        storage = SqliteStorage(tmp_path / 'r', swarm='team', robot='r1')
        state = storage.load()
        storage.close()
        assert state.incarnation >= boots, where
        assert state.hard_state.term - told_term in (0, 1), where
        while twin.load().hard_state.term < state.hard_state.term:
            persist = snapshot_writer.next_write(twin.load())
            snapshots += persist.snapshot is not None
            twin.write(persist)
        assert state.restored == twin.load().restored, where
        told_term = state.hard_state.term
    assert told_term > 5 * ROUNDS and snapshots > ROUNDS, 'the kills came too early'
    print(f'{told_term} writes, {snapshots} snapshots, {boots} boots')


@pytest.mark.slow
def test_records_survive_kills_with_the_log_that_they_were_written_with(
    tmp_path: Path, repository: Path
) -> None:
    """What is there is what so many whole writes leave: all that were told, at most one more."""
    seed = 13
    rng = random.Random(seed)
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    twin = MemoryStorage()
    boots = told_number = made = 0
    for round_number in range(ROUNDS):
        where = f'seed {seed}, round {round_number}'
        told = tmp_path / 'told'
        with told.open('wb') as output:
            child = subprocess.Popen(
                [sys.executable, record_writer.__file__, tmp_path / 'r'],
                stdout=output, env=environment,
            )  # fmt: skip
            # From 'while it opens' to some forty writes.
            told_bytes = rng.choice([0, 1, *range(50, 450, 50)])
            kill(child, told, told_bytes, rng.uniform(0.0, 0.1), where)
        for line in told.read_text().split('\n')[:-1]:
            what, number = line.split()
            if what == 'boot':
                assert int(number) > boots, where
                boots = int(number)
            else:
                told_number = int(number)
        storage = SqliteStorage(tmp_path / 'r', swarm='team', robot='r1')
        state = storage.load()
        storage.close()
        assert state.incarnation >= boots, where
        number = record_writer.last_number(state)
        assert number - told_number in (0, 1), where
        while made < number:
            made += 1
            record_writer.write_next(twin, made)
        expected = twin.load()
        assert (state.records, state.restored) == (expected.records, expected.restored), where
        assert not state.records_lost, where
        told_number = number
    assert told_number > 10 * ROUNDS, 'the kills came too early'
    print(f'{told_number} writes, {boots} boots')
