"""Models in the runtime: told, fetched, made and decided among robots on virtual time."""

from __future__ import annotations

import numpy as np
import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.protocols.parameters.architecture import (
    Architecture,
    Tensor,
    from_bytes,
    to_bytes,
)
from swarm_consensus.protocols.parameters.blobs import Blob, cut, join
from swarm_consensus.protocols.parameters.contributions import Manifest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding, ErrorFeedback
from swarm_consensus.protocols.parameters.version import ModelVersion, version_from
from swarm_consensus.protocols.parameters.workshop import (
    ContributionError,
    contribute,
    make,
)
from swarm_consensus.runtime.events import (
    ModelApplied,
    ModelContributed,
    ModelJob,
    ModelMade,
    ModelMergeAnswered,
    ModelMergeAsked,
    ModelReady,
    ModelReport,
    Notice,
)
from swarm_consensus.runtime.model_messages import ContributionTold
from swarm_consensus.runtime.models import ModelSetup
from swarm_consensus.simulation.network import Faults

# Three chunks of parameters.
ARCHITECTURE = Architecture([Tensor('w', (20_000,))])
INITIAL = np.linspace(-1, 1, 20_000).astype(np.float32)
FIRST, FIRST_CHUNKS = cut(to_bytes(INITIAL))


class ModelSwarm(Swarm):
    """A swarm whose workshops are done by hand, and a network of the simulation."""

    def __init__(self, robots: int = 3, *, merge_at: int = 0, rule: Rule = Rule(), **more) -> None:  # noqa: B008
        setup = ModelSetup('net', ARCHITECTURE, FIRST, rule, merge_at)
        super().__init__(robots, models=(setup,), **more)
        self._done: set[int] = set()
        self._version = 0
        for robot in self.robots:
            self._keep(robot, FIRST_CHUNKS)

    def _keep(self, robot: str, chunks: dict[bytes, bytes]) -> None:
        for name, data in chunks.items():
            self.world.chunks(robot).keep(name, data)

    def in_force(self, robot: str) -> Blob:
        return self.outputs(robot, ModelReady)[-1].ready.result

    def vector(self, robot: str) -> np.ndarray:
        data = join(self.in_force(robot), self.world.chunks(robot).read)
        assert data is not None
        return from_bytes(data)

    def contribute(self, robot: str, vector: np.ndarray, base: Blob | None = None) -> Manifest:
        self._version += 1
        manifest, made = contribute(
            vector.astype(np.float32),
            base or self.in_force(robot),
            ARCHITECTURE,
            self.world.chunks(robot).read,
            robot=robot,
            version=self._version,
            weight=1.0,
            encoding=Encoding.FLOAT16,
            feedback=ErrorFeedback(ARCHITECTURE.count),
        )
        self._keep(robot, made.chunks)
        self.world.put(robot, ModelContributed('net', manifest))
        return manifest

    def work(self, seconds: float) -> None:
        """Let time pass and do the jobs of the robots, as their workshops would."""
        for _ in range(int(seconds * 10)):
            self.run(0.1)
            for number, (_, robot, output) in enumerate(self.told):
                if isinstance(output, ModelJob) and number not in self._done:
                    self._done.add(number)
                    self._make(robot, output)

    def _make(self, robot: str, job: ModelJob) -> None:
        try:
            made = make(job.make, ARCHITECTURE, self.world.chunks(robot).read)
        except ContributionError as error:
            done = ModelMade('net', job.make, None, str(error), error.manifest)
            self.world.put(robot, done)
            return
        except ParametersError as error:
            self.world.put(robot, ModelMade('net', job.make, None, str(error)))
            return
        self._keep(robot, made.chunks)
        self.world.put(robot, ModelMade('net', job.make, made.blob))
        if job.make.wanted is None:
            version = ModelVersion(
                bytes.fromhex(ARCHITECTURE.hash),
                job.make.base.root,
                job.make.rule,
                job.make.contributions,
                made.blob,
            )
            self.propose(
                robot, 'v', 'model/net', expected=job.revision, value=version.encoded()
            )


def test_what_robots_contribute_becomes_the_same_model_at_all():
    swarm = ModelSwarm(faults=Faults(loss=0.1))
    swarm.elect()
    for number, robot in enumerate(swarm.robots):
        swarm.contribute(robot, INITIAL + number)
    swarm.work(6)
    swarm.world.put('r2', ModelMergeAsked(7, 'net', 3))
    swarm.work(6)
    vectors = {swarm.vector(robot).tobytes() for robot in swarm.robots}
    assert len(vectors) == 1
    assert np.allclose(swarm.vector('r1'), INITIAL + 1, atol=1e-3)
    for robot in swarm.robots:
        ready = swarm.outputs(robot, ModelReady)[-1]
        assert ready.ready.revision == 1
        # What is in use stays: the parameters, and what they were made of.
        assert ready.used >= set(cut(to_bytes(swarm.vector(robot)))[1])
        assert len(swarm.outputs(robot, ModelApplied)) == 1
        report = swarm.outputs(robot, ModelReport)[-1]
        assert report.models[0].ready and report.models[0].revision == 1
        assert report.wanted == 0 and report.chunks.wrong_hash == 0


def test_the_leader_merges_by_itself_once_enough_is_there():
    swarm = ModelSwarm(merge_at=3)
    leader = swarm.elect()
    for robot in swarm.robots[:2]:
        swarm.contribute(robot, INITIAL + 1)
    swarm.work(4)
    assert not any(swarm.outputs(robot, ModelJob) for robot in swarm.robots)
    swarm.contribute(swarm.robots[2], INITIAL + 1)
    swarm.work(6)
    tried = [
        robot
        for robot in swarm.robots
        for job in swarm.outputs(robot, ModelJob)
        if job.make.wanted is None
    ]
    assert tried == [leader]
    assert np.allclose(swarm.vector('r3'), INITIAL + 1, atol=1e-3)


def test_a_robot_that_reboots_and_one_that_was_away_catch_up():
    swarm = ModelSwarm(4, merge_at=3)
    swarm.elect()
    swarm.world.crash('r4')
    for robot in swarm.robots[:3]:
        swarm.contribute(robot, INITIAL + 1)
    swarm.work(8)
    swarm.world.crash('r1')
    swarm.run(1)
    for robot in ('r1', 'r4'):
        swarm.world.start(robot)
    swarm.work(10)
    for robot in swarm.robots:
        assert swarm.outputs(robot, ModelReady)[-1].ready.revision == 1, robot
    assert len({swarm.vector(robot).tobytes() for robot in swarm.robots}) == 1


def test_a_contribution_of_nan_is_left_out_and_said():
    swarm = ModelSwarm(4, rule=Rule(RuleKind.TRIMMED_MEAN, 1))
    swarm.elect()
    for robot in swarm.robots[:3]:
        swarm.contribute(robot, INITIAL + 1)
    honest = swarm.contribute('r4', INITIAL)
    poison, chunks = cut(np.full(ARCHITECTURE.count, np.nan, '<f2').tobytes())
    swarm._keep('r4', chunks)
    bad = Manifest(
        'r4', honest.version + 1, honest.base, honest.architecture, 1.0, honest.encoding, poison
    )
    swarm.world.put('r4', ModelContributed('net', bad))
    swarm.work(6)
    swarm.world.put('r1', ModelMergeAsked(7, 'net', 3))
    swarm.work(6)
    decision = swarm.decisions('r1')[-1]
    contributors = [each.robot for each in version_from(decision.value).contributions]
    assert contributors == ['r1', 'r2', 'r3']
    notices = [notice.text for notice in swarm.outputs('r1', Notice)]
    assert any('of r4: the update holds a number that is not finite' in text for text in notices)
    assert np.allclose(swarm.vector('r4'), INITIAL + 1, atol=1e-3)


def test_nobody_tells_the_contribution_of_another():
    swarm = ModelSwarm()
    swarm.elect()
    manifest = swarm.contribute('r1', INITIAL + 1)
    swarm.work(3)
    other = ContributionTold('net', manifest.encoded().replace(b'r1', b'r3'))
    work = swarm.world.runtime('r2')._models
    assert work.receive('r1', other) == 'FORGED'
    assert work.receive('r1', ContributionTold('net', b'x')) == 'NO_MANIFEST'
    assert work.receive('r1', ContributionTold('sky', manifest.encoded())) == 'NO_MODEL'
    assert swarm.outputs('r2', ModelReport)[-1].models[0].known == ('r1',)


@pytest.mark.parametrize(
    ('model', 'least', 'reason'),
    [('net', 1, '0 contributions'), ('sky', 1, "no model 'sky'")],
)
def test_a_merge_that_cannot_be_is_answered_with_the_reason(model, least, reason):
    swarm = ModelSwarm()
    swarm.elect()
    swarm.world.put('r1', ModelMergeAsked(5, model, least))
    swarm.run(0.2)
    (answer,) = swarm.outputs('r1', ModelMergeAnswered)
    assert answer.key == 5 and reason in answer.reason


def test_models_cost_nothing_while_nothing_happens():
    without, with_model = Swarm(), ModelSwarm()
    sent = []
    for swarm in (without, with_model):
        swarm.elect()
        swarm.run(5)
        before = swarm.status('r1').status.frames.sent
        swarm.run(10)
        sent.append(swarm.status('r1').status.frames.sent - before)
    assert abs(sent[0] - sent[1]) <= 2
