"""What robots say to each other about evidence (docs/wire.md)."""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.protocols.bounds import SIGNED, UNSIGNED_64, Bounds
from swarm_consensus.protocols.values import value

ROBOTS_MAX = 1024
# A frame holds no more.
BODY_BYTES_MAX = 1_000_000
SIGNATURE_BYTES_MAX = 64
ITEMS_MAX = 256
DIGESTS_MAX = 32
SIGNS_MAX = 64
WIDTH_MAX = 1024
SHARES_MAX = 32
AGE_US_MAX = 2**53
# A day; nothing that was under way for longer counts anywhere.
TRAVEL_US_MAX = 86_400_000_000

_VALUE = Bounds(minimum=-80, maximum=0)

# As large as anybody may write it into the header of a frame.
Incarnation = Annotated[int, UNSIGNED_64]
Place = Annotated[int, Bounds(maximum=ROBOTS_MAX - 1)]


@value
class Item:
    """
    What one robot says about one topic, as it travels from robot to robot.

    Of two items of a robot about a topic the one with the larger (incarnation, sequence) is in
    force, whatever way and in whatever order they come.

    :param origin: robot that says it.
    :param incarnation: boot of it.
    :param sequence: counts what it says in this boot, from 1.
    :param topic: what it is about.
    :param body: what it says; the relay does not look into it.
    :param travel_us: since it left its origin. A duration and not a stamp: the robots' clocks need
        not agree. What the radio takes is not in it.
    :param signature: of all the above but `travel_us`, by the key of `origin`; empty where the
        swarm has no keys.
    """

    origin: str
    incarnation: Incarnation
    sequence: int
    topic: str
    body: Annotated[bytes, Bounds(length_max=BODY_BYTES_MAX)]
    travel_us: Annotated[int, Bounds(maximum=TRAVEL_US_MAX)] = 0
    signature: Annotated[bytes, Bounds(length_max=SIGNATURE_BYTES_MAX)] = b''

    @property
    def version(self) -> Version:
        """Return what tells it from other items of its origin about its topic."""
        return self.incarnation, self.sequence


# (incarnation, sequence)
Version = tuple[int, int]
# (topic, digest of what is held of it)
TopicDigest = tuple[str, int]
# (place of a robot, its boot, its count of signs of life)
Sign = tuple[Place, Incarnation, int]


@value
class Hello:
    """
    Who is there, whom it hears, and what it holds; to all in reach, time and again (as in OLSR,
    RFC 3626, 6).

    :param roster: hash of the sorted names of all robots, by whose places robots are named here.
    :param incarnation: boot of the sender.
    :param beat: counts the signs of life of this boot, from 1.
    :param heard: mask of the robots that the sender hears, the first robot in the lowest bit of the
        first byte.
    :param digests: of some of the topics of which the sender holds something.
    :param signs: newest signs of life of robots that some around the sender do not hear themselves.
    """

    roster: int
    incarnation: Incarnation
    beat: int
    heard: Annotated[bytes, Bounds(length_max=ROBOTS_MAX // 8)]
    digests: Annotated[tuple[TopicDigest, ...], Bounds(length_max=DIGESTS_MAX)] = ()
    signs: Annotated[tuple[Sign, ...], Bounds(length_max=SIGNS_MAX)] = ()


@value
class Items:
    """Items of any robots, for whoever lacks them."""

    items: Annotated[tuple[Item, ...], Bounds(length_max=ITEMS_MAX)]


# (robot, incarnation, sequence)
VectorEntry = tuple[str, Incarnation, int]


@value
class Vector:
    """
    Of each robot the newest item about a topic that the sender knows.

    Whoever holds a newer one sends it; whoever lacks one says so by a vector of its own.
    """

    topic: str
    entries: Annotated[tuple[VectorEntry, ...], Bounds(length_max=ROBOTS_MAX)]


# (place of the partner, session of the sender on this link, boot and session of the partner that
# the sender knows, all that has flowed to the partner in this session, mod 2^64)
Share = tuple[
    Place,
    int,
    Incarnation,
    int,
    Annotated[tuple[Annotated[int, SIGNED], ...], Bounds(length_max=WIDTH_MAX)],
]


@value
class Shares:
    """
    What a robot has given to some of its partners in an average (averaging.py).

    :param roster: as in `Hello`.
    :param incarnation: boot of the sender.
    :param sequence: counts the shares of this boot and topic, from 1.
    :param root: the robot that the count refers to, as the sender knows it, with the newest of its
        signs of life.
    :param epoch: window of the time of the root that `oldest_us` is of.
    :param oldest_us: age of the oldest input that the sender knows of in this window; -1: none.
        Who does not take part begins to where there is one.
    """

    topic: str
    roster: int
    incarnation: Incarnation
    sequence: int
    root: Sign
    epoch: int
    oldest_us: Annotated[int, Bounds(minimum=-1, maximum=AGE_US_MAX)]
    shares: Annotated[tuple[Share, ...], Bounds(length_max=SHARES_MAX)]


@value
class Estimate:
    """
    What a robot takes for the log-likelihoods of the labels, in the robust mode (robust.py).

    :param incarnation: boot of the sender.
    :param sequence: counts the estimates of this boot and topic, from 1.
    """

    topic: str
    incarnation: Incarnation
    sequence: int
    values: Annotated[tuple[Annotated[float, _VALUE], ...], Bounds(length_max=WIDTH_MAX)]


RelayMessage = Hello | Items | Vector
Message = RelayMessage | Shares | Estimate
MESSAGE_TYPES = (Hello, Items, Vector, Shares, Estimate)
