"""
What can be done to messages: taken apart, turned round, spoiled; and their form on the wire.

A statement is many words in one message. A network that delivers the words one by one, each at its
own time, is harder than any real one, and the protocol has to stand it: every rule counts words.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from typing import Annotated, Any

from swarm_consensus.protocols.agreement.messages import (
    MESSAGE_TYPES,
    InstanceMessage,
    Kind,
    Piece,
    PiecesWanted,
    Statement,
    Vote,
)
from swarm_consensus.protocols.agreement.voice import mask_of, members
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.values import value
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import MalformedError
from swarm_consensus.transport.schema import Limits

KINDS_FROM = 64
CODEC: Codec[Any] = Codec(dict(enumerate(MESSAGE_TYPES, start=KINDS_FROM)))

_ANY_INT = Bounds(minimum=-(2**63))
_LooseInt = Annotated[int, _ANY_INT]


@value
class LooseStatement:
    """A `Statement` on the wire, with no bounds of its own."""

    subject: str
    epoch: _LooseInt
    again: bool
    echoes: tuple[tuple[_LooseInt, bytes], ...]
    readies: tuple[tuple[_LooseInt, bytes], ...]
    votes: tuple[tuple[_LooseInt, _LooseInt, _LooseInt, bytes], ...]
    shares: tuple[tuple[_LooseInt, _LooseInt, bytes], ...]
    settled: bytes


@value
class LoosePiece:
    """A `Piece` on the wire, with no bounds of its own."""

    subject: str
    epoch: _LooseInt
    proposer: _LooseInt
    size: _LooseInt
    digests: tuple[bytes, ...]
    index: _LooseInt
    data: bytes


LOOSE: Codec[Any] = Codec(
    {
        KINDS_FROM + MESSAGE_TYPES.index(Piece): LoosePiece,
        KINDS_FROM + MESSAGE_TYPES.index(Statement): LooseStatement,
    },
    Limits(text_characters_max=1024),
)


def arrived(data: bytes) -> InstanceMessage | None:
    """Return what an honest robot reads in bytes; None: they are malformed, and dropped."""
    try:
        message: InstanceMessage = CODEC.decode(data)
    except MalformedError:
        return None
    return message


def words(message: InstanceMessage) -> Iterator[InstanceMessage]:
    """Take a statement apart; anything else stays whole."""
    if not isinstance(message, Statement):
        yield message
        return
    bare = Statement(message.subject, message.epoch, False)
    if message.again:
        yield replace(bare, again=True)
    for echo in message.echoes:
        yield replace(bare, echoes=(echo,))
    for ready in message.readies:
        yield replace(bare, readies=(ready,))
    for kind, round_, side, mask in message.votes:
        for proposer in members(mask):
            yield replace(bare, votes=((kind, round_, side, mask_of((proposer,))),))
    for share in message.shares:
        yield replace(bare, shares=(share,))


def about(message: InstanceMessage) -> int | None:
    """Return which proposer a message is about; None: more than one, or nobody."""
    if isinstance(message, Piece | PiecesWanted):
        return message.proposer
    if not isinstance(message, Statement):
        return None
    found = {proposer for proposer, _ in message.echoes + message.readies}
    found.update(proposer for proposer, _, _ in message.shares)
    for *_, mask in message.votes:
        found.update(members(mask))
    return found.pop() if len(found) == 1 else None


def turned(statement: Statement, proposers: Container[int]) -> Statement:
    """Return the statement with the other side in every vote about some proposers."""
    votes: list[Vote] = []
    for kind, round_, side, mask in statement.votes:
        concerned = [proposer for proposer in members(mask) if proposer in proposers]
        others = [proposer for proposer in members(mask) if proposer not in proposers]
        if others:
            votes.append((kind, round_, side, mask_of(others)))
        if concerned:
            votes.append((kind, round_, other_side(kind, side), mask_of(concerned)))
    return replace(statement, votes=tuple(votes))


def other_side(kind: Kind, value: int) -> int:
    """Return the vote for the other side; what is for neither or for both stays."""
    if kind is Kind.CONF:
        return 3 - value if value < 3 else value
    return 1 - value if value < 2 else value
