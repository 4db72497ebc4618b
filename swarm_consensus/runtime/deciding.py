"""
From evidence to proposals: the rounds of all subjects at one robot, and who proposes when.

The leader proposes as soon as its evidence meets the policy, since a proposal of its own needs
no extra hop. The others leave it to the leader for a moment and propose by themselves only if
nothing was decided, so that a leader that sees nothing does not block the swarm. Two proposals
for one revision do no harm: both expect the same revision, and the log lets one through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, KeysView
from dataclasses import dataclass, replace

from swarm_consensus.decision.policy import Policies, Policy
from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.decision.subjects import Fused, Offer, Subjects, View
from swarm_consensus.decision.types import (
    Command,
    Contribution,
    Decision,
    Gossip,
    Level,
    Status,
    Verdict,
    no_answer,
)
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.request_ids import RequestIds

SUBJECT_CHARACTERS_MAX = 256
# A fused answer is said again when its confidence has moved by this much.
FUSED_CONFIDENCE_STEP = 0.01


@dataclass(slots=True)
class _Attempt:
    """A verdict on its way into the log."""

    due_ns: int
    request_id: str = ''
    said_no_quorum: bool = False


class Deciding:
    """
    The subjects of one robot.

    :param request_ids: of this robot's own proposals.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        state: ReplicatedState,
        incarnation: int,
        request_ids: RequestIds,
    ) -> None:
        self._config = config
        self._state = state
        self._incarnation = incarnation
        self._request_ids = request_ids
        self._subjects = Subjects(Policies(config.policies), config.subjects_open_max)
        self._attempts: dict[str, _Attempt] = {}
        self._in_flight: dict[str, str] = {}
        self._fused: dict[str, Decision] = {}
        self._closed: list[str] = []
        # What the swarm says on subjects of which no robot holds the evidence of all.
        self._given: dict[str, Fused] = {}
        self._sequence = 0
        self.dropped: Counter[str] = Counter()
        self.weight = config.weight

    # -- evidence ---------------------------------------------------------------------------

    def own_belief(
        self,
        subject: str,
        labels_hash: int,
        log_likelihood: tuple[float, ...],
        age_ns: int,
        now_ns: int,
    ) -> Contribution | None:
        """Take in a belief of this robot; returns what to tell the others, if it counts."""
        policy = self._subjects.policy(subject)
        if policy is None:
            self.dropped[Offer.NO_POLICY.name] += 1
            return None
        if len(subject) > SUBJECT_CHARACTERS_MAX:
            # No other robot would take a message with it (docs/wire.md).
            self.dropped['SUBJECT_TOO_LONG'] += 1
            return None
        self._sequence += 1
        contribution = Contribution(
            robot=self._config.robot,
            incarnation=self._incarnation,
            sequence=self._sequence,
            subject=subject,
            labels_hash=labels_hash or policy.labels_hash,
            log_likelihood=log_likelihood,
            weight=self.weight,
            age_us=max(age_ns, 0) // 1000,
        )
        if self.offer(contribution, now_ns) is not Offer.ACCEPTED:
            return None
        return contribution

    def offer(self, contribution: Contribution, now_ns: int) -> Offer:
        """Take in evidence of any robot."""
        if self.level(contribution.subject) is Level.AGREED:
            # There evidence travels in ballots only, so that nobody counts what others do not.
            outcome = Offer.AGREED
        elif self._is_final(contribution.subject):
            outcome = Offer.DECIDED
        else:
            outcome = self._subjects.offer(contribution, now_ns)
        if outcome is not Offer.ACCEPTED:
            self.dropped[outcome.name] += 1
        return outcome

    def wants(self, subject: str) -> bool:
        """Return whether evidence of other robots on a subject may count here."""
        policy = self._subjects.policy(subject)
        if policy is None or not policy.labels or policy.level is Level.AGREED:
            return False
        return policy.gossip is not Gossip.AVERAGING and not self._is_final(subject)

    def give(self, subject: str, fused: Fused | None, now_ns: int) -> None:
        """
        Say what the evidence of the swarm says on a subject; None: that is not known now.

        The subject is open from then on, whether or not this robot has evidence of its own.
        """
        if fused is None:
            self._given.pop(subject, None)
        elif self._subjects.open_for(subject, now_ns - fused.oldest_ns):
            self._given[subject] = fused

    def evidence(self, subject: str, now_ns: int) -> tuple[Contribution, int] | None:
        """Return this robot's own evidence on a subject, while it counts, and its age in ns."""
        return self._subjects.evidence(subject, self._config.robot, now_ns)

    def pooled(self, subject: str, now_ns: int) -> Fused | None:
        """Return what the evidence held here says together; None: there is none."""
        return self._subjects.pooled(subject, now_ns)

    def end(self, subject: str, now_ns: int) -> None:
        """End the round of a subject of which nothing is left in the swarm."""
        self._given.pop(subject, None)
        self._close(subject, now_ns)

    def depart(self, robots: Collection[str]) -> list[str]:
        """Let the evidence of robots go that are gone; returns the open subjects it was in."""
        return self._subjects.depart(robots)

    def take_closed(self) -> list[str]:
        """Return the subjects whose round has ended since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def _is_final(self, subject: str) -> bool:
        policy = self._subjects.policy(subject)
        if policy is None or policy.revise:
            return False
        return policy.level is Level.COMMITTED and self._state.ledger.current(subject) is not None

    # -- verdicts ---------------------------------------------------------------------------

    @property
    def open(self) -> Collection[str]:
        """Return the names of the open subjects."""
        return self._subjects.open

    def view(self, subject: str, now_ns: int) -> View:
        """Return what the evidence on a subject says now."""
        return self._subjects.view(subject, now_ns, self._given.get(subject))

    def policy(self, subject: str) -> Policy | None:
        """Return the policy that serves a subject."""
        return self._subjects.policy(subject)

    def level(self, subject: str) -> Level:
        """Return the level at which a subject is decided; those without a policy: committed."""
        policy = self._subjects.policy(subject)
        return Level.COMMITTED if policy is None else policy.level

    def current(self, subject: str) -> Decision | None:
        """Return the decision in force, at the level of the subject."""
        if self.level(subject) is Level.FUSED:
            return self._fused.get(subject)
        return self._state.ledger.current(subject)

    def evaluate(
        self, subjects: Collection[str], now_ns: int, alive: Collection[str], leads: bool
    ) -> tuple[list[Command], list[Decision]]:
        """
        Judge open subjects by their policies.

        :param subjects: those to look at; ones that are not open are passed over.
        :param alive: robots whose evidence is worth waiting for.
        :param leads: whether this robot is the leader.
        :returns: commands for the log, and decisions to publish.
        """
        proposals: list[Command] = []
        decisions: list[Decision] = []
        for subject in tuple(subjects):
            given = self._given.get(subject)
            verdict = self._subjects.verdict(subject, now_ns, alive, given)
            if verdict is None:
                continue
            if verdict.status is Status.UNDECIDED:
                self._undecided(subject, verdict, now_ns, decisions)
            elif self.level(subject) is Level.FUSED:
                self._decide_fused(subject, verdict, now_ns, decisions)
            else:
                self._decide_committed(subject, verdict, now_ns, leads, proposals)
        return proposals, decisions

    def _undecided(
        self, subject: str, verdict: Verdict, now_ns: int, decisions: list[Decision]
    ) -> None:
        attempt = self._attempts.pop(subject, None)
        first_ns = self._subjects.first_ns(subject)
        self._close(subject, now_ns)
        if self.current(subject) is not None or (attempt and attempt.said_no_quorum):
            # The decision in force stays in force, or the answer was given already.
            return
        reason = f'the deadline passed with evidence of {verdict.robots} robots'
        if verdict.choice:
            reason += f", '{verdict.choice}' in front with {verdict.confidence:.2f}"
        answer = no_answer(subject, self.level(subject), Status.UNDECIDED, reason)
        decisions.append(
            replace(
                answer,
                voters=verdict.voters,
                latency_s=0.0 if first_ns is None else (now_ns - first_ns) * 1e-9,
                robots=verdict.robots,
            )
        )

    def _decide_fused(
        self, subject: str, verdict: Verdict, now_ns: int, decisions: list[Decision]
    ) -> None:
        before = self._fused.get(subject)
        if before is not None and (
            before.choice == verdict.choice
            and (before.voters, before.robots) == (verdict.voters, verdict.robots)
            and before.status is verdict.status
            and abs(before.confidence - verdict.confidence) < FUSED_CONFIDENCE_STEP
        ):
            return
        first_ns = self._subjects.first_ns(subject)
        decision = Decision(
            subject=subject,
            revision=1 if before is None else before.revision + 1,
            choice=verdict.choice,
            value=b'',
            confidence=verdict.confidence,
            level=Level.FUSED,
            status=verdict.status,
            index=0,
            term=0,
            proposer=self._config.robot,
            voters=verdict.voters,
            latency_s=0.0 if first_ns is None else (now_ns - first_ns) * 1e-9,
            reason=verdict.reason,
            robots=verdict.robots,
            oldest_age_s=verdict.oldest_ns * 1e-9,
            spread=verdict.spread,
        )
        self._fused[subject] = decision
        decisions.append(decision)

    def _decide_committed(
        self,
        subject: str,
        verdict: Verdict,
        now_ns: int,
        leads: bool,
        proposals: list[Command],
    ) -> None:
        current = self._state.ledger.current(subject)
        if current is not None and current.choice == verdict.choice:
            # The new evidence confirms what is in force.
            self._attempts.pop(subject, None)
            self._close(subject, now_ns)
            return
        attempt = self._attempts.get(subject)
        if attempt is None:
            patience_ns = 0 if leads else self._config.propose_patience_ns
            attempt = self._attempts[subject] = _Attempt(now_ns + patience_ns)
        if attempt.request_id or (now_ns < attempt.due_ns and not leads):
            return
        first_ns = self._subjects.first_ns(subject)
        attempt.request_id = self._request_ids.new()
        self._in_flight[attempt.request_id] = subject
        proposals.append(
            Command(
                request_id=attempt.request_id,
                proposer=self._config.robot,
                subject=subject,
                expected_revision=self._state.ledger.revision(subject),
                status=verdict.status,
                choice=verdict.choice,
                value=b'',
                confidence=verdict.confidence,
                voters=verdict.voters,
                elapsed_us=0 if first_ns is None else max(0, now_ns - first_ns) // 1000,
                acked=self._request_ids.acked,
                base_index=self._state.index,
            )
        )

    def _close(self, subject: str, now_ns: int) -> None:
        self._subjects.close(subject, now_ns)
        self._closed.append(subject)

    # -- the way back from the log ------------------------------------------------------------

    def failed(self, request_id: str, status: Status, reason: str, now_ns: int) -> Decision | None:
        """
        Take note that a proposal of ours did not get into the log.

        :returns: what to publish: the first failure of a round says so, the round then tries
            again for as long as its evidence is fresh.
        """
        subject = self._in_flight.pop(request_id, None)
        attempt = None if subject is None else self._attempts.get(subject)
        if subject is None or attempt is None or attempt.request_id != request_id:
            return None
        attempt.request_id = ''
        attempt.due_ns = now_ns + self._config.propose_patience_ns
        if attempt.said_no_quorum:
            return None
        attempt.said_no_quorum = True
        return no_answer(subject, Level.COMMITTED, status, reason)

    @property
    def in_flight(self) -> KeysView[str]:
        """Return the request ids of our proposals under way, as they are at any time."""
        return self._in_flight.keys()

    def settled(self, request_id: str) -> None:
        """Take note that a proposal, ours or not, has had its effect in the log, if any."""
        self._in_flight.pop(request_id, None)

    def applied(self, decision: Decision, now_ns: int) -> Decision:
        """
        Take note of a decision from the log.

        :returns: the decision with the latency as this robot saw it.
        """
        subject = decision.subject
        first_ns = self._subjects.first_ns(subject)
        self._attempts.pop(subject, None)
        self._close(subject, now_ns)
        if first_ns is None:
            return decision
        return replace(decision, latency_s=(now_ns - first_ns) * 1e-9)
