"""Compressed batches: smaller, read as they were, and never a way into a robot's memory."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
import resource
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest
import zstandard

from swarm_consensus.transport.budget import Budget
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.compression import (
    MARK,
    WINDOW_BYTES_MAX,
    Compressor,
    Expander,
)
from swarm_consensus.transport.errors import MalformedError, OversizeError
from swarm_consensus.transport.frame import Frame, FrameCounters, TrafficClass
from swarm_consensus.transport.guard import Guard, Verdict
from swarm_consensus.transport.outbox import Outbox
from swarm_consensus.transport.signing import Signer, Verifier

MAGIC = b'\x28\xb5\x2f\xfd'
LOG, BULK, AGREEMENT = TrafficClass.LOG, TrafficClass.BULK, TrafficClass.AGREEMENT
TEXT = b'\x91' + b'robots of a swarm say much the same again and again; ' * 40
NOISE = b'\x91' + Random(1).randbytes(3_000)


@dataclass(frozen=True, slots=True)
class Data:
    number: int
    data: bytes = b''


CODEC: Codec[Any] = Codec({1: Data})


def framed(size: int, blocks: bytes, unknown: bool = False) -> bytes:
    """A zstd frame in one segment of a content size of 8 bytes, with blocks of any making."""
    if unknown:
        return MAGIC + bytes((0x00, 0x50)) + blocks
    return MAGIC + bytes((0xE0,)) + struct.pack('<Q', size) + blocks


def block(kind: int, size: int, data: bytes, last: bool = True) -> bytes:
    """A block: 0 raw, 1 one byte that repeats."""
    return struct.pack('<I', size << 3 | kind << 1 | last)[:3] + data


@given(st.binary(max_size=4_000), st.integers(1, 50))
def test_what_is_expanded_is_what_was_compressed(data: bytes, times: int) -> None:
    batch = b'\x91' + data * times
    sent = Compressor(0).compress(LOG, batch)
    assert len(sent) <= len(batch)
    assert Expander(len(batch)).expand(sent) == batch
    # It is one or the other, and the first byte tells which.
    assert (sent[0] == MARK) == (sent != batch)


def test_small_batches_and_those_of_the_agreement_are_left_as_they_are() -> None:
    compressor = Compressor(len(TEXT) + 1)
    assert compressor.compress(LOG, TEXT) is TEXT
    compressor = Compressor(1)
    assert compressor.compress(AGREEMENT, TEXT) is TEXT
    assert len(compressor.compress(LOG, TEXT)) < len(TEXT) // 8


def test_where_it_gains_nothing_it_is_seldom_tried() -> None:
    compressor = Compressor(0)
    tries = 0
    zstd = compressor._zstd

    class Counting:
        def compress(self, data: bytes) -> bytes:
            nonlocal tries
            tries += 1
            return zstd.compress(data)

    compressor._zstd = Counting()  # type: ignore[assignment]
    for _ in range(1_000):
        assert compressor.compress(BULK, NOISE) is NOISE
    assert tries < 25
    # Each class by itself; and as soon as it gains again, it is always tried.
    assert compressor.compress(LOG, TEXT) != TEXT
    assert sum(compressor.compress(BULK, TEXT) != TEXT for _ in range(200)) >= 130
    tries = 0
    for _ in range(50):
        assert compressor.compress(BULK, TEXT) != TEXT
    assert tries == 50


def test_a_little_gain_is_none() -> None:
    batch = b'\x91' + Random(1).randbytes(2_000) + bytes(200)
    assert len(zstandard.ZstdCompressor(level=1).compress(batch)) < len(batch)
    assert Compressor(0).compress(LOG, batch) is batch


def test_a_bomb_is_refused_before_memory_is_taken_for_it() -> None:
    expander = Expander(60_000)
    # 3 GB of zeros in 100 kB, and one that only says so.
    largest = 1 << 17
    bomb = framed(3 << 30, block(1, largest, b'\0', last=False) * (3 << 13) + block(0, 0, b''))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for batch in (bomb, framed(2**63, b''), framed(60_001, block(1, 60_001, b'x'))):
        with pytest.raises(OversizeError):
            expander.expand(batch)
    # One that says a size it may have, and holds more.
    blocks = block(1, largest, b'x', last=False) * 1_000
    with pytest.raises(MalformedError):
        expander.expand(framed(1_000, blocks + block(0, 0, b'')))
    # One that asks for a window of 1 GB to hold nothing.
    with pytest.raises(MalformedError):
        expander.expand(MAGIC + bytes((0x40, 0xA0)) + struct.pack('<H', 0) + block(0, 256, b'x'))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 20_000  # kB


@pytest.mark.parametrize(
    'batch',
    [
        MAGIC,
        MAGIC + b'\x20',
        b'\x28',
        b'\x28' * 100,
        framed(0, b'', unknown=True),
        framed(5, block(0, 5, b'hello') + b'more'),
        framed(5, block(0, 5, b'hell')),
        framed(4, block(0, 5, b'hello')),
        framed(6, block(0, 5, b'hello')),
        framed(5, block(3, 5, b'hello')),
        framed(5, block(0, 5, b'hello')) * 2,
        # Of a dictionary, whose number is 7.
        MAGIC + b'\x21\x07\x05' + block(0, 5, b'hello'),
        # A frame that is to be skipped.
        b'\x28\xb5\x2f\xfc' + bytes(8),
        zstandard.ZstdCompressor().compress(TEXT)[:-3],
    ],
)
def test_what_is_wrong_with_a_frame_is_malformed_and_nothing_else(batch: bytes) -> None:
    with pytest.raises(MalformedError):
        Expander().expand(batch)


@given(st.binary(max_size=300))
def test_garbage_behind_the_mark_never_raises_anything_else(data: bytes) -> None:
    expander = Expander(1_000)
    for batch in (b'\x28' + data, MAGIC + data):
        try:
            assert len(expander.expand(batch)) <= 1_000
        except MalformedError:
            pass


def test_every_form_that_the_standard_allows_is_read() -> None:
    """Others may compress otherwise: any level, with a checksum, block by block."""
    expander = Expander(len(TEXT))
    assert expander.expand(framed(5, block(0, 5, b'hello'))) == b'hello'
    assert expander.expand(framed(5, block(1, 5, b'x'))) == b'xxxxx'
    for level in (-5, 1, 9, 19):
        for checksum in (False, True):
            zstd = zstandard.ZstdCompressor(level=level, write_checksum=checksum)
            assert expander.expand(zstd.compress(TEXT)) == TEXT
    assert WINDOW_BYTES_MAX >= 1 << 20


def sender(**changes: Any) -> Outbox[Any]:
    given: dict[str, Any] = {
        'robot': 'r2', 'swarm': 7, 'incarnation': 5, 'nonce': 6, 'codec': CODEC,
        'frame_bytes_max': 9_000, 'counters': FrameCounters(), 'compressor': Compressor(500),
        **changes,
    }  # fmt: skip
    return Outbox(**given)


def receiver(bytes_max: int = 9_000, verifier: Verifier | None = None) -> Guard[Any]:
    return Guard(
        robot='r1', nonce=1, swarm=7, robots=['r1', 'r2'], codec=CODEC, frame_bytes_max=bytes_max,
        counters=FrameCounters(), verifier=verifier,
    )  # fmt: skip


def test_a_frame_is_compressed_on_its_way_and_both_sizes_are_counted() -> None:
    box, guard = sender(), receiver()
    message = Data(1, bytes(5_000))
    for _ in range(2):
        box.offer(message)
        box.offer(Data(2), traffic_class=TrafficClass.ELECTION)
    frames = box.flush()
    assert [guard.receive(*frame).verdict for frame in frames] == [Verdict.ACCEPTED] * 3
    count = box.classes[LOG]
    assert count.plain_bytes > 10_000 and count.bytes < 300 and count.frames == 2
    election = box.classes[TrafficClass.ELECTION]
    assert election.plain_bytes == election.bytes > 0
    assert box.counters.sent_bytes == count.bytes + election.bytes


def test_the_signature_is_of_what_is_on_the_wire() -> None:
    signer = Signer(bytes(32))
    verifier = Verifier({'r2': signer.public_key})
    box = sender(signer=signer)
    box.offer(Data(1, bytes(5_000)))
    [frame] = box.flush()
    header, batch, signature = frame
    assert batch[0] == MARK and verifier.signed(header, batch, signature)
    assert receiver(verifier=verifier).receive(*frame).verdict is Verdict.ACCEPTED
    plain = Frame(header, Expander().expand(batch), signature)
    assert receiver(verifier=verifier).receive(*plain).verdict is Verdict.FORGED
    other = zstandard.ZstdCompressor(write_checksum=True).compress(plain.batch)
    assert Expander().expand(other) == plain.batch
    assert receiver(verifier=verifier).receive(header, other, signature).verdict is Verdict.FORGED


def test_the_guard_counts_bombs_as_oversize_and_the_rest_as_malformed() -> None:
    box, guard = sender(), receiver(bytes_max=4_000)
    box.offer(Data(1, bytes(5_000)))
    [(header, batch, _)] = box.flush()
    assert guard.receive(header, batch).verdict is Verdict.OVERSIZE
    assert guard.receive(header, batch[:-1]).verdict is Verdict.OVERSIZE
    assert guard.receive(header, framed(9, block(0, 9, b'no batch.'))).verdict is Verdict.MALFORMED
    # Nothing of them was remembered: the sequence number is still unused.
    assert guard.counters.oversize == 2 and guard.counters.malformed == 1
    assert guard.receive(header, CODEC.encode_batch([Data(1)])).verdict is Verdict.ACCEPTED


def test_a_batch_of_the_agreement_is_never_taken_compressed() -> None:
    box, guard = sender(), receiver()
    box.offer(Data(1, bytes(2_000)))
    [(header, batch, _)] = box.flush()
    assert guard.receive(header, batch).verdict is Verdict.ACCEPTED
    of_agreement = [header.version, AGREEMENT, header.swarm, header.sender, '', 5, 6, 9]
    receipt = guard.receive(type(header)(*of_agreement), batch)
    assert receipt.verdict is Verdict.MALFORMED and 'never compressed' in receipt.reason


def test_garbage_in_our_own_name_is_told_apart_from_claims() -> None:
    box, guard = sender(robot='r1', nonce=99), receiver()
    box.offer(Data(1, bytes(5_000)))
    [(header, batch, _)] = box.flush()
    assert guard.receive(header, batch).claims == (Data(1, bytes(5_000)),)
    assert guard.receive(header, batch[:-2]).claims == ()
    assert guard.receive(header, framed(10**9, b'')).verdict is Verdict.IMPOSTOR


def test_under_a_budget_frames_are_filled_by_what_is_left_of_them() -> None:
    budget = Budget(20_000, 60_000, 0)
    box = sender(budget=budget, frame_bytes_max=60_000)
    for number in range(190):
        box.offer(Data(number, bytes(300)), traffic_class=TrafficClass.BELIEF)
    now_ns, frames = 0, []
    while box.waiting(TrafficClass.BELIEF):
        frames += box.flush(now_ns)
        now_ns += 20_000_000
    # 57 kB of which little is left: far fewer frames than of 1,200 bytes before compression.
    assert len(frames) < 12 and max(len(frame.batch) for frame in frames) <= 1_200
    # What shrinks less goes into smaller batches at once.
    noise = Random(1)
    for number in range(20):
        box.offer(Data(number, noise.randbytes(300)), traffic_class=TrafficClass.BELIEF)
    frames = []
    while box.waiting(TrafficClass.BELIEF):
        frames += box.flush(now_ns)
        now_ns += 20_000_000
    assert max(len(frame.batch) for frame in frames) <= 1_200
    count = box.classes[TrafficClass.BELIEF]
    assert count.plain_bytes > 60_000 and count.bytes < 8_000
