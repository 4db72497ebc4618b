"""
From single messages to few frames.

A message is encoded when it is queued, so that its producer learns at once if no frame could
carry it. DDS hands a frame to every robot that listens, so a message for several robots leaves
once, with its receivers beside it, and messages for different robots share a frame; only where a
whole frame is for one robot does the header say so, and the others drop it unread.

Frames are made in the order of the traffic classes, one after another and as late as possible: what
the byte budget (budget.py) does not let leave waits in its class, where a newer message may take
the place of an older one. The least urgent classes may linger: a message leaves at once, but those
that follow within a moment go together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic

from swarm_consensus.protocols.values import value
from swarm_consensus.transport.budget import Budget, wire_bytes
from swarm_consensus.transport.codec import Codec, MessageT, array_header
from swarm_consensus.transport.compression import Compressor
from swarm_consensus.transport.frame import (
    VERSION,
    Frame,
    FrameCounters,
    FrameHeader,
    TrafficClass,
    batch_bytes_max,
)
from swarm_consensus.transport.signing import SIGNATURE_BYTES, Signer

HEADER_BYTES = len(array_header(16))  # of a batch, at most
# What may wait in a class, as the time in which a budget would carry it: what is older is not news.
QUEUE_SECONDS = 2
_NEVER = 2**62
# Batches are made so many times larger, at most, where they shrink that much.
SHRINK_MAX = 8


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
    :param waiting: have not left yet.
    :param frames: that carried what was sent.
    :param plain_bytes: of the batches sent, before they were compressed.
    :param bytes: of these as sent.
    """

    offered: int = 0
    sent: int = 0
    coalesced: int = 0
    dropped: int = 0
    waiting: int = 0
    frames: int = 0
    plain_bytes: int = 0
    bytes: int = 0


@value
class ClassTraffic:
    """
    The counts of one class at one moment (msg/ClassTraffic.msg), as in `ClassCounters`.

    :param waiting_bytes: of what waits.
    :param pressure: see `Outbox.pressure`.
    """

    traffic_class: TrafficClass
    offered: int
    sent: int
    coalesced: int
    dropped: int
    waiting: int
    waiting_bytes: int
    frames: int
    plain_bytes: int
    bytes: int
    pressure: float


@dataclass(slots=True)
class _Waiting:
    to: tuple[str, ...]
    data: bytes


@dataclass(slots=True)
class _Pack:
    """
    What goes into the next frame of a class.

    :param to: the only robot that all of it is for; '' where there are several.
    :param size: bytes of the parts.
    :param batch: made of them, as it goes on the wire; empty until it is made.
    """

    slots: list[object]
    parts: list[bytes]
    to: str
    size: int
    batch: bytes = b''


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
        the memory, and the classes do not take room from each other. Under a budget it is as much
        less as the budget carries in QUEUE_SECONDS.
    :param class_messages_max: messages that may wait in one class.
    :param signer: signs every frame; None: the swarm has no keys.
    :param budget: None: everything leaves at once.
    :param compressor: None: batches leave as they are.
    :param linger_ns: by class, how long after a frame the next one waits for company.
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
        budget: Budget | None = None,
        compressor: Compressor | None = None,
        linger_ns: Mapping[TrafficClass, int] | None = None,
    ) -> None:
        self.counters = counters
        self.classes = {traffic_class: ClassCounters() for traffic_class in TrafficClass}
        self.budget = budget
        self._robot = robot
        self._swarm = swarm
        self._incarnation = incarnation
        self._nonce = nonce
        self._codec = codec
        self._signer = signer
        self._compressor = compressor
        # Batches below this are not looked at.
        self._compress_min = _NEVER if compressor is None else compressor.bytes_min
        self._bytes_max = {c: batch_bytes_max(c, frame_bytes_max) for c in TrafficClass}
        # A batch of more than one message has no more than this, as sent.
        self._together = dict(self._bytes_max)
        self._class_bytes_max = dict.fromkeys(TrafficClass, class_bytes_max)
        if budget is not None:
            queue_bytes = budget.rate * QUEUE_SECONDS
            for c, bytes_max in self._bytes_max.items():
                self._together[c] = min(bytes_max, budget.frame_bytes)
                self._class_bytes_max[c] = min(class_bytes_max, max(queue_bytes, bytes_max))
        self._class_messages_max = class_messages_max
        self._linger_ns = {c: ns for c, ns in (linger_ns or {}).items() if ns > 0}
        # Under a budget: what would leave next, until something is offered to the class, and by how
        # much batches of the class shrink at least.
        self._ready: dict[TrafficClass, _Pack] = {}
        self._shrinks = dict.fromkeys(TrafficClass, 1)
        # When a frame of these classes last left.
        self._left_ns: dict[TrafficClass, int] = {}
        # Insertion order is the order of leaving; a key of our own stands for 'no key'.
        self._queues: dict[TrafficClass, dict[object, _Waiting]] = {c: {} for c in TrafficClass}
        self._waiting_bytes = dict.fromkeys(TrafficClass, 0)
        self._waiting = 0
        self._sequence = 0
        # When what waits is to be looked at again; None: nothing waits, or only for `flush`.
        self.due_ns: int | None = None

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
        if waiting_bytes > self._class_bytes_max[traffic_class]:
            count.dropped += 1
            return Offer.FULL
        self._waiting_bytes[traffic_class] = waiting_bytes
        if self._ready:
            self._ready.pop(traffic_class, None)
        queue[slot] = _Waiting(tuple(to), data)
        if older is None:
            self._waiting += 1
            count.waiting += 1
            return Offer.QUEUED
        count.coalesced += 1
        return Offer.REPLACED

    def waiting(self, traffic_class: TrafficClass) -> int:
        """Return how many messages of a class have not left yet."""
        return len(self._queues[traffic_class])

    def waiting_bytes(self, traffic_class: TrafficClass) -> int:
        """Return the bytes of these messages."""
        return self._waiting_bytes[traffic_class]

    def pressure(self, traffic_class: TrafficClass, now_ns: int) -> float:
        """
        Return how hard it presses that a class gets too few bytes: 0.0 not at all, to 1.0.

        Whoever sends something again and again should stretch its period by it, and whoever makes
        messages should make fewer.
        """
        return 0.0 if self.budget is None else self.budget.pressure(traffic_class, now_ns)

    def traffic(self, now_ns: int) -> tuple[ClassTraffic, ...]:
        """Return the counts of every class, in their order."""
        return tuple(
            ClassTraffic(
                traffic_class=traffic_class,
                offered=count.offered,
                sent=count.sent,
                coalesced=count.coalesced,
                dropped=count.dropped,
                waiting=count.waiting,
                waiting_bytes=self._waiting_bytes[traffic_class],
                frames=count.frames,
                plain_bytes=count.plain_bytes,
                bytes=count.bytes,
                pressure=self.pressure(traffic_class, now_ns),
            )
            for traffic_class, count in self.classes.items()
        )

    def flush(self, now_ns: int = 0) -> list[Frame]:
        """
        Return what may leave now, as frames in the order of their classes.

        What may not leave yet stays; `due_ns` says when to ask again.

        :param now_ns: used only where there is a budget, or a class lingers.
        """
        # Asked several times in each step, and mostly for nothing.
        if not self._waiting:
            return []
        if self.budget is not None:
            return self._flush_within(self.budget, now_ns)
        frames: list[Frame] = []
        self.due_ns = None
        for traffic_class, queue in self._queues.items():
            if queue and not self._lingers(traffic_class, now_ns):
                room = self._together[traffic_class]
                while queue:
                    pack = self._pack(traffic_class, room)
                    frames.append(self._send(traffic_class, pack, now_ns))
        return frames

    def _flush_within(self, budget: Budget, now_ns: int) -> list[Frame]:
        """Return the frames that the budget lets leave."""
        frames: list[Frame] = []
        self.due_ns = None
        costs = {
            traffic_class: self._next_cost(traffic_class)
            for traffic_class, queue in self._queues.items()
            if queue and not self._lingers(traffic_class, now_ns)
        }
        while (chosen := budget.choose(costs, now_ns)) is not None:
            frames.append(self._send(chosen, self._ready.pop(chosen), now_ns))
            budget.spend(chosen, costs[chosen], now_ns)
            if self._queues[chosen]:
                costs[chosen] = self._next_cost(chosen)
            else:
                del costs[chosen]
        budget.leave_waiting(costs, now_ns)
        if costs:
            self._look_again(budget.due_ns(costs, now_ns))
        return frames

    def _next_cost(self, traffic_class: TrafficClass) -> int:
        """Return what the next frame of a class takes on the network; it is made ready for it."""
        pack = self._ready.get(traffic_class)
        if pack is None:
            pack = self._ready[traffic_class] = self._make_ready(traffic_class)
        return wire_bytes(
            len(self._robot.encode()),
            len(pack.to.encode()),
            len(pack.batch),
            0 if self._signer is None else SIGNATURE_BYTES,
        )

    def _make_ready(self, traffic_class: TrafficClass) -> _Pack:
        """Return as much as makes a frame of the size that the budget wants, compressed."""
        wanted, bytes_max = self._together[traffic_class], self._bytes_max[traffic_class]
        while True:
            shrink = self._shrinks[traffic_class]
            pack = self._pack(traffic_class, min(bytes_max, wanted * shrink))
            pack.batch = self._seal(traffic_class, pack)
            size = len(pack.batch)
            if shrink > 1 and size > wanted and len(pack.parts) > 1:
                self._shrinks[traffic_class] = shrink // 2
                continue
            if shrink < SHRINK_MAX and pack.size > wanted * shrink // 2 and 2 * size < wanted:
                # There would have been room for twice as much.
                self._shrinks[traffic_class] = shrink * 2
            return pack

    def _seal(self, traffic_class: TrafficClass, pack: _Pack) -> bytes:
        """Return the batch that is made of a pack, compressed where that gains."""
        batch = self._codec.join(pack.parts)
        if len(batch) >= self._compress_min and self._compressor is not None:
            return self._compressor.compress(traffic_class, batch)
        return batch

    def _lingers(self, traffic_class: TrafficClass, now_ns: int) -> bool:
        """Return whether a class waits for more to go with it."""
        linger_ns = self._linger_ns.get(traffic_class)
        if linger_ns is None or traffic_class not in self._left_ns:
            return False
        until_ns = self._left_ns[traffic_class] + linger_ns
        if now_ns >= until_ns:
            return False
        if self._waiting_bytes[traffic_class] + HEADER_BYTES >= self._together[traffic_class]:
            return False
        self._look_again(until_ns)
        return True

    def _look_again(self, at_ns: int) -> None:
        self.due_ns = at_ns if self.due_ns is None else min(self.due_ns, at_ns)

    def _pack(self, traffic_class: TrafficClass, room: int) -> _Pack:
        """
        Return what goes into the next frame of a class, which has something that waits.

        :param room: most bytes of a batch of several messages.
        """
        room -= HEADER_BYTES
        count_max = self._codec.limits.batch_messages_max
        slots: list[object] = []
        parts: list[bytes] = []
        receivers: set[tuple[str, ...]] = set()
        size = 0
        for slot, waiting in self._queues[traffic_class].items():
            length = len(waiting.data)
            # The first one goes, whatever its size.
            if parts and (size + length > room or len(parts) == count_max):
                break
            size += length
            slots.append(slot)
            parts.append(waiting.data)
            receivers.add(waiting.to)
        only = receivers.pop() if len(receivers) == 1 else ()
        return _Pack(slots, parts, only[0] if len(only) == 1 else '', size)

    def _send(self, traffic_class: TrafficClass, pack: _Pack, now_ns: int) -> Frame:
        """Take what goes into a frame out of the queue, and make the frame of it."""
        queue = self._queues[traffic_class]
        for slot in pack.slots:
            del queue[slot]
        sent = len(pack.parts)
        self._waiting -= sent
        self._waiting_bytes[traffic_class] -= pack.size
        if traffic_class in self._linger_ns:
            self._left_ns[traffic_class] = now_ns
        batch = pack.batch or self._seal(traffic_class, pack)
        count = self.classes[traffic_class]
        count.plain_bytes += pack.size + len(array_header(sent))
        self._sequence += 1
        self.counters.sent += 1
        self.counters.sent_bytes += len(batch)
        count.sent += sent
        count.waiting -= sent
        count.frames += 1
        count.bytes += len(batch)
        header = FrameHeader(
            version=VERSION,
            traffic_class=traffic_class,
            swarm=self._swarm,
            sender=self._robot,
            to=pack.to,
            incarnation=self._incarnation,
            nonce=self._nonce,
            sequence=self._sequence,
        )
        if self._signer is None:
            return Frame(header, batch)
        return Frame(header, batch, self._signer.sign(header, batch))
