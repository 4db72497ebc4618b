"""
Fusion rules: several robots' log-likelihoods over the same labels become one distribution.

Log-linear pool: p(x) proportional to the product of p_i(x)^w_i, which is Bayes' rule under a flat
prior when the observations are independent and the weights are 1 (Genest and Zidek, 1986).
Linear pool: p(x) = sum of w_i p_i(x) / sum of w_i (Stone, 1961); more cautious, one robot that is
sure and wrong cannot veto. Median: label by label the weighted median of the p_i(x), scaled to sum
1; robots with less than half of the weight cannot move a label out of the range of the others,
before it is scaled.

Weights fade with the age of the evidence where the subject has a half-life.
"""

from __future__ import annotations

from collections.abc import Callable
import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# How far below its best label a robot's evidence may put another: exp(-80) is far below what any
# sensor can know, and a bound keeps one robot from an everlasting veto.
LOG_RATIO_MIN = -80.0
# Evidence never fades to nothing, so that weights can be divided by their sum.
HALVINGS_MAX = 60.0


def normalise(log_weights: Floats) -> Floats:
    """
    Return the probabilities of unnormalised natural-log weights.

    :param log_weights: shape (..., labels), finite.
    :returns: same shape, each last axis sums to 1.
    """
    shifted = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float64)


def log_linear(log_likelihood: Floats, weights: Floats) -> Floats:
    """
    Pool by the weighted product.

    :param log_likelihood: shape (robots, labels), natural log.
    :param weights: shape (robots,), > 0.
    :returns: probabilities, shape (labels,).
    """
    return normalise(weights @ log_likelihood)


def linear(log_likelihood: Floats, weights: Floats) -> Floats:
    """Pool by the weighted mean of each robot's distribution; shapes as in `log_linear`."""
    pooled = weights @ normalise(log_likelihood)
    return np.asarray(pooled / weights.sum(), dtype=np.float64)


def median(log_likelihood: Floats, weights: Floats) -> Floats:
    """Pool by the weighted median of each label's probability; shapes as in `log_linear`."""
    probabilities = normalise(log_likelihood)
    order = np.argsort(probabilities, axis=0, kind='stable')
    ranked = np.take_along_axis(probabilities, order, axis=0)
    below = np.cumsum(weights[order], axis=0)
    half = below[-1] / 2.0
    # The first with half of the weight up to it; where that is exactly half, the mean of it and
    # the next, as of an even number of robots that count alike.
    lower = np.argmax(below >= half, axis=0)
    upper = np.argmax(below > half, axis=0)
    labels = np.arange(probabilities.shape[1])
    middle = (ranked[lower, labels] + ranked[upper, labels]) / 2.0
    total = middle.sum()
    if total <= 0.0:
        # Each label has less than half of the robots for it, and all of these are quite sure.
        return np.full(len(labels), 1.0 / len(labels))
    return np.asarray(middle / total, dtype=np.float64)


RULES: dict[str, Callable[[Floats, Floats], Floats]] = {
    'log_linear': log_linear,
    'linear': linear,
    'median': median,
}


def fuse(rule: str, log_likelihood: Floats, weights: Floats) -> Floats:
    """
    Fuse the robots' evidence.

    :param rule: a key of RULES.
    :param log_likelihood: shape (robots, labels), natural log, finite.
    :param weights: shape (robots,), > 0.
    :returns: probabilities, shape (labels,).
    :raises KeyError: unknown rule.
    """
    return RULES[rule](log_likelihood, weights)


def spread(log_likelihood: Floats, weights: Floats) -> float:
    """
    Return how far the robots are apart.

    It is the root of the weighted mean square distance of their distributions from the mean of
    them: 0 where all say the same, below 1 always.
    """
    probabilities = normalise(log_likelihood)
    mean = weights @ probabilities / weights.sum()
    squares = weights @ (probabilities**2).sum(axis=1) / weights.sum()
    return math.sqrt(max(0.0, float(squares - mean @ mean)))


def fading(age_ns: int, half_life_ns: int) -> float:
    """
    Return the factor on the weight of evidence of an age.

    :param half_life_ns: age at which evidence counts half; 0: it does not fade.
    """
    if not half_life_ns:
        return 1.0
    return math.exp2(-min(age_ns / half_life_ns, HALVINGS_MAX))
