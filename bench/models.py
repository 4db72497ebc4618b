"""
Model exchange: what robots with two classes each come to, what a poisoned one costs, and the work.

The accuracies are means over seeds of the same experiment as the test's, through the protocols of
the exchange (test/support/swarm_testing/digit_shares.py).
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from bench.as_tested import SUPPORT
from bench.rows import row
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind, Update, merge
from swarm_consensus.protocols.parameters.quantise import Encoding, encode

SEEDS = (1, 2, 3)
POINTS_MAX = 2.0
ROUNDS_ALONE = 300
ROUNDS_SHARED = 150
PARAMETERS = 1_000_000
ROBOTS = 10


def rows() -> list[dict[str, Any]]:
    """Return the figures."""
    return [*_accuracies(), *_work()]


def _accuracies() -> list[dict[str, Any]]:
    # The robots of the tests.
    if str(SUPPORT) not in sys.path:
        sys.path.insert(0, str(SUPPORT))
    from swarm_testing.digit_shares import (
        ALONE,
        SHARED,
        TRIMMED,
        Digits,
        alone,
        central,
        exchange,
    )
    from threadpoolctl import threadpool_limits

    found: dict[str, list[float]] = {}
    with threadpool_limits(1):
        for seed in SEEDS:
            digits = Digits.load(seed)
            one = {
                'central': central(digits),
                'alone': alone(digits, ALONE),
                'float16': exchange(digits, ALONE, ROUNDS_ALONE).accuracy,
                'int8': exchange(digits, ALONE, ROUNDS_ALONE, encoding=Encoding.INT8).accuracy,
                'trimmed': exchange(digits, SHARED, ROUNDS_SHARED, rule=TRIMMED).accuracy,
                'flipped': exchange(
                    digits, SHARED, ROUNDS_SHARED, rule=TRIMMED, poisoned=3
                ).accuracy,
                'huge': exchange(
                    digits, SHARED, ROUNDS_SHARED, rule=TRIMMED, poisoned=3, factor=-50.0
                ).accuracy,
                'mean': exchange(digits, SHARED, ROUNDS_SHARED).accuracy,
                'mean_flipped': exchange(digits, SHARED, ROUNDS_SHARED, poisoned=3).accuracy,
            }
            print(f'seed {seed}: ' + ', '.join(f'{k} {100 * v:.2f}' for k, v in one.items()))
            for name, value in one.items():
                found.setdefault(name, []).append(value)
    mean = {name: 100 * float(np.mean(values)) for name, values in found.items()}

    def cost(name: str, less: str, more: str, goal: float | None) -> dict[str, Any]:
        return row(name, mean[more] - mean[less], 'points of accuracy', goal=goal)

    return [
        row('models_all_data_in_one_place', mean['central'], '%', 'higher'),
        row('models_one_robot_of_two_classes_alone', mean['alone'], '%', 'higher'),
        cost('models_five_robots_lose_float16', 'float16', 'central', POINTS_MAX),
        cost('models_five_robots_lose_int8', 'int8', 'central', POINTS_MAX),
        cost('models_twenty_robots_trimmed_lose', 'trimmed', 'central', POINTS_MAX),
        cost('models_poisoned_times_minus_3_trimmed_costs', 'flipped', 'trimmed', POINTS_MAX),
        cost('models_poisoned_times_minus_50_trimmed_costs', 'huge', 'trimmed', POINTS_MAX),
        cost('models_poisoned_times_minus_3_mean_costs', 'mean_flipped', 'mean', None),
    ]


def _work() -> list[dict[str, Any]]:
    random = np.random.default_rng(1)
    base = random.normal(size=PARAMETERS).astype(np.float32)
    updates = [
        Update(f'r{n}', 1.0 + n, random.normal(size=PARAMETERS).astype(np.float32))
        for n in range(ROBOTS)
    ]
    size = f'{ROBOTS} robots, {PARAMETERS // 1_000_000} million numbers'
    made = []
    for name, rule in (('mean', Rule()), ('trimmed_mean', Rule(RuleKind.TRIMMED_MEAN, 1))):
        begun = time.perf_counter()
        merge(base, updates, rule)
        made.append(
            row(f'models_merge_{name}', time.perf_counter() - begun, f's for {size}')
        )
    for encoding in Encoding:
        begun = time.perf_counter()
        data = encode(updates[0].values, encoding)
        seconds = time.perf_counter() - begun
        name = encoding.name.lower()
        made += [
            row(f'models_encode_{name}', 1e3 * seconds, 'ms for a million numbers'),
            row(f'models_bytes_{name}', len(data) / PARAMETERS, 'bytes a number'),
        ]
    return made
