"""
What a robot costs while nothing happens: CPU and memory of both its nodes, in a swarm of five.

Every robot of the swarm runs consensus_node and inference_node, all follow one leader, no sensor
sends anything. CPU is the system's own account of the processes over a fixed time; memory is
resident size, and of that the part which no other process shares.
"""

from __future__ import annotations

import os
from pathlib import Path
import time
from typing import Any

from bench.decision import LABELS, Probe
from bench.rows import percentile, row
from bench.swarm_processes import Robots, loopback

ROBOTS = 5
SETTLE_S = 3.0
SPAN_S = 20.0
CPU_GOAL_PERCENT = 4.0


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    import rclpy

    parameters = {'subjects': '[sign]', 'subject.sign.labels': '[' + ','.join(LABELS) + ']'}
    with loopback(robots=ROBOTS) as folder:
        model = _save_model(folder / 'model.onnx')
        with Robots(ROBOTS, parameters) as swarm:
            seers = [_start_inference(swarm, name, model) for name in swarm.names]
            rclpy.init()
            try:
                probe = Probe(swarm.names)
                try:
                    probe.wait_until_ready()
                finally:
                    probe.close()
            finally:
                rclpy.try_shutdown()
            time.sleep(SETTLE_S)
            robots = [list(pair) for pair in zip(swarm.pids[:ROBOTS], seers, strict=True)]
            before = [[cpu_seconds(pid) for pid in pids] for pids in robots]
            began = time.monotonic()
            time.sleep(SPAN_S)
            span = time.monotonic() - began
            after = [[cpu_seconds(pid) for pid in pids] for pids in robots]
            memory = [[memory_mb(pid) for pid in pids] for pids in robots]
    shares = [
        [(b - a) / span * 100 for a, b in zip(first, last, strict=True)]
        for first, last in zip(before, after, strict=True)
    ]
    both = [sum(pair) for pair in shares]
    name = f'idle robot of {ROBOTS}'
    result = [
        row(f'{name}, CPU of both nodes, median', percentile(both, 50), '% of a core',
            goal=CPU_GOAL_PERCENT),
        row(f'{name}, CPU of both nodes, worst', max(both), '% of a core', goal=CPU_GOAL_PERCENT),
    ]  # fmt: skip
    for index, node in enumerate(('consensus_node', 'inference_node')):
        cpu = percentile([pair[index] for pair in shares], 50)
        resident = percentile([pair[index][0] for pair in memory], 50)
        private = percentile([pair[index][1] for pair in memory], 50)
        result += [
            row(f'{name}, CPU of {node}', cpu, '% of a core'),
            row(f'{name}, resident size of {node}', resident, 'MB'),
            row(f'{name}, of that not shared', private, 'MB'),
        ]
    return result


def _start_inference(swarm: Robots, robot: str, model: Path) -> int:
    arguments = [
        '--ros-args', '-r', f'__ns:=/{robot}', '--log-level', 'error',
        '-p', 'subject:=sign', '-p', f'model:={model}', '-p', 'input:=tensor',
        '-p', 'labels:=[' + ','.join(LABELS) + ']', '-p', 'input_timeout:=0.0',
    ]  # fmt: skip
    return swarm.start('swarm_consensus.nodes.inference_node', arguments).pid


def _save_model(path: Path) -> Path:
    """Write a model of one layer: what idles must not depend on what it would run."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    weights = np.random.default_rng(0).normal(size=(64, len(LABELS))).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node('MatMul', ['x', 'w'], ['y'])],
        'layer',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1, len(LABELS)])],
        [numpy_helper.from_array(weights, 'w')],
    )
    save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9),
        str(path),
    )
    return path


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far, user and system, of all its threads."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def memory_mb(pid: int) -> tuple[float, float]:
    """Return (resident size, of that not shared with other processes), MB."""
    sizes: dict[str, int] = {}
    for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:]:
        name, _, value = line.partition(':')
        sizes[name] = int(value.split()[0])
    private = sizes['Private_Clean'] + sizes['Private_Dirty']
    return sizes['Rss'] * 1024 / 1e6, private * 1024 / 1e6
