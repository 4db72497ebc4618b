"""
Fusion rules: several robots' log-likelihoods over the same labels become one distribution.

Log-linear pool: p(x) proportional to the product of p_i(x)^w_i, which is Bayes' rule under a flat
prior when the observations are independent and the weights are 1 (Genest and Zidek, 1986).
Linear pool: p(x) = sum of w_i p_i(x) / sum of w_i (Stone, 1961); more cautious, one robot that is
sure and wrong cannot veto.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# How far below its best label a robot's evidence may put another: exp(-80) is far below what any
# sensor can know, and a bound keeps one robot from an everlasting veto.
LOG_RATIO_MIN = -80.0


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


RULES: dict[str, Callable[[Floats, Floats], Floats]] = {
    'log_linear': log_linear,
    'linear': linear,
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
