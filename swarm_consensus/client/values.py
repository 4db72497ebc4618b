"""What the client hands out: frozen values, made from the messages of consensus_node."""

from __future__ import annotations

from dataclasses import fields

from swarm_consensus.action import Decide
from swarm_consensus.client.errors import NoAnswerError
from swarm_consensus.decision import types
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import Decision as DecisionMessage
from swarm_consensus.nodes.convert import decision_from_message, stamp_to_ns
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import ChangeMembership, Read, TransferLeadership

_DECISION_FIELDS = tuple(field.name for field in fields(types.Decision))


@value
class Decision(types.Decision):
    """
    An answer of the swarm, or why there is none.

    :param stamp_ns: when the robot that was asked learned of it, ns of its ROS clock; 0: unknown.
    """

    stamp_ns: int = 0

    @property
    def answered(self) -> bool:
        """Whether it names an answer: DECIDED or LOW_CONFIDENCE."""
        return self.status.answered

    def raise_for_status(self) -> Decision:
        """
        Return itself if it names an answer.

        :raises NoAnswerError: it does not; with status and reason.
        """
        if not self.answered:
            raise NoAnswerError(self.subject, self.status, self.reason)
        return self


def with_stamp(decision: types.Decision, stamp_ns: int = 0) -> Decision:
    """Return a decision as the client's type."""
    return Decision(*(getattr(decision, name) for name in _DECISION_FIELDS), stamp_ns)


def decision_from(message: DecisionMessage) -> Decision:
    """
    Return the decision in a message.

    :raises ValueError: a level or status that this version does not know.
    """
    return with_stamp(decision_from_message(message), stamp_to_ns(message.stamp))


@value
class Reading:
    """
    What a read found.

    :param status: DECIDED where the read was served; NO_QUORUM, REFUSED or UNKNOWN otherwise.
    :param applied_index: the state of the log that was read.
    :param applied_digest: hash chain over the log up to there, hex.
    :param decisions: in log order; for a subject its decision in force, or none.
    :param history_from: decisions with a smaller log index are no longer kept, except those that
        are in force.
    """

    subject: str
    status: Status
    reason: str
    applied_index: int
    applied_digest: str
    decisions: tuple[Decision, ...]
    history_from: int = 0

    @property
    def decision(self) -> Decision | None:
        """Return the newest decision that was read; None where there is none."""
        return self.decisions[-1] if self.decisions else None

    def raise_for_status(self) -> Reading:
        """
        Return itself if the read was served, whether or not there was a decision.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError(self.subject, self.status, self.reason)
        return self


def reading_from(subject: str, response: Read.Response) -> Reading:
    """
    Return what the `Read` service answered.

    :raises ValueError: a level or status that this version does not know.
    """
    return Reading(
        subject=subject,
        status=Status(response.status),
        reason=response.reason,
        applied_index=response.applied_index,
        applied_digest=response.applied_digest,
        decisions=tuple(decision_from(message) for message in response.decisions),
        history_from=response.history_from,
    )


@value
class Leadership:
    """
    What became of a transfer of leadership.

    :param status: DECIDED where the target leads; REFUSED, NO_QUORUM or UNKNOWN otherwise.
    :param leader: who leads now, as far as the robot that was asked knows; '' for nobody.
    """

    status: Status
    reason: str
    leader: str

    def raise_for_status(self) -> Leadership:
        """
        Return itself if the target leads.

        :raises NoAnswerError: it does not; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('leadership', self.status, self.reason)
        return self


def leadership_from(response: TransferLeadership.Response) -> Leadership:
    """
    Return what the `TransferLeadership` service answered.

    :raises ValueError: a status that this version does not know.
    """
    return Leadership(Status(response.status), response.reason, response.leader)


@value
class Members:
    """
    What became of a change of membership.

    :param status: DECIDED where it is in force; REFUSED, NO_QUORUM or UNKNOWN otherwise.
    :param voters: who votes now, as far as the robot that was asked knows.
    :param learners: who holds the log without a vote.
    """

    status: Status
    reason: str
    voters: tuple[str, ...]
    learners: tuple[str, ...]

    def raise_for_status(self) -> Members:
        """
        Return itself if the change is in force.

        :raises NoAnswerError: it is not; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('membership', self.status, self.reason)
        return self


def members_from(response: ChangeMembership.Response) -> Members:
    """
    Return what the `ChangeMembership` service answered.

    :raises ValueError: a status that this version does not know.
    """
    return Members(
        Status(response.status),
        response.reason,
        tuple(response.voters),
        tuple(response.learners),
    )


@value
class Progress:
    """
    What the evidence on a subject says while its decision is waited for.

    :param robots: whose evidence is in.
    :param leading: label in front; empty: no evidence yet.
    :param confidence: its probability, 0..1.
    """

    robots: tuple[str, ...]
    leading: str
    confidence: float
    has_quorum: bool


def progress_from(feedback: Decide.Feedback) -> Progress:
    """Return what the `Decide` action reports."""
    return Progress(
        robots=tuple(feedback.robots),
        leading=feedback.leading,
        confidence=feedback.confidence,
        has_quorum=feedback.has_quorum,
    )
