"""What goes into a runtime besides its inputs, written down on its way: clock, disk and radio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
import hashlib

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import Persist
from swarm_consensus.runtime.ports import Clock, Transport
from swarm_consensus.storage import Storage, StorageFull
from swarm_consensus.storage.port import Recovered
from swarm_consensus.transport.frame import Frame

HASH_BYTES = 8
# A frame that was sent: class, receiver, number, hash of its batch and signature.
Sent = tuple[int, str, int, bytes]


def sent(frame: Frame) -> Sent:
    """Return by what a recording knows a frame."""
    header, batch, signature = frame
    digest = hashlib.blake2b(batch + signature, digest_size=HASH_BYTES).digest()
    return int(header.traffic_class), header.to, header.sequence, digest


@dataclass(slots=True)
class Tape:
    """
    What happened in one call of the runtime.

    :param times: each look at the clock, ns.
    :param writes: how often the disk was written to.
    :param full: which of these it refused, from 0.
    """

    times: list[int] = field(default_factory=list)
    writes: int = 0
    full: list[int] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def clear(self) -> None:
        """Begin the next call."""
        self.times.clear()
        self.full.clear()
        self.sent.clear()
        self.writes = 0


class TapedClock:
    """A clock whose times are written down."""

    def __init__(self, clock: Clock, tape: Tape) -> None:
        self._clock = clock
        self._tape = tape

    def now_ns(self) -> int:
        """Return the time."""
        now_ns = self._clock.now_ns()
        self._tape.times.append(now_ns)
        return now_ns


class TapedTransport:
    """A transport whose frames are written down."""

    def __init__(self, transport: Transport, tape: Tape) -> None:
        self._transport = transport
        self._tape = tape

    def send(self, frames: Sequence[Frame]) -> None:
        """Hand frames over."""
        self._tape.sent += [sent(frame) for frame in frames]
        self._transport.send(frames)


class TapedStorage:
    """A storage whose refusals are written down."""

    def __init__(self, storage: Storage, tape: Tape) -> None:
        self._storage = storage
        self._tape = tape

    def boot(self, now_ms: int) -> int:
        """See the port; before a recording begins."""
        return self._storage.boot(now_ms)

    def load(self) -> Recovered:
        """See the port; before a recording begins."""
        return self._storage.load()

    def write(self, persist: Persist, records: Sequence[Record] = ()) -> None:
        """See the port."""
        self._tape.writes += 1
        try:
            self._storage.write(persist, records)
        except StorageFull:
            self._tape.full.append(self._tape.writes - 1)
            raise

    def write_records(self, records: Sequence[Record]) -> None:
        """See the port."""
        self._tape.writes += 1
        try:
            self._storage.write_records(records)
        except StorageFull:
            self._tape.full.append(self._tape.writes - 1)
            raise

    def close(self) -> None:
        """See the port."""
        self._storage.close()
