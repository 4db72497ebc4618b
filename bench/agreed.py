"""
The level AGREED over DDS between processes, signed: latency, pipelined throughput, and bytes.

Four robots with keys, one of which may lie. Beliefs go to all robots; a decision counts when all of
them have published it. Beside it, in the same run, a bare ping-pong of two processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import tempfile
import time
from typing import Any

from bench.decision import LABELS, Probe, ping_pong
from bench.rows import percentile, row
from bench.swarm_processes import Robots, loopback
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import ANY_REVISION, Level
from swarm_consensus.nodes.serialized import frame_to_serialized
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.events import ProposeAsked
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.simulation.world import World
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.frame import Frame, TrafficClass
from swarm_consensus.transport.key_files import write_keys

ROBOTS = 4
SUBJECTS = 200
IN_FLIGHT = 32
PIPELINED = 1500
# Bytes: sizes of the swarm, and of the value that one robot proposes.
SIZES = (4, 7, 10)
VALUE_BYTES = 1024
PROPOSALS = 20


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    import rclpy

    result = []
    with loopback(robots=ROBOTS) as folder:
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
    for robots in SIZES:
        result += value_bytes(robots)
    return result


def _parameters(folder: Path, robots: int) -> dict[str, str]:
    """Return the parameters of a swarm with keys, which are dealt into the folder."""
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


class _Counter(Observer):
    """Counts the bytes of the frames of this level, as DDS is given them."""

    def __init__(self) -> None:
        self.bytes = 0

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Count frames; those of the other levels go on beside."""
        for frame in frames:
            if frame.header.traffic_class == TrafficClass.AGREEMENT:
                self.bytes += len(frame_to_serialized(*frame))


def value_bytes(robots: int) -> list[dict[str, Any]]:
    """
    Return the bytes on the wire of a decision on a value that one robot proposes.

    By the real runtime on virtual time, signed, without loss. On a network that multicasts a frame
    is sent once; where each receiver gets its own copy, it is sent n - 1 times.
    """
    names = tuple(f'robot_{number + 1}' for number in range(robots))
    faults = (robots - 1) // 3
    policy = Policy(
        *('goal', (), 0, Level.AGREED, 1, 0.0, 0, SECOND, True, False, 0, 'plurality'), support=1
    )
    configs = [
        RuntimeConfig(
            *('bench', name, names, (policy,)),
            name_probe_ns=0,
            agreed_lies=True,
            agreed_faults=faults,
        )
        for name in names
    ]
    counter = _Counter()
    world = World(1, configs, observer=counter, keys=deal('bench', names, faults))
    world.run(SECOND)
    counter.bytes = 0
    for number in range(PROPOSALS):
        value = number.to_bytes(2, 'big') * (VALUE_BYTES // 2)
        asked = ProposeAsked(number, 'goal', 'x', value, ANY_REVISION, '', SECOND)
        world.put(names[number % robots], asked)
        world.run(world.now_ns + SECOND // 4)
    sent = counter.bytes / PROPOSALS / 1000
    copies = sent * (robots - 1)
    # Bracha's echoes and readies carry the value: each robot sends it twice to all others.
    bracha = (2 * robots + 1) * (robots - 1) * VALUE_BYTES / 1000
    name = f'bytes of a decision on {VALUE_BYTES} bytes, {robots} robots'
    return [
        row(f'{name}, multicast', sent, 'kB', floor=VALUE_BYTES / 1000),
        row(f'{name}, a copy each', copies, 'kB', peer='Bracha, value alone', peer_value=bracha),
    ]
