"""
Arithmetic with equal bits on every robot.

Where robots must come to the same outcome from the same ballots, the last bit counts: it may tip
a comparison, and outcomes are compared byte by byte. numpy and the C library take the exponential,
and sums of many, in ways that differ with processor and version. So here only what IEEE 754 rounds
exactly is used (+ - * / of two numbers, scaling by powers of two), with `math.fsum`, whose result
is the exactly rounded sum in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
import math

# ln 2 in two parts (W. J. Cody, W. Waite: Software Manual for the Elementary Functions, 1980): the
# first has so few bits that its product with a small whole number is exact.
_LN2_HIGH = float.fromhex('0x1.62e42fee00000p-1')
_LN2_LOW = float.fromhex('0x1.a39ef35793c76p-33')
_PER_LN2 = float.fromhex('0x1.71547652b82fep+0')
# Below, exp(x) is less than half of the smallest number there is.
_EXP_MIN = -746.0
# Coefficients of the series, highest first. |x| is at most ln 2 / 2 there, and the first term that
# is left out smaller than half of the last bit.
_SERIES = tuple(1.0 / math.factorial(power) for power in range(13, -1, -1))


def exp(x: float) -> float:
    """
    Return e to the power of x, within 2 units of the last place, with equal bits everywhere.

    :param x: at most 0; -inf is allowed.
    """
    if x < _EXP_MIN:
        return 0.0
    power = math.floor(x * _PER_LN2 + 0.5)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    result = 0.0
    for coefficient in _SERIES:
        result = result * rest + coefficient
    return math.ldexp(result, power)


def normalise(log_weights: Sequence[float]) -> list[float]:
    """
    Return the probabilities of unnormalised natural-log weights.

    :param log_weights: one for each label, finite.
    :returns: as many, each 0..1.
    """
    highest = max(log_weights)
    shares = [exp(value - highest) for value in log_weights]
    return scaled(shares)


def scaled(shares: Sequence[float]) -> list[float]:
    """
    Return shares divided by their sum.

    :param shares: none negative, one at least above 0.
    """
    total = math.fsum(shares)
    return [share / total for share in shares]


def median(ordered: Sequence[float]) -> float:
    """
    Return the middle one, or the mean of the two in the middle; never outside of these.

    :param ordered: finite, ascending, not empty.
    """
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    low, high = ordered[half - 1], ordered[half]
    total = low + high
    # The sum of two very large numbers of one sign is beyond the largest there is.
    return total / 2 if math.isfinite(total) else low / 2 + high / 2


def mean(ordered: Sequence[float]) -> float:
    """
    Return the mean; never outside of the smallest and the largest.

    :param ordered: finite, ascending, not empty.
    """
    try:
        value = math.fsum(ordered) / len(ordered)
    except OverflowError:
        value = float(sum(map(Fraction, ordered)) / len(ordered))
    # Rounded twice, the mean of equal numbers may be off by the last bit.
    return min(max(value, ordered[0]), ordered[-1])


def trimmed_mean(ordered: Sequence[float], trim: int) -> float:
    """
    Return the mean of what is left without the `trim` lowest and the `trim` highest.

    :param ordered: finite, ascending, more than 2 * `trim`.
    """
    return mean(ordered[trim : len(ordered) - trim])
