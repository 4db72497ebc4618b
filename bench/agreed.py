"""
The level AGREED over DDS between processes, signatures on: latency, and pipelined throughput.

Four robots with keys, one of which may lie. Beliefs go to all robots; a decision counts when all of
them have published it. Beside it, in the same run, a bare ping-pong of two processes.
"""

from __future__ import annotations

from pathlib import Path
import tempfile
import time
from typing import Any

from bench.decision import LABELS, Probe, ping_pong
from bench.rows import percentile, row
from bench.swarm_processes import Robots, loopback

ROBOTS = 4
SUBJECTS = 200
IN_FLIGHT = 32
PIPELINED = 1500


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    import rclpy

    result = []
    with loopback() as folder:
        floor_p50, floor_p99 = ping_pong()
        rclpy.init()
        try:
            with Robots(ROBOTS, _parameters(folder, ROBOTS)) as swarm:
                probe = Probe(swarm.names)
                try:
                    probe.wait_until_ready()
                    for number in range(20):
                        probe.measure(1_000_000 + number)
                    latencies = [probe.measure(number) * 1e3 for number in range(SUBJECTS)]
                    rate, spread = pipelined(probe)
                finally:
                    probe.close()
        finally:
            rclpy.try_shutdown()
    name = f'beliefs to agreed on all of {ROBOTS} robots, signed'
    result += [
        row(f'{name}, p50', percentile(latencies, 50), 'ms', goal=40.0, floor=floor_p50),
        row(f'{name}, p99', percentile(latencies, 99), 'ms', goal=100.0, floor=floor_p99),
        row(
            f'agreed decisions, {IN_FLIGHT} subjects in flight, signed',
            rate,
            '1/s',
            better='higher',
            goal=200.0,
        ),
        row('the same, latency of each, p50', percentile(spread, 50), 'ms'),
        row('the same, latency of each, p99', percentile(spread, 99), 'ms'),
    ]
    return result


def _parameters(folder: Path, robots: int) -> dict[str, str]:
    """Return the parameters of a swarm with keys, which are dealt into the folder."""
    from swarm_consensus.transport.dealing import deal
    from swarm_consensus.transport.key_files import write_keys

    keys = Path(tempfile.mkdtemp(prefix='keys_', dir=folder)) / 'keys'
    names = [f'robot_{number + 1}' for number in range(robots)]
    write_keys(keys, deal('bench', names, (robots - 1) // 3))
    return {
        'keys_folder': str(keys),
        'subjects': '[sign, goal]',
        'subject.sign.labels': '[' + ','.join(LABELS) + ']',
        'subject.sign.level': 'agreed',
        'subject.goal.level': 'agreed',
        'subject.goal.support': '1',
        'decision_depth': '2000',
    }


def pipelined(probe: Probe) -> tuple[float, list[float]]:
    """Keep IN_FLIGHT subjects open; return decisions a second, and the latency of each in ms."""
    began: dict[str, float] = {}
    latencies: list[float] = []
    number = 0
    start = time.perf_counter()
    while len(latencies) < PIPELINED:
        while len(began) < IN_FLIGHT and number < PIPELINED:
            subject = f'sign/p{number}'
            number += 1
            began[subject] = time.perf_counter()
            probe.believe(subject, number)
        done = probe.wait_for_any(tuple(began))
        now = time.perf_counter()
        for subject in done:
            latencies.append((now - began.pop(subject)) * 1e3)
    return PIPELINED / (time.perf_counter() - start), latencies
