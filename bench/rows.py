"""One figure of the bench, and the arithmetic that every module needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def row(
    name: str,
    value: float,
    unit: str,
    better: str = 'lower',
    goal: float | None = None,
    floor: float | None = None,
    peer: str = '',
    peer_value: float | None = None,
) -> dict[str, Any]:
    """
    Make one row of build/bench.json.

    :param better: 'lower' or 'higher'.
    :param goal: what was asked; the row holds if the value is no worse.
    :param floor: the least that is possible here, measured in the same run and unit.
    :param peer: another program that does the same, with its value in `peer_value`.
    """
    if better not in ('lower', 'higher'):
        raise ValueError(f"better is '{better}', must be 'lower' or 'higher'")
    result: dict[str, Any] = {'name': name, 'value': value, 'unit': unit, 'better': better}
    result['goal'] = goal
    result['holds'] = (
        None if goal is None else (value <= goal if better == 'lower' else value >= goal)
    )
    if floor is not None:
        result['floor'] = floor
        result['ratio'] = value / floor if floor else None
    if peer_value is not None:
        result['peer'] = peer
        result['peer_value'] = peer_value
        result['ratio'] = value / peer_value if peer_value else None
    return result


def percentile(values: Sequence[float], share: float) -> float:
    """
    Return the value below which a share of the values lies.

    :param share: in percent.
    :raises ValueError: no values.
    """
    if not len(values):
        raise ValueError('nothing was measured')
    return float(np.percentile(np.asarray(values, dtype=np.float64), share))
