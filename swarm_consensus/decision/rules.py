"""
From the ballots of one epoch to its outcome: pure, and with equal bits on every robot.

Two ways lead to a decision. Votes are pooled: over labels (evidence, or the proposal of a label),
by the middle of proposed numbers, or by a user's own rule; then `quorum` says how many robots must
have spoken, and `confidence` how sure they must be together. Or, where a subject has no labels,
proposals are counted; then `support` says how many robots must stand behind the same one.

Ballots come from robots of which up to `faults` may lie. What is wrong with one (evidence over
other labels, numbers that are none, a value of odd length) makes it an abstention and no more. The
order of the mapping never matters: robots go by name, sums are exactly rounded (arithmetic.py),
and ties go to the first label, or to the smaller proposal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
import math
import struct
from typing import TypeVar

from swarm_consensus.decision.ballots import (
    REASON_CHARACTERS_MAX,
    Ballot,
    Outcome,
    RequestEnd,
)
from swarm_consensus.decision.entry_point import RuleError, call_rule
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.pooling import Row, bounded, first_best, middle, one_hot, pool
from swarm_consensus.decision.rule_names import MIDDLES, is_entry_point
from swarm_consensus.decision.types import ANY_REVISION, Status
from swarm_consensus.protocols.values import value

ItemT = TypeVar('ItemT', str, bytes)

_DOUBLE_BYTES = 8


@value
class Court:
    """
    Who judges, and under which assumption; equal on every robot.

    :param weights: of each robot, by swarm.yaml, whatever its ballot may say.
    :param faults: robots that may fail.
    :param lies: whether these may lie; otherwise they stop.
    """

    weights: Mapping[str, float]
    faults: int
    lies: bool

    @property
    def honest(self) -> int:
        """Return how many robots must say something, so that one of them does not lie."""
        return self.faults + 1 if self.lies else 1

    def support(self, policy: Policy) -> int:
        """Return how many robots must stand behind what is proposed."""
        return policy.support or self.honest

    def quorum(self, policy: Policy) -> int:
        """Return how many robots must have spoken where votes are pooled."""
        if self.lies and policy.fusion in MIDDLES:
            # Among fewer the middle could be a liar's.
            return max(policy.quorum, 2 * self.faults + 1)
        return max(policy.quorum, self.honest)

    def trim(self, count: int) -> int:
        """Return how many of `count` votes the trimmed mean leaves out on each side."""
        return min(self.faults, (count - 1) // 2)


@value
class _Vote:
    """What counts of one robot's ballot: evidence as a row, or a proposal, or both."""

    robot: str
    weight: float
    row: Row
    choice: str
    value: bytes

    @property
    def proposes(self) -> bool:
        return bool(self.choice or self.value)


@value
class _Finding:
    """What the votes say; without voters it is only the reason why they say nothing."""

    reason: str = ''
    status: Status = Status.UNDECIDED
    choice: str = ''
    value: bytes = b''
    confidence: float = 0.0
    proposer: str = ''
    voters: tuple[str, ...] = ()


def judge(
    policy: Policy,
    robots: Sequence[str],
    weights: Sequence[float],
    faults: int,
    lies: bool,
    ballots: Mapping[str, Ballot | None],
    before: Outcome | None,
    epoch: int,
) -> Outcome:
    """
    Return the outcome of an epoch; equal arguments give equal bits on every robot.

    :param robots: all robots of the swarm.
    :param weights: of their evidence, one each; (): all 1.
    :param faults: how many of them may fail.
    :param lies: whether these may lie.
    :param ballots: by robot; None or missing: not among the inputs, or not to be decoded. Ballots
        of strangers are passed over.
    :param before: the last outcome of the subject; None: this is its first epoch.
    :param epoch: from 1, the one after `before`.
    :raises ValueError: weights that are not one a robot.
    """
    if len(weights) not in (0, len(robots)):
        raise ValueError(f'{len(weights)} weights for {len(robots)} robots; give one each, or none')
    court = Court(dict(zip(robots, weights or [1.0] * len(robots), strict=True)), faults, lies)
    before = before or Outcome(epoch=0)
    given = {robot: ballots.get(robot) for robot in sorted(robots)}
    cast = {robot: ballot for robot, ballot in given.items() if ballot is not None}
    objections = {robot: _objection(policy, ballot, before) for robot, ballot in cast.items()}
    votes = [
        vote
        for robot, ballot in cast.items()
        if (vote := _vote(policy, court, robot, ballot, not objections[robot], before))
    ]
    late = sum(ballot.late for ballot in cast.values()) >= court.honest
    finding = _find(policy, court, votes, late, before, epoch)
    if not finding.voters and (refused := sum(map(bool, objections.values()))):
        plus = f'{finding.reason}; the proposals of {refused} more do not count'
        finding = replace(finding, reason=plus)
    finding = replace(finding, reason=finding.reason[:REASON_CHARACTERS_MAX])
    after = _after(before, epoch, finding)
    ends = [
        RequestEnd(
            robot,
            ballot.request_id,
            *_end(policy, robot, ballot, objections[robot], finding, after),
        )
        for robot, ballot in cast.items()
        if ballot.request_id
    ]
    return replace(after, requests=tuple(ends))


# -- from ballots to votes ------------------------------------------------------------------------


def _objection(policy: Policy, ballot: Ballot, before: Outcome) -> str:
    """Return why a proposal does not count; '' where it does, or where there is none."""
    if not ballot.proposes:
        return 'the proposal is empty' if ballot.request_id else ''
    if ballot.expected_revision not in (ANY_REVISION, before.revision):
        return (
            f'the subject stands at revision {before.revision}, the proposal expected '
            f'{ballot.expected_revision}'
        )
    if policy.labels:
        return '' if ballot.choice in policy.labels else 'what is proposed is no label'
    if policy.fusion in MIDDLES and not _numbers(ballot.value):
        return 'the value is no array of finite numbers (float64, little endian)'
    return ''


def _vote(
    policy: Policy, court: Court, robot: str, ballot: Ballot, proposed: bool, before: Outcome
) -> _Vote | None:
    """Return what counts of a ballot; None: it is an abstention."""
    proposed = proposed and ballot.proposes
    choice, value = (ballot.choice, ballot.value) if proposed else ('', b'')
    row: Row = ()
    if proposed and policy.labels:
        row = one_hot(policy.labels.index(choice), len(policy.labels))
    elif _evidence_counts(policy, ballot, before):
        row = bounded(ballot.log_likelihood)
    if not row and not proposed:
        return None
    return _Vote(robot, court.weights[robot], row, choice, value)


def _evidence_counts(policy: Policy, ballot: Ballot, before: Outcome) -> bool:
    return (
        bool(policy.labels)
        and (policy.revise or not before.revision)
        and ballot.labels_hash == policy.labels_hash
        and len(ballot.log_likelihood) == len(policy.labels)
        and all(map(math.isfinite, ballot.log_likelihood))
    )


def _numbers(value: bytes) -> tuple[float, ...]:
    """Return the numbers in a value; () where there is none, or anything but finite ones."""
    count, rest = divmod(len(value), _DOUBLE_BYTES)
    if rest or not count:
        return ()
    numbers = struct.unpack(f'<{count}d', value)
    return numbers if all(map(math.isfinite, numbers)) else ()


# -- from votes to a finding ----------------------------------------------------------------------


def _find(
    policy: Policy,
    court: Court,
    votes: list[_Vote],
    late: bool,
    before: Outcome,
    epoch: int,
) -> _Finding:
    if not policy.labels and not is_entry_point(policy.fusion):
        if policy.fusion not in MIDDLES:
            return _counted(policy, court, votes)
        votes = _alike(votes)
    need = court.quorum(policy)
    if len(votes) < need:
        return _Finding(_too_few(policy, before, len(votes), need))
    if is_entry_point(policy.fusion):
        return _by_user(policy, court, votes, late, before, epoch)
    if policy.labels:
        return _pooled(policy, court, votes, late)
    return _between(policy, court, votes)


def _too_few(policy: Policy, before: Outcome, count: int, need: int) -> str:
    if policy.labels and before.revision and not policy.revise:
        # Evidence was not counted; without this people would look for it on the radio.
        return (
            f'it is decided and `revise: never`: only proposals count, '
            f'{_robots(count, "has", "have")} proposed and {need} must'
        )
    return f'{_robots(count, "has", "have")} spoken, {need} must'


def _robots(count: int, one: str, many: str) -> str:
    """Return how many robots, with the verb for one and for many."""
    return f'1 robot {one}' if count == 1 else f'{count} robots {many}'


def _counted(policy: Policy, court: Court, votes: list[_Vote]) -> _Finding:
    """Count proposals of the same choice and value, by robots or by their weights."""
    behind: dict[tuple[str, bytes], list[_Vote]] = {}
    for vote in votes:
        behind.setdefault((vote.choice, vote.value), []).append(vote)
    if not behind:
        return _Finding('no robot has proposed anything')
    weighed = policy.fusion == 'weighted_plurality'

    def weight(group: Iterable[_Vote]) -> float:
        return math.fsum([vote.weight if weighed else 1.0 for vote in group])

    need = court.support(policy)
    backed = {what: group for what, group in behind.items() if len(group) >= need}
    if not backed:
        most = max(map(len, behind.values()))
        return _Finding(f'{_robots(most, "stands", "stand")} behind the same proposal, {need} must')
    winner = min(backed, key=lambda what: (-weight(backed[what]), what))
    group = backed[winner]
    return _Finding(
        status=Status.DECIDED,
        choice=winner[0],
        value=winner[1],
        confidence=weight(group) / weight(votes),
        proposer=group[0].robot,
        voters=_names(group),
    )


def _pooled(policy: Policy, court: Court, votes: list[_Vote], late: bool) -> _Finding:
    """Pool votes over labels."""
    rows = [vote.row for vote in votes]
    weights = [vote.weight for vote in votes]
    probabilities = pool(policy.fusion, rows, weights, court.trim(len(votes)))
    best = first_best(probabilities)
    choice = policy.labels[best]
    return _sure_enough(policy, court, votes, late, choice, probabilities[best])


def _by_user(
    policy: Policy, court: Court, votes: list[_Vote], late: bool, before: Outcome, epoch: int
) -> _Finding:
    """Have a user's rule judge."""
    told = [
        {
            'robot': vote.robot,
            'weight': vote.weight,
            'log_likelihood': list(vote.row),
            'choice': vote.choice,
            'value': vote.value,
        }
        for vote in votes
    ]
    subject = {
        'labels': list(policy.labels),
        'faults': court.faults,
        'lies': court.lies,
        'late': late,
        'epoch': epoch,
        'revision': before.revision,
        'choice': before.choice,
        'value': before.value,
    }
    try:
        result = call_rule(policy.fusion, policy, told, subject)
    except RuleError as error:
        return _Finding(str(error))
    if result is None:
        return _Finding(f"the rule '{policy.fusion}' decided nothing")
    choice, confidence, value = result
    finding = _sure_enough(policy, court, votes, late, choice, confidence)
    return replace(finding, value=value) if value and finding.voters else finding


def _sure_enough(
    policy: Policy,
    court: Court,
    votes: list[_Vote],
    late: bool,
    choice: str,
    confidence: float,
) -> _Finding:
    """Hold a choice against the confidence that is asked."""
    status = Status.DECIDED
    if confidence < policy.confidence:
        text = f"'{choice}' is in front with {confidence:.2f}, {policy.confidence:g} is asked"
        if not late:
            return _Finding(f'{text} before the deadline')
        if not policy.decide_at_deadline:
            return _Finding(f'{text}, and the deadline has passed')
        status = Status.LOW_CONFIDENCE
    proposers = [vote for vote in votes if vote.proposes and vote.choice == choice]
    return _Finding(
        status=status,
        choice=choice,
        value=_backed([vote.value for vote in proposers], court.support(policy), b''),
        confidence=confidence,
        proposer=proposers[0].robot if proposers else '',
        voters=_names(votes),
    )


def _alike(votes: list[_Vote]) -> list[_Vote]:
    """Return the votes whose values have the length that most have; of equally many the smaller."""
    lengths = Counter(len(vote.value) for vote in votes)
    if not lengths:
        return []
    usual = min(lengths, key=lambda length: (-lengths[length], length))
    return [vote for vote in votes if len(vote.value) == usual]


def _between(policy: Policy, court: Court, votes: list[_Vote]) -> _Finding:
    """Take the middle of proposed numbers, coordinate by coordinate."""
    if len(votes) < (need := court.support(policy)):
        return _Finding(f'{_robots(len(votes), "has", "have")} given numbers, {need} must')
    columns = list(zip(*[_numbers(vote.value) for vote in votes], strict=True))
    numbers = middle(columns, policy.fusion, court.trim(len(votes)))
    # Zeros without their sign, which sums of zeros get differently in versions of Python.
    value = struct.pack(f'<{len(numbers)}d', *[number + 0.0 for number in numbers])
    return _Finding(
        status=Status.DECIDED,
        choice=_backed([vote.choice for vote in votes], court.support(policy), ''),
        value=value,
        confidence=1.0,
        proposer=votes[0].robot,
        voters=_names(votes),
    )


def _backed(items: Iterable[ItemT], need: int, none: ItemT) -> ItemT:
    """Return what most have, with `need` of them at least; of equally many the smaller."""
    counts = Counter(item for item in items if item)
    backed = [item for item, count in counts.items() if count >= need]
    return min(backed, key=lambda item: (-counts[item], item), default=none)


def _names(votes: Iterable[_Vote]) -> tuple[str, ...]:
    return tuple([vote.robot for vote in votes])


# -- from a finding to an outcome -----------------------------------------------------------------


def _after(before: Outcome, epoch: int, finding: _Finding) -> Outcome:
    """Return the outcome of an epoch, its requests apart."""
    unchanged = replace(
        before, epoch=epoch, status=finding.status, reason=finding.reason, requests=()
    )
    if not finding.voters:
        return unchanged
    # Evidence has no value of its own, and so does not take away the one that was proposed.
    confirms = (
        before.revision
        and finding.choice == before.choice
        and (finding.value == before.value or not (finding.proposer or finding.value))
    )
    firmer = before.decided_status is not Status.DECIDED and finding.status is Status.DECIDED
    if confirms and not firmer:
        return unchanged
    return replace(
        unchanged,
        revision=before.revision if confirms else before.revision + 1,
        decided_epoch=epoch,
        decided_status=finding.status,
        choice=finding.choice,
        value=before.value if confirms else finding.value,
        confidence=finding.confidence,
        proposer=finding.proposer,
        voters=finding.voters,
    )


def _end(
    policy: Policy, robot: str, ballot: Ballot, objection: str, finding: _Finding, after: Outcome
) -> tuple[Status, str]:
    """Return what became of a ballot's proposal, and where it was refused why."""
    if objection:
        return Status.REFUSED, objection
    if not finding.voters:
        return Status.UNDECIDED, ''
    if not policy.labels and policy.fusion in MIDDLES:
        # What was proposed went into the numbers that are in force.
        taken = robot in finding.voters
    elif policy.labels:
        taken = ballot.choice == after.choice and ballot.value in (b'', after.value)
    else:
        taken = (ballot.choice, ballot.value) == (after.choice, after.value)
    return (after.status, '') if taken else (Status.REFUSED, 'something else was decided')
