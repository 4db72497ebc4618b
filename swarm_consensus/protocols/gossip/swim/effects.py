"""What one step of the membership wants done, as one immutable batch; the order does not matter."""

from __future__ import annotations

from enum import IntEnum

from swarm_consensus.protocols.gossip.swim.messages import Message
from swarm_consensus.protocols.values import value


@value
class Send:
    """
    One message.

    :param to: robots that it is for, never this one; () for every robot.
    """

    to: tuple[str, ...]
    message: Message


class News(IntEnum):
    """What has happened to a robot, as seen from here."""

    JOINED = 1  # it was not known before
    SUSPECTED = 2  # somebody does not reach it
    REFUTED = 3  # it was suspected, and says that it is there
    DIED = 4  # it was suspected, and has not answered
    LEFT = 5  # it has said so itself
    RETURNED = 6  # it was dead or had left, and is there
    REBOOTED = 7  # a later boot of a robot that was there all the time
    FORGOTTEN = 8  # it has been dead or away for so long that nothing is kept of it


@value
class MemberEvent:
    """
    Something has happened to a robot.

    :param incarnation: of the boot that it has happened to.
    :param accuser: of SUSPECTED and DIED: who did not reach it.
    """

    news: News
    robot: str
    incarnation: int
    accuser: str = ''


@value
class Effects:
    """
    One batch.

    :param events: to tell, in order.
    """

    send: tuple[Send, ...] = ()
    events: tuple[MemberEvent, ...] = ()
