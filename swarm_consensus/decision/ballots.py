"""
What robots put into one instance of the agreed level, and what comes out of it.

An instance is one epoch of one subject. Every robot puts in a ballot; all correct robots judge the
same ballots by the same rule (rules.py), and so hold the same outcome, byte by byte.
"""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.decision.types import ANY_REVISION, Decision, Level, Status
from swarm_consensus.protocols.bounds import SIGNED, Bounds
from swarm_consensus.protocols.values import value

REASON_CHARACTERS_MAX = 1024
_REASON = Bounds(length_max=REASON_CHARACTERS_MAX)


@value
class Ballot:
    """
    What one robot puts in. `Ballot()` is an abstention.

    :param labels_hash: hash of the labels that the evidence is over; 0: no evidence.
    :param log_likelihood: natural-log likelihood of each label; (): no evidence.
    :param late: the deadline of the subject has passed at this robot.
    :param choice: text that is proposed, a label where the subject has labels; '': none.
    :param value: bytes that are proposed.
    :param expected_revision: the proposal counts only where the subject stands at this revision;
        ANY_REVISION: at any.
    :param request_id: of the request that the proposal comes from; '': none.
    """

    labels_hash: int = 0
    log_likelihood: tuple[float, ...] = ()
    late: bool = False
    choice: str = ''
    value: bytes = b''
    expected_revision: Annotated[int, SIGNED] = ANY_REVISION
    request_id: str = ''

    @property
    def proposes(self) -> bool:
        """Return whether there is a proposal in it."""
        return bool(self.choice or self.value)

    @property
    def spoke(self) -> bool:
        """Return whether there is anything in it that a rule could count."""
        return bool(self.log_likelihood) or self.proposes


@value
class RequestEnd:
    """
    What an epoch did with the proposal of one robot's ballot.

    :param robot: whose ballot it was; another robot may have written the same id into its own.
    :param status: DECIDED or LOW_CONFIDENCE: what was proposed is in force; REFUSED: it did not
        count, or something else was decided; UNDECIDED: it counted, and the epoch decided nothing.
    :param reason: in words, where it was refused.
    """

    robot: str
    request_id: str
    status: Status
    reason: Annotated[str, _REASON] = ''


@value
class Outcome:
    """
    What an epoch of a subject ended with, and the decision in force after it.

    :param epoch: from 1.
    :param status: of this epoch: DECIDED, LOW_CONFIDENCE or UNDECIDED.
    :param reason: why the epoch decided nothing; '' where it decided.
    :param requests: what became of the proposals with a request id, in order of the robots.
    :param revision: how many decisions the subject has had, of which the newest is in force; 0:
        none. An epoch that confirms what is in force leaves it.
    :param decided_epoch: in which the decision in force was made; 0: none.
    :param decided_status: DECIDED or LOW_CONFIDENCE, of the decision in force; UNDECIDED: none.
    :param choice: in force.
    :param value: in force.
    :param confidence: of the decision in force, 0..1.
    :param proposer: the first robot that proposed what is in force; '': it came from evidence.
    :param voters: robots that stand behind the decision in force, in order.
    """

    epoch: int
    status: Status = Status.UNDECIDED
    reason: Annotated[str, _REASON] = ''
    requests: tuple[RequestEnd, ...] = ()
    revision: int = 0
    decided_epoch: int = 0
    decided_status: Status = Status.UNDECIDED
    choice: str = ''
    value: bytes = b''
    confidence: float = 0.0
    proposer: str = ''
    voters: tuple[str, ...] = ()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Return the request ids of the ballots, in order of the robots."""
        return tuple([end.request_id for end in self.requests])

    def end_of(self, robot: str, request_id: str) -> RequestEnd | None:
        """Return what became of a request that a robot put in; None: it was not in this epoch."""
        for end in self.requests:
            if end.robot == robot and end.request_id == request_id:
                return end
        return None


def in_force(subject: str, outcome: Outcome) -> Decision | None:
    """Return the decision in force after an epoch; None: the subject has none yet."""
    if not outcome.revision:
        return None
    return _decision(subject, outcome, outcome.decided_status, '')


def answer(subject: str, outcome: Outcome, end: RequestEnd) -> Decision:
    """Return the answer to a request: the decision in force, with what became of the request."""
    return _decision(subject, outcome, end.status, end.reason or outcome.reason)


def _decision(subject: str, outcome: Outcome, status: Status, reason: str) -> Decision:
    # Place and term are those of a log, and the latency is each robot's own.
    return Decision(
        subject=subject,
        revision=outcome.revision,
        choice=outcome.choice,
        value=outcome.value,
        confidence=outcome.confidence,
        level=Level.AGREED,
        status=status,
        index=0,
        term=0,
        proposer=outcome.proposer,
        voters=outcome.voters,
        latency_s=0.0,
        reason=reason,
        robots=len(outcome.voters),
    )
