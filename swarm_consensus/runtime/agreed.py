"""
The level AGREED at one robot: from beliefs and requests to ballots, and from epochs to decisions.

A robot with evidence or a proposal puts its ballot into the next epoch of the subject at once. The
others hear of the epoch and put in theirs: what they believe, or after `settle` that they have
nothing to say. What comes out is judged by the rule of the subject, alike at every robot. An epoch
that decided nothing is followed by another while there is new evidence, until the deadline.

**Reads.** A linearizable read ends with the end of a ballot of ours that was put in after the read
began: an epoch that was over anywhere before that cannot have it in, so this one is newer than
everything that anybody was told before.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import replace
from functools import partial
import math

from swarm_consensus.decision.ballots import Ballot, Outcome, in_force
from swarm_consensus.decision.policy import Policies, Policy
from swarm_consensus.decision.rule_names import MIDDLES, is_entry_point
from swarm_consensus.decision.rules import judge
from swarm_consensus.decision.subjects import View
from swarm_consensus.decision.types import Decision, Level, Status, no_answer
from swarm_consensus.protocols.agreement.agreement import Agreement
from swarm_consensus.protocols.agreement.effects import CaughtUp, Decided
from swarm_consensus.runtime.agreed_outcomes import (
    BALLOT_OVERHEAD_BYTES,
    ballot_of,
    encode_outcome,
    within_bounds,
)
from swarm_consensus.runtime.agreed_requests import AgreedRequests
from swarm_consensus.runtime.agreed_topics import Belief, Evidence, Topic
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.deciding import SUBJECT_CHARACTERS_MAX
from swarm_consensus.runtime.events import (
    BeliefSeen,
    DecisionMade,
    Output,
    ProposeAsked,
    ReadAsked,
)
from swarm_consensus.runtime.wire import BALLOTS, OUTCOMES
from swarm_consensus.transport.errors import MalformedError

# Of the log-likelihoods in a ballot.
LABELS_BYTES_MAX = BALLOT_OVERHEAD_BYTES // 2

_NOTHING = Outcome(epoch=0)


# What the first frames of an epoch take beside the value.
BEGIN_BYTES = 1_000
# An epoch is begun for a proposal at the latest when it has waited so long for the byte budget.
BEGIN_PATIENCE_NS = SECOND


class Agreed:
    """
    The subjects of the level AGREED of one robot.

    :param agreement: what its robots agree by; this class alone gives it inputs.
    :param session: begins the request ids of this boot, which no other robot or boot uses.
    :ivar dropped: counts evidence that does not count, by the reason.
    """

    def __init__(
        self, config: RuntimeConfig, agreement: Agreement, session: str, dropped: Counter[str]
    ) -> None:
        self._config = config
        self._policies = Policies(config.policies)
        self._agreement = agreement
        self.dropped = dropped
        self._topics: dict[str, Topic] = {}
        self._outcomes: dict[str, Outcome] = {}
        # Newest beliefs of this robot, the subject heard of last at the end.
        self._beliefs: OrderedDict[str, Belief] = OrderedDict()
        self._requests = AgreedRequests(config.robot, session)
        self._numbers = 0
        # Subjects in which something has changed since they were last looked at.
        self._news: dict[str, None] = {}
        # Robots sorted, as vectors are; with the weight of each.
        weights = config.weights or (1.0,) * len(config.robots)
        by_robot = dict(zip(config.robots, weights, strict=True))
        self._robots = agreement.robots
        self._weights = tuple(by_robot.get(robot, 1.0) for robot in self._robots)
        for subject in agreement.settled_subjects:
            _, outcome = agreement.standing(subject)
            self._outcomes[subject] = OUTCOMES.decode(outcome)

    # -- what stands ----------------------------------------------------------------------------

    def serves(self, subject: str) -> bool:
        """Return whether a subject is decided at this level."""
        policy = self._policies.find(subject)
        return policy is not None and policy.level is Level.AGREED

    def current(self, subject: str) -> Decision | None:
        """Return the decision in force."""
        return in_force(subject, self._outcomes.get(subject, _NOTHING))

    def in_force(self) -> list[Decision]:
        """Return all decisions in force, by subject."""
        found = (self.current(subject) for subject in sorted(self._outcomes))
        return [decision for decision in found if decision is not None]

    @property
    def open(self) -> Collection[str]:
        """Return the subjects in which something is open at this robot."""
        return self._topics.keys()

    def take_news(self) -> Collection[str]:
        """Return the subjects in which something has changed since this was last asked."""
        news, self._news = self._news, {}
        return news

    def has_quorum(self, alive: Collection[str]) -> bool:
        """Return whether so many robots are heard that an epoch can end."""
        return self._agreement.heard_of(alive) >= self._agreement.config.thresholds.heard

    def no_quorum(self, alive: Collection[str]) -> str:
        """Return in words why an epoch cannot end."""
        thresholds = self._agreement.config.thresholds
        return (
            f'{self._agreement.heard_of(alive)} of {thresholds.robots} robots are heard, '
            f'{thresholds.heard} must be for `agreed` with {thresholds.faults} that may be '
            f'{"lying" if thresholds.lies else "down"}'
        )

    def view(self, subject: str, now_ns: int) -> View:
        """Return what the inputs that have come so far say, for people; it decides nothing."""
        policy = self._policies.find(subject)
        topic = self._topics.get(subject)
        ballots = {
            robot: ballot
            for robot, value in self._agreement.inputs(subject).items()
            if (ballot := self._ballot(value)) is not None and ballot.spoke
        }
        if topic is not None and self._config.robot not in ballots:
            evidence = topic.fresh(now_ns, self._outcomes.get(subject, _NOTHING))
            if evidence is not None:
                ballots[self._config.robot] = Ballot(
                    labels_hash=evidence.labels_hash, log_likelihood=evidence.log_likelihood
                )
        if policy is None or not ballots:
            return View((), '', 0.0)
        leading = replace(policy, quorum=1, confidence=0.0, support=1)
        outcome = judge(leading, self._robots, self._weights, 0, False, dict(ballots), None, 1)
        return View(tuple(sorted(ballots)), outcome.choice, outcome.confidence)

    # -- what comes in --------------------------------------------------------------------------

    def belief(self, belief: BeliefSeen, now_ns: int) -> bool:
        """Take in a belief of this robot; returns whether it counts."""
        policy = self._policies.find(belief.subject)
        reason = self._belief_objection(belief, policy)
        if reason or policy is None:
            self.dropped[reason] += 1
            return False
        born_ns = now_ns - max(belief.age_ns, 0)
        if policy.evidence_age_max_ns and now_ns - born_ns > policy.evidence_age_max_ns:
            self.dropped['STALE'] += 1
            return False
        self._numbers += 1
        labels_hash = belief.labels_hash or policy.labels_hash
        evidence = Evidence(labels_hash, belief.log_likelihood, born_ns, self._numbers)
        held = self._beliefs.setdefault(belief.subject, Belief(evidence))
        held.evidence = evidence
        self._beliefs.move_to_end(belief.subject)
        while len(self._beliefs) > self._config.subjects_open_max:
            self._beliefs.popitem(last=False)
        topic = self._topic(belief.subject, policy)
        topic.belief = held
        if topic.first_ns is None and not topic.confirms(
            self._outcomes.get(belief.subject, _NOTHING)
        ):
            topic.first_ns = born_ns
        return True

    def _belief_objection(self, belief: BeliefSeen, policy: Policy | None) -> str:
        if policy is None:
            return 'NO_POLICY'
        if len(belief.subject) > SUBJECT_CHARACTERS_MAX:
            return 'SUBJECT_TOO_LONG'
        if belief.labels_hash not in (0, policy.labels_hash):
            return 'WRONG_LABELS'
        if len(belief.log_likelihood) != len(policy.labels) or not policy.labels:
            return 'BAD_VALUES'
        if not all(map(math.isfinite, belief.log_likelihood)):
            return 'BAD_VALUES'
        if len(belief.log_likelihood) * 9 > LABELS_BYTES_MAX:
            return 'TOO_MANY_LABELS'
        if self._outcomes.get(belief.subject, _NOTHING).revision and not policy.revise:
            return 'DECIDED'
        if belief.subject not in self._topics and self._full:
            return 'FULL'
        return ''

    @property
    def _full(self) -> bool:
        return len(self._topics) >= self._config.subjects_open_max

    def propose(self, asked: ProposeAsked, now_ns: int, outputs: list[Output]) -> None:
        """Take in a proposal that the desk has checked, or answer it at once."""
        self._requests.propose(asked, partial(self._room, asked.subject), now_ns, outputs)

    def read(self, asked: ReadAsked, now_ns: int, outputs: list[Output]) -> None:
        """Take in a linearizable read of a subject, which the desk has checked."""
        self._requests.read(asked, partial(self._room, asked.subject), now_ns, outputs)

    def _room(self, subject: str) -> Topic | None:
        """Return the topic of a subject of this level; None: too many are open."""
        if subject not in self._topics and self._full:
            return None
        policy = self._policies.find(subject)
        assert policy is not None
        return self._topic(subject, policy)

    def opened(self, subject: str, epoch: int, now_ns: int) -> None:
        """Note that an epoch is under way that lacks our input."""
        policy = self._policies.find(subject)
        if policy is not None:
            # Beyond the bound of subjects as well: the others wait for us.
            self._topic(subject, policy).opened[epoch] = now_ns

    def _topic(self, subject: str, policy: Policy) -> Topic:
        self._news[subject] = None
        topic = self._topics.get(subject)
        if topic is None:
            topic = self._topics[subject] = Topic(policy, self._beliefs.get(subject))
        return topic

    # -- what to say ----------------------------------------------------------------------------

    def judge(
        self,
        subjects: Collection[str],
        now_ns: int,
        alive: Collection[str],
        outputs: list[Output],
        room: int | None = None,
    ) -> None:
        """
        Put in what there is to say, and tell what the deadlines of the rounds ask for.

        No epoch is begun for evidence while too few robots are heard to end it: what is said when
        they are back is then not old.

        :param room: bytes that the byte budget lets leave at once; None: there is none. No epoch is
            begun with an input that would leave bit by bit: the others would end it without that,
            and so the next ones.
        """
        has_quorum = self.has_quorum(alive)
        for subject in tuple(subjects):
            topic = self._topics.get(subject)
            if topic is None:
                continue
            outcome = self._outcomes.get(subject, _NOTHING)
            self._join(subject, topic, outcome, now_ns)
            while topic.wants_epoch(now_ns, outcome, has_quorum):
                if room is not None and not _may_begin(topic, room, now_ns):
                    break
                epoch = self._agreement.free_epoch(subject)
                if epoch is None:
                    break
                self._put(subject, topic, epoch, outcome, now_ns)
            self._deadline(subject, topic, outcome, now_ns, alive, outputs)
            if topic.idle:
                del self._topics[subject]

    def _join(self, subject: str, topic: Topic, outcome: Outcome, now_ns: int) -> None:
        """Put our input into the epochs that the others have begun."""
        for epoch, at_ns in tuple(topic.opened.items()):
            if not self._agreement.lacks_input(subject, epoch):
                del topic.opened[epoch]
            elif (
                now_ns - at_ns >= self._settle_ns(topic.policy)
                or topic.next_proposal() is not None
                or topic.fresh(now_ns, outcome) is not None
            ):
                self._put(subject, topic, epoch, outcome, now_ns)

    def _settle_ns(self, policy: Policy) -> int:
        """Return how long to wait for something to say, once the others have begun."""
        thresholds = self._agreement.config.thresholds
        if policy.labels or policy.fusion in MIDDLES or is_entry_point(policy.fusion):
            return policy.settle_ns
        # One proposal decides by itself: there is nothing to wait for.
        return 0 if (policy.support or thresholds.honest) == 1 else policy.settle_ns

    def _put(
        self, subject: str, topic: Topic, epoch: int, outcome: Outcome, now_ns: int
    ) -> None:
        ballot, mine = topic.ballot(now_ns, outcome)
        self._agreement.propose(subject, epoch, BALLOTS.encode(ballot))
        topic.opened.pop(epoch, None)
        topic.mine[epoch] = mine
        topic.put_ns = now_ns
        if mine.request_id:
            topic.proposals[mine.request_id].epoch = epoch

    def _deadline(
        self,
        subject: str,
        topic: Topic,
        outcome: Outcome,
        now_ns: int,
        alive: Collection[str],
        outputs: list[Output],
    ) -> None:
        if topic.first_ns is None:
            return
        evidence = topic.fresh(now_ns, outcome)
        lacking = '' if self.has_quorum(alive) else self.no_quorum(alive)
        if any(mine.evidence for mine in topic.mine.values()) or (lacking and evidence):
            waited_ns = now_ns - topic.first_ns - topic.policy.settle_ns
            if lacking and waited_ns >= self._config.proposal_timeout_ns:
                self._say_no_quorum(subject, topic, lacking, outputs)
            return
        if not topic.late(now_ns):
            return
        since_ns = now_ns - topic.first_ns - topic.policy.deadline_ns
        if evidence is None or since_ns >= self._patience_ns(topic):
            # The last words at the deadline decided nothing, or the evidence is too old to say.
            if lacking:
                self._say_no_quorum(subject, topic, lacking, outputs)
            elif not outcome.revision and not topic.said_no_quorum:
                reason = topic.reason or 'the deadline passed before enough robots had spoken'
                told = no_answer(subject, Level.AGREED, Status.UNDECIDED, reason)
                outputs.append(DecisionMade(told))
            topic.close_round()

    def _say_no_quorum(
        self, subject: str, topic: Topic, reason: str, outputs: list[Output]
    ) -> None:
        """Tell once in a round that its evidence cannot be decided on now."""
        if not topic.said_no_quorum:
            topic.said_no_quorum = True
            told = no_answer(subject, Level.AGREED, Status.NO_QUORUM, reason)
            outputs.append(DecisionMade(told))

    def _patience_ns(self, topic: Topic) -> int:
        """Return how long after the deadline the others may come to theirs."""
        return topic.policy.settle_ns + 2 * self._config.belief_resend_ns

    # -- how it ends ----------------------------------------------------------------------------

    def decided(self, ended: Decided, now_ns: int, outputs: list[Output]) -> None:
        """Judge the ballots of an epoch, and settle it."""
        policy = self._policies.find(ended.subject)
        assert policy is not None
        ballots = {
            robot: None if value is None else self._ballot(value)
            for robot, value in zip(self._robots, ended.vector, strict=True)
        }
        thresholds = self._agreement.config.thresholds
        before = self._outcomes.get(ended.subject, _NOTHING)
        outcome = judge(
            policy,
            self._robots,
            self._weights,
            thresholds.faults,
            thresholds.lies,
            ballots,
            before,
            ended.epoch,
        )
        outcome = within_bounds(outcome, before, self._config.value_bytes_max)
        data = encode_outcome(outcome, self._agreement.config.outcome_bytes_max)
        self._agreement.settle(ended.subject, ended.epoch, data)
        included = ended.vector[self._robots.index(self._config.robot)] is not None
        self._apply(ended.subject, OUTCOMES.decode(data), included, now_ns, outputs)

    def _ballot(self, value: bytes) -> Ballot | None:
        return ballot_of(value, self._config.value_bytes_max)

    def caught_up(self, news: CaughtUp, now_ns: int, outputs: list[Output]) -> None:
        """Take over what the others have settled."""
        try:
            outcome = OUTCOMES.decode(news.outcome)
        except MalformedError as error:
            # More than f robots say so: this is no lie that the level bears.
            raise AssertionError(f'{news.subject}/{news.epoch}: {error}') from error
        topic = self._topics.get(news.subject)
        if topic is not None:
            self._missed(news.subject, topic, outcome, now_ns, outputs)
        self._apply(news.subject, outcome, False, now_ns, outputs)

    def _missed(
        self, subject: str, topic: Topic, outcome: Outcome, now_ns: int, outputs: list[Output]
    ) -> None:
        """End what was in epochs that have ended without this robot."""
        for old in [each for each in topic.mine if each < outcome.epoch]:
            request_id = topic.mine.pop(old).request_id
            if request_id:
                self._requests.epoch_missed(subject, topic, request_id, outcome, now_ns, outputs)
        for old in [each for each in topic.opened if each <= outcome.epoch]:
            del topic.opened[old]

    def _apply(
        self, subject: str, outcome: Outcome, included: bool, now_ns: int, outputs: list[Output]
    ) -> None:
        before = self._outcomes.get(subject, _NOTHING)
        self._outcomes[subject] = outcome
        topic = self._topics.get(subject)
        if outcome.decided_epoch > before.decided_epoch:
            # A new one, or the same more firmly.
            decision = in_force(subject, outcome)
            assert decision is not None
            outputs.append(DecisionMade(self._with_latency(decision, topic, now_ns)))
        if topic is None:
            return
        self._news[subject] = None
        mine = topic.mine.pop(outcome.epoch, None)
        topic.opened.pop(outcome.epoch, None)
        if mine is not None:
            if mine.request_id:
                retry_ns = now_ns + self._config.belief_resend_ns
                self._requests.epoch_ended(
                    subject, topic, mine.request_id, outcome, now_ns, retry_ns, outputs
                )
            if included:
                found = in_force(subject, outcome)
                self._requests.confirm_reads(topic, mine.number, found, outputs)
        self._round_ended(topic, outcome, mine is not None and included, now_ns)
        if topic.idle:
            del self._topics[subject]

    def _with_latency(self, decision: Decision, topic: Topic | None, now_ns: int) -> Decision:
        if topic is None:
            return decision
        begun = [asked_ns for each in topic.proposals.values() for _, asked_ns in each.waiting]
        begun += list(topic.opened.values())
        if topic.first_ns is not None:
            begun.append(topic.first_ns)
        latency_ns = now_ns - min(begun) if begun else 0
        return replace(decision, latency_s=max(0, latency_ns) * 1e-9)

    def _round_ended(self, topic: Topic, outcome: Outcome, counted: bool, now_ns: int) -> None:
        belief = topic.belief
        if counted and belief is not None:
            # What was heard need not be said again at once, also where it was outvoted.
            belief.tried = belief.evidence.number
            belief.retry_ns = now_ns + self._config.belief_resend_ns
        if outcome.status.answered:
            topic.close_round()
        else:
            topic.reason = outcome.reason

    def expire(self, now_ns: int, alive: Collection[str], outputs: list[Output]) -> None:
        """End the requests whose deadline has passed; the epochs that they are in go on."""
        if not self._topics:
            return
        lacking = '' if self.has_quorum(alive) else self.no_quorum(alive)
        for topic in self._topics.values():
            self._requests.expire(topic, now_ns, lacking, outputs)


def _may_begin(topic: Topic, room: int, now_ns: int) -> bool:
    """Return whether there are bytes enough to begin an epoch, or it has waited long for them."""
    proposal = topic.next_proposal()
    if proposal is None:
        return room >= BEGIN_BYTES
    enough = room >= BEGIN_BYTES + len(proposal.ballot.value)
    return enough or now_ns - max(proposal.due_ns, topic.put_ns) >= BEGIN_PATIENCE_NS
