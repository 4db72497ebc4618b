"""
How large a robot grows while a long log passes through it: the curve of its resident size.

Three consensus_nodes as processes, the log in memory behind its snapshots, a million proposals of
100 bytes (SWARM_BENCH_PROPOSALS for another number). The sizes of leader and followers are read
when no proposal is under way; they go to build/raft_memory.csv, and as a picture beside it.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
import sys
from typing import Any

from bench import clusters
from bench.robot_cost import memory_mb
from bench.rows import row
from bench.swarm_processes import loopback

PROPOSALS = 1_000_000
SAMPLES = 100
OUTSTANDING = 2_000
# By then the bounded tables are full and the allocator has met its largest snapshots: what still
# grows, grows with the log.
SETTLED_SHARE = 0.5
# What a size may move by without anything having grown: pages that the allocator gives back or not.
SLACK_MB = 8.0
CURVE = Path('build/raft_memory.csv')
BARS = '▁▂▃▄▅▆▇█'


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    proposals = int(os.environ.get('SWARM_BENCH_PROPOSALS', PROPOSALS))
    curve: list[list[float]] = []
    with loopback(), clusters.ours('memory') as cluster:
        cluster.commit(OUTSTANDING, OUTSTANDING)
        for step in range(SAMPLES + 1):
            if step:
                cluster.commit(OUTSTANDING, proposals // SAMPLES)
            sizes = [memory_mb(pid)[0] for pid in cluster.pids]
            curve.append([step * (proposals // SAMPLES), *sizes])
            print(f'\r  {curve[-1][0]:.0f} of {proposals} committed, {max(sizes):.0f} MB',
                  end='', file=sys.stderr, flush=True)  # fmt: skip
    print(file=sys.stderr)
    _save(curve)
    largest = [max(sizes) for _, *sizes in curve]
    print(f'  resident size, {min(largest):.0f} to {max(largest):.0f} MB: {sparkline(largest)}',
          file=sys.stderr)  # fmt: skip
    settled = largest[round(SETTLED_SHARE * SAMPLES)]
    name = f'robot over {proposals} commits, resident size'
    return [
        row(f'{name} at the start', largest[0], 'MB'),
        row(f'{name} half-way', settled, 'MB'),
        row(f'{name} at the end', largest[-1], 'MB', goal=settled + SLACK_MB),
        row(f'{name}, largest', max(largest), 'MB'),
    ]


def _save(curve: list[list[float]]) -> None:
    CURVE.parent.mkdir(exist_ok=True)
    with CURVE.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['committed', *(f'{robot}_mb' for robot in clusters.ROBOTS)])
        writer.writerows(curve)
    _draw(curve, CURVE.with_suffix('.png'))


def _draw(curve: list[list[float]], path: Path) -> None:
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4))
    for column, robot in enumerate(clusters.ROBOTS, start=1):
        axes.plot([line[0] for line in curve], [line[column] for line in curve], label=robot)
    axes.set(xlabel='committed proposals', ylabel='resident size, MB', ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches='tight')
    pyplot.close(figure)


def sparkline(values: list[float]) -> str:
    """Return a curve as a line of text, from nothing to the largest value."""
    top = max(values)
    return ''.join(BARS[min(len(BARS) - 1, int(value / top * len(BARS)))] for value in values)
