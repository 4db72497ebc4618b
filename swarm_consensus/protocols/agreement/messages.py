"""
What robots say to each other at this level.

A *statement* says many things at once: a robot tells in one message all that it has to say about an
instance since it last spoke. Everything in it stands in a *slot*, and an honest robot fills a slot
once; two statements with different things in one slot prove a lie.

Robots are told by their place in the sorted list of all robots; sets of robots are bit masks, the
first robot in the lowest bit of the first byte.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.values import value

ROBOTS_MAX = 256
DIGEST_BYTES = 32
ROUNDS_MAX = 10_000
PIECES_MAX = 256
SHARE_BYTES_MAX = 128
RECENT_MAX = 16
STANDINGS_MAX = 64

_DIGEST = Bounds(length_max=DIGEST_BYTES)
_MASK = Bounds(length_max=ROBOTS_MAX // 8)
_INDEX = Bounds(maximum=ROBOTS_MAX - 1)
_ROUND = Bounds(maximum=ROUNDS_MAX)
_SHARE = Bounds(length_max=SHARE_BYTES_MAX)
_VOTES = Bounds(length_max=8192)


class Kind(IntEnum):
    """What a robot says in a slot; the numbers are on the wire."""

    SUPPORT = 1  # BVAL: this side has a supporter; both sides may be supported
    AUX = 2  # the side this robot holds to in this round
    CONF = 3  # the sides that it saw held to: 1 for {0}, 2 for {1}, 3 for both
    SUPPORT_GRADE = 4  # as SUPPORT, of what the first half of the round gave; 2 for 'neither'
    GRADE = 5  # as AUX, of the same
    END = 6  # TERM: this side is decided here; stands in each round where it says nothing else

    @property
    def repeats(self) -> bool:
        """Whether an honest robot may say it with several values in one round."""
        return self in (Kind.SUPPORT, Kind.SUPPORT_GRADE)


# (kind, round, value, mask of the proposers whose agreements it is about)
Vote = tuple[
    Kind,
    Annotated[int, _ROUND],
    Annotated[int, Bounds(maximum=3)],
    Annotated[bytes, _MASK],
]
# (proposer, hash of the value)
Link = tuple[Annotated[int, _INDEX], Annotated[bytes, _DIGEST]]
# (proposer, round, share of the coin)
Share = tuple[Annotated[int, _INDEX], Annotated[int, _ROUND], Annotated[bytes, _SHARE]]


@value
class Piece:
    """
    A piece of the value that a robot puts in.

    :param proposer: whose value.
    :param size: bytes of the whole value.
    :param digests: BLAKE2b of every piece; () where there is only one.
    :param index: which piece this is.
    """

    subject: str
    epoch: int
    proposer: Annotated[int, _INDEX]
    size: int
    digests: Annotated[tuple[bytes, ...], Bounds(length_max=PIECES_MAX)]
    index: Annotated[int, Bounds(maximum=PIECES_MAX - 1)]
    data: bytes


@value
class PiecesWanted:
    """
    Asks robots that echoed a value for pieces of it.

    :param root: hash of the value.
    :param indexes: which pieces; (): those that the one asked has.
    """

    subject: str
    epoch: int
    proposer: Annotated[int, _INDEX]
    root: Annotated[bytes, _DIGEST]
    indexes: Annotated[tuple[int, ...], Bounds(length_max=PIECES_MAX)]


@value
class Statement:
    """
    What a robot says about an instance: all since it last spoke, or all at all.

    :param again: everything said so far, because something is missing here; whoever has more to say
        about this instance says it again, too.
    :param echoes: values that this robot holds.
    :param readies: values of which it knows that no other can be delivered.
    :param settled: hash of the outcome, where the instance is over here; else empty.
    """

    subject: str
    epoch: int
    again: bool
    echoes: Annotated[tuple[Link, ...], Bounds(length_max=ROBOTS_MAX)] = ()
    readies: Annotated[tuple[Link, ...], Bounds(length_max=ROBOTS_MAX)] = ()
    votes: Annotated[tuple[Vote, ...], _VOTES] = ()
    shares: Annotated[tuple[Share, ...], _VOTES] = ()
    settled: Annotated[bytes, _DIGEST] = b''


@value
class OutcomeWanted:
    """
    Asks how a subject stands.

    :param epoch: newest one settled at the robot that asks; who has settled no newer one is silent.
    """

    subject: str
    epoch: int


# (epoch, hash of its outcome)
Recent = tuple[int, Annotated[bytes, _DIGEST]]


@value
class OutcomeTold:
    """
    Says how a subject stands, to a robot that was away.

    :param recent: (epoch, hash of its outcome) of the newest epochs settled here, oldest first.
    :param outcome: of the newest.
    """

    subject: str
    recent: Annotated[tuple[Recent, ...], Bounds(length_max=RECENT_MAX)]
    outcome: bytes


@value
class StandingsWanted:
    """
    Asks for everything that is settled or under way, page by page; for a robot that was away.

    :param after: subjects behind this one, in their order.
    """

    after: str


# (subject, newest epoch settled, newest epoch under way or settled)
Standing = tuple[str, int, int]


@value
class Standings:
    """
    A page of what is settled or under way.

    :param after: the one that was asked for.
    :param more: there are more, behind the last of these.
    """

    after: str
    standings: Annotated[tuple[Standing, ...], Bounds(length_max=STANDINGS_MAX)]
    more: bool


# What goes between robots within one instance; the rest is for those that were away.
InstanceMessage = Piece | PiecesWanted | Statement

Message = (
    InstanceMessage
    | OutcomeWanted
    | OutcomeTold
    | StandingsWanted
    | Standings
)
MESSAGE_TYPES = (
    Piece,
    PiecesWanted,
    Statement,
    OutcomeWanted,
    OutcomeTold,
    StandingsWanted,
    Standings,
)
