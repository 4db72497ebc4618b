"""
What inference_node adds to the model that it runs, and how old a belief is when it arrives.

The model is MobileNet at 224 x 224 (image_model). Beside each figure, in the same run and in turn
with it: the bare `session.run` on a tensor that is ready, or the same messages over DDS without a
model.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import Any

import numpy as np

from bench.image_model import LABELS, SIDE, save_mobilenet
from bench.rows import percentile, row
from bench.swarm_processes import loopback

BEST_EFFORT_BYTES_MAX = 400_000
RUNS = 150
FRAMES = 150
PERIOD_S = 0.05
READY_TIMEOUT_S = 30.0
ADDED_GOAL = 0.15
# Means and deviations of ImageNet, so that nothing of the normalisation can be left away.
NORMALISATION = {'mean': '[0.485, 0.456, 0.406]', 'std': '[0.229, 0.224, 0.225]'}


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    with loopback(hears_itself=True) as folder:
        model = save_mobilenet(folder / 'mobilenet.onnx')
        return [
            *added_to_the_model(model, SIDE, SIDE),
            *added_to_the_model(model, 640, 480),
            *sensor_to_belief(model, SIDE, SIDE),
            *sensor_to_belief(model, 640, 480),
        ]


def picture(width: int, height: int) -> Any:
    """Make a sensor_msgs/Image of random pixels, rgb8."""
    from sensor_msgs.msg import Image

    pixels = np.random.default_rng(0).integers(0, 256, height * width * 3, np.uint8)
    message = Image(height=height, width=width, encoding='rgb8', step=width * 3)
    message.data = array('B', pixels.tobytes())
    message.header.frame_id = 'camera'
    return message


def arguments(model: Path, namespace: str) -> list[str]:
    """Command line of an inference_node for this model."""
    parameters = {
        'subject': 'sign',
        'model': str(model),
        'labels': '[' + ','.join(LABELS) + ']',
        'rate_max': '0.0',
        **NORMALISATION,
    }
    command = ['--ros-args', '-r', f'__ns:={namespace}', '--log-level', 'warn']
    for key, value in parameters.items():
        command += ['-p', f'{key}:={value}']
    return command


# -- in one process: what is added to the run of the model ----------------------------------------


def added_to_the_model(model: Path, width: int, height: int) -> list[dict[str, Any]]:
    """Compare a frame's whole way through the node, message to publication, with the bare run."""
    import onnxruntime
    import rclpy

    from swarm_consensus.nodes.inference_node import Arrival, InferenceNode

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=['CPUExecutionProvider'])
    feed = {'picture': np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)}
    rclpy.init()
    node = InferenceNode(cli_args=arguments(model, '/bench'))
    try:
        node.start()
        message = picture(width, height)
        stamp = node.get_clock().now()
        arrival = Arrival(message, stamp.to_msg(), stamp.nanoseconds, 'camera', 'sign')
        ours, bare, ours_busy, bare_busy = [], [], [], []
        for number in range(RUNS):
            begun, busy_begun = time.perf_counter(), time.thread_time()
            node.process(arrival)
            middle, busy_middle = time.perf_counter(), time.thread_time()
            session.run(['logits'], feed)
            ended, busy_ended = time.perf_counter(), time.thread_time()
            if number >= 10:  # both warm
                ours.append((middle - begun) * 1e3)
                bare.append((ended - middle) * 1e3)
                ours_busy.append(busy_middle - busy_begun)
                bare_busy.append(busy_ended - busy_middle)
        copies = copied(node, arrival) / feed['picture'].nbytes
    finally:
        node.end()
        node.destroy_node()
        rclpy.try_shutdown()
    name = f'inference, {width}x{height} into {SIDE}x{SIDE}'
    # Of the processor: what else the machine does meanwhile is nobody's cost. Each frame beside
    # the bare run right after it, as clock and caches change with time.
    added = [a / b - 1 for a, b in zip(ours_busy, bare_busy, strict=True)]
    return [
        row(f'{name}: time a frame', percentile(ours, 50), 'ms', floor=percentile(bare, 50)),
        row(f'{name}: added to session.run', percentile(added, 50), 'share', goal=ADDED_GOAL),
        # One input of the model's, of 0.6 MB, is the unit; the one write into it is not counted.
        # What is left are the 8192 items that numpy converts at a time.
        row(f'{name}: copies allocated a frame', copies, 'inputs', goal=0.1),
    ]


def copied(node: Any, arrival: Any) -> int:
    """Most bytes that were allocated at once while a frame was worked on."""
    tracemalloc.start()
    try:
        node.process(arrival)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        node.process(arrival)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# -- over DDS: from the sensor to the belief ------------------------------------------------------


def sensor_to_belief(model: Path, width: int, height: int) -> list[dict[str, Any]]:
    """Send pictures to a node in another process, and to one that answers without a model."""
    import rclpy

    message = picture(width, height)
    # Of a message that does not fit into the buffers of a socket, best effort loses nearly all.
    reliability = 'best_effort' if len(message.data) < BEST_EFFORT_BYTES_MAX else 'reliable'
    command = ['swarm_consensus.nodes.inference_node', *arguments(model, '/node')]
    command += ['-p', f'reliability:={reliability}']
    rclpy.init()
    probe = None
    try:
        with running(command) as node, running(['bench.inference_echo', reliability]):
            probe = _Probe(message, reliability)
            probe.wait_until_ready()
            latencies: dict[str, list[float]] = {'/node': [], '/echo': []}
            for number in range(FRAMES):
                for namespace, found in latencies.items():
                    latency = probe.measure(namespace, number + 1)
                    if latency is not None:
                        found.append(latency * 1e3)
            resident = resident_mb(node.pid)
    finally:
        if probe is not None:
            probe.close()
        rclpy.try_shutdown()
    name = f'sensor to belief, {width}x{height} {reliability}'
    ours, floor = latencies['/node'], latencies['/echo']
    return [
        row(f'{name}: p50', percentile(ours, 50), 'ms', floor=percentile(floor, 50)),
        row(f'{name}: p99', percentile(ours, 99), 'ms', floor=percentile(floor, 99)),
        row(f'{name}: frames lost', FRAMES - len(ours), 'frames', floor=FRAMES - len(floor)),
        row(f'inference_node with MobileNet, {width}x{height}: resident', resident, 'MB'),
    ]


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module as a process; both kinds here end by a signal or a closed input."""
    process = subprocess.Popen([sys.executable, '-m', *command], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if 'swarm_consensus' in command[0]:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'process {pid} has no resident memory')


class _Probe:
    """Sends pictures and waits for the belief with the same stamp."""

    def __init__(self, message: Any, reliability: str) -> None:
        from rclpy.node import Node
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        from swarm_consensus.msg import Belief
        from swarm_consensus.nodes.executor import make_executor

        self._message = message
        self._node = Node('camera', start_parameter_services=False, enable_rosout=False)
        self._arrived: dict[int, float] = {}
        self._changed = threading.Condition()
        self._publishers = {}
        for namespace in ('/node', '/echo'):
            self._publishers[namespace] = self._node.create_publisher(
                Image,
                f'{namespace}/image',
                QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability.upper()]),
            )
            self._node.create_subscription(Belief, f'{namespace}/belief', self._on_belief, 10)
        self._executor = make_executor()
        self._executor.add_node(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.2)

    def _on_belief(self, message: Any) -> None:
        now = time.perf_counter()
        with self._changed:
            self._arrived[message.header.stamp.sec] = now
            self._changed.notify()

    def wait_until_ready(self) -> None:
        """Send pictures until each answers."""
        for number, namespace in enumerate(self._publishers):
            deadline = time.monotonic() + READY_TIMEOUT_S
            while self.measure(namespace, 1_000_000 + number) is None:
                if time.monotonic() > deadline:
                    raise RuntimeError(f'no belief from {namespace} in {READY_TIMEOUT_S:g} s')

    def measure(self, namespace: str, number: int) -> float | None:
        """Return the seconds from publishing a picture to its belief; None: it was lost."""
        # The number stands in the stamp, unlike for the two namespaces.
        key = 2 * number + (namespace == '/echo')
        self._message.header.stamp.sec = key
        begun = time.perf_counter()
        self._publishers[namespace].publish(self._message)
        with self._changed:
            self._changed.wait_for(lambda: key in self._arrived, 1.0)
            arrived = self._arrived.pop(key, None)
        # At the pace of a camera, not as fast as possible: caches and clocks cool down between.
        time.sleep(PERIOD_S)
        return None if arrived is None else arrived - begun

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
