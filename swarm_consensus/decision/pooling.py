"""
From the votes of robots over the same labels to one distribution, with equal bits on every robot.

The log-linear and the linear pool are those of fusion.py. Plurality: the share of robots, or of
their weights, whose best label it is. Median and trimmed mean go through the robots' distributions
label by label and scale what comes out to sum 1; while more than half of the robots, or all but
`trim` on each side, are honest, no other can move a label out of the range of the honest ones
before that (the coordinate-wise rules of Yin et al., 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import math

from swarm_consensus.decision.arithmetic import median, normalise, scaled, trimmed_mean
from swarm_consensus.decision.fusion import LOG_RATIO_MIN

# One a robot: the log-likelihood of each label, 0 for the best and LOG_RATIO_MIN at least.
Row = tuple[float, ...]
Rows = Sequence[Row]
Weights = Sequence[float]


def bounded(log_likelihood: Sequence[float]) -> Row:
    """Return evidence as a row; finite numbers, one at least."""
    highest = max(log_likelihood)
    # The distance of two very large numbers may be infinite, and is bounded as well.
    return tuple([max(value - highest, LOG_RATIO_MIN) for value in log_likelihood])


def one_hot(index: int, labels: int) -> Row:
    """Return the row of a robot that proposes a label."""
    return tuple([0.0 if each == index else LOG_RATIO_MIN for each in range(labels)])


def first_best(values: Sequence[float]) -> int:
    """Return the index of the largest; of equal ones the lowest."""
    return values.index(max(values))


def middle(columns: Sequence[Sequence[float]], rule: str, trim: int) -> list[float]:
    """
    Return the median or the trimmed mean, coordinate by coordinate.

    :param columns: one a coordinate: what each robot has there, finite.
    :param rule: 'median' or 'trimmed_mean'.
    :param trim: how many are left out on each side by the trimmed mean.
    """
    if rule == 'median':
        return [median(sorted(column)) for column in columns]
    return [trimmed_mean(sorted(column), trim) for column in columns]


def _log_linear(rows: Rows, weights: Weights, trim: int) -> list[float]:
    # Weight times evidence, summed without rounding: in any order the same.
    return normalise(
        [
            math.fsum([weight * row[label] for row, weight in zip(rows, weights, strict=True)])
            for label in range(len(rows[0]))
        ]
    )


def _linear(rows: Rows, weights: Weights, trim: int) -> list[float]:
    parts = [normalise(row) for row in rows]
    return scaled(
        [
            math.fsum([weight * part[label] for part, weight in zip(parts, weights, strict=True)])
            for label in range(len(rows[0]))
        ]
    )


def _weighted_plurality(rows: Rows, weights: Weights, trim: int) -> list[float]:
    behind: list[list[float]] = [[] for _ in rows[0]]
    for row, weight in zip(rows, weights, strict=True):
        behind[first_best(row)].append(weight)
    return scaled([math.fsum(each) for each in behind])


def _plurality(rows: Rows, weights: Weights, trim: int) -> list[float]:
    return _weighted_plurality(rows, [1.0] * len(rows), trim)


def _median(rows: Rows, weights: Weights, trim: int) -> list[float]:
    return scaled(middle(list(zip(*map(normalise, rows), strict=True)), 'median', trim))


def _trimmed_mean(rows: Rows, weights: Weights, trim: int) -> list[float]:
    return scaled(middle(list(zip(*map(normalise, rows), strict=True)), 'trimmed_mean', trim))


POOLING: dict[str, Callable[[Rows, Weights, int], list[float]]] = {
    'log_linear': _log_linear,
    'linear': _linear,
    'plurality': _plurality,
    'weighted_plurality': _weighted_plurality,
    'median': _median,
    'trimmed_mean': _trimmed_mean,
}


def pool(rule: str, rows: Rows, weights: Weights, trim: int) -> list[float]:
    """
    Pool the votes of robots.

    :param rule: a key of POOLING.
    :param rows: one a robot, one at least.
    :param weights: one a robot, > 0.
    :param trim: robots left out on each side by the trimmed mean; less than half of them.
    :returns: a probability for each label.
    """
    return POOLING[rule](rows, weights, trim)
