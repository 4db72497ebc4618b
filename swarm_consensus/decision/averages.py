"""
Fusion by sums: what a robot puts in, and what the sums over all robots say.

The pools are sums of one vector a robot (fusion.py), so a swarm of any size can fuse by adding
(protocols/fusion/averaging.py). A vector holds, for each label, the weighted probability, and for
the log-linear pool the weighted log-likelihood before these; then the weight, and the weighted sum
of the squared probabilities, of which the spread is made.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np

from swarm_consensus.decision.fusion import LOG_RATIO_MIN, Floats, normalise

# Rules that are sums; a median is none.
AVERAGED_RULES = ('log_linear', 'linear')


def width(rule: str, labels: int) -> int:
    """Return how many numbers a robot puts in."""
    return labels * (2 if rule == 'log_linear' else 1) + 2


def bounded(log_likelihood: Sequence[float]) -> Floats:
    """Return evidence with 0 for its best label, and LOG_RATIO_MIN at least for the others."""
    row = np.array(log_likelihood, dtype=np.float64)
    row -= row.max()
    return np.asarray(np.maximum(row, LOG_RATIO_MIN), dtype=np.float64)


def components(rule: str, log_likelihood: Sequence[float], weight: float) -> Floats:
    """
    Return what a robot puts in.

    :param rule: one of AVERAGED_RULES.
    :param log_likelihood: natural log, finite.
    :returns: shape (width,).
    """
    row = bounded(log_likelihood)
    probabilities = normalise(row)
    parts = [probabilities, np.array([1.0, float(probabilities @ probabilities)])]
    if rule == 'log_linear':
        parts.insert(0, row)
    return weight * np.concatenate(parts)


def pooled(rule: str, sums: Floats, labels: int) -> tuple[Floats, float] | None:
    """
    Return what the sums of what all robots put in say.

    :param sums: shape (width,).
    :returns: probabilities of the labels, and the spread; None: there is no weight in them.
    """
    weight = float(sums[-2])
    if weight <= 0.0:
        return None
    means = sums[-2 - labels : -2] / weight
    apart = math.sqrt(max(0.0, float(sums[-1]) / weight - float(means @ means)))
    if rule == 'log_linear':
        return normalise(sums[:labels]), apart
    means = np.maximum(means, 0.0)
    total = float(means.sum())
    return (means / total, apart) if total > 0.0 else None
