"""
Frames from and to the bytes of their ROS message, with no message object between.

A robot handles thousands of frames a second, and making a message object of one costs several
times what all else does. And the bytes come from anybody: the generated code of ROS has been seen
to crash the process on some that are no message, which no robot may do to another.

The form is CDR of msg/Frame.msg (docs/wire.md); a test holds it against the generated code.
"""

from __future__ import annotations

import struct

from swarm_consensus.runtime.events import FrameArrived, FrameUnreadable
from swarm_consensus.transport.frame import FrameHeader

_ENCAPSULATION = b'\0\1\0\0'  # CDR, little endian, no options
# Alignment counts from behind the encapsulation.
_ORIGIN = len(_ENCAPSULATION)
# A sender may fill up its message to a multiple of 4.
_TRAILING_MAX = 3


class _Layout:
    """The fields that stand together, for one order of bytes."""

    def __init__(self, order: str) -> None:
        # Version, class, swarm, length of the sender with its closing zero.
        self.head = struct.Struct(f'{order}4xBB6xQI')
        self.length = struct.Struct(f'{order}I')
        # Incarnation, nonce, sequence, length of the batch.
        self.numbers = struct.Struct(f'{order}QQQI')


_LITTLE = _Layout('<')
_LAYOUTS = {b'\0\1': _LITTLE, b'\0\0': _Layout('>')}


def frame_to_serialized(header: FrameHeader, batch: bytes) -> bytes:
    """Return the serialized message that carries a frame."""
    sender, to = header.sender.encode(), header.to.encode()
    data = bytearray(
        _LITTLE.head.pack(header.version, header.traffic_class, header.swarm, len(sender) + 1)
    )
    data[:_ORIGIN] = _ENCAPSULATION
    data += sender
    data += bytes(1 + -(len(data) + 1) % 4)
    data += _LITTLE.length.pack(len(to) + 1)
    data += to
    data += bytes(1 + -(len(data) + 1 - _ORIGIN) % 8)
    data += _LITTLE.numbers.pack(header.incarnation, header.nonce, header.sequence, len(batch))
    data += batch
    return bytes(data)


def frame_from_serialized(data: bytes) -> FrameArrived | FrameUnreadable:
    """Return the frame in a serialized message, unchecked, or that there is none to read."""
    layout = _LAYOUTS.get(data[:2])
    if layout is None:
        return FrameUnreadable(len(data))
    try:
        version, traffic_class, swarm, length = layout.head.unpack_from(data)
        start = layout.head.size
        sender, end = _text(data, start, length), start + length
        at = end + -end % 4
        (length,) = layout.length.unpack_from(data, at)
        start = at + layout.length.size
        to, end = _text(data, start, length), start + length
        at = end + -(end - _ORIGIN) % 8
        incarnation, nonce, sequence, length = layout.numbers.unpack_from(data, at)
    except (struct.error, ValueError):
        return FrameUnreadable(len(data))
    at += layout.numbers.size
    end = at + length
    if not end <= len(data) <= end + _TRAILING_MAX:
        return FrameUnreadable(len(data))
    header = FrameHeader(version, traffic_class, swarm, sender, to, incarnation, nonce, sequence)
    return FrameArrived(header, data[at:end])


def _text(data: bytes, start: int, length: int) -> str:
    """Return a string of CDR; raises ValueError where it is not closed, or not UTF-8."""
    if not length:
        return ''
    end = start + length - 1
    if data[end : end + 1] != b'\0':
        raise ValueError('a string is not closed')
    return data[start:end].decode()
