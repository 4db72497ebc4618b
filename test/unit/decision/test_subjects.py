"""Open subjects: what counts as evidence, and when the policy lets an answer out."""

from __future__ import annotations

from dataclasses import replace
import math
import random

import pytest

from swarm_consensus.decision.policy import Policies, Policy, quorum_of
from swarm_consensus.decision.subjects import Offer, Subjects
from swarm_consensus.decision.types import Contribution, Level, Status

MS = 1_000_000
LABELS = ('cat', 'dog', 'fox')
POLICY = Policy(
    name='animal',
    labels=LABELS,
    labels_hash=7,
    level=Level.COMMITTED,
    quorum=2,
    confidence=0.8,
    settle_ns=50 * MS,
    deadline_ns=1000 * MS,
    decide_at_deadline=True,
    revise=False,
    evidence_age_max_ns=2000 * MS,
    fusion='log_linear',
)
ALL = ('a', 'b', 'c')


def evidence(
    robot: str, *probabilities: float, sequence: int = 1, age_ms: int = 0, incarnation: int = 1
) -> Contribution:
    """One robot's evidence, given as probabilities of the three labels."""
    return Contribution(
        robot=robot,
        incarnation=incarnation,
        sequence=sequence,
        subject='animal',
        labels_hash=7,
        log_likelihood=tuple(math.log(p) for p in probabilities),
        weight=1.0,
        age_us=age_ms * 1000,
    )


def subjects(**changes: object) -> Subjects:
    """Subjects with the one policy, changed."""
    return Subjects(Policies((replace(POLICY, **changes),)))  # type: ignore[arg-type]


SURE = (0.9, 0.05, 0.05)


def test_decides_at_once_when_all_that_are_alive_have_spoken() -> None:
    """No waiting for `settle` when nobody is left to wait for."""
    s = subjects()
    assert s.offer(evidence('a', *SURE), 0) is Offer.ACCEPTED
    assert s.verdict('animal', 0, ('a', 'b')) is None
    s.offer(evidence('b', *SURE), 1 * MS)
    verdict = s.verdict('animal', 1 * MS, ('a', 'b'))
    assert verdict is not None
    assert (verdict.status, verdict.choice, verdict.voters) == (Status.DECIDED, 'cat', ('a', 'b'))
    assert verdict.confidence == pytest.approx(0.81 / (0.81 + 2 * 0.0025))


def test_waits_settle_for_a_robot_that_is_alive_and_silent() -> None:
    """With quorum there, the third robot gets 50 ms and not more."""
    s = subjects()
    s.offer(evidence('a', *SURE), 0)
    s.offer(evidence('b', *SURE), 10 * MS)
    assert s.verdict('animal', 10 * MS, ALL) is None
    assert s.verdict('animal', 59 * MS, ALL) is None
    assert s.verdict('animal', 60 * MS, ALL) is not None


def test_unsure_evidence_waits_for_the_deadline_and_says_low_confidence() -> None:
    """The best label below the confidence asked is given as just that."""
    s = subjects()
    s.offer(evidence('a', 0.4, 0.35, 0.25), 0)
    s.offer(evidence('b', 0.4, 0.35, 0.25), 0)
    assert s.verdict('animal', 999 * MS, ('a', 'b')) is None
    verdict = s.verdict('animal', 1000 * MS, ('a', 'b'))
    assert verdict is not None
    assert verdict.status is Status.LOW_CONFIDENCE
    assert verdict.choice == 'cat'


def test_give_up_and_too_few_robots_are_undecided() -> None:
    """No answer is made up: neither against `give_up` nor without quorum of evidence."""
    s = subjects(decide_at_deadline=False)
    s.offer(evidence('a', 0.4, 0.35, 0.25), 0)
    s.offer(evidence('b', 0.4, 0.35, 0.25), 0)
    verdict = s.verdict('animal', 1000 * MS, ('a', 'b'))
    assert verdict is not None
    assert verdict.status is Status.UNDECIDED
    s = subjects()
    s.offer(evidence('a', *SURE), 0)
    verdict = s.verdict('animal', 1000 * MS, ('a',))
    assert verdict is not None
    assert (verdict.status, verdict.choice) == (Status.UNDECIDED, '')


@pytest.mark.parametrize('seed', range(100))
def test_evidence_counts_once_whatever_order_it_comes_in(seed: int) -> None:
    """Duplicates, retries and reordering end in the newest evidence of each robot, once."""
    draw = random.Random(seed)
    newest: dict[str, Contribution] = {}
    stream = []
    for robot in ALL:
        for version in range(draw.randint(1, 6)):
            raw = [draw.uniform(0.05, 1) for _ in LABELS]
            item = evidence(
                robot,
                *(r / sum(raw) for r in raw),
                sequence=version % 3 + 1,
                incarnation=version // 3 + 1,
            )
            stream += [item] * draw.randint(1, 3)
            newest[robot] = item
    draw.shuffle(stream)
    s = subjects()
    for item in stream:
        s.offer(item, 0)
    reference = subjects()
    for item in newest.values():
        reference.offer(item, 0)
    assert s.view('animal', 0) == reference.view('animal', 0), f'seed {seed}'


@pytest.mark.parametrize(
    ('change', 'outcome'),
    [
        ({'subject': 'weather'}, Offer.NO_POLICY),
        ({'labels_hash': 8}, Offer.WRONG_LABELS),
        ({'log_likelihood': (0.0, 0.0)}, Offer.BAD_VALUES),
        ({'log_likelihood': (0.0, math.nan, 0.0)}, Offer.BAD_VALUES),
        ({'log_likelihood': (0.0, math.inf, 0.0)}, Offer.BAD_VALUES),
        ({'weight': 0.0}, Offer.BAD_VALUES),
        ({'weight': 1e9}, Offer.BAD_VALUES),
        ({'age_us': 2_000_001}, Offer.STALE),
    ],
)
def test_bad_evidence_is_refused_with_its_reason(change: dict[str, object], outcome: Offer) -> None:
    """Nothing implausible gets into a fusion."""
    s = subjects()
    assert s.offer(replace(evidence('a', *SURE), **change), 0) is outcome  # type: ignore[arg-type]
    assert not s.open


def test_old_evidence_stops_counting() -> None:
    """After `evidence_age_max` a robot's evidence no longer makes the quorum."""
    s = subjects(deadline_ns=10_000 * MS)
    s.offer(evidence('a', *SURE), 0)
    s.offer(evidence('b', *SURE), 1500 * MS)
    assert s.view('animal', 2000 * MS).robots == ('a', 'b')
    assert s.view('animal', 2001 * MS).robots == ('b',)
    assert s.verdict('animal', 2001 * MS, ('a', 'b')) is None


def test_closed_subject_opens_only_for_newer_evidence() -> None:
    """What was seen before the decision does not start another round."""
    s = subjects()
    s.offer(evidence('a', *SURE), 0)
    s.close('animal', 100 * MS)
    late = evidence('b', *SURE, age_ms=60)
    assert s.offer(late, 150 * MS) is Offer.CLOSED
    assert s.offer(evidence('b', *SURE, sequence=2, age_ms=40), 150 * MS) is Offer.ACCEPTED


def test_number_of_open_subjects_is_bounded() -> None:
    """A flood of subjects is refused, not stored."""
    s = Subjects(Policies((POLICY,)), open_max=3)
    outcomes = [
        s.offer(replace(evidence('a', *SURE), subject=f'animal/{n}'), 0) for n in range(5)
    ]
    assert outcomes == [Offer.ACCEPTED] * 3 + [Offer.FULL] * 2


def test_policy_of_the_longest_prefix_serves_a_subject() -> None:
    """'animal/pet/7' takes the policy of 'animal/pet' where there is one."""
    pet = replace(POLICY, name='animal/pet')
    policies = Policies((POLICY, pet))
    assert policies.find('animal/pet/7') is pet
    assert policies.find('animal/7') is POLICY
    assert policies.find('animals') is None


@pytest.mark.parametrize(
    ('rule', 'robots', 'quorum'),
    [('majority', 5, 3), ('majority', 4, 3), ('majority', 1, 1), ('all', 4, 4), ('2', 4, 2)],
)
def test_quorum_rules(rule: str, robots: int, quorum: int) -> None:
    """What the words mean in robots."""
    assert quorum_of(rule, robots) == quorum


@pytest.mark.parametrize('rule', ['0', '5', '-1', 'most', ''])
def test_quorum_that_cannot_be_is_refused(rule: str) -> None:
    """With a message that says what may stand there."""
    with pytest.raises(ValueError, match='must be'):
        quorum_of(rule, 4)


def test_one_robot_has_no_everlasting_veto() -> None:
    """However sure one robot is, three others that are fairly sure win."""
    s = subjects(quorum=4)
    certain = replace(evidence('liar', 0.1, 0.8, 0.1), log_likelihood=(-1e6, 0.0, -1e6))
    s.offer(certain, 0)
    for robot in ALL:
        s.offer(evidence(robot, 1 - 2e-13, 1e-13, 1e-13), 0)
    assert s.view('animal', 0).leading == 'cat'
