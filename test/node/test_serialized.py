"""Frames by the bytes of their message: the same as what the generated code makes and reads."""

from __future__ import annotations

from random import Random

import pytest
from rclpy.serialization import serialize_message

from swarm_consensus.nodes.convert import frame_to_message
from swarm_consensus.nodes.serialized import frame_from_serialized, frame_to_serialized
from swarm_consensus.runtime.events import FrameArrived, FrameUnreadable
from swarm_consensus.transport.frame import FrameHeader

NAMES = ('', 'a', 'bo', 'cat', 'dora', 'robot_1', 'robot_12', 'küche', 'x' * 200)


def frames():
    """Give frames with all alignments of their strings."""
    random = Random(1)
    for sender in NAMES:
        for to in NAMES:
            numbers = [random.getrandbits(64) for _ in range(4)]
            header = FrameHeader(1, random.randrange(4), numbers[0], sender, to, *numbers[1:])
            yield header, random.randbytes(random.choice((0, 1, 7, 500)))


def zeroed(data: bytes, header: FrameHeader) -> bytes:
    """Clear the padding, which the generated code leaves as it was in memory."""
    data = bytearray(data)
    data[6:12] = bytes(6)
    end = 24 + len(header.sender.encode()) + 1
    at = end + -end % 4
    data[end:at] = bytes(at - end)
    end = at + 4 + len(header.to.encode()) + 1
    at = end + -(end - 4) % 8
    data[end:at] = bytes(at - end)
    return bytes(data)


def test_bytes_are_those_of_the_generated_code():
    for header, batch in frames():
        expected = serialize_message(frame_to_message(header, batch))
        assert frame_to_serialized(header, batch) == zeroed(expected, header)


def test_what_the_generated_code_makes_is_read():
    for header, batch in frames():
        data = serialize_message(frame_to_message(header, batch))
        assert frame_from_serialized(data) == FrameArrived(header, batch)


@pytest.mark.parametrize('seed', range(20))
def test_whatever_comes_is_a_frame_or_unreadable(seed):
    random = Random(seed)
    header, batch = random.choice(list(frames()))
    whole = frame_to_serialized(header, batch)
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
    data += (2).to_bytes(4, 'big') + b'xy'
    header = FrameHeader(1, 2, 7, 'a', '', 3, 4, 5)
    assert frame_from_serialized(data) == FrameArrived(header, b'xy')


def test_a_batch_that_is_cut_off_is_unreadable():
    header = FrameHeader(1, 1, 2, 'robot_1', '', 3, 4, 5)
    whole = frame_to_serialized(header, bytes(50))
    assert frame_from_serialized(whole[:-1]) == FrameUnreadable(len(whole) - 1)
