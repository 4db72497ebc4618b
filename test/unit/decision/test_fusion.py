"""Fusion rules against what their definitions say, written out the slow way."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from swarm_consensus.decision.fusion import RULES, fuse, normalise


def slow_log_linear(rows: list[list[float]], weights: list[float]) -> list[float]:
    """Product of the robots' likelihoods to the power of their weights, normalised."""
    products = []
    for label in range(len(rows[0])):
        product = 1.0
        for row, weight in zip(rows, weights, strict=True):
            product *= math.exp(row[label]) ** weight
        products.append(product)
    return [product / sum(products) for product in products]


def slow_linear(rows: list[list[float]], weights: list[float]) -> list[float]:
    """Weighted mean of the robots' distributions."""
    total = [0.0] * len(rows[0])
    for row, weight in zip(rows, weights, strict=True):
        evidence = sum(math.exp(value) for value in row)
        for label, value in enumerate(row):
            total[label] += weight * math.exp(value) / evidence
    return [value / sum(weights) for value in total]


@pytest.mark.parametrize('seed', range(50))
@pytest.mark.parametrize(
    ('rule', 'slow'), [('log_linear', slow_log_linear), ('linear', slow_linear)]
)
def test_rule_equals_its_definition(rule: str, slow: object, seed: int) -> None:
    """On random evidence the vectorised rule and the slow one agree."""
    draw = random.Random(seed)
    robots, labels = draw.randint(1, 7), draw.randint(2, 12)
    rows = [[draw.uniform(-6, 2) for _ in range(labels)] for _ in range(robots)]
    weights = [draw.uniform(0.1, 3) for _ in range(robots)]
    fused = fuse(rule, np.array(rows), np.array(weights))
    expected = slow(rows, weights)  # type: ignore[operator]
    assert fused == pytest.approx(expected, rel=1e-9), f'seed {seed}'


@pytest.mark.parametrize('rule', sorted(RULES))
def test_order_of_robots_and_offset_of_a_robot_do_not_matter(rule: str) -> None:
    """A likelihood is known up to a factor; who speaks first says nothing."""
    rows = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]))
    weights = np.array([1.0, 2.0])
    fused = fuse(rule, rows, weights)
    shifted = rows + np.array([[5.0], [-300.0]])
    assert fuse(rule, shifted, weights) == pytest.approx(fused)
    assert fuse(rule, rows[::-1], weights[::-1]) == pytest.approx(fused)


def test_normalise_survives_extremes() -> None:
    """Neither overflow nor underflow gives a nan."""
    for values in ([-1e4, 0.0], [1e4, -1e4], [-1e300, -1e300]):
        probabilities = normalise(np.array(values))
        assert np.isfinite(probabilities).all()
        assert probabilities.sum() == pytest.approx(1.0)
