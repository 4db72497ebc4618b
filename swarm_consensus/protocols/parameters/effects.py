"""What the transfer of blobs asks of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field

from swarm_consensus.protocols.parameters.blobs import Blob
from swarm_consensus.protocols.parameters.messages import ChunksNotHeld, ChunksWanted
from swarm_consensus.protocols.values import value


@value
class Keep:
    """A chunk, found to be what its hash says, to be kept."""

    hash: bytes
    data: bytes


@value
class Send:
    """A message for one robot."""

    to: str
    message: ChunksWanted | ChunksNotHeld


@value
class Serve:
    """A chunk that is held here, to be read and sent to a robot as Chunk."""

    to: str
    hash: bytes


@value
class Arrived:
    """All chunks of a blob are kept."""

    blob: Blob


@value
class Malformed:
    """A blob contradicts itself: nobody can have it, and it is given up."""

    blob: Blob


@value
class Batch:
    """
    What is to be done, in this order: keep, then send and serve, then tell.

    What is told to have arrived is there only once everything in `keep` is kept.
    """

    keep: tuple[Keep, ...] = ()
    send: tuple[Send, ...] = ()
    serve: tuple[Serve, ...] = ()
    tell: tuple[Arrived | Malformed, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keep or self.send or self.serve or self.tell)


@dataclass(slots=True)
class TransferCounters:
    """
    What came of chunks, since this boot.

    :param received: chunks that were asked for and are what they should be.
    :param served: chunks sent to others.
    :param wrong_hash: chunks that are not what their hash says, dropped; a peer lies, or its memory
        does.
    :param unasked: chunks that nobody here asked that robot for, dropped unread.
    :param not_served: chunks asked of this robot that it had no room to queue.
    :param timeouts: chunks asked for that did not come in time, and are asked for again.
    :param malformed: blobs given up because they contradict themselves.
    """

    received: int = 0
    served: int = 0
    wrong_hash: int = 0
    unasked: int = 0
    not_served: int = 0
    timeouts: int = 0
    malformed: int = 0
    by_robot: dict[str, int] = field(default_factory=dict)
