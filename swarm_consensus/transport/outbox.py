"""
From single messages to few frames.

A message is encoded when it is queued, so that its producer learns at once if no frame could
carry it. DDS hands a frame to every robot that listens, so a message for several robots leaves
once, with its receivers beside it, and messages for different robots share a frame; only where a
whole frame is for one robot does the header say so, and the others drop it unread.

Frames are made in the order of the traffic classes, one after another and as late as possible: a
byte budget stops between two of them and the rest waits in its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic

from swarm_consensus.transport.codec import Codec, MessageT, array_header
from swarm_consensus.transport.frame import (
    VERSION,
    Frame,
    FrameCounters,
    FrameHeader,
    TrafficClass,
    batch_bytes_max,
)
from swarm_consensus.transport.signing import Signer

HEADER_BYTES = len(array_header(16))  # of a batch, at most


class Offer(Enum):
    """What became of a message that was handed to the outbox."""

    QUEUED = 'queued'
    REPLACED = 'replaced'  # queued in the place of an older one with the same key
    OVERSIZE = 'oversize'  # no frame could carry it
    FULL = 'full'  # its class holds as much as it may; try again after a flush

    @property
    def taken(self) -> bool:
        """Whether the message will leave."""
        return self in (Offer.QUEUED, Offer.REPLACED)


@dataclass(slots=True)
class ClassCounters:
    """
    What became of the messages of one class; offered == sent + coalesced + dropped + waiting.

    :param coalesced: replaced by a newer one before they left.
    :param dropped: refused, because too large or because the class was full.
    :param bytes: of the batches sent.
    """

    offered: int = 0
    sent: int = 0
    coalesced: int = 0
    dropped: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Waiting:
    to: tuple[str, ...]
    data: bytes


class Outbox(Generic[MessageT]):
    """
    Packs the messages of one boot of one robot into frames.

    :param robot: own robot id.
    :param swarm: own swarm's hash.
    :param incarnation: of this boot.
    :param nonce: of this boot.
    :param frame_bytes_max: largest batch.
    :param counters: counted up here; shared with the guard.
    :param class_bytes_max: bytes that may wait in one class; it keeps a slow radio from filling
        the memory, and the classes do not take room from each other.
    :param class_messages_max: messages that may wait in one class.
    :param signer: signs every frame; None: the swarm has no keys.
    """

    def __init__(
        self,
        *,
        robot: str,
        swarm: int,
        incarnation: int,
        nonce: int,
        codec: Codec[MessageT],
        frame_bytes_max: int,
        counters: FrameCounters,
        class_bytes_max: int = 4 << 20,
        class_messages_max: int = 16_384,
        signer: Signer | None = None,
    ) -> None:
        self.counters = counters
        self.classes = {traffic_class: ClassCounters() for traffic_class in TrafficClass}
        self._robot = robot
        self._swarm = swarm
        self._incarnation = incarnation
        self._nonce = nonce
        self._codec = codec
        self._signer = signer
        self._bytes_max = {c: batch_bytes_max(c, frame_bytes_max) for c in TrafficClass}
        self._class_bytes_max = class_bytes_max
        self._class_messages_max = class_messages_max
        # Insertion order is the order of leaving; a key of our own stands for 'no key'.
        self._queues: dict[TrafficClass, dict[object, _Waiting]] = {c: {} for c in TrafficClass}
        self._waiting_bytes = dict.fromkeys(TrafficClass, 0)
        self._waiting = 0
        self._sequence = 0

    def offer(
        self,
        message: MessageT,
        to: Sequence[str] = (),
        traffic_class: TrafficClass = TrafficClass.LOG,
        key: object = None,
    ) -> Offer:
        """
        Queue a message.

        :param to: receivers; empty: every robot.
        :param key: a later message with an equal key, in the same class and not yet sent, takes
            the place of this one (the newest belief about a subject is the one that counts).
        :returns: whether it will leave.
        :raises EncodeError: the message breaks the bounds that every robot checks.
        """
        data = self._codec.encode(message, to)
        count = self.classes[traffic_class]
        count.offered += 1
        if len(data) + HEADER_BYTES > self._bytes_max[traffic_class]:
            count.dropped += 1
            self.counters.refused_to_send += 1
            return Offer.OVERSIZE
        queue = self._queues[traffic_class]
        slot = object() if key is None else key
        older = queue.get(slot)
        waiting_bytes = self._waiting_bytes[traffic_class] + len(data)
        if older is not None:
            waiting_bytes -= len(older.data)
        elif len(queue) >= self._class_messages_max:
            count.dropped += 1
            return Offer.FULL
        if waiting_bytes > self._class_bytes_max:
            count.dropped += 1
            return Offer.FULL
        self._waiting_bytes[traffic_class] = waiting_bytes
        queue[slot] = _Waiting(tuple(to), data)
        if older is None:
            self._waiting += 1
            return Offer.QUEUED
        count.coalesced += 1
        return Offer.REPLACED

    def waiting(self, traffic_class: TrafficClass) -> int:
        """Return how many messages of a class have not left yet."""
        return len(self._queues[traffic_class])

    def flush(self) -> list[Frame]:
        """Return everything that waits, as frames in the order of their classes."""
        # Asked several times in each step, and mostly for nothing.
        return list(self.frames()) if self._waiting else []

    def frames(self) -> Iterator[Frame]:
        """Make frames one by one, most urgent class first; what is not asked for stays queued."""
        for traffic_class, queue in self._queues.items():
            while queue:
                yield self._next_frame(traffic_class, queue)

    def _next_frame(self, traffic_class: TrafficClass, queue: dict[object, _Waiting]) -> Frame:
        room = self._bytes_max[traffic_class] - HEADER_BYTES
        count_max = self._codec.limits.batch_messages_max
        taken: list[object] = []
        parts: list[bytes] = []
        receivers: set[tuple[str, ...]] = set()
        for slot, waiting in queue.items():
            if len(waiting.data) > room or len(parts) == count_max:
                break
            room -= len(waiting.data)
            taken.append(slot)
            parts.append(waiting.data)
            receivers.add(waiting.to)
        for slot in taken:
            del queue[slot]
        self._waiting -= len(taken)
        batch = self._codec.join(parts)
        self._waiting_bytes[traffic_class] -= sum(map(len, parts))
        self._sequence += 1
        self.counters.sent += 1
        self.counters.sent_bytes += len(batch)
        count = self.classes[traffic_class]
        count.sent += len(parts)
        count.bytes += len(batch)
        only = receivers.pop() if len(receivers) == 1 else ()
        header = FrameHeader(
            version=VERSION,
            traffic_class=traffic_class,
            swarm=self._swarm,
            sender=self._robot,
            to=only[0] if len(only) == 1 else '',
            incarnation=self._incarnation,
            nonce=self._nonce,
            sequence=self._sequence,
        )
        if self._signer is None:
            return Frame(header, batch)
        return Frame(header, batch, self._signer.sign(header, batch))
