"""inference_node changes its model between two frames, as a real process over real DDS."""

from __future__ import annotations

import json
from pathlib import Path
import sys

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float32MultiArray, MultiArrayLayout
from swarm_testing.node_probe import NodeProbe
from swarm_testing.onnx_models import linear_model

from swarm_consensus.inference.model import hash_file
from swarm_consensus.msg import Belief
from swarm_consensus.srv import AdoptModel

READY = ' a run'
LABELS = ['a', 'b', 'c']
WEIGHTS = np.random.default_rng(3).normal(size=(6, 3)).astype(np.float32)
INPUTS = np.random.default_rng(4).normal(size=(60, 6)).astype(np.float32)


class Robot:
    """An inference_node, its sensor and what it says."""

    def __init__(self, processes, probe: NodeProbe, folder: Path) -> None:
        self.model = linear_model(folder / 'model.onnx', [1, 6], WEIGHTS)
        np.savez(
            folder / 'held_out.npz', inputs=INPUTS, labels=(INPUTS @ WEIGHTS).argmax(axis=1)
        )
        values = {
            'subject': 'sign',
            'labels': LABELS,
            'model': str(self.model),
            'input': 'tensor',
            'rate_max': 0.0,
            'held_out': str(folder / 'held_out.npz'),
            'subject_from': 'fixed',
            'reliability': 'reliable',
        }
        command = [sys.executable, '-m', 'swarm_consensus.nodes.inference_node', '--ros-args']
        command += ['-r', '__ns:=/robot_1']
        for name, given in values.items():
            command += ['-p', f'{name}:={json.dumps(given)}']
        self.process = processes.start(command, 'inference_node')
        self.process.wait_for_output(READY)
        self.probe = probe
        reliable = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        self.publisher = probe.publisher(Float32MultiArray, 'tensor', reliable)
        self.beliefs = probe.collect(Belief, 'belief')
        self.diagnostics = probe.collect(DiagnosticArray, '/diagnostics')
        self.client = probe.node.create_client(AdoptModel, 'inference_node/adopt_model')
        probe.wait_for(self.client.service_is_ready)
        probe.wait_for_subscriber(self.publisher)

    def send(self, number: int) -> None:
        """Send a frame whose answer tells which one it was."""
        data = np.append(np.float32(number), INPUTS[number % len(INPUTS)])
        layout = MultiArrayLayout(data_offset=1)
        self.publisher.publish(Float32MultiArray(layout=layout, data=data.tolist()))

    def adopt(self, **request) -> AdoptModel.Response:
        future = self.client.call_async(AdoptModel.Request(**request))
        self.probe.wait_for(future.done)
        return future.result()

    def counters(self) -> dict[str, str]:
        asked = self.probe.node.get_clock().now().nanoseconds

        def told() -> list[DiagnosticArray]:
            # One that was on its way when this was asked is older than what has come of it.
            stamps = [(array.header.stamp, array) for array in self.diagnostics]
            return [a for stamp, a in stamps if stamp.sec * 10**9 + stamp.nanosec >= asked]

        newest = self.probe.wait_for(told)[-1]
        return {pair.key: pair.value for pair in newest.status[0].values}


@pytest.fixture
def robot(ros_environment, processes, tmp_path):
    with NodeProbe('/robot_1') as probe:
        yield Robot(processes, probe, tmp_path)


def save(path: Path, weights: np.ndarray) -> str:
    np.savez(path, weights=weights)
    return str(path)


def test_the_model_changes_between_two_frames_and_none_is_missed(robot, tmp_path):
    probe, before = robot.probe, hash_file(robot.model)
    robot.send(0)
    probe.wait_for(lambda: (robot.send(0), probe.turn(0.1), robot.beliefs)[-1])
    # Several may be under way. The answer to another frame is the last one to come.
    answer = list(robot.beliefs[0].log_likelihood)
    robot.send(1)
    probe.wait_for(lambda: not np.allclose(robot.beliefs[-1].log_likelihood, answer))
    robot.beliefs.clear()
    counted = robot.counters()
    new = save(tmp_path / 'new.npz', 3 * WEIGHTS)
    future, sent, after = None, 0, 0
    # Frames go on before, while and after the new model is built and tried, the next one as soon as
    # the one before is answered: one that were missed would be waited for in vain.
    while after < 50:
        robot.send(sent)
        sent += 1
        probe.wait_for(lambda sent=sent: len(robot.beliefs) == sent)
        if sent == 25:
            future = robot.client.call_async(AdoptModel.Request(file=new))
        if future is not None and future.done():
            after += 1
        assert sent < 20_000, 'the model was never adopted'
    answer = future.result()
    assert answer.accepted and not answer.reason
    assert (answer.accuracy, answer.accuracy_before) == (1.0, 1.0)
    assert answer.model_hash != before
    # One belief for each frame, in their order, each by the model that it says.
    sequences = [belief.sequence for belief in robot.beliefs]
    assert sequences == list(range(sequences[0], sequences[0] + sent))
    hashes = [belief.model_hash for belief in robot.beliefs]
    change = hashes.index(answer.model_hash)
    assert change >= 25
    assert set(hashes[:change]) == {before} and set(hashes[change:]) == {answer.model_hash}
    for number, belief in enumerate(robot.beliefs):
        factor = 1 if number < change else 3
        logits = factor * (INPUTS[number % len(INPUTS)] @ WEIGHTS).astype(float)
        wanted = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        assert np.allclose(belief.log_likelihood, np.maximum(wanted, -30), atol=1e-3), number
    now = robot.counters()
    grown = {
        name: int(now[name]) - int(counted[name])
        for name in ('received', 'published', 'superseded', 'lost', 'adopted')
    }
    assert grown == {
        'received': sent, 'published': sent, 'superseded': 0, 'lost': 0, 'adopted': 1
    }
    assert now['model_hash'] == answer.model_hash
    assert now['parameters_hash'] == answer.parameters_hash


def test_what_is_not_good_enough_is_refused_with_the_reason(robot, tmp_path):
    before = hash_file(robot.model)
    worse = robot.adopt(file=save(tmp_path / 'worse.npz', -WEIGHTS))
    assert not worse.accepted and 'on the held-out batch' in worse.reason
    assert worse.model_hash == before and worse.accuracy < worse.accuracy_before
    odd = robot.adopt(file=save(tmp_path / 'odd.npz', WEIGHTS[:4]))
    assert not odd.accepted and "'weights' has shape [4, 3]" in odd.reason
    gone = robot.adopt(file=str(tmp_path / 'none.npz'))
    assert not gone.accepted and np.isnan(gone.accuracy)
    tried = robot.adopt(file=save(tmp_path / 'good.npz', 2 * WEIGHTS), trial_only=True)
    assert tried.accepted and tried.model_hash == before
    said = robot.counters()
    assert (said['adopted'], said['refused']) == ('0', '3')
    assert 'none.npz' in said['refused_reason']
    assert said['model_hash'] == before
    assert robot.process.alive
