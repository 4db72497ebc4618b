"""Values that pass between evidence, policy, log and user."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from swarm_consensus.protocols.bounds import SIGNED

ANY_REVISION = -1


class Level(IntEnum):
    """How firm an answer is; numbers are those of msg/Decision.msg."""

    FUSED = 1
    AGREED = 2
    COMMITTED = 3


class Status(IntEnum):
    """What became of a question; numbers are those of msg/Decision.msg."""

    DECIDED = 1
    LOW_CONFIDENCE = 2
    UNDECIDED = 3
    NO_QUORUM = 4
    REFUSED = 5
    UNKNOWN = 6

    @property
    def answered(self) -> bool:
        """Whether a decision with this status names an answer."""
        return self in (Status.DECIDED, Status.LOW_CONFIDENCE)


@dataclass(frozen=True, slots=True)
class Contribution:
    """
    One robot's newest evidence about one subject, as it travels between robots.

    Of two contributions of a robot to a subject the one with the larger (incarnation, sequence)
    is in force, whatever order they arrive in, so evidence is never counted twice.

    :param labels_hash: hash of the ordered labels; contributions over other labels do not mix.
    :param log_likelihood: natural-log likelihood of each label.
    :param weight: exponent of this robot's evidence in the pool, > 0.
    :param age_us: time since the sensor took the data, when this was sent. An age and not a
        stamp: the robots' clocks need not agree.
    """

    robot: str
    incarnation: int
    sequence: int
    subject: str
    labels_hash: int
    log_likelihood: tuple[float, ...]
    weight: float
    age_us: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence at one robot says once the policy of the subject is met or has run out."""

    status: Status
    choice: str
    confidence: float
    voters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """
    What stands in a COMMAND entry of the log: put a choice in force for a subject.

    :param request_id: the same id is applied once, however often it stands in the log.
    :param expected_revision: apply only if the subject stands at this revision; ANY_REVISION: any.
    :param elapsed_us: first evidence to proposal, at the proposer.
    """

    request_id: str
    proposer: str
    subject: str
    expected_revision: Annotated[int, SIGNED]
    status: Status
    choice: str
    value: bytes
    confidence: float
    voters: tuple[str, ...]
    elapsed_us: int


@dataclass(frozen=True, slots=True)
class Decision:
    """
    An answer with its level, its status and who stood behind it (msg/Decision.msg).

    :param latency_s: first evidence or proposal until this robot knew the answer.
    """

    subject: str
    revision: int
    choice: str
    value: bytes
    confidence: float
    level: Level
    status: Status
    index: int
    term: int
    proposer: str
    voters: tuple[str, ...]
    latency_s: float
    reason: str


def no_answer(subject: str, level: Level, status: Status, reason: str) -> Decision:
    """Return a decision that carries a status and the reason, and no answer."""
    return Decision(subject, 0, '', b'', 0.0, level, status, 0, 0, '', (), 0.0, reason)
