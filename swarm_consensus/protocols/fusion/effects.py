"""What one step of the spreading of evidence wants done: messages that leave, in their order."""

from __future__ import annotations

from swarm_consensus.protocols.fusion.messages import Message
from swarm_consensus.protocols.values import value


@value
class Send:
    """
    One message.

    :param to: robots in reach that it is for; (): all.
    :param key: a later message with the same that finds this one not yet sent takes its place; '':
        none does.
    """

    message: Message
    key: str = ''
    to: tuple[str, ...] = ()


@value
class Effects:
    """One batch of work."""

    send: tuple[Send, ...] = ()
