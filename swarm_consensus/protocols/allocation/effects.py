"""What a step of a bidder wants done."""

from __future__ import annotations

from swarm_consensus.protocols.allocation.messages import Message
from swarm_consensus.protocols.values import value


@value
class Send:
    """
    One message.

    :param to: robots that it is for, never this one; () for every robot.
    """

    to: tuple[str, ...]
    message: Message
