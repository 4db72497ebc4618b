"""
Reads each batch once for all robots of a process that hear it.

On real robots each reads for itself what it hears. Here 99 of 100 would read again what one has;
messages are values, which nobody changes, so all can have the same.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from swarm_consensus.runtime.wire import MESSAGE_KINDS
from swarm_consensus.transport.codec import Buffer, Codec, Item

# As many as may be on their way to robots at a time, and more.
BATCHES_MAX = 1_000


class SharedReading(Codec[Any]):
    """The codec of the messages between robots, which remembers what it has read last."""

    def __init__(self) -> None:
        super().__init__(MESSAGE_KINDS)
        self._read: OrderedDict[bytes, tuple[Item[Any], ...]] = OrderedDict()
        # The messages alone of batches in which none is for some robots only.
        self._for_all: dict[bytes, tuple[Any, ...]] = {}

    def decode_batch(self, data: Buffer, receiver: str | None = None) -> tuple[Any, ...]:
        """Return the messages of a batch in their order, as `Codec` does."""
        if not isinstance(data, bytes):
            return super().decode_batch(data, receiver)
        messages = self._for_all.get(data)
        if messages is not None:
            return messages
        items = self._read.get(data)
        if items is None:
            items = self._read[data] = self.inspect_batch(data)
            if not any(item.to for item in items):
                self._for_all[data] = tuple(item.message for item in items)
            if len(self._read) > BATCHES_MAX:
                self._for_all.pop(self._read.popitem(last=False)[0], None)
        return tuple(
            [
                item.message
                for item in items
                if receiver is None or not item.to or receiver in item.to
            ]
        )
