"""
What robots say to each other about their bids.

The algorithm as it was published sends for each task who is believed to win it, with which bid,
and how new the sender's news of each robot is, and infers from these which of two beliefs is the
older one (Choi, Brunet, How 2009, table I). Here every robot makes one *statement*, its whole
bundle with its bids, under a number that rises with every change; others pass the newest statement
of each robot on. So nothing has to be inferred: lost, doubled and overtaken messages change
nothing, and no two clocks are compared. It takes no more room: a bundle is short.
"""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.protocols.allocation.values import ID_CHARACTERS_MAX, Worker
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.values import value

BUNDLE_MAX = 64
STATEMENTS_MAX = 256
ROBOTS_MAX = 4096
HASH_BYTES = 8
TERMS_MAX = 16
TERM_CHARACTERS_MAX = 512

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
_Term = Annotated[str, Bounds(length_max=TERM_CHARACTERS_MAX)]
# Name of a setting, and its value.
Terms = Annotated[tuple[tuple[_Id, _Term], ...], Bounds(length_max=TERMS_MAX)]
# Robot, incarnation, version.
KnownRow = tuple[_Id, int, int]


@value
class BidStatement:
    """
    What one robot bids for.

    Of two statements of a robot the one with the larger (incarnation, version) is in force.

    :param bids: (task, bid > 0) in the order in which it took them; bids do not rise.
    :param worker: the robot itself, where the others need it to figure out who does what.
    :raises ValueError: bids that are none.
    """

    robot: _Id
    incarnation: int
    version: int
    bids: Annotated[tuple[tuple[_Id, float], ...], Bounds(length_max=BUNDLE_MAX)] = ()
    worker: Worker | None = None

    def __post_init__(self) -> None:
        last = float('inf')
        for _, bid in self.bids:
            if not 0 < bid <= last:
                raise ValueError('a bid is not greater than 0, or rises within a bundle')
            last = bid
        if len({task for task, _ in self.bids}) != len(self.bids):
            raise ValueError('a robot bids twice for a task')
        if self.worker is not None and self.worker.robot != self.robot:
            raise ValueError('a robot describes another one')


@value
class Bids:
    """Statements, each the newest of its robot that the sender knows."""

    statements: Annotated[tuple[BidStatement, ...], Bounds(length_max=STATEMENTS_MAX)]


@value
class BidsHash:
    """
    Hash over which statements the sender knows; who knows others answers with BidsKnown.

    :param terms: hash over the settings by which it bids; who bids by others asks with BidTerms.
    """

    hash: Annotated[bytes, Bounds(length_max=HASH_BYTES)]
    terms: Annotated[bytes, Bounds(length_max=HASH_BYTES)]


@value
class BidsKnown:
    """
    Which statements the sender knows.

    :param answer: it answers another one, and is answered with statements only.
    """

    rows: Annotated[tuple[KnownRow, ...], Bounds(length_max=ROBOTS_MAX)]
    answer: bool = False


@value
class BidTerms:
    """
    The settings by which the sender bids, which are to be the same at all robots.

    :param terms: in the order of their names.
    :param answer: it answers another one, and is not answered.
    """

    terms: Terms
    answer: bool = False


# In the order of their kinds on the wire.
MESSAGE_TYPES: tuple[type, ...] = (Bids, BidsHash, BidsKnown, BidTerms)
Message = Bids | BidsHash | BidsKnown | BidTerms
