"""
Robots with a budget of 20 kB/s, and ten times that offered: what elections and the log notice.

The load is beliefs at each of three robots and a snapshot for a fourth, all the time.
Idle and loaded are measured in the same run, with the same robots and the same budget.
"""

from __future__ import annotations

from typing import Any

from bench.as_tested import process_group
from bench.rows import percentile, row

FACTOR = 2.0


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    with process_group() as processes:
        from swarm_testing.overload import BUDGET, TIMES, Overload

        with Overload(processes) as swarm:
            idle = swarm.measure(loaded=False)
            loaded = swarm.measure(loaded=True)
    name = f'{BUDGET // 1000} kB/s budget, {TIMES} times that offered'
    result = []
    for what, unit, scale, before, after in (
        ('commit', 'ms', 1e3, idle.commits_s, loaded.commits_s),
        ('election after the kill of a leader', 's', 1.0, idle.elections_s, loaded.elections_s),
    ):
        for share in (50, 99):
            reference = percentile(before, share) * scale
            result.append(
                row(
                    f'{name}: {what}, p{share}',
                    percentile(after, share) * scale,
                    unit,
                    goal=FACTOR * reference if share == 50 else None,
                    peer='idle',
                    peer_value=reference,
                )
            )
    return [
        *result,
        row(f'{name}: sent by the robot that sent most', max(loaded.sent_bytes_a_second),
            'bytes/s', goal=1.05 * BUDGET),
        row(f'{name}: offered, beliefs alone', loaded.offered_bytes_a_second / BUDGET,
            'budgets', 'higher', goal=float(TIMES)),
    ]  # fmt: skip
