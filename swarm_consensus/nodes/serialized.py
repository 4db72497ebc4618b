"""
Frames and beliefs by the bytes of their ROS message, with no message object between.

A robot handles thousands of frames a second, and making a message object of one costs several
times what all else does. And the bytes come from anybody: the generated code of ROS has been seen
to crash the process on some that are no message, which no robot may do to another.

The form is CDR of msg/Frame.msg (docs/wire.md) and msg/Belief.msg; a test holds it against the
generated code.
"""

from __future__ import annotations

import struct

from swarm_consensus.runtime.events import (
    BeliefSeen,
    BeliefUnreadable,
    FrameArrived,
    FrameUnreadable,
)
from swarm_consensus.transport.frame import FrameHeader
from swarm_consensus.transport.hashes import labels_hash

_ENCAPSULATION = b'\0\1\0\0'  # CDR, little endian, no options
# Alignment counts from behind the encapsulation.
_ORIGIN = len(_ENCAPSULATION)
# A sender may fill up its message to a multiple of 4.
_TRAILING_MAX = 3
_ORDERS = {b'\0\1': '<', b'\0\0': '>'}
# The least that a string takes: its length.
_STRING_BYTES_MIN = 4


class _Layout:
    """The fields that stand together, for one order of bytes."""

    def __init__(self, order: str) -> None:
        # Version, class, swarm, length of the sender with its closing zero.
        self.head = struct.Struct(f'{order}4xBB6xQI')
        self.length = struct.Struct(f'{order}I')
        # Incarnation, nonce, sequence, length of the batch.
        self.numbers = struct.Struct(f'{order}QQQI')


_LAYOUTS = {encapsulation: _Layout(order) for encapsulation, order in _ORDERS.items()}
_LITTLE = _LAYOUTS[_ENCAPSULATION[:2]]


def frame_to_serialized(header: FrameHeader, batch: bytes, signature: bytes = b'') -> bytes:
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
    data += bytes(-len(data) % 4)
    data += _LITTLE.length.pack(len(signature))
    data += signature
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
        start = at + layout.numbers.size
        end = start + length
        at = end + -end % 4
        (length,) = layout.length.unpack_from(data, at)
    except (struct.error, ValueError):
        return FrameUnreadable(len(data))
    at += layout.length.size
    if not at + length <= len(data) <= at + length + _TRAILING_MAX:
        return FrameUnreadable(len(data))
    header = FrameHeader(version, traffic_class, swarm, sender, to, incarnation, nonce, sequence)
    return FrameArrived(header, data[start:end], data[at : at + length])


def _text(data: bytes, start: int, length: int) -> str:
    """Return a string of CDR; raises ValueError where it is not closed, or not UTF-8."""
    if not length:
        return ''
    end = start + length - 1
    if data[end : end + 1] != b'\0':
        raise ValueError('a string is not closed')
    return data[start:end].decode()


class _Reader:
    """
    Reads the fields of a message one after another.

    Whatever is not there raises struct.error or ValueError, before memory is taken for it.

    :ivar at: where the next field begins, before its alignment.
    """

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order
        self.at = _ORIGIN

    def numbers(self, code: str, size: int, count: int = 1) -> tuple[float, ...]:
        """Return numbers of one type, a code of `struct` with its size."""
        self.at += -(self.at - _ORIGIN) % size
        if count * size > len(self._data) - self.at:
            raise ValueError('the message ends in a number')
        values = struct.unpack_from(f'{self._order}{count}{code}', self._data, self.at)
        self.at += count * size
        return values

    def length(self) -> int:
        """Return the length of what follows."""
        (length,) = self.numbers('I', 4)
        return int(length)

    def text(self) -> str:
        """Return a string."""
        length = self.length()
        text = _text(self._data, self.at, length)
        self.at += length
        return text

    def texts(self) -> list[str]:
        """Return a sequence of strings."""
        count = self.length()
        if count * _STRING_BYTES_MIN > len(self._data) - self.at:
            raise ValueError('the message ends in a sequence')
        return [self.text() for _ in range(count)]

    def floats(self) -> tuple[float, ...]:
        """Return a sequence of float32."""
        count = self.length()
        return self.numbers('f', 4, count) if count else ()


def belief_from_serialized(data: bytes, now_ns: int) -> BeliefSeen | BeliefUnreadable:
    """
    Return the evidence in a serialized belief, or that there is none to read.

    :param now_ns: ROS time now, on the clock of the stamp; a stamp in the future has age 0.
    """
    order = _ORDERS.get(data[:2])
    if order is None:
        return BeliefUnreadable()
    reader = _Reader(data, order)
    try:
        (seconds,), (nanoseconds,) = reader.numbers('i', 4), reader.numbers('I', 4)
        reader.text()  # frame
        reader.text()  # robot
        subject = reader.text()
        labels = reader.texts()
        (told_hash,) = reader.numbers('Q', 8)
        log_likelihood = reader.floats()
        reader.text()  # hash of the model
        reader.numbers('Q', 8)  # sequence
        reader.numbers('f', 4)  # latency
    except (struct.error, ValueError):
        return BeliefUnreadable()
    if not reader.at <= len(data) <= reader.at + _TRAILING_MAX:
        return BeliefUnreadable()
    return BeliefSeen(
        subject=subject,
        # The labels themselves are the stronger statement where a sender gives both.
        labels_hash=labels_hash(labels) if labels else int(told_hash),
        log_likelihood=log_likelihood,
        age_ns=max(0, now_ns - int(seconds) * 1_000_000_000 - int(nanoseconds)),
    )
