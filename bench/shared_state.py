"""
How fast a replica merges what others wrote into its map, beside pycrdt (yrs, in Rust).

Both get the bytes as they come from the wire, made by another replica that writes registers under a
thousand keys in turn; with deltas of 1,000 operations and with deltas of one. Ours are decoded,
checked and joined, and what changed is handed out as for the disk and the watches.
"""

from __future__ import annotations

import gc
from random import Random
import time
from typing import Any

from pycrdt import Doc, Map

from bench.rows import percentile, row
from swarm_consensus.protocols.crdt import Replica, ReplicaConfig
from swarm_consensus.runtime.wire import MESSAGES

KEYS = 1_000
VALUE = b'x' * 16
ROUNDS = 5
# Operations in a delta, and deltas in a round.
CASES = ((1, 20_000), (1_000, 100))


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    ours: dict[int, list[float]] = {size: [] for size, _ in CASES}
    theirs: dict[int, list[float]] = {size: [] for size, _ in CASES}
    for seed in range(ROUNDS):
        for size, count in CASES:
            ours[size].append(measure_ours(Random(seed), size, count))
            theirs[size].append(measure_pycrdt(size, count))
    return [
        row(
            f'shared state, operations merged a second, deltas of {size:,}',
            percentile(ours[size], 50),
            '1/s',
            better='higher',
            peer='pycrdt',
            peer_value=percentile(theirs[size], 50),
        )
        for size, _ in CASES
    ]


def measure_ours(random: Random, size: int, count: int) -> float:
    """Return operations a second of our replica."""
    writer = Replica(ReplicaConfig('writer', listen_ticks=1), 1, random)
    deltas = []
    for number in range(count):
        for step in range(size):
            writer.put(f'key/{(number * size + step) % KEYS}', VALUE, number)
        effects = writer.take_effects()
        assert effects is not None
        deltas.append([MESSAGES.encode(send.message) for send in effects.send])
    reader = Replica(ReplicaConfig('reader', listen_ticks=1), 1, random)
    gc.collect()
    began = time.process_time()
    for parts in deltas:
        for data in parts:
            reader.receive('writer', MESSAGES.decode(data), 0)
        reader.take_effects()
    seconds = time.process_time() - began
    if reader.state.encode() != writer.state.encode():
        raise RuntimeError('the replicas differ')
    return size * count / seconds


def measure_pycrdt(size: int, count: int) -> float:
    """Return operations a second of pycrdt."""
    writer: Any = Doc()
    writer['map'] = entries = Map()
    updates: list[bytes] = [writer.get_update()]
    subscription = writer.observe(lambda event: updates.append(event.update))
    text = VALUE.decode()
    for number in range(count):
        with writer.transaction():
            for step in range(size):
                entries[f'key/{(number * size + step) % KEYS}'] = text
    writer.unobserve(subscription)
    reader: Any = Doc()
    reader['map'] = copy = Map()
    gc.collect()
    began = time.process_time()
    for update in updates:
        reader.apply_update(update)
    seconds = time.process_time() - began
    if copy.to_py() != entries.to_py():
        raise RuntimeError('the documents differ')
    return size * count / seconds
