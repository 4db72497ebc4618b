"""
Commits with the log on the disk, beside etcd on the same disk.

Three processes each, on loopback. Ours makes its proposals in the leader's process; etcd is asked
at its leader over one connection by a client that is cheaper than any library (etcd_client.py).
Where there is no etcd, its rows are left out and a line says so.
"""

from __future__ import annotations

from pathlib import Path
import statistics
import sys
import tempfile
from typing import Any

from bench import clusters
from bench.etcd_cluster import EtcdCluster, missing
from bench.raft_dds import Figures, measure
from bench.rows import row
from bench.swarm_processes import loopback

ROUNDS = 3
OUTSTANDING = (64, 4_000)
PEER = 'etcd (gRPC)'


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    figures: Figures = {}
    reason = missing()
    if reason:
        print(f'without etcd beside it: {reason}', file=sys.stderr)
    for _ in range(ROUNDS):
        with loopback():
            measure('ours', lambda: clusters.ours('disk'), figures)
        if not reason:
            with tempfile.TemporaryDirectory(prefix='swarm_bench_etcd_') as folder:
                measure('etcd', lambda folder=folder: EtcdCluster(Path(folder)), figures)  # type: ignore[misc]
    return _rows(figures)


def _rows(figures: Figures) -> list[dict[str, Any]]:
    def make(
        name: str, outstanding: int, key: str, unit: str, better: str, judged: bool
    ) -> dict[str, Any]:
        ours = statistics.median(figures['ours', outstanding, key])
        peers = figures.get(('etcd', outstanding, key))
        peer = None if peers is None else statistics.median(peers)
        return row(f'commit on 3 robots on disk, {name}', ours, unit, better,
                   goal=peer if judged else None, peer=PEER, peer_value=peer)  # fmt: skip

    return [
        make('sequential, p50', 1, 'p50_ms', 'ms', 'lower', True),
        make('sequential, p99', 1, 'p99_ms', 'ms', 'lower', False),
        make('64 outstanding', 64, 'rate', '1/s', 'higher', True),
        make('4000 outstanding', 4_000, 'rate', '1/s', 'higher', False),
    ]
