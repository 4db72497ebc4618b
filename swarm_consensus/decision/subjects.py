"""
Open subjects: whose evidence is in, what it says together, and whether the policy is met.

One `Subjects` holds every round that is open at this robot. Times are nanoseconds of the local
monotonic clock; the age of a peer's evidence came with it, so no two clocks are compared.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
import math

import numpy as np

from swarm_consensus.decision.fusion import LOG_RATIO_MIN, Floats, fading, fuse, spread
from swarm_consensus.decision.policy import Policies, Policy
from swarm_consensus.decision.types import Contribution, Gossip, Status, Verdict
from swarm_consensus.protocols.values import value

WEIGHT_MAX = 1_000.0
# Where evidence fades it is fused again after this part of its half-life, at the latest.
FADING_STEP = 1 / 256


class Offer(Enum):
    """What became of a piece of evidence."""

    ACCEPTED = 'accepted'
    OLD = 'older than what this robot already gave'
    STALE = 'older than evidence_age_max'
    CLOSED = 'from before the subject was closed'
    DECIDED = 'the subject is decided for good'
    AGREED = 'evidence on subjects of the level agreed travels otherwise'
    NO_POLICY = 'no subject of this name in swarm.yaml'
    WRONG_LABELS = 'labels differ from those of the subject'
    BAD_VALUES = 'log-likelihoods or weight out of range'
    FULL = 'too many open subjects'


@dataclass(slots=True)
class _Held:
    contribution: Contribution
    born_ns: int


@dataclass(slots=True)
class _Round:
    policy: Policy
    first_ns: int
    quorum_ns: int | None = None
    held: dict[str, _Held] = field(default_factory=dict)
    changes: int = 0
    # The last fusion, what it was of, (changes, robots still fresh), and when.
    fused: tuple[Floats, float] | None = None
    fused_of: tuple[int, int] = (0, 0)
    fused_ns: int = 0


@value
class Fused:
    """
    Evidence of some robots as one distribution.

    :param probabilities: of the labels.
    :param robots: how many.
    :param voters: who they are, sorted; () where they are not known by name.
    :param oldest_ns: age of the oldest evidence in it.
    :param spread: how far the robots are apart, 0..1 (fusion.spread).
    :param doubt: why robots that lie may not be outvoted, where that was asked for; '' else.
    """

    probabilities: Floats
    robots: int
    voters: tuple[str, ...]
    oldest_ns: int
    spread: float
    doubt: str = ''


@value
class View:
    """What the evidence of an open subject says now, whether or not it is enough."""

    robots: tuple[str, ...]
    leading: str
    confidence: float


class Subjects:
    """
    The rounds that are open at one robot.

    :param open_max: rounds open at once; evidence that would open another is refused.
    """

    def __init__(self, policies: Policies, open_max: int = 1024) -> None:
        self._policies = policies
        self._open_max = open_max
        self._rounds: dict[str, _Round] = {}
        # When a subject was last closed: evidence born before that must not open it again.
        self._closed_ns: OrderedDict[str, int] = OrderedDict()

    @property
    def open(self) -> Collection[str]:
        """Return the names of the open subjects, oldest first."""
        return self._rounds.keys()

    def policy(self, subject: str) -> Policy | None:
        """Return the policy that serves a subject."""
        return self._policies.find(subject)

    def first_ns(self, subject: str) -> int | None:
        """Return when the first evidence of the open round was born."""
        held = self._rounds.get(subject)
        return None if held is None else held.first_ns

    def offer(self, contribution: Contribution, now_ns: int) -> Offer:
        """Take in evidence, own or a peer's; it opens the subject where it is not open."""
        policy = self._policies.find(contribution.subject)
        if policy is None:
            return Offer.NO_POLICY
        if contribution.labels_hash != policy.labels_hash:
            return Offer.WRONG_LABELS
        if not _plausible(contribution, len(policy.labels)):
            return Offer.BAD_VALUES
        born_ns = now_ns - contribution.age_us * 1000
        if policy.evidence_age_max_ns and now_ns - born_ns > policy.evidence_age_max_ns:
            return Offer.STALE
        if born_ns <= self._closed_ns.get(contribution.subject, born_ns - 1):
            return Offer.CLOSED
        current = self._rounds.get(contribution.subject)
        if current is None:
            if len(self._rounds) >= self._open_max:
                return Offer.FULL
            current = self._rounds[contribution.subject] = _Round(policy, born_ns)
        before = current.held.get(contribution.robot)
        if before is not None and _version(contribution) <= _version(before.contribution):
            return Offer.OLD
        current.held[contribution.robot] = _Held(contribution, born_ns)
        current.changes += 1
        current.first_ns = min(current.first_ns, born_ns)
        return Offer.ACCEPTED

    def open_for(self, subject: str, first_ns: int) -> bool:
        """
        Open a subject for evidence that others hold.

        :param first_ns: when the first of it was born.
        :returns: whether it is open.
        """
        policy = self._policies.find(subject)
        if policy is None:
            return False
        if subject not in self._rounds and len(self._rounds) < self._open_max:
            self._rounds[subject] = _Round(policy, first_ns)
        return subject in self._rounds

    def evidence(self, subject: str, robot: str, now_ns: int) -> tuple[Contribution, int] | None:
        """Return a robot's evidence on an open subject, while it counts, and its age in ns."""
        current = self._rounds.get(subject)
        held = None if current is None else current.held.get(robot)
        if current is None or held is None:
            return None
        age_ns = max(0, now_ns - held.born_ns)
        limit_ns = current.policy.evidence_age_max_ns
        return None if limit_ns and age_ns > limit_ns else (held.contribution, age_ns)

    def pooled(self, subject: str, now_ns: int) -> Fused | None:
        """Return what the evidence held here says together; None: there is none."""
        current = self._rounds.get(subject)
        return None if current is None else _fused(current, now_ns)

    def depart(self, robots: Collection[str]) -> list[str]:
        """Let the evidence of robots go that are gone; returns the open subjects it was in."""
        left: list[str] = []
        for subject, current in self._rounds.items():
            gone = [robot for robot in robots if robot in current.held]
            for robot in gone:
                del current.held[robot]
            if gone:
                current.changes += 1
                left.append(subject)
        return left

    def close(self, subject: str, now_ns: int) -> None:
        """End the round of a subject; only evidence born after now opens another."""
        self._rounds.pop(subject, None)
        self._closed_ns[subject] = now_ns
        self._closed_ns.move_to_end(subject)
        while len(self._closed_ns) > 4 * self._open_max:
            self._closed_ns.popitem(last=False)

    def view(self, subject: str, now_ns: int, given: Fused | None = None) -> View:
        """
        Return what the fresh evidence of a subject says; no evidence: an empty view.

        :param given: as for `verdict`.
        """
        current = self._rounds.get(subject)
        fused = given
        if current is not None and current.policy.gossip is Gossip.EXACT:
            fused = _fused(current, now_ns)
        if current is None or fused is None:
            return View((), '', 0.0)
        best = int(fused.probabilities.argmax())
        confidence = float(fused.probabilities[best])
        return View(fused.voters, current.policy.labels[best], confidence)

    def verdict(
        self,
        subject: str,
        now_ns: int,
        alive: Collection[str],
        given: Fused | None = None,
    ) -> Verdict | None:
        """
        Return what the evidence decides, or None while the policy says to wait.

        :param alive: robots whose evidence is worth waiting for.
        :param given: what the evidence of the swarm says, where the robots do not hold that of each
            other (`Policy.gossip`); None: that is not known yet.
        """
        current = self._rounds.get(subject)
        if current is None:
            return None
        policy = current.policy
        exact = policy.gossip is Gossip.EXACT
        if not exact and given is None:
            return None
        fresh = _fresh(current, now_ns)
        robots = len(fresh) if given is None else given.robots
        enough = robots >= policy.quorum
        if not enough:
            current.quorum_ns = None
        elif current.quorum_ns is None:
            current.quorum_ns = now_ns
        expired = now_ns - current.first_ns >= policy.deadline_ns
        settled = current.quorum_ns is not None and (
            now_ns - current.quorum_ns >= policy.settle_ns
            or (exact and all(robot in fresh for robot in alive))
        )
        if not expired and not settled:
            return None
        fused = given or (_fused(current, now_ns) if enough else None)
        if fused is None or not enough:
            voters = tuple(sorted(fresh)) if exact else ()
            return Verdict(Status.UNDECIDED, '', 0.0, voters, robots)
        best = int(fused.probabilities.argmax())
        confidence = float(fused.probabilities[best])
        status = Status.DECIDED
        if confidence < policy.confidence:
            if not expired:
                return None
            status = Status.LOW_CONFIDENCE if policy.decide_at_deadline else Status.UNDECIDED
        if fused.doubt and status.answered:
            status = Status.NOT_ROBUST
        return Verdict(
            status,
            policy.labels[best],
            confidence,
            fused.voters,
            robots,
            fused.oldest_ns,
            fused.spread,
            fused.doubt,
        )


def _version(contribution: Contribution) -> tuple[int, int]:
    return contribution.incarnation, contribution.sequence


def _plausible(contribution: Contribution, labels: int) -> bool:
    return (
        len(contribution.log_likelihood) == labels
        and labels > 0
        and all(math.isfinite(value) for value in contribution.log_likelihood)
        and 0.0 < contribution.weight <= WEIGHT_MAX
        and contribution.age_us >= 0
    )


def _fresh(current: _Round, now_ns: int) -> Mapping[str, _Held]:
    limit = current.policy.evidence_age_max_ns
    if not limit or now_ns - current.first_ns <= limit:
        return current.held
    return {robot: held for robot, held in current.held.items() if now_ns - held.born_ns <= limit}


def _fused(current: _Round, now_ns: int) -> Fused | None:
    """Return what the fresh evidence of a round says together; None: there is none."""
    fresh = _fresh(current, now_ns)
    if not fresh:
        return None
    policy = current.policy
    # A subject that waits is looked at every tick; the fusion is redone only when it can differ.
    # Evidence leaves `fresh` only by age, so the count tells whether any did.
    key = (current.changes, len(fresh))
    step_ns = policy.half_life_ns * FADING_STEP
    faded = bool(policy.half_life_ns) and now_ns - current.fused_ns > step_ns
    if current.fused is None or current.fused_of != key or faded:
        # Sorted, so that robots with the same evidence get bit-identical sums.
        held = [fresh[robot] for robot in sorted(fresh)]
        rows = np.array([h.contribution.log_likelihood for h in held], dtype=np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        np.maximum(rows, LOG_RATIO_MIN, out=rows)
        weights = np.array(
            [
                h.contribution.weight * fading(max(0, now_ns - h.born_ns), policy.half_life_ns)
                for h in held
            ],
            dtype=np.float64,
        )
        current.fused = (fuse(policy.fusion, rows, weights), spread(rows, weights))
        current.fused_of = key
        current.fused_ns = now_ns
    probabilities, apart = current.fused
    oldest_ns = max(0, now_ns - min(held.born_ns for held in fresh.values()))
    return Fused(probabilities, len(fresh), tuple(sorted(fresh)), oldest_ns, apart)
