"""
Proposals of users at five robots that lose 20 % of the frames and hear the rest 50 ms late.

The least that is possible: a round trip of 0.1 s at the leader, two of them elsewhere.
"""

from __future__ import annotations

import sys
from typing import Any

from bench.as_tested import process_group
from bench.rows import percentile, row

P99_GOAL_S = 1.0


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows; none where this machine allows no network namespaces."""
    with process_group() as processes:
        from swarm_testing.lossy import DELAY_S, LOSS, lossy_fleet, measure
        from swarm_testing.namespaces import NamespacesUnavailable

        try:
            with lossy_fleet(processes) as fleet:
                found = measure(fleet)
        except NamespacesUnavailable as error:
            print(f'not measured: {error}', file=sys.stderr)
            return []
    result = []
    for place, took, trips in (('leader', found.leading, 2), ('followers', found.following, 4)):
        if not took:
            continue
        name = f'proposal at {place}, {LOSS:.0%} loss and {DELAY_S * 1e3:.0f} ms delay'
        result += [
            row(f'{name}, p50', percentile(took, 50), 's', floor=trips * DELAY_S),
            row(f'{name}, p99', percentile(took, 99), 's', goal=P99_GOAL_S),
        ]
    return [*result, row('elections meanwhile', found.elections, '')]
