"""
One subject of the level AGREED at one robot: what it has to say, and who waits for what.

The rules of when to speak are here; `agreed.py` has all subjects and the way to the agreement.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from swarm_consensus.decision.ballots import Ballot, Outcome
from swarm_consensus.decision.policy import Policy
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.events import ProposeAsked, ReadAsked


@value
class Evidence:
    """
    The newest belief of this robot.

    :param number: counts the beliefs of this robot about all subjects.
    """

    labels_hash: int
    log_likelihood: tuple[float, ...]
    born_ns: int
    number: int

    @property
    def best(self) -> int:
        """Return the label that it favours."""
        return self.log_likelihood.index(max(self.log_likelihood))


@dataclass(slots=True)
class Belief:
    """
    What this robot believes about a subject, and what became of its last words about it.

    :ivar tried: number of the newest evidence that an epoch has heard without following it.
    :ivar retry_ns: not to begin another epoch for it before.
    """

    evidence: Evidence
    tried: int = 0
    retry_ns: int = 0


@dataclass(slots=True)
class Proposal:
    """
    What somebody at this robot wants decided, until its end is known.

    :ivar deadline_ns: of the one who waits longest.
    :ivar waiting: who asked for it and when; the same request id may be asked for twice. Nobody
        any more: the deadline has passed, and the epoch that it is in has not ended.
    :ivar named: its request id was given by who asked.
    :ivar epoch: in which it is now; 0: in none.
    :ivar due_ns: not to be put in before.
    :ivar reason: why the last epoch that it was in decided nothing.
    """

    ballot: Ballot
    named: bool = False
    deadline_ns: int = 0
    waiting: list[tuple[ProposeAsked, int]] = field(default_factory=list)
    epoch: int = 0
    due_ns: int = 0
    reason: str = ''


@value
class Mine:
    """
    A ballot of this robot under way.

    :param number: counts the ballots of this robot on this subject.
    :param request_id: of the proposal in it; '': none.
    :param evidence: number of the evidence in it; 0: none.
    """

    number: int
    request_id: str
    evidence: int
    late: bool


@dataclass(slots=True)
class Read:
    """A linearizable read: it waits for the end of a ballot that was put in after it began."""

    asked: ReadAsked
    deadline_ns: int
    after: int


@dataclass(slots=True)
class Topic:
    """
    A subject in which something is open at this robot.

    :ivar belief: None where this robot has not seen anything of it.
    :ivar first_ns: when the evidence of the round began, here; None: no round is open.
    :ivar opened: when each instance was heard of that still lacks our input, by epoch.
    :ivar mine: our ballots under way, by epoch.
    :ivar reason: why the last epoch decided nothing.
    :ivar put_ns: when this robot last put an input in.
    """

    policy: Policy
    belief: Belief | None = None
    first_ns: int | None = None
    proposals: dict[str, Proposal] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    opened: dict[int, int] = field(default_factory=dict)
    mine: dict[int, Mine] = field(default_factory=dict)
    ballots: int = 0
    reason: str = ''
    said_no_quorum: bool = False
    put_ns: int = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is open here."""
        return not (
            self.proposals or self.reads or self.opened or self.mine or self.first_ns is not None
        )

    # -- what there is to say -------------------------------------------------------------------

    def fresh(self, now_ns: int, outcome: Outcome) -> Evidence | None:
        """Return the evidence that counts now."""
        limit_ns = self.policy.evidence_age_max_ns
        if self.belief is None or (outcome.revision and not self.policy.revise):
            return None
        evidence = self.belief.evidence
        return None if limit_ns and now_ns - evidence.born_ns > limit_ns else evidence

    def late(self, now_ns: int) -> bool:
        """Return whether the deadline of the round has passed here."""
        return self.first_ns is not None and now_ns - self.first_ns >= self.policy.deadline_ns

    def next_proposal(self) -> Proposal | None:
        """Return the proposal to put in next, be it due or not."""
        waiting = [proposal for proposal in self.proposals.values() if not proposal.epoch]
        return min(waiting, key=lambda proposal: proposal.due_ns, default=None)

    def wants_epoch(self, now_ns: int, outcome: Outcome, has_quorum: bool) -> bool:
        """
        Return whether this robot has something to say that is in no epoch yet.

        :param has_quorum: whether enough robots are heard to end an epoch; evidence waits for it.
        """
        proposal = self.next_proposal()
        if proposal is not None and proposal.due_ns <= now_ns:
            return True
        newest = max((mine.number for mine in self.mine.values()), default=0)
        if any(read.after >= newest for read in self.reads):
            return True
        evidence = self.fresh(now_ns, outcome)
        if evidence is None or self.belief is None or self.first_ns is None or not has_quorum:
            return False
        if any(mine.evidence for mine in self.mine.values()) or self.confirms(outcome):
            return False
        new = evidence.number > self.belief.tried or self.late(now_ns)
        return new and now_ns >= self.belief.retry_ns

    def confirms(self, outcome: Outcome) -> bool:
        """Return whether the evidence favours what is in force."""
        if self.belief is None or not outcome.revision:
            return False
        return self.policy.labels[self.belief.evidence.best] == outcome.choice

    def ballot(self, now_ns: int, outcome: Outcome) -> tuple[Ballot, Mine]:
        """Return what this robot says now, be it nothing, and a note of it."""
        evidence = self.fresh(now_ns, outcome)
        # One that waits to be tried again goes along with whatever there is to say.
        proposal = self.next_proposal()
        late = self.late(now_ns)
        said = Ballot() if proposal is None else proposal.ballot
        if evidence is not None:
            said = replace(
                said,
                labels_hash=evidence.labels_hash,
                log_likelihood=evidence.log_likelihood,
                late=late,
            )
        self.ballots += 1
        mine = Mine(
            self.ballots, said.request_id, 0 if evidence is None else evidence.number, late
        )
        return said, mine

    # -- how it ends ----------------------------------------------------------------------------

    def close_round(self) -> None:
        """End the round; a new belief begins another."""
        self.first_ns = None
        self.said_no_quorum = False
        self.reason = ''
