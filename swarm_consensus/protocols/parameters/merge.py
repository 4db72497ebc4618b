"""
From a base and contributions to it to new parameters, the same in every bit on every robot.

What makes it so:

- the contributions are taken in the order of their robots' names, whatever order they came in;
- sums are made in float64, one contribution after another, by single additions and multiplications
  of whole arrays: NumPy's reductions may add in another order on another processor, and a sum in
  one expression might be fused;
- additions, multiplications, divisions and roundings of IEEE 754 have one result each (section 5),
  sorting moves numbers and changes none, and -0 is made 0 first, since it sorts where it likes;
- the result is rounded once, to float32.

The weighted mean is that of FedAvg (McMahan et al., AISTATS 2017, algorithm 1). The trimmed mean is
the coordinate-wise one of Yin et al. (ICML 2018, definition 2), on updates without their weights,
since a liar chooses its own: in each coordinate the `trim` largest and smallest numbers are left
out. With at most `trim` liars the result lies, in each coordinate, between the smallest and the
largest number of an honest robot, whatever the liars say.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.parameters.architecture import Vector
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.values import value

# Coordinates that are sorted at once: bounds the memory beside the updates themselves.
SLICE = 1 << 16

Sums = NDArray[np.float64]


class RuleKind(Enum):
    """How contributions become one update. The numbers stand in decisions."""

    WEIGHTED_MEAN = 1
    TRIMMED_MEAN = 2


@value
class Rule:
    """
    A way to merge.

    :param trim: with TRIMMED_MEAN, how many of the largest and of the smallest numbers are left
        out: as many robots may lie. 0 with WEIGHTED_MEAN.
    :raises ParametersError: a number that does not go with the kind.
    """

    kind: RuleKind = RuleKind.WEIGHTED_MEAN
    trim: int = 0

    def __post_init__(self) -> None:
        if (self.kind is RuleKind.TRIMMED_MEAN) != (self.trim > 0):
            raise ParametersError(f'{self.kind.name} does not go with trim {self.trim}')

    @property
    def contributions_min(self) -> int:
        """Return how many contributions there must be at least."""
        return 2 * self.trim + 1


@value
class Update:
    """
    One robot's contribution, ready to be merged.

    :param values: shape (count,), finite.
    """

    robot: str
    weight: float
    values: Vector


def merge(base: Vector, updates: Sequence[Update], rule: Rule) -> Vector:
    """
    Return new parameters.

    :param base: shape (count,).
    :param updates: one a robot, in any order.
    :returns: shape (count,), finite.
    :raises ParametersError: too few of them for the rule, two of one robot, or a sum beyond
        float32.
    """
    ordered = sorted(updates, key=lambda update: update.robot)
    if len({update.robot for update in ordered}) < len(ordered):
        raise ParametersError('two contributions of one robot')
    if len(ordered) < rule.contributions_min:
        raise ParametersError(
            f'{len(ordered)} contributions, and {rule.kind.name} with trim {rule.trim} needs '
            f'{rule.contributions_min}'
        )
    if any(update.values.shape != base.shape for update in ordered):
        raise ParametersError('a contribution of another length than the base')
    if rule.kind is RuleKind.WEIGHTED_MEAN:
        change = _weighted_mean(ordered, base.size)
    else:
        change = _trimmed_mean(ordered, base.size, rule.trim)
    with np.errstate(over='ignore'):
        merged: Vector = (base.astype(np.float64) + change).astype(np.float32)
    if not np.isfinite(merged).all():
        raise ParametersError('the merged parameters hold a number that is not finite')
    return merged


def _weighted_mean(updates: Sequence[Update], count: int) -> Sums:
    total: Sums = np.zeros(count)
    weights = 0.0
    for update in updates:
        share = update.values.astype(np.float64)
        share *= update.weight
        total += share
        weights += update.weight
    total /= weights
    return total


def _trimmed_mean(updates: Sequence[Update], count: int, trim: int) -> Sums:
    change: Sums = np.empty(count)
    kept = len(updates) - 2 * trim
    for begin in range(0, count, SLICE):
        end = min(begin + SLICE, count)
        rows = np.stack([update.values[begin:end].astype(np.float64) for update in updates])
        rows += 0.0  # -0 becomes 0
        rows.sort(axis=0)
        total = np.zeros(end - begin)
        for row in rows[trim : trim + kept]:
            total += row
        total /= kept
        change[begin:end] = total
    return change
