"""
What compressing and batching save, and what they cost; and what the outbox itself costs.

Batches are those of a swarm: entries of the log as they are when users propose without a value and
with 100 bytes of noise, evidence on 20 objects, a state of 1,000 small values. Times are the median
of many, on this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
import math
from random import Random
import time
from typing import Any

import numpy as np

from bench.rows import percentile, row
from swarm_consensus.decision.types import ANY_REVISION, Command, Contribution, Status
from swarm_consensus.protocols.raft import (
    AppendEntries,
    AppendReply,
    Entry,
    EntryKind,
    Membership,
    SnapshotChunk,
)
from swarm_consensus.runtime.wire import COMMANDS, MESSAGES
from swarm_consensus.transport.budget import Budget, wire_bytes
from swarm_consensus.transport.compression import Compressor, Expander
from swarm_consensus.transport.frame import FrameCounters, TrafficClass
from swarm_consensus.transport.outbox import Outbox

REPEAT = 2_000
ROBOT = 'robot_1'
FRAME_BYTES_MAX = 60_000
OBJECTS = 20
LABELS = 10
LINGER_NS = 2_000_000


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    return [*_compression(), *_batching(), *_outbox()]


def _compression() -> list[dict[str, Any]]:
    random = Random(1)
    noise = random.randbytes
    result = []
    for name, traffic_class, batch in (
        ('64 entries of the log', TrafficClass.LOG, _append(64, lambda: b'')),
        ('64 entries with 100 B of noise', TrafficClass.LOG, _append(64, lambda: noise(100))),
        (f'evidence on {OBJECTS} objects', TrafficClass.BELIEF, _evidence(random)),
        ('30 kB of a state', TrafficClass.BULK, _snapshot(random)),
    ):
        sent = Compressor(500).compress(traffic_class, batch)
        saved = (1 - len(sent) / len(batch)) * 100
        expander, compressor = Expander(), Compressor(500)
        smaller = _timed(partial(compressor.compress, traffic_class, batch))
        result += [
            row(f'zstd, {name}: saved of {len(batch):,} bytes', saved, '%', 'higher'),
            row(f'zstd, {name}: to compress', smaller, 'us'),
            row(f'zstd, {name}: to expand', _timed(partial(expander.expand, sent)), 'us'),
        ]
    patient, batch = Compressor(500), _append(8, lambda: noise(4_000))
    spent = _mean(lambda: patient.compress(TrafficClass.BULK, batch))
    name = 'zstd, 32 kB of noise again and again: CPU a frame, mean'
    return [*result, row(name, spent, 'us', goal=5.0)]


def _batching() -> list[dict[str, Any]]:
    """Evidence on 20 objects of one picture, one after another as a model gives it."""
    random = Random(1)
    beliefs = _contributions(random)
    # What linger, gap between two beliefs: bytes on the network, mean wait of a belief.
    result = []
    for gap_ns in (50_000, 500_000):
        alone, _ = _sent(beliefs, gap_ns, 0)
        together, waits = _sent(beliefs, gap_ns, LINGER_NS)
        name = f'linger of {LINGER_NS / 1e6:g} ms, {OBJECTS} beliefs {gap_ns / 1e3:g} us apart'
        result += [
            row(f'{name}: saved of {alone:,} bytes', (1 - together / alone) * 100, '%', 'higher'),
            row(f'{name}: wait of a belief, mean', float(np.mean(waits)) / 1e6, 'ms'),
            row(f'{name}: wait of the first', waits[0] / 1e6, 'ms', goal=0.0),
        ]
    return result


def _sent(beliefs: list[Contribution], gap_ns: int, linger_ns: int) -> tuple[int, list[int]]:
    """Return the bytes on the network, and how long each belief waited, in virtual time."""
    box = _box(linger_ns={TrafficClass.BELIEF: linger_ns})
    offered: list[int] = []
    waits: list[int] = []
    total = 0

    def flush(now_ns: int) -> None:
        nonlocal total
        for frame in box.flush(now_ns):
            total += wire_bytes(len(ROBOT), 0, len(frame.batch), 0)
            for _ in MESSAGES.decode_batch(Expander().expand(frame.batch)):
                waits.append(now_ns - offered[len(waits)])

    for number, belief in enumerate(beliefs):
        now_ns = number * gap_ns
        while box.due_ns is not None and box.due_ns <= now_ns:
            flush(box.due_ns)
        offered.append(now_ns)
        box.offer(belief, (), TrafficClass.BELIEF, belief.subject)
        flush(now_ns)
    if box.due_ns is not None:
        flush(box.due_ns)
    return total, waits


def _outbox() -> list[dict[str, Any]]:
    reply = AppendReply(5, ROBOT, False, 17)
    now_ns = 0

    def pass_through(box: Outbox[object]) -> float:
        def once() -> None:
            nonlocal now_ns
            now_ns += 20_000_000
            box.offer(reply, ('robot_2',), TrafficClass.LOG)
            box.flush(now_ns)

        return _timed(once)

    free = pass_through(_box())
    bound = pass_through(_box(budget=Budget(20_000, 90_000, 0)))
    return [
        row('outbox, a small message offered and sent, no budget', free, 'us'),
        row('outbox, a small message offered and sent, within a budget', bound, 'us',
            peer='no budget', peer_value=free),
    ]  # fmt: skip


def _box(**changes: Any) -> Outbox[object]:
    return Outbox(
        robot=ROBOT, swarm=1, incarnation=1, nonce=1, codec=MESSAGES,
        frame_bytes_max=FRAME_BYTES_MAX, counters=FrameCounters(), compressor=Compressor(500),
        **changes,
    )  # fmt: skip


def _timed(work: Callable[[], object]) -> float:
    """Return what a piece of work takes, us: the median."""
    took = []
    for _ in range(REPEAT):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e6)
    return percentile(took, 50)


def _mean(work: Callable[[], object]) -> float:
    """Return the CPU that a piece of work takes on average, us; it may differ much."""
    began = time.thread_time()
    for _ in range(REPEAT):
        work()
    return (time.thread_time() - began) / REPEAT * 1e6


def _append(count: int, value: Callable[[], bytes]) -> bytes:
    entries = tuple(
        Entry(
            100 + number, 5, EntryKind.COMMAND,
            COMMANDS.encode(
                Command(
                    f'{ROBOT}:1700000000000#{number}', ROBOT, f'goal/robot_{number % 3}',
                    ANY_REVISION, Status.DECIDED, str(number), value(), 1.0, (), 0, number, number,
                )
            ),
        )
        for number in range(count)
    )  # fmt: skip
    return MESSAGES.encode_batch([AppendEntries(5, ROBOT, 99, 5, entries, 98)])


def _contributions(random: Random) -> list[Contribution]:
    made = []
    for number in range(OBJECTS):
        scores = [random.gauss(0.0, 2.0) for _ in range(LABELS)]
        norm = math.log(sum(map(math.exp, scores)))
        values = np.float32([score - norm for score in scores]).tolist()
        made.append(
            Contribution(ROBOT, 1_700_000_000_000, number, f'sign/object_{number}',
                         0x5F3055C1C82D6053, tuple(values), 1.0, 12_345)
        )  # fmt: skip
    return made


def _evidence(random: Random) -> bytes:
    return MESSAGES.encode_batch(_contributions(random))


def _snapshot(random: Random) -> bytes:
    state = b''.join(
        f'task/{number:05} robot_{random.randrange(9)} {random.random():.6f} '.encode()
        for number in range(1_000)
    )[:30_000]
    membership = Membership(('robot_1', 'robot_2', 'robot_3'))
    chunk = SnapshotChunk(5, ROBOT, 99, 5, membership, len(state), bytes(16), 0, state)
    return MESSAGES.encode_batch([chunk])
