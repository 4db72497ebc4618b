"""The outbox: few frames, in the order of the classes, none too large, every message once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import EncodeError
from swarm_consensus.transport.frame import (
    AGREEMENT_BYTES_MAX,
    VERSION,
    FrameCounters,
    FrameHeader,
    TrafficClass,
    batch_bytes_max,
)
from swarm_consensus.transport.guard import Guard
from swarm_consensus.transport.outbox import ClassTraffic, Offer, Outbox
from swarm_consensus.transport.schema import Limits


@dataclass(frozen=True, slots=True)
class Data:
    number: int
    data: bytes = b''


CODEC: Codec[Any] = Codec({1: Data}, Limits(batch_messages_max=20))
BYTES_MAX = 200


def outbox(**changes: Any) -> Outbox[Any]:
    settings: dict[str, Any] = {
        'robot': 'r1', 'swarm': 7, 'incarnation': 5, 'nonce': 6, 'codec': CODEC,
        'frame_bytes_max': BYTES_MAX, 'counters': FrameCounters(), **changes,
    }  # fmt: skip
    return Outbox(**settings)


def test_messages_of_one_class_share_a_frame() -> None:
    box = outbox()
    for number in range(3):
        assert box.offer(Data(number)) is Offer.QUEUED
    [(header, batch, signature)] = box.flush()
    assert signature == b''
    assert header == FrameHeader(VERSION, TrafficClass.LOG, 7, 'r1', '', 5, 6, 1)
    assert CODEC.decode_batch(batch) == (Data(0), Data(1), Data(2))
    assert box.flush() == []
    assert (box.counters.sent, box.counters.sent_bytes) == (1, len(batch))


def test_the_classes_leave_in_their_order_and_sequences_count_on() -> None:
    box = outbox()
    for traffic_class in (3, 1, 4, 0, 2, 0):
        box.offer(Data(traffic_class), traffic_class=TrafficClass(traffic_class))
    frames = box.flush()
    assert [frame.header.traffic_class for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.header.sequence for frame in frames] == [1, 2, 3, 4, 5]
    box.offer(Data(0))
    assert box.flush()[0].header.sequence == 6


def test_what_is_for_one_robot_says_so_in_the_header() -> None:
    box = outbox()
    box.offer(Data(1), ['r2'])
    box.offer(Data(2), ['r2'])
    [frame] = box.flush()
    assert frame.header.to == 'r2'
    for receivers in ([['r2'], ['r3']], [['r2', 'r3']], [['r2'], []]):
        for to in receivers:
            box.offer(Data(1), to)
        [frame] = box.flush()
        assert frame.header.to == ''
        assert [list(item.to) for item in CODEC.inspect_batch(frame.batch)] == receivers


def test_a_message_that_no_frame_can_carry_is_refused_and_counted() -> None:
    box = outbox()
    assert box.offer(Data(1, bytes(BYTES_MAX))) is Offer.OVERSIZE
    assert not Offer.OVERSIZE.taken and Offer.QUEUED.taken
    assert box.flush() == [] and box.counters.refused_to_send == 1
    fits = next(n for n in range(BYTES_MAX, 0, -1) if box.offer(Data(1, bytes(n))).taken)
    [frame] = box.flush()
    assert BYTES_MAX - 3 <= len(frame.batch) <= BYTES_MAX and fits > BYTES_MAX - 12


def test_two_batches_of_the_agreement_fit_into_one_frame() -> None:
    box = outbox()
    limit = batch_bytes_max(TrafficClass.AGREEMENT, BYTES_MAX)
    assert 2 * limit < BYTES_MAX
    fits = bytes(limit - 12)
    assert box.offer(Data(1, bytes(limit)), traffic_class=TrafficClass.AGREEMENT) is Offer.OVERSIZE
    for number in (1, 2):
        assert box.offer(Data(number, fits), traffic_class=TrafficClass.AGREEMENT).taken
    frames = box.flush()
    assert [len(frame.batch) <= limit for frame in frames] == [True, True]
    # And a frame as large as any carries a proof of whatever was said.
    assert batch_bytes_max(TrafficClass.AGREEMENT, 10**6) == AGREEMENT_BYTES_MAX == 20_000
    assert {batch_bytes_max(c, 999) for c in TrafficClass} == {333, 999}


def test_our_own_wrong_message_is_an_error() -> None:
    with pytest.raises(EncodeError):
        outbox().offer(Data(-1))


def test_a_newer_message_takes_the_place_of_the_older() -> None:
    box = outbox()
    box.offer(Data(1), key='sign', traffic_class=TrafficClass.BELIEF)
    box.offer(Data(2), traffic_class=TrafficClass.BELIEF)
    assert box.offer(Data(3), key='sign', traffic_class=TrafficClass.BELIEF) is Offer.REPLACED
    assert box.offer(Data(4), key='sign', traffic_class=TrafficClass.LOG) is Offer.QUEUED
    log, belief = box.flush()
    assert CODEC.decode_batch(belief.batch) == (Data(3), Data(2))
    assert CODEC.decode_batch(log.batch) == (Data(4),)
    assert box.offer(Data(5), key='sign', traffic_class=TrafficClass.BELIEF) is Offer.QUEUED
    assert box.classes[TrafficClass.BELIEF].coalesced == 1


def test_a_full_class_refuses_and_leaves_room_to_the_others() -> None:
    box = outbox(class_messages_max=3)
    assert [box.offer(Data(n)) for n in range(4)] == [Offer.QUEUED] * 3 + [Offer.FULL]
    assert box.offer(Data(9), traffic_class=TrafficClass.ELECTION) is Offer.QUEUED
    box.flush()
    assert box.offer(Data(4)) is Offer.QUEUED
    box = outbox(class_bytes_max=120)
    assert box.offer(Data(1, bytes(100)), key='a') is Offer.QUEUED
    assert box.offer(Data(2, bytes(100))) is Offer.FULL
    assert box.offer(Data(3, bytes(90)), key='a') is Offer.REPLACED
    assert box.waiting(TrafficClass.LOG) == 1
    assert CODEC.decode_batch(box.flush()[0].batch) == (Data(3, bytes(90)),)


def test_the_first_leaves_at_once_and_those_that_follow_go_together() -> None:
    box = outbox(linger_ns={TrafficClass.BELIEF: 100, TrafficClass.BULK: 0})
    box.offer(Data(1), traffic_class=TrafficClass.BELIEF)
    assert len(box.flush(1_000)) == 1 and box.due_ns is None
    for number in (2, 3):
        box.offer(Data(number), traffic_class=TrafficClass.BELIEF)
        box.offer(Data(number), traffic_class=TrafficClass.BULK)
        box.offer(Data(number))
        # Only the class that was told to lingers.
        assert [frame.header.traffic_class for frame in box.flush(1_010)] == [1, 4]
        assert box.due_ns == 1_100
    assert box.flush(1_099) == [] and box.waiting(TrafficClass.BELIEF) == 2
    [frame] = box.flush(1_100)
    assert CODEC.decode_batch(frame.batch) == (Data(2), Data(3)) and box.due_ns is None


def test_a_full_frame_does_not_linger() -> None:
    box = outbox(linger_ns={TrafficClass.BELIEF: 100})
    box.offer(Data(1), traffic_class=TrafficClass.BELIEF)
    box.flush(1_000)
    for number in (2, 3):
        box.offer(Data(number, bytes(120)), traffic_class=TrafficClass.BELIEF)
    assert len(box.flush(1_001)) == 2 and box.due_ns is None


offers = st.tuples(
    st.binary(max_size=BYTES_MAX + 20),
    st.lists(st.sampled_from(['r2', 'r3']), max_size=2, unique=True),
    st.sampled_from(TrafficClass),
    st.none() | st.sampled_from(['a', 'b']),
    st.booleans(),
)


@given(st.lists(offers, max_size=80))
@settings(deadline=None)
def test_every_message_arrives_once_and_the_counters_add_up(history: list[Any]) -> None:
    box = outbox(class_messages_max=15)
    guards = {
        robot: Guard(
            robot=robot, nonce=1, swarm=7, robots=['r1', 'r2', 'r3'], codec=CODEC,
            frame_bytes_max=BYTES_MAX, counters=FrameCounters(),
        )
        for robot in ('r2', 'r3')
    }  # fmt: skip
    expected: dict[str, list[list[Data]]] = {r: [[] for _ in TrafficClass] for r in guards}
    arrived: dict[str, list[list[Data]]] = {r: [[] for _ in TrafficClass] for r in guards}
    waiting: dict[tuple[TrafficClass, object], tuple[Data, list[str]]] = {}
    last_sequence = 0

    def flush() -> None:
        nonlocal last_sequence
        for (traffic_class, _), (message, to) in waiting.items():
            for robot in guards:
                if not to or robot in to:
                    expected[robot][traffic_class].append(message)
        waiting.clear()
        for header, batch, _ in box.flush():
            assert len(batch) <= batch_bytes_max(header.traffic_class, BYTES_MAX)
            assert header.sequence == last_sequence + 1
            last_sequence = header.sequence
            for robot, guard in guards.items():
                arrived[robot][header.traffic_class] += guard.receive(header, batch).messages

    for number, (data, to, traffic_class, key, then_flush) in enumerate(history):
        message = Data(number, data)
        offer = box.offer(message, to, traffic_class, key)
        slot = (traffic_class, object() if key is None else key)
        assert (offer is Offer.REPLACED) == (offer.taken and slot in waiting)
        if offer.taken:
            waiting[slot] = (message, to)
        if then_flush:
            flush()
    flush()
    assert arrived == expected
    for robot, guard in guards.items():
        counters = guard.counters
        assert counters.received == box.counters.sent == last_sequence
        assert counters.accepted + counters.not_for_us == counters.received, robot
    for count in box.classes.values():
        assert count.offered == count.sent + count.coalesced + count.dropped
        assert count.waiting == 0
    assert sum(count.bytes for count in box.classes.values()) == box.counters.sent_bytes


def field_names(path: Path) -> list[str]:
    return re.findall(r'^\w+(?:\[\])? ([a-z_]+)\b', path.read_text(), re.M)


def test_the_values_mirror_the_messages(repository: Path) -> None:
    """A field that is added to an interface is added here too, in the same order."""
    counters = field_names(repository / 'msg' / 'FrameCounters.msg')
    assert [field.name for field in fields(FrameCounters)] == counters
    frame = field_names(repository / 'msg' / 'Frame.msg')
    assert [*(field.name for field in fields(FrameHeader)), 'batch', 'signature'] == frame
    traffic = field_names(repository / 'msg' / 'ClassTraffic.msg')
    assert [field.name for field in fields(ClassTraffic)] == traffic
    text = (repository / 'msg' / 'Frame.msg').read_text()
    for name, value in re.findall(r'uint8 CLASS_(\w+)=(\d)', text):
        assert TrafficClass[name] == int(value)
    assert re.findall(r'VERSION=(\d+)', text) == [str(VERSION)]


def test_a_copy_of_the_counters_stands_still() -> None:
    counters = FrameCounters(sent=3)
    copy = counters.copy()
    counters.sent += 1
    assert (copy.sent, counters.sent) == (3, 4)
