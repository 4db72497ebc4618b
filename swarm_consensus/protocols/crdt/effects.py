"""
What a replica wants done, as one immutable batch.

The caller's duty, in this order: make `keep` durable, all or nothing; only then send `send` and
tell those whose writes are in it that they are done. A dot that left and is not on the disk could
be made a second time after a reboot, and the two would be taken for one write.
"""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.crdt.context import Context, Dot, context_of
from swarm_consensus.protocols.crdt.ids import ID_CHARACTERS_MAX, LEVEL_MAX
from swarm_consensus.protocols.crdt.kinds import Write
from swarm_consensus.protocols.crdt.messages import (
    Message,
    WireSpans,
    WriterTable,
    spans_in,
)
from swarm_consensus.protocols.crdt.settlement import Settlement
from swarm_consensus.protocols.values import value


@value
class Own:
    """
    A name under which the store of this robot has written.

    :param last: the last dot made.
    :param heard: all up to this one are known to be seen by another robot.
    """

    name: Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
    last: int
    heard: int


@value
class Standing:
    """
    All of a replica that is kept beside its live writes.

    :param own: names that are not settled yet, the one in use last; () before the first write.
    :param level: of the context, with `writers` and `spans`.
    :param settlement: the record of the level; None at level 0.
    """

    own: tuple[Own, ...]
    level: Annotated[int, Bounds(maximum=LEVEL_MAX)]
    writers: WriterTable
    spans: WireSpans
    settlement: Settlement | None

    @property
    def context(self) -> Context:
        """Return the dots that were seen."""
        return context_of(self.level, spans_in(self.writers, self.spans))


@value
class Keep:
    """
    What to make durable.

    :param writes: live writes by their dots; None: this dot is live no more.
    """

    writes: tuple[tuple[Dot, Write | None], ...]
    standing: Standing


@value
class Send:
    """
    A message to send.

    :param to: one robot; '': all of them.
    """

    message: Message
    to: str = ''


@value
class Effects:
    """
    One batch.

    :param keep: durable before anything is sent; None: nothing to keep.
    :param send: messages.
    :param changed: keys under which something changed.
    :param lost: own writes that were given up, because nobody can say any more whether others had
        seen and removed them (settlement.py, rule 4).
    :param void: live writes of others that a settlement made void.
    """

    keep: Keep | None = None
    send: tuple[Send, ...] = ()
    changed: tuple[str, ...] = ()
    lost: tuple[Write, ...] = ()
    void: tuple[Write, ...] = ()


@value
class Image:
    """What a replica was when its robot went down: its standing and its live writes."""

    standing: Standing
    writes: tuple[Write, ...]
