"""The subjects of a swarm: who believes what, and which decision each robot says is in force."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
import math

import numpy as np

from swarm_consensus.decision.fusion import LOG_RATIO_MIN, fuse, normalise
from swarm_consensus.decision.types import Decision
from swarm_consensus.transport.hashes import labels_hash
from swarm_consensus.views.values import Answer, BeliefRow, Subject

SECOND = 1_000_000_000
# What is shown; subjects that were told of last stay.
SUBJECTS_MAX = 200
LABELS_MAX = 1_000


@dataclass(slots=True)
class _Belief:
    labels_hash: int
    log_likelihood: tuple[float, ...]
    told_ns: int


@dataclass(slots=True)
class _Told:
    beliefs: dict[str, _Belief] = field(default_factory=dict)
    answers: dict[str, Decision] = field(default_factory=dict)


class Subjects:
    """
    Told the beliefs and decisions of all robots.

    :param belief_age_max_ns: older beliefs are shown, and count no more.
    """

    def __init__(self, belief_age_max_ns: int) -> None:
        self._belief_age_max_ns = belief_age_max_ns
        self._told: OrderedDict[str, _Told] = OrderedDict()
        self._labels: OrderedDict[int, tuple[str, ...]] = OrderedDict()

    def _of(self, subject: str) -> _Told:
        told = self._told.get(subject)
        if told is None:
            told = self._told[subject] = _Told()
            if len(self._told) > SUBJECTS_MAX:
                self._told.popitem(last=False)
        self._told.move_to_end(subject)
        return told

    def tell_belief(
        self,
        robot: str,
        subject: str,
        labels: Sequence[str],
        told_hash: int,
        log_likelihood: Sequence[float],
        now_ns: int,
    ) -> bool:
        """
        Take in what a robot believes.

        :param labels: may be empty; then `told_hash` says which.
        :returns: whether it is a belief at all: finite numbers, as many as labels.
        """
        if not log_likelihood or not all(math.isfinite(each) for each in log_likelihood):
            return False
        if len(log_likelihood) > LABELS_MAX or (labels and len(labels) != len(log_likelihood)):
            return False
        if labels:
            told_hash = labels_hash(labels)
            self._labels[told_hash] = tuple(labels)
            self._labels.move_to_end(told_hash)
            if len(self._labels) > SUBJECTS_MAX:
                self._labels.popitem(last=False)
        belief = _Belief(told_hash, tuple(log_likelihood), now_ns)
        self._of(subject).beliefs[robot] = belief
        return True

    def tell_answer(self, robot: str, decision: Decision) -> None:
        """Take in a decision that names an answer; an older one than is known changes nothing."""
        answers = self._of(decision.subject).answers
        known = answers.get(robot)
        if known is None or _order(known) <= _order(decision):
            answers[robot] = decision

    def look(self, heard: Collection[str], now_ns: int) -> tuple[Subject, ...]:
        """
        Return how the subjects stand, in order of their names.

        :param heard: robots whose status is fresh.
        """
        return tuple(
            self._look(subject, self._told[subject], heard, now_ns)
            for subject in sorted(self._told)
        )

    def _look(
        self, subject: str, told: _Told, heard: Collection[str], now_ns: int
    ) -> Subject:
        newest = max(
            told.beliefs.values(), key=lambda belief: belief.told_ns, default=None
        )
        labels: tuple[str, ...] = ()
        rows, counted = [], []
        if newest is not None:
            size = len(newest.log_likelihood)
            labels = self._labels.get(
                newest.labels_hash, tuple(f'#{number}' for number in range(size))
            )
            for robot, belief in sorted(told.beliefs.items()):
                # Beliefs over other labels do not mix.
                if belief.labels_hash != newest.labels_hash or len(belief.log_likelihood) != size:
                    continue
                values = np.array(belief.log_likelihood)
                values = np.maximum(values - values.max(), LOG_RATIO_MIN)
                probabilities = normalise(values)
                best = int(probabilities.argmax())
                age_ns = now_ns - belief.told_ns
                fresh = age_ns <= self._belief_age_max_ns
                if fresh:
                    counted.append(values)
                rows.append(
                    BeliefRow(
                        robot,
                        tuple(probabilities.tolist()),
                        labels[best],
                        float(probabilities[best]),
                        age_ns / SECOND,
                        fresh,
                    )
                )
        together: tuple[float, ...] = ()
        if counted:
            pooled = fuse('log_linear', np.array(counted), np.ones(len(counted)))
            together = tuple(pooled.tolist())
        answers = {robot: told.answers[robot] for robot in sorted(told.answers)}
        # Before robots that are not heard: what these say may be of yesterday.
        foremost = max(
            answers, key=lambda robot: (robot in heard, _order(answers[robot])), default=None
        )
        choices = {answers[robot].choice for robot in answers if robot in heard}
        return Subject(
            subject,
            labels,
            tuple(rows),
            together,
            tuple(_answer(robot, decision) for robot, decision in answers.items()),
            None if foremost is None else _answer(foremost, answers[foremost]),
            len(choices) <= 1,
        )


def _order(decision: Decision) -> tuple[int, int]:
    return decision.index, decision.revision


def _answer(robot: str, decision: Decision) -> Answer:
    return Answer(
        robot,
        decision.choice,
        decision.confidence,
        decision.revision,
        decision.level.name.lower(),
        decision.status.name,
        decision.voters,
    )
