"""Frames and beliefs by the bytes of their messages: the same as the generated code has them."""

from __future__ import annotations

from random import Random

import pytest
from rclpy.serialization import serialize_message

from swarm_consensus.msg import Belief
from swarm_consensus.nodes.convert import frame_to_message
from swarm_consensus.nodes.serialized import (
    belief_from_serialized,
    frame_from_serialized,
    frame_to_serialized,
)
from swarm_consensus.runtime.events import (
    BeliefSeen,
    BeliefUnreadable,
    FrameArrived,
    FrameUnreadable,
)
from swarm_consensus.transport.frame import Frame, FrameHeader
from swarm_consensus.transport.hashes import labels_hash

NAMES = ('', 'a', 'bo', 'cat', 'dora', 'robot_1', 'robot_12', 'küche', 'x' * 200)


def frames():
    """Give frames with all alignments of their strings."""
    random = Random(1)
    for sender in NAMES:
        for to in NAMES:
            numbers = [random.getrandbits(64) for _ in range(4)]
            header = FrameHeader(1, random.randrange(5), numbers[0], sender, to, *numbers[1:])
            batch = random.randbytes(random.choice((0, 1, 7, 500)))
            yield Frame(header, batch, random.randbytes(random.choice((0, 64))))


def zeroed(data: bytes, frame: Frame) -> bytes:
    """Clear the padding, which the generated code leaves as it was in memory."""
    header, batch, signature = frame
    data = bytearray(data)
    data[6:12] = bytes(6)
    end = 24 + len(header.sender.encode()) + 1
    at = end + -end % 4
    data[end:at] = bytes(at - end)
    end = at + 4 + len(header.to.encode()) + 1
    at = end + -(end - 4) % 8
    data[end:at] = bytes(at - end)
    end = at + 28 + len(batch)
    at = end + -end % 4
    data[end:at] = bytes(at - end)
    assert len(data) - at - 4 - len(signature) in range(4)
    return bytes(data)


def test_bytes_are_those_of_the_generated_code():
    for frame in frames():
        expected = serialize_message(frame_to_message(*frame))
        assert frame_to_serialized(*frame) == zeroed(expected, frame)


def test_what_the_generated_code_makes_is_read():
    for frame in frames():
        data = serialize_message(frame_to_message(*frame))
        assert frame_from_serialized(data) == FrameArrived(*frame)


@pytest.mark.parametrize('seed', range(20))
def test_whatever_comes_is_a_frame_or_unreadable(seed):
    random = Random(seed)
    whole = frame_to_serialized(*random.choice(list(frames())))
    for _ in range(50):
        data = bytearray(whole[: random.randrange(len(whole) + 1)])
        for _ in range(random.randrange(4)):
            if data:
                data[random.randrange(len(data))] = random.randrange(256)
        found = frame_from_serialized(bytes(data))
        assert isinstance(found, (FrameArrived, FrameUnreadable)), f'seed {seed}'


def test_the_other_order_of_bytes_is_read():
    data = bytes((0, 0, 0, 0, 1, 2)) + bytes(6) + (7).to_bytes(8, 'big')
    data += (2).to_bytes(4, 'big') + b'a\0' + bytes(2) + (1).to_bytes(4, 'big') + bytes(4)
    data += b''.join(number.to_bytes(8, 'big') for number in (3, 4, 5))
    data += (2).to_bytes(4, 'big') + b'xy' + bytes(2) + (3).to_bytes(4, 'big') + b'abc'
    header = FrameHeader(1, 2, 7, 'a', '', 3, 4, 5)
    assert frame_from_serialized(data) == FrameArrived(header, b'xy', b'abc')


@pytest.mark.parametrize('signature', [b'', bytes(64)])
def test_a_frame_that_is_cut_off_is_unreadable(signature):
    header = FrameHeader(1, 1, 2, 'robot_1', '', 3, 4, 5)
    whole = frame_to_serialized(header, bytes(50), signature)
    for end in range(len(whole)):
        assert frame_from_serialized(whole[:end]) == FrameUnreadable(end)
    assert frame_from_serialized(whole + bytes(4)) == FrameUnreadable(len(whole) + 4)


def test_a_length_that_the_message_does_not_have_is_unreadable():
    header = FrameHeader(1, 1, 2, 'robot_1', '', 3, 4, 5)
    whole = frame_to_serialized(header, bytes(50), bytes(64))
    at = len(whole) - 64 - 4
    for length in (65, 2**31, 2**32 - 1):
        data = whole[:at] + length.to_bytes(4, 'little') + whole[at + 4 :]
        assert frame_from_serialized(data) == FrameUnreadable(len(data))
    for length in (51 + 64 + 4, 2**32 - 1):
        # Of the batch: 2 bytes of padding stand behind it.
        data = whole[: at - 56] + length.to_bytes(4, 'little') + whole[at - 52 :]
        assert frame_from_serialized(data) == FrameUnreadable(len(data))


# -- beliefs --------------------------------------------------------------------------------------

NOW_NS = 1_000_000_000_000


def beliefs(random):
    """Give beliefs with all alignments of their strings and sequences."""
    for name in NAMES:
        for labels in ((), ('a',), ('bo', 'küche', ''), NAMES):
            message = Belief(robot=name, subject=random.choice(NAMES), labels=list(labels))
            message.header.frame_id = random.choice(NAMES)
            message.header.stamp.sec = random.randrange(-5, 2_000)
            message.header.stamp.nanosec = random.randrange(1_000_000_000)
            message.labels_hash = random.getrandbits(64)
            count = random.choice((0, 1, 4, 33))
            message.log_likelihood = [random.randrange(-64, 1) / 4 for _ in range(count)]
            message.model_hash = random.choice(NAMES)
            message.sequence = random.getrandbits(64)
            message.latency = 0.5
            yield message


def test_beliefs_that_the_generated_code_makes_are_read():
    for message in beliefs(Random(1)):
        stamp = message.header.stamp
        assert belief_from_serialized(serialize_message(message), NOW_NS) == BeliefSeen(
            message.subject,
            labels_hash(message.labels) if message.labels else message.labels_hash,
            tuple(message.log_likelihood),
            max(0, NOW_NS - stamp.sec * 1_000_000_000 - stamp.nanosec),
        )


@pytest.mark.parametrize('seed', range(20))
def test_whatever_comes_is_a_belief_or_unreadable(seed):
    random = Random(seed)
    whole = serialize_message(random.choice(list(beliefs(random))))
    for _ in range(50):
        data = bytearray(whole[: random.randrange(len(whole) + 1)])
        for _ in range(random.randrange(4)):
            if data:
                data[random.randrange(len(data))] = random.randrange(256)
        found = belief_from_serialized(bytes(data), NOW_NS)
        assert isinstance(found, (BeliefSeen, BeliefUnreadable)), f'seed {seed}'


def test_a_belief_that_is_cut_off_or_claims_more_than_it_has_is_unreadable():
    message = Belief(robot='r', subject='s', labels=['a', 'b'], log_likelihood=[0.0, -1.0])
    whole = serialize_message(message)
    assert isinstance(belief_from_serialized(whole, NOW_NS), BeliefSeen)
    for end in range(len(whole)):
        assert belief_from_serialized(whole[:end], NOW_NS) == BeliefUnreadable(), end
    at = whole.index(b'a\0') - 8
    assert whole[at : at + 4] == (2).to_bytes(4, 'little')
    huge = whole[:at] + b'\xff' * 4 + whole[at + 4 :]
    assert belief_from_serialized(huge, NOW_NS) == BeliefUnreadable()
    assert belief_from_serialized(whole + bytes(4), NOW_NS) == BeliefUnreadable()


def test_a_belief_in_the_other_order_of_bytes_is_read():
    data = bytes(4) + (900).to_bytes(4, 'big') + (5).to_bytes(4, 'big')
    data += bytes(4) * 2 + (2).to_bytes(4, 'big') + b's\0' + bytes(2) + bytes(4)
    data += bytes(-(len(data) - 4) % 8) + (7).to_bytes(8, 'big') + (1).to_bytes(4, 'big')
    data += bytes.fromhex('bf800000') + bytes(4)
    data += bytes(-(len(data) - 4) % 8) + bytes(12)
    expected = BeliefSeen('s', 7, (-1.0,), 100_000_000_000 - 5)
    assert belief_from_serialized(data, NOW_NS) == expected
