"""From a model's answer to log-likelihoods: the numbers, and what is refused."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from swarm_consensus.inference.errors import InvalidOutputError, NonFiniteOutputError
from swarm_consensus.inference.likelihood import LikelihoodRule
from swarm_consensus.inference.spec import OutputKind


def slow_twin(logits, temperature, prior, floor):
    weights = [math.exp(z / temperature) for z in logits]
    posterior = [w / sum(weights) for w in weights]
    ratio = [p / q for p, q in zip(posterior, prior or [1.0] * len(logits), strict=True)]
    return [max(math.log(r / sum(ratio)), floor) for r in ratio]


@pytest.mark.parametrize('seed', range(50))
def test_any_kind_of_answer_gives_the_twins_numbers(seed):
    dice = random.Random(seed)
    count = dice.randint(2, 12)
    logits = [dice.uniform(-8, 8) for _ in range(count)]
    prior = [dice.uniform(0.1, 3) for _ in range(count)] if dice.random() < 0.5 else []
    temperature, floor = dice.choice([1.0, 0.5, 2.5]), dice.choice([-30.0, -3.0])
    z = np.array(logits)
    log_p = z - np.log(np.exp(z).sum())
    answers = {
        OutputKind.LOGITS: z,
        OutputKind.LOG_PROBABILITIES: log_p,
        OutputKind.PROBABILITIES: np.exp(log_p),
    }
    wanted = slow_twin(logits, temperature, prior, floor)
    for kind, answer in answers.items():
        rule = LikelihoodRule(kind, temperature=temperature, prior=prior, floor=floor)
        got = rule.apply(answer.astype(np.float32)[None])
        assert got.dtype == np.float32
        assert np.allclose(got, wanted, atol=2e-4), f'seed {seed}, {kind}'


def test_a_probability_of_0_is_floored_and_not_infinite():
    rule = LikelihoodRule(OutputKind.PROBABILITIES, floor=-12.0)
    assert rule.apply(np.array([1.0, 0.0])).tolist() == [0.0, -12.0]
    rule = LikelihoodRule(OutputKind.LOG_PROBABILITIES, floor=-12.0)
    assert rule.apply(np.array([0.0, -np.inf])).tolist() == [0.0, -12.0]


def test_huge_logits_do_not_overflow():
    got = LikelihoodRule(OutputKind.LOGITS, floor=-5.0).apply(np.array([1e30, -1e30, 0.0]))
    assert got.tolist() == [0.0, -5.0, -5.0]


@pytest.mark.parametrize('kind', list(OutputKind))
@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_what_is_not_finite_is_refused(kind, bad):
    with pytest.raises(NonFiniteOutputError):
        LikelihoodRule(kind).apply(np.array([0.5, bad]))


def test_minus_infinity_is_no_logit():
    with pytest.raises(NonFiniteOutputError):
        LikelihoodRule(OutputKind.LOGITS).apply(np.array([0.5, -np.inf]))


@pytest.mark.parametrize(
    ('kind', 'answer'),
    [
        (OutputKind.PROBABILITIES, [3.1, -2.0, 0.4]),
        (OutputKind.PROBABILITIES, [0.0, 0.0, 0.0]),
        (OutputKind.PROBABILITIES, [1.5, -0.5, 0.0]),
        (OutputKind.LOG_PROBABILITIES, [3.1, -2.0, 0.4]),
        (OutputKind.LOG_PROBABILITIES, [1e30, 0.0, 0.0]),
        (OutputKind.LOG_PROBABILITIES, [-np.inf, -np.inf, -np.inf]),
    ],
)
def test_an_answer_of_another_kind_is_refused_and_says_so(kind, answer):
    with pytest.raises(InvalidOutputError, match="perhaps 'logits'"):
        LikelihoodRule(kind).apply(np.array(answer))


def test_half_precision_probabilities_are_taken():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(1000, 0.1)).astype(np.float16)
    assert np.isfinite(LikelihoodRule(OutputKind.PROBABILITIES).apply(p)).all()


def test_the_temperature_may_change_at_any_time():
    rule = LikelihoodRule(OutputKind.LOGITS)
    sure = rule.apply(np.array([4.0, 0.0]))
    rule.temperature = 4.0
    assert rule.apply(np.array([4.0, 0.0]))[1] > sure[1]
