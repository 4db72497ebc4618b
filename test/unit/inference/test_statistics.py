"""Durations of the last frames."""

from __future__ import annotations

import math

import numpy as np
import pytest

from swarm_consensus.inference.statistics import Window


def test_an_empty_window_says_nothing():
    assert math.isnan(Window().quantiles().p50)


@pytest.mark.parametrize('count', [1, 7, 8, 9, 100])
def test_quantiles_are_of_the_last_values_only(count):
    window = Window(8)
    for value in range(count):
        window.add(float(value))
    held = list(range(max(0, count - 8), count))
    quantiles = window.quantiles()
    assert quantiles.p50 == pytest.approx(np.median(held))
    assert quantiles.largest == held[-1]
    assert quantiles.p50 <= quantiles.p99 <= quantiles.largest
