"""
Real data: robots that each know two of ten digits end with a model that knows all of them.

Each run prints its seed and its figures; `make bench ONLY=models` takes them over several seeds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from swarm_testing.digit_shares import (
    ALONE,
    MEAN,
    SHARED,
    TRIMMED,
    Digits,
    alone,
    central,
    exchange,
)
from threadpoolctl import threadpool_limits

from swarm_consensus.protocols.parameters.quantise import Encoding

SEED = 1
# A tenth of a point is less than half an example of the 400.
POINTS = 0.0201


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    # On small matrices the threads of BLAS cost ten times what they bring on a busy machine.
    with threadpool_limits(1):
        yield


@pytest.fixture(scope='module')
def digits() -> Digits:
    return Digits.load(SEED)


def test_shares_are_two_classes_each_and_all_of_the_data_together(digits: Digits) -> None:
    for shares, owners in ((ALONE, 1), (SHARED, 4)):
        places = [digits.share(shares, robot) for robot in range(len(shares))]
        assert all(
            set(digits.labels[own]) == set(labels)
            for own, labels in zip(places, shares, strict=True)
        )
        assert sorted(place for own in places for place in own) == list(range(len(digits.labels)))
        for label in range(10):
            assert sum(label in labels for labels in shares) == owners


@pytest.mark.slow
@pytest.mark.parametrize('encoding', [Encoding.FLOAT16, Encoding.INT8])
def test_five_robots_of_two_classes_learn_all_ten(
    digits: Digits, encoding: Encoding, figure
) -> None:
    whole, single = central(digits), alone(digits, ALONE)
    found = exchange(digits, ALONE, 300, encoding=encoding)
    figure(
        f'seed {SEED}: {found.accuracy:.4f} by exchange of {encoding.name}, {whole:.4f} with all '
        f'the data in one place, {single:.4f} alone'
    )
    assert single < 0.25
    assert found.accuracy >= whole - POINTS
    # Each chunk of each contribution went once to each of the four others.
    assert found.sent_bytes == 300 * 5 * 4 * found.update_bytes


@pytest.mark.slow
def test_a_poisoned_robot_costs_little_with_the_robust_merge(digits: Digits, figure) -> None:
    honest = exchange(digits, SHARED, 150, rule=TRIMMED).accuracy
    poisoned = exchange(digits, SHARED, 150, rule=TRIMMED, poisoned=3).accuracy
    unprotected = exchange(digits, SHARED, 40, rule=MEAN, poisoned=3, factor=-50.0).accuracy
    whole = central(digits)
    figure(
        f'seed {SEED}: trimmed mean {honest:.4f}, with a poisoned robot {poisoned:.4f}; weighted '
        f'mean with one {unprotected:.4f}; {whole:.4f} with all the data in one place'
    )
    assert honest >= whole - POINTS
    assert poisoned >= honest - POINTS
    assert unprotected < 0.5
