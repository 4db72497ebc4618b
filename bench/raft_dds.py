"""
Commits over DDS between three processes, beside PySyncObj and beside a bare ping-pong.

All three keep their log in memory and make their proposals of 100 bytes in the leader's process.
Every round starts each swarm anew and measures it, one after another; a figure is the median of
the rounds.

PySyncObj is measured with `appendEntriesUseBatch` both ways, and the better one of each figure is
the peer. It does not answer for less: under load it logs that it truncates entries which it has
applied already.
"""

from __future__ import annotations

from collections.abc import Callable
import statistics
from typing import Any

from bench import clusters
from bench.decision import ping_pong
from bench.load import VALUE
from bench.rows import row
from bench.swarm_processes import loopback

ROUNDS = 3
SEQUENTIAL_S = 1.0
LOADED_S = 1.5
OUTSTANDING = (64, 4_000)
# Times the throughput of PySyncObj, and of the time of a ping-pong.
GOALS = {64: 3.0, 4_000: 1.5}
FLOOR_RATIO = 2.5
PEERS = {'no_batch': 'PySyncObj', 'batch': 'PySyncObj (batch)'}

Figures = dict[tuple[str, int, str], list[float]]


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    figures: Figures = {}
    floors: list[float] = []
    for _ in range(ROUNDS):
        with loopback():
            floors.append(ping_pong(len(VALUE))[0])
            measure('ours', lambda: clusters.ours('memory'), figures)
        for mode in PEERS:
            measure(mode, lambda mode=mode: clusters.pysyncobj(mode), figures)  # type: ignore[misc]
    return list(_rows(figures, statistics.median(floors)))


def measure(name: str, start: Callable[[], Any], figures: Figures) -> None:
    """Start a swarm, measure it, and add what was found to the figures."""
    with start() as cluster:
        for outstanding in (1, *OUTSTANDING):
            found = cluster.measure(outstanding, SEQUENTIAL_S if outstanding == 1 else LOADED_S)
            for key, value in found.items():
                figures.setdefault((name, outstanding, key), []).append(value)


def _rows(figures: Figures, floor: float) -> list[dict[str, Any]]:
    def figure(name: str, outstanding: int, key: str) -> float:
        return statistics.median(figures[name, outstanding, key])

    title = 'commit on 3 robots over DDS'
    p50 = figure('ours', 1, 'p50_ms')
    peer = min(PEERS, key=lambda mode: figure(mode, 1, 'p50_ms'))
    peer_p50 = figure(peer, 1, 'p50_ms')
    p99 = figure('ours', 1, 'p99_ms')
    result = [
        row(f'{title}, sequential, p50', p50, 'ms', goal=peer_p50, peer=PEERS[peer],
            peer_value=peer_p50),
        row(f'{title}, sequential, p50 beside a ping-pong', p50, 'ms', goal=FLOOR_RATIO * floor,
            floor=floor),
        row(f'{title}, sequential, p99', p99, 'ms', peer=PEERS[peer],
            peer_value=figure(peer, 1, 'p99_ms')),
    ]  # fmt: skip
    for outstanding in OUTSTANDING:
        peer = max(PEERS, key=lambda mode: figure(mode, outstanding, 'rate'))
        rate = figure(peer, outstanding, 'rate')
        result.append(
            row(f'{title}, {outstanding} outstanding', figure('ours', outstanding, 'rate'), '1/s',
                'higher', goal=GOALS[outstanding] * rate, peer=PEERS[peer], peer_value=rate)
        )  # fmt: skip
    return result
