"""
From beliefs at all robots to the committed decision at all robots, over DDS between processes.

Beside it, in the same run, the floor: a bare ping-pong of a message of the same size between two
processes, publisher and subscription only.
"""

from __future__ import annotations

from collections.abc import Sequence
import subprocess
import sys
import threading
import time
from typing import Any

from bench.rows import percentile, row
from bench.swarm_processes import Robots, loopback

SUBJECTS = 300
PINGS = 2000
LABELS = [f'label_{n}' for n in range(10)]
PERIOD_S = 0.02


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    result = []
    for robots in (3, 5):
        with loopback(robots=robots):
            floor_p50, floor_p99 = ping_pong()
            result += decisions(robots, floor_p50, floor_p99)
    return result


def decisions(robots: int, floor_p50: float, floor_p99: float) -> list[dict[str, Any]]:
    """Measure one size of swarm; floors in ms."""
    import rclpy

    parameters = {
        'subjects': '[sign]',
        'subject.sign.labels': '[' + ','.join(LABELS) + ']',
        'subject.sign.quorum': 'all',
    }
    rclpy.init()
    try:
        with Robots(robots, parameters) as swarm:
            probe = Probe(swarm.names)
            try:
                probe.wait_until_ready()
                latencies = [probe.measure(n) * 1e3 for n in range(SUBJECTS)]
            finally:
                probe.close()
    finally:
        rclpy.try_shutdown()
    name = f'belief to committed decision on all of {robots} robots'
    return [
        row(f'{name}, p50', percentile(latencies, 50), 'ms', goal=20.0, floor=floor_p50),
        row(f'{name}, p99', percentile(latencies, 99), 'ms', goal=100.0, floor=floor_p99),
    ]


class Probe:
    """Publishes the beliefs of all robots and waits for all their decisions."""

    def __init__(self, names: list[str]) -> None:
        from rclpy.node import Node
        from rclpy.qos import DurabilityPolicy, QoSProfile

        from swarm_consensus.msg import Belief, Decision, SwarmStatus
        from swarm_consensus.nodes.executor import make_executor
        from swarm_consensus.transport.hashes import labels_hash

        self._names = names
        self._hash = labels_hash(LABELS)
        self._node = Node('probe', start_parameter_services=False, enable_rosout=False)
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._changed = threading.Condition()
        self._decided: dict[str, set[str]] = {}
        self._ready: set[str] = set()
        self._publishers = {}
        for name in names:
            self._publishers[name] = self._node.create_publisher(Belief, f'/{name}/belief', 100)
            self._node.create_subscription(
                Decision,
                f'/{name}/decision',
                lambda m, name=name: self._on_decision(name, m),
                latched,
            )
            self._node.create_subscription(
                SwarmStatus,
                f'/{name}/swarm_status',
                lambda m, name=name: self._on_status(name, m),
                latched,
            )
        self._belief = Belief
        self._executor = make_executor()
        self._executor.add_node(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.5)

    def _on_decision(self, robot: str, message: Any) -> None:
        with self._changed:
            self._decided.setdefault(message.subject, set()).add(robot)
            self._changed.notify()

    def _on_status(self, robot: str, message: Any) -> None:
        with self._changed:
            if message.leader and len(message.alive) == len(self._names):
                self._ready.add(robot)
            self._changed.notify()

    def wait_until_ready(self) -> None:
        """Wait for a leader, and for every robot to know every other one."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._ready) == len(self._names), 30):
                raise RuntimeError(f'only {sorted(self._ready)} became ready within 30 s')
        deadline = time.monotonic() + 20
        while any(p.get_subscription_count() == 0 for p in self._publishers.values()):
            if time.monotonic() > deadline:
                raise RuntimeError('a robot does not listen to its beliefs')
            time.sleep(0.05)
        time.sleep(0.5)

    def measure(self, number: int) -> float:
        """Return the seconds from the first belief to the last robot's decision."""
        subject = f'sign/{number}'
        began = self.believe(subject, number)
        with self._changed:
            done = self._changed.wait_for(
                lambda: len(self._decided.get(subject, ())) == len(self._names), 10
            )
        if not done:
            raise RuntimeError(f"'{subject}' was not decided everywhere within 10 s")
        elapsed = time.perf_counter() - began
        time.sleep(PERIOD_S)
        return elapsed

    def believe(self, subject: str, number: int) -> float:
        """Give all robots a belief about a subject; returns when the first one left."""
        messages = []
        for name in self._names:
            message = self._belief()
            message.robot = name
            message.subject = subject
            message.labels_hash = self._hash
            message.log_likelihood = [0.0] + [-4.0] * (len(LABELS) - 1)
            message.sequence = number + 1
            messages.append((self._publishers[name], message))
        stamp = self._node.get_clock().now().to_msg()
        began = time.perf_counter()
        for publisher, message in messages:
            message.header.stamp = stamp
            publisher.publish(message)
        return began

    def wait_for_any(self, subjects: Sequence[str]) -> list[str]:
        """Wait until one of these subjects, at least, is decided at all robots; return which."""

        def done() -> list[str]:
            everybody = len(self._names)
            return [s for s in subjects if len(self._decided.get(s, ())) == everybody]

        with self._changed:
            if not self._changed.wait_for(lambda: bool(done()), 10):
                raise RuntimeError(f'none of {len(subjects)} subjects was decided within 10 s')
            return done()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()


def ping_pong(size: int = 200) -> tuple[float, float]:
    """Return p50 and p99 of a round trip of `size` bytes between two processes, ms."""
    import rclpy
    from rclpy.node import Node

    from swarm_consensus.msg import Frame
    from swarm_consensus.nodes.executor import make_executor

    echo = subprocess.Popen([sys.executable, '-m', 'bench.echo'], stdin=subprocess.PIPE)
    try:
        rclpy.init()
        node = Node('ping', start_parameter_services=False, enable_rosout=False)
        executor = make_executor()
        executor.add_node(node)
        got = [0]
        node.create_subscription(Frame, '/pong', lambda m: got.__setitem__(0, m.sequence), 10)
        publisher = node.create_publisher(Frame, '/ping', 10)
        message = Frame(batch=bytes(size))
        times = []
        deadline = time.monotonic() + 20
        sequence = 0
        while len(times) < PINGS:
            if time.monotonic() > deadline:
                raise RuntimeError('the echo process did not answer')
            sequence += 1
            message.sequence = sequence
            began = time.perf_counter()
            publisher.publish(message)
            # A lost first message must not stop the measurement: give it 0.2 s.
            while got[0] != sequence and time.perf_counter() - began < 0.2:
                executor.spin_once(timeout_sec=0.05)
            if got[0] == sequence:
                times.append((time.perf_counter() - began) * 1e3)
        executor.shutdown()
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
        if echo.stdin is not None:
            echo.stdin.close()
        try:
            echo.wait(10)
        except subprocess.TimeoutExpired:
            echo.kill()
            echo.wait()
    return percentile(times, 50), percentile(times, 99)
