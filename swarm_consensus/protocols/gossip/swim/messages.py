"""
What robots say to each other about who is there.

What is known of a robot is a *claim*. Claims about one robot are ordered by its incarnation (which
boot it is), by how often that boot has refuted what was said of it, and by the state; the greatest
holds. So it does not matter in which order claims come, or how often (SWIM, 4.2).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import UNSIGNED_64, Bounds
from swarm_consensus.protocols.values import value

# A robot refutes at most once in a round trip; nobody comes near it in a life.
REFUTATIONS_MAX = 2**32 - 1
AGE_S_MAX = 2**31 - 1
CLAIMS_MAX = 64
TARGETS_MAX = 32

_NUMBER = Bounds(maximum=2**63 - 1)


class State(IntEnum):
    """
    What is said of a robot; the numbers are on the wire, and the later one counts for more.

    LEFT counts for more than DEAD: it is the robot's own word, and may be heard late.
    """

    ALIVE = 1
    SUSPECT = 2
    DEAD = 3
    LEFT = 4

    @property
    def there(self) -> bool:
        """Whether the robot is a member: a suspect is one until it is declared dead."""
        return self <= State.SUSPECT


@value
class Claim:
    """
    What is said of a robot.

    :param incarnation: of its boot.
    :param refutations: of this boot; only the robot itself counts up.
    :param accuser: robot that did not reach it, of SUSPECT and DEAD; else ''.
    :param age_s: for how long it has been DEAD or LEFT, in seconds, rounded up, so that all
        forget it at about the same time.
    """

    robot: str
    incarnation: Annotated[int, UNSIGNED_64]
    refutations: Annotated[int, Bounds(maximum=REFUTATIONS_MAX)]
    state: State
    accuser: str = ''
    age_s: Annotated[int, Bounds(maximum=AGE_S_MAX)] = 0

    @property
    def version(self) -> tuple[int, int]:
        """What only the robot itself makes greater."""
        return self.incarnation, self.refutations

    @property
    def order(self) -> tuple[int, int, int]:
        """The greatest of all claims about a robot holds."""
        return self.incarnation, self.refutations, self.state


@value
class Ping:
    """Asks whoever receives it for an `Ack` with the same number."""

    number: Annotated[int, _NUMBER]


@value
class Ack:
    """
    A robot lives: the sender itself, or another one that the sender was asked to ping.

    :param number: of the ping, or of the request.
    """

    number: Annotated[int, _NUMBER]
    robot: str


@value
class PingRequest:
    """Asks for a ping of robots that did not answer the sender (SWIM, 3.1: ping-req)."""

    number: Annotated[int, _NUMBER]
    robots: Annotated[tuple[str, ...], Bounds(length_max=TARGETS_MAX)]


@value
class Nack:
    """
    The robots did not answer the sender either.

    So whoever asked knows that it is heard itself (Lifeguard, IV.A).
    """

    number: Annotated[int, _NUMBER]
    robots: Annotated[tuple[str, ...], Bounds(length_max=TARGETS_MAX)]


@value
class Gossip:
    """News, for all; or for the one robot that they are about, so that it may refute them."""

    claims: Annotated[tuple[Claim, ...], Bounds(length_max=CLAIMS_MAX)]


@value
class Digest:
    """
    Compares what two robots know.

    :param digest: hash of all claims of the sender.
    """

    digest: Annotated[int, UNSIGNED_64]


@value
class Roll:
    """
    What the sender knows of the robots whose names are above `after` and not above `until`.

    :param until: '': no end.
    :param reply: the receiver is to tell what it knows better. Where it is not asked for, only what
        the receiver does not know is in here.
    """

    after: str
    until: str
    claims: Annotated[tuple[Claim, ...], Bounds(length_max=CLAIMS_MAX)]
    reply: bool


Message = Ping | Ack | PingRequest | Nack | Gossip | Digest | Roll
MESSAGE_TYPES = (Ping, Ack, PingRequest, Nack, Gossip, Digest, Roll)
