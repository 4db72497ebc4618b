"""
Robots share a model, as real processes over real DDS: what one learns, all run.

Each robot has a consensus_node and an inference_node, composed from one swarm.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from std_msgs.msg import Float32MultiArray, MultiArrayLayout
from swarm_testing.node_probe import NodeProbe
from swarm_testing.onnx_models import linear_model
from swarm_testing.processes import ProcessGroup
from swarm_testing.swarm_processes import SwarmProcesses

from swarm_consensus.client import Merged, Status, SwarmClient
from swarm_consensus.msg import Belief, ModelTrial, ModelVersion

RANDOM = np.random.default_rng(11)
# 40,000 numbers: several chunks an update, as halves.
INPUTS_COUNT, LABELS_COUNT = 10_000, 4
TRUTH = RANDOM.normal(size=(INPUTS_COUNT, LABELS_COUNT)).astype(np.float32)
BEGUN = RANDOM.normal(size=TRUTH.shape).astype(np.float32)
INPUTS = RANDOM.normal(size=(60, INPUTS_COUNT)).astype(np.float32)
ROBOTS = ('robot_1', 'robot_2', 'robot_3')
YAML = """
swarm: model_test
robots: 3
network: {transport: udp}
consensus: {name_probe: 0.2, model_merge: weighted_mean}
inference:
  - subject: sign
    model: model.onnx
    input: tensor
    reliability: reliable
    rate_max: 0.0
    exchange: signs
    held_out: held_out.npz
subjects:
  sign: {labels: [a, b, c, d]}
"""
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class Fleet:
    """The robots of a swarm.yaml, with a sensor each, and what they say."""

    def __init__(self, folder: Path, processes: ProcessGroup, probe: NodeProbe) -> None:
        self.probe = probe
        linear_model(folder / 'model.onnx', [1, INPUTS_COUNT], BEGUN)
        np.savez(
            folder / 'held_out.npz', inputs=INPUTS, labels=(INPUTS @ TRUTH).argmax(axis=1)
        )
        self.robots = SwarmProcesses(processes, folder, YAML)
        self.clients = {name: SwarmClient(probe.node, robot=name) for name in ROBOTS}
        self.beliefs: dict[str, list[Belief]] = {}
        self.versions: dict[str, list[ModelVersion]] = {}
        self.trials: dict[str, list[ModelTrial]] = {}
        self._sensors: dict[str, Any] = {}
        reliable = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        for name in ROBOTS:
            self.beliefs[name] = probe.collect(Belief, f'/{name}/belief', 100)
            self.versions[name] = probe.collect(ModelVersion, f'/{name}/model_version', LATCHED)
            self.trials[name] = probe.collect(ModelTrial, f'/{name}/model_trial')
            self._sensors[name] = probe.publisher(Float32MultiArray, f'/{name}/tensor', reliable)
        self.diagnostics = probe.collect(DiagnosticArray, '/diagnostics', 100)
        self.sent = dict.fromkeys(ROBOTS, 0)

    def ready(self, robot: str) -> None:
        """Wait until a robot has parameters in force, and frames of its sensor become beliefs."""
        self.probe.wait_for(lambda: self.versions[robot], 60.0)
        known = len(self.beliefs[robot])
        self.probe.wait_for_subscriber(self._sensors[robot])
        self.probe.wait_for(
            lambda: (self.send(robot), self.probe.turn(0.1), len(self.beliefs[robot]) > known)[-1],
            60.0,
        )

    def send(self, robot: str) -> None:
        """Send a frame."""
        number = self.sent[robot] = self.sent[robot] + 1
        data = np.append(np.float32(0), INPUTS[number % len(INPUTS)])
        layout = MultiArrayLayout(data_offset=1)
        self._sensors[robot].publish(Float32MultiArray(layout=layout, data=data.tolist()))

    def ask(self, future: Any) -> Any:
        self.probe.wait_for(future.done, 60.0)
        return future.result()

    def contribute(self, robot: str, weights: np.ndarray, **more: Any) -> Any:
        return self.ask(self.clients[robot].contribute('signs', {'weights': weights}, **more))

    def merge(self, robot: str, contributions: int) -> Merged:
        """Have a version decided, as soon as enough contributions are there."""
        for _ in range(100):
            merged: Merged = self.ask(
                self.clients[robot].merge('signs', contributions_min=contributions)
            )
            if 'are needed' not in merged.decision.reason:
                return merged
            self.probe.turn(0.2)
        raise AssertionError(merged.decision.reason)

    def version(self, robot: str) -> ModelVersion | None:
        """Return what consensus_node says is in force."""
        return self.versions[robot][-1] if self.versions[robot] else None

    def in_use(self, robot: str) -> str:
        """Return the hash of the model that the newest belief is of."""
        return self.beliefs[robot][-1].model_hash if self.beliefs[robot] else ''

    def counters(self, robot: str) -> dict[str, str]:
        """Return what inference_node counts, as of now."""
        self.diagnostics.clear()
        asked = self.probe.node.get_clock().now()

        def newest() -> dict[str, str]:
            for array in self.diagnostics:
                # One that was on its way does not count yet what was answered since.
                if Time.from_msg(array.header.stamp) < asked:
                    continue
                for status in array.status:
                    if status.name.startswith(robot) and 'inference' in status.name:
                        return {pair.key: pair.value for pair in status.values}
            return {}

        found: dict[str, str] = self.probe.wait_for(newest)
        return found


@pytest.fixture
def fleet(
    tmp_path: Path, processes: ProcessGroup, ros_environment: dict[str, str]
) -> Iterator[Fleet]:
    with NodeProbe('/') as probe:
        yield Fleet(tmp_path, processes, probe)


def test_all_robots_change_to_the_version_that_is_decided_and_miss_no_frame(fleet: Fleet):
    probe = fleet.probe
    fleet.robots.start()
    for robot in ROBOTS:
        fleet.ready(robot)
    # -- what each learnt is handed in, to the parameters of the file
    before = fleet.ask(fleet.clients['robot_1'].read_model('signs'))
    assert before.found and before.revision == 0
    assert np.array_equal(before.arrays['weights'], BEGUN)
    noise = [0.3 * RANDOM.normal(size=TRUTH.shape).astype(np.float32) for _ in ROBOTS]
    for robot, error in zip(ROBOTS, noise, strict=True):
        given = fleet.contribute(robot, TRUTH + error, base=before.parameters_hash)
        assert given.accepted, given.reason
    odd = fleet.contribute('robot_2', TRUTH[:7])
    assert not odd.accepted and 'has shape [7, 4]' in odd.reason
    # -- the version is decided while frames come in at every robot
    probe.turn(0.5)
    for robot in ROBOTS:
        fleet.beliefs[robot].clear()
        fleet.sent[robot] = 0
    counted = {robot: fleet.counters(robot) for robot in ROBOTS}
    merging = None
    after = 0
    while after < 30:
        # The next frame comes as soon as the one before is answered, so none can be overtaken by
        # another on a busy machine: one that is not answered was missed, and is waited for in vain.
        for robot in ROBOTS:
            fleet.send(robot)
        probe.wait_for(lambda: all(len(fleet.beliefs[r]) == fleet.sent[r] for r in ROBOTS))
        sent = fleet.sent['robot_1']
        if sent == 20:
            merging = fleet.clients['robot_2'].merge('signs', contributions_min=3)
        assert sent < 20_000, 'not all robots changed'
        if merging is not None and merging.done():
            decision = merging.result().decision
            if 'are needed' in decision.reason:
                merging = fleet.clients['robot_2'].merge('signs', contributions_min=3)
                continue
            assert decision.status is Status.DECIDED, decision.reason
            hashes = {fleet.in_use(robot) for robot in ROBOTS}
            after += len(hashes) == 1 and fleet.beliefs['robot_1'][0].model_hash not in hashes
    assert merging is not None
    merged = merging.result()
    assert merged.contributors == ROBOTS
    assert merged.decision.subject == 'model/signs' and merged.decision.revision == 1
    for robot in ROBOTS:
        beliefs, sent = fleet.beliefs[robot], fleet.sent[robot]
        sequences = [belief.sequence for belief in beliefs]
        assert sequences == list(range(sequences[0], sequences[0] + sent)), robot
        hashes = [belief.model_hash for belief in beliefs]
        change = hashes.index(hashes[-1])
        assert set(hashes[:change]) == {hashes[0]} and set(hashes[change:]) == {hashes[-1]}
        now = fleet.counters(robot)
        grown = {
            name: int(now[name]) - int(counted[robot][name])
            for name in ('received', 'published', 'superseded', 'lost', 'adopted')
        }
        assert grown == {
            'received': sent, 'published': sent, 'superseded': 0, 'lost': 0, 'adopted': 1
        }, robot
        assert float(now['held_out_accuracy']) > 0.8
    # -- it is the mean of what was learnt, the same at all
    in_force = [fleet.ask(fleet.clients[robot].read_model('signs')) for robot in ROBOTS]
    assert len({each.parameters_hash for each in in_force}) == 1
    assert len({each.arrays['weights'].tobytes() for each in in_force}) == 1
    mean = TRUTH + sum(noise) / 3
    assert np.allclose(in_force[0].arrays['weights'], mean, atol=0.01)
    told = [fleet.version(robot) for robot in ROBOTS]
    assert {each.parameters_hash for each in told if each} == {in_force[0].parameters_hash}
    # -- what was learnt on older parameters is refused with what to do
    late = fleet.contribute('robot_1', TRUTH, base=before.parameters_hash)
    assert not late.accepted and 'train on from them' in late.reason


def test_a_robot_that_was_killed_gets_the_version_in_force(fleet: Fleet):
    probe = fleet.probe
    fleet.robots.start()
    for robot in ROBOTS:
        fleet.ready(robot)
    original = fleet.in_use('robot_3')
    fleet.robots.kill('robot_3')
    # -- two versions are decided without it
    for revision in (1, 2):
        begun = fleet.ask(fleet.clients['robot_1'].read_model('signs')).arrays['weights']
        for robot in ROBOTS[:2]:
            step = (TRUTH - begun) / 2
            given = fleet.contribute(robot, begun + step)
            assert given.accepted, given.reason
        merged = fleet.merge('robot_1', 2)
        assert merged.decision.status is Status.DECIDED, merged.decision.reason
        assert merged.decision.revision == revision
        probe.wait_for(
            lambda revision=revision: all(
                (it := fleet.version(robot)) is not None and it.revision == revision
                for robot in ROBOTS[:2]
            )
        )
    for robot in ROBOTS[:2]:
        probe.wait_for(
            lambda robot=robot: any(
                trial.revision == 2 and not trial.candidate and trial.accepted
                for trial in fleet.trials[robot]
            )
        )
        fleet.ready(robot)
    wanted = fleet.in_use('robot_1')
    assert wanted == fleet.in_use('robot_2') != original
    # -- back from its disk, it has neither the versions nor what they were made of
    fleet.robots.start(['robot_3'])
    probe.wait_for(
        lambda: (it := fleet.version('robot_3')) is not None and it.revision == 2, 60.0
    )
    probe.wait_for(
        lambda: (
            fleet.send('robot_3'), probe.turn(0.1), fleet.in_use('robot_3') == wanted
        )[-1],
        60.0,
    )
    # -- killed again, it has everything on its disk
    fleet.robots.kill('robot_3')
    fleet.versions['robot_3'].clear()
    fleet.beliefs['robot_3'].clear()
    fleet.robots.start(['robot_3'])
    probe.wait_for(
        lambda: (it := fleet.version('robot_3')) is not None and it.revision == 2, 60.0
    )
    probe.wait_for(
        lambda: (
            fleet.send('robot_3'), probe.turn(0.1), fleet.in_use('robot_3') == wanted
        )[-1],
        60.0,
    )


def test_a_version_that_is_worse_is_not_proposed(fleet: Fleet):
    fleet.robots.start()
    for robot in ROBOTS:
        fleet.ready(robot)
    good = fleet.contribute('robot_1', TRUTH)
    assert good.accepted
    assert fleet.merge('robot_1', 1).decision.status is Status.DECIDED
    fleet.probe.wait_for(
        lambda: any(not each.candidate and each.accepted for each in fleet.trials['robot_1'])
    )
    bad = fleet.contribute('robot_1', -TRUTH)
    assert bad.accepted
    refused = fleet.merge('robot_1', 1).decision
    assert refused.status is Status.REFUSED
    assert 'refuses it: accuracy' in refused.reason
    reading = fleet.ask(fleet.clients['robot_1'].read('model/signs'))
    assert reading.decision is not None and reading.decision.revision == 1
    nothing = fleet.ask(fleet.clients['robot_2'].merge('stones'))
    assert "no model 'stones'" in nothing.decision.reason
    assert [process.interrupt() for process in fleet.robots.running.values()] == [0] * 6
