"""Arithmetic with equal bits everywhere: near the truth, and within what it is the mean of."""

from __future__ import annotations

from fractions import Fraction
import math
import statistics

from hypothesis import given
from hypothesis import strategies as st
import pytest

from swarm_consensus.decision.arithmetic import (
    exp,
    mean,
    median,
    normalise,
    scaled,
    trimmed_mean,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
some = st.lists(finite, min_size=1, max_size=9).map(sorted)


@given(st.floats(-745.0, 0.0))
def test_exponential_is_within_two_units_of_the_last_place(x: float) -> None:
    truth = math.exp(x)
    assert abs(exp(x) - truth) <= 2 * math.ulp(truth)


def test_exponential_has_the_bits_that_it_has_had() -> None:
    """Golden bits: a change of them splits swarms whose robots are not updated together."""
    assert [exp(x).hex() for x in (-0.0, -1e-300, -0.3, -1.0, -2.5, -80.0, -708.0, -745.0)] == [
        '0x1.0000000000000p+0',
        '0x1.0000000000000p+0',
        '0x1.7b4c869c37c05p-1',
        '0x1.78b56362cef38p-2',
        '0x1.50385c094f425p-4',
        '0x1.7fd974d372e44p-116',
        '0x1.7c8ab2288c9acp-1022',
        '0x0.0000000000001p-1022',
    ]
    assert exp(-746.5) == exp(-math.inf) == 0.0


@given(st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=8), st.randoms())
def test_probabilities_sum_to_one_in_any_order_with_the_same_bits(
    values: list[float], chance: object
) -> None:
    first = dict(zip(values, normalise(values), strict=True))
    assert math.fsum(normalise(values)) == pytest.approx(1.0, abs=1e-15)
    chance.shuffle(values)  # type: ignore[attr-defined]
    assert dict(zip(values, normalise(values), strict=True)) == first


@given(some)
def test_median_is_that_of_the_definition_and_never_outside(ordered: list[float]) -> None:
    exact = statistics.median(map(Fraction, ordered))
    assert median(ordered) == pytest.approx(float(exact), rel=1e-15, abs=5e-324)
    half = len(ordered) // 2
    assert ordered[(len(ordered) - 1) // 2] <= median(ordered) <= ordered[half]


@given(some)
def test_mean_is_that_of_the_definition_and_never_outside(ordered: list[float]) -> None:
    exact = float(sum(map(Fraction, ordered)) / len(ordered))
    assert mean(ordered) == pytest.approx(exact, rel=1e-15, abs=5e-324)
    assert ordered[0] <= mean(ordered) <= ordered[-1]


def test_mean_of_equal_numbers_is_that_number() -> None:
    """The sum of three of these is rounded, and a third of it is another number."""
    number = 0.8818873094883071
    assert math.fsum([number] * 3) / 3 != number
    assert mean([number] * 3) == number


def test_largest_numbers_do_not_overflow() -> None:
    top = math.nextafter(math.inf, 0)
    assert median([top, top]) == mean([top, top, top]) == top
    assert mean([-top, top, top]) == pytest.approx(top / 3)


@given(some, st.integers(0, 4))
def test_trimmed_mean_leaves_out_both_ends(ordered: list[float], trim: int) -> None:
    if len(ordered) > 2 * trim:
        middle = ordered[trim:-trim] if trim else ordered
        assert trimmed_mean(ordered, trim) == mean(middle)


def test_shares_keep_their_proportions() -> None:
    assert scaled([1.0, 3.0, 0.0]) == [0.25, 0.75, 0.0]
