"""
The file of a recording: MCAP with one topic, one message for each call of the runtime.

MCAP, so that tools of ROS list and cut it. It is written without chunks and flushed after each
message: what a robot that is killed had written is there, but for the last message. The messages
are std_msgs/UInt8MultiArray in CDR, whose data are msgpack.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import struct
from types import TracebackType
from typing import Any, Self

from mcap.exceptions import McapError
from mcap.records import Channel, Message
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, IndexType, Writer
import msgspec

SCHEMA_NAME = 'std_msgs/msg/UInt8MultiArray'
SCHEMA_TEXT = """\
MultiArrayLayout layout
uint8[] data
================================================================================
MSG: std_msgs/MultiArrayLayout
MultiArrayDimension[] dim
uint32 data_offset
================================================================================
MSG: std_msgs/MultiArrayDimension
string label
uint32 size
uint32 stride
"""
LIBRARY = 'swarm_consensus'
# Little endian; no dimensions, no offset, then the length of the data.
_HEAD = struct.Struct('<4sIII')
_LITTLE_ENDIAN = b'\0\1\0\0'


class JournalError(ValueError):
    """A file that is no recording of a robot; says what is wrong with it."""


class JournalWriter:
    """
    A new file; nothing that is there is written over.

    :param topic: of its messages.
    :raises OSError: it cannot be made.
    """

    def __init__(self, path: Path, topic: str) -> None:
        self.path = path
        self._file = open(path, 'xb')  # noqa: SIM115
        self._writer = Writer(
            self._file,
            use_chunking=False,
            index_types=IndexType.NONE,
            compression=CompressionType.NONE,
        )
        self._writer.start(profile='ros2', library=LIBRARY)
        schema = self._writer.register_schema(SCHEMA_NAME, 'ros2msg', SCHEMA_TEXT.encode())
        self._channel = self._writer.register_channel(topic, 'cdr', schema)
        self._count = 0

    def write(self, time_ns: int, data: Any) -> None:
        """
        Append a message.

        :param time_ns: for people and tools: of the wall clock.
        :param data: plain data.
        :raises OSError: no room.
        """
        packed = msgspec.msgpack.encode(data)
        self._count += 1
        self._writer.add_message(
            self._channel,
            time_ns,
            _HEAD.pack(_LITTLE_ENDIAN, 0, 0, len(packed)) + packed,
            time_ns,
            self._count,
        )
        self._file.flush()

    def close(self) -> None:
        """Write the end; harmless when repeated."""
        if not self._file.closed:
            try:
                self._writer.finish()  # type: ignore[no-untyped-call]
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_journal(path: Path) -> Iterator[Any]:
    """
    Give the data of each message in their order; of a file that was cut off, as far as it goes.

    :raises JournalError: it is no recording of a robot, or it is damaged before its end.
    :raises OSError: it cannot be read.
    """
    channels: dict[int, str] = {}
    with open(path, 'rb') as file:
        records = StreamReader(file).records
        while True:
            try:
                record = next(records, None)
            except McapError as error:
                # A robot that was killed wrote no end, and maybe half a message.
                if channels and not file.read(1):
                    return
                raise JournalError(f'{path}: no recording, or damaged: {error}') from None
            except (struct.error, ValueError, EOFError) as error:
                if channels and not file.read(1):
                    return
                raise JournalError(f'{path}: damaged: {error}') from None
            if record is None:
                return
            if isinstance(record, Channel):
                channels[record.id] = record.topic
            elif isinstance(record, Message):
                yield _unpacked(path, record.data)


def _unpacked(path: Path, data: bytes) -> Any:
    try:
        head, dimensions, _, size = _HEAD.unpack_from(data)
        if (head, dimensions, size) != (_LITTLE_ENDIAN, 0, len(data) - _HEAD.size):
            raise JournalError(f'{path}: a message in it is none of a recording of a robot')
        return msgspec.msgpack.decode(data[_HEAD.size :])
    except (struct.error, msgspec.DecodeError) as error:
        raise JournalError(
            f'{path}: a message in it is none of a recording of a robot: {error}'
        ) from None
