"""
Instances in bad weather keep what they promise, and end.

Every draw comes from the seed in the test's name; `AGREEMENT_SEEDS=first:count` runs others.
"""

from __future__ import annotations

import os

from agreement_storm import storm
import pytest

_FIRST, _COUNT = (int(part) for part in os.environ.get('AGREEMENT_SEEDS', '1:1000').split(':'))
_CHUNK = 250


@pytest.mark.parametrize('first', range(_FIRST, _FIRST + _COUNT, _CHUNK))
def test_the_promise_holds_in_bad_weather(first: int) -> None:
    for seed in range(first, min(first + _CHUNK, _FIRST + _COUNT)):
        try:
            storm(seed)
        except Exception as error:
            raise AssertionError(f'seed {seed}: AGREEMENT_SEEDS={seed}:1') from error
