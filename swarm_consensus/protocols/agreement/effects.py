"""
What one step of the agreement wants done, as one immutable batch, in the order of its fields.

1. `keep` is made durable, all or nothing, after every earlier one. It is what binds this robot of
   what it has said (voice.py), and what it has promised, so nothing of `send` may leave before.
2. `send` leaves.
3. `opened`, `caught_up`, `decided` and `contradictions` are told: what was decided comes after what
   was caught up, and rests on it. Each `Decided` is answered by `Agreement.settle` with the
   outcome, before the next step.
"""

from __future__ import annotations

from swarm_consensus.protocols.agreement.messages import Message, Piece, Statement
from swarm_consensus.protocols.values import value


@value
class Send:
    """
    One message.

    :param to: robots that it is for, never this one; () for every robot.
    """

    to: tuple[str, ...]
    message: Message


@value
class SaidKept:
    """To be kept: everything that this robot said in an instance."""

    statement: Statement

    @property
    def key(self) -> str:
        """Under which name."""
        return said_key(self.statement.subject, self.statement.epoch)


@value
class InputKept:
    """To be kept: a robot's input, which this robot has promised to hold."""

    subject: str
    epoch: int
    proposer: int
    value: bytes

    @property
    def key(self) -> str:
        """Under which name."""
        return input_key(self.subject, self.epoch, self.proposer)


@value
class SubjectKept:
    """
    To be kept: how a subject stands.

    :param epoch: the newest one settled.
    :param outcome: of that epoch.
    :param recent: (epoch, hash of the outcome) of it and of some before it.
    :param missed: settled epochs in which this robot has never said anything and still may.
    """

    subject: str
    epoch: int
    outcome: bytes
    recent: tuple[tuple[int, bytes], ...]
    missed: tuple[int, ...]

    @property
    def key(self) -> str:
        """Under which name."""
        return f'subject/{self.subject}'


Kept = SaidKept | InputKept | SubjectKept
KEPT_TYPES = (SaidKept, InputKept, SubjectKept)


def said_key(subject: str, epoch: int) -> str:
    """Return under which name what was said in an instance is kept."""
    return f'said/{epoch}/{subject}'


def input_key(subject: str, epoch: int, proposer: int) -> str:
    """Return under which name an input is kept."""
    return f'input/{epoch}/{proposer}/{subject}'


@value
class Opened:
    """An instance is under way in which this robot has not put anything in yet."""

    subject: str
    epoch: int


@value
class Decided:
    """
    An instance has ended, and all before it of its subject are settled.

    :param vector: for each robot, in sorted order, its input, or None where it is not in.
    """

    subject: str
    epoch: int
    vector: tuple[bytes | None, ...]


@value
class CaughtUp:
    """
    Others have settled an epoch without this robot.

    :param outcome: as enough of them said it for one, at least, to be honest.
    """

    subject: str
    epoch: int
    outcome: bytes


@value
class Contradiction:
    """
    A robot said two things of which an honest one says only one.

    :param first: what it said before, as the caller handed it in (its `witness`).
    :param second: what it said now.
    """

    robot: str
    subject: str
    epoch: int
    first: tuple[Statement | Piece, object]
    second: tuple[Statement | Piece, object]


@value
class Effects:
    """
    One batch of work; the order stands at the top of this module.

    :param keep: names, and what is to be kept under them; None: nothing any more.
    """

    keep: tuple[tuple[str, Kept | None], ...] = ()
    send: tuple[Send, ...] = ()
    opened: tuple[Opened, ...] = ()
    caught_up: tuple[CaughtUp, ...] = ()
    decided: tuple[Decided, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
