"""
consensus_node's part in the exchange of models: services, topics, and the way to a decision.

A version is made by one robot, tried by that robot's own inference nodes, and proposed on the
subject `model/<name>`, expecting the revision that it was made on, so that of two robots that do
so at once one is refused. Whatever is decided, every robot makes or fetches by itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import CallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future

from swarm_consensus.decision.types import Decision, Level, Status, no_answer
from swarm_consensus.msg import ModelTrial, ModelVersion
from swarm_consensus.nodes import convert
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.model_workshop import Candidate, SharedModel, Workshop
from swarm_consensus.nodes.parking import ParkedFuture
from swarm_consensus.nodes.runtime_services import Ask, RuntimeServices
from swarm_consensus.protocols.parameters.contributions import Manifest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.runtime.events import (
    Input,
    ModelApplied,
    ModelJob,
    ModelMergeAnswered,
    ModelMergeAsked,
    ModelReady,
    ModelReport,
    ProposeAsked,
)
from swarm_consensus.runtime.models import SUBJECT_PREFIX, ModelSetup
from swarm_consensus.srv import ContributeModel, MergeModel, ReadModel
from swarm_consensus.storage.chunks import FolderChunks

# Of a decision that nobody at this robot asked for.
MERGE_TIMEOUT_S = 10.0
TRIAL_RESEND_S = 1.0
CHOICE_CHARACTERS = 16
# Contributions that are worked on at once; each may be megabytes.
CONTRIBUTIONS_MAX = 4

ModelOutput = ModelJob | ModelReady | ModelApplied | ModelReport | ModelMergeAnswered
MODEL_OUTPUTS = (ModelJob, ModelReady, ModelApplied, ModelReport, ModelMergeAnswered)
Answer = ModelMergeAnswered | Candidate


class _Trials:
    """Answers of the inference nodes about one candidate."""

    def __init__(self, expected: frozenset[str]) -> None:
        self.missing = set(expected)
        # The reason against it; '' where there is none.
        self.outcome: Future[str] = ParkedFuture()


class ModelServices(RuntimeServices):
    """
    The part of the node for models; the parameters as in `RuntimeServices`, and:

    :param models: that this robot shares.
    :param trials: of each model, names of the inference nodes of this robot that try a version.
    :param answer: hands an answer to whoever waits for its key; for any thread.
    :param failed: is told what nobody expected.
    """

    def __init__(
        self,
        node: ManagedNode,
        group: CallbackGroup,
        robot: str,
        models: tuple[SharedModel, ...],
        trials: dict[str, frozenset[str]],
        ask: Ask,
        answer: Callable[[Answer], object],
        failed: Callable[[Exception], None],
        *,
        inactive: str,
        nanoseconds: Callable[[float], int],
    ) -> None:
        super().__init__(node, group, ask, inactive=inactive, nanoseconds=nanoseconds)
        self._robot = robot
        self._answer = answer
        self._expected = trials
        self._workshop = Workshop(robot, models, failed)
        self._active = False
        self._contributing = 0
        self._trials: dict[str, _Trials] = {}
        # Who waits for the version of a model that is under way; a request may be repeated.
        self._merging: dict[str, list[Future[MergeModel.Response]]] = {}
        self._newest: dict[str, ModelVersion] = {}
        overridable = QoSOverridingOptions.with_default_policies()
        reliable = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        # One message a model; when one changes, all are sent again, so none falls out.
        latched = QoSProfile(
            depth=len(models),
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._versions = node.create_lifecycle_publisher(
            ModelVersion, 'model_version', latched, qos_overriding_options=overridable
        )
        self._candidates = node.create_lifecycle_publisher(
            ModelVersion, 'model_candidate', reliable, qos_overriding_options=overridable
        )
        self._diagnostics = node.create_lifecycle_publisher(
            DiagnosticArray, '/diagnostics', reliable
        )
        self._subscription = node.create_subscription(
            ModelTrial,
            'model_trial',
            self._on_trial,
            reliable,
            callback_group=group,
            qos_overriding_options=overridable,
        )
        self._serve(ContributeModel, 'contribute_model', self._on_contribute)
        self._serve(ReadModel, 'read_model', self._on_read)
        self._serve(MergeModel, 'merge_model', self._on_merge)

    def destroy(self) -> None:
        """Destroy the entities."""
        super().destroy()
        for publisher in (self._versions, self._candidates, self._diagnostics):
            self._node.destroy_publisher(publisher)
        self._node.destroy_subscription(self._subscription)

    # -- activation -------------------------------------------------------------------------------

    @property
    def setups(self) -> tuple[ModelSetup, ...]:
        """Return the models as the runtime takes them."""
        return self._workshop.setups

    def open(self, folder: Path) -> FolderChunks:
        """
        Open the folder with the chunks of the models.

        :raises OSError: it cannot be used.
        """
        return self._workshop.open(folder)

    def begin(self, put: Callable[[Input], object], incarnation: int) -> None:
        """Begin, at an activation; `put` hands an input to the runtime."""
        self._newest.clear()
        self._workshop.begin(put, incarnation)
        self._active = True

    def end(self) -> None:
        """End, at a deactivation; whoever waits is told so."""
        self._active = False
        for trials in tuple(self._trials.values()):
            if not trials.outcome.done():
                trials.outcome.set_result(self._inactive)
        self._workshop.end()

    # -- from the runtime, in its thread ----------------------------------------------------------

    def deliver(self, output: ModelOutput) -> None:
        """Pass on what the runtime says."""
        submit = self._workshop.submit
        if isinstance(output, ModelJob):
            job = output
            submit(lambda: self._made(self._workshop.make(job)))
        elif isinstance(output, ModelReady):
            ready = output
            submit(lambda: self._ready(ready))
        elif isinstance(output, ModelApplied):
            model, version = output.model, output.version
            submit(lambda: self._workshop.applied(model, version))
        elif isinstance(output, ModelReport):
            self._report(output)
        elif output.key:
            self._answer(output)
        else:
            self._node.get_logger().warning(f'no version is made: {output.reason}')

    def _report(self, report: ModelReport) -> None:
        array_ = DiagnosticArray()
        array_.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name()
        array_.status = [
            DiagnosticStatus(
                level=DiagnosticStatus.OK if each.ready else DiagnosticStatus.WARN,
                name=f'{name}: model {each.name}',
                message=f'revision {each.revision} is here'
                if each.ready
                else f'revision {each.revision} is not here yet',
                hardware_id=self._robot,
                values=[
                    KeyValue(key=key, value=str(value))
                    for key, value in {
                        'revision': each.revision,
                        'parameters_hash': each.parameters,
                        'contributions of': ' '.join(each.known),
                        'contributions here': each.here,
                        'refused': each.refused,
                        'blobs wanted': report.wanted,
                        'chunks received': report.chunks.received,
                        'chunks served': report.chunks.served,
                        'chunks with a wrong hash': report.chunks.wrong_hash,
                        'chunks not asked for': report.chunks.unasked,
                        'chunks not served': report.chunks.not_served,
                        'chunks late': report.chunks.timeouts,
                        'blobs malformed': report.chunks.malformed,
                        'chunks without room': report.no_room,
                    }.items()
                ],
            )
            for each in report.models
        ]
        self._diagnostics.publish(array_)

    # -- in the thread of the workshop ------------------------------------------------------------

    def _made(self, candidate: Candidate | None) -> None:
        if candidate is None:
            return
        if candidate.key:
            self._answer(candidate)
        elif self._node.executor is not None:
            self._node.executor.create_task(self._decide_by_itself, candidate)

    def _ready(self, output: ModelReady) -> None:
        try:
            file = self._workshop.ready(output)
            _, _, architecture = self._workshop.in_force(output.model)
        except ParametersError as error:
            self._node.get_logger().warning(f'model {output.model}: {error}')
            return
        ready = output.ready
        contributors = [] if ready.version is None else ready.version.contributions
        self._newest[output.model] = ModelVersion(
            stamp=self._node.get_clock().now().to_msg(),
            model=output.model,
            candidate=False,
            revision=ready.revision,
            parameters_hash=ready.result.root.hex(),
            architecture_hash=architecture,
            file=str(file),
            contributors=[manifest.robot for manifest in contributors],
        )
        for message in self._newest.values():
            self._versions.publish(message)
        self._node.get_logger().info(
            f'model {output.model}: revision {ready.revision}, parameters '
            f'{ready.result.root.hex()[:12]}'
        )

    async def _in_workshop(self, work: Callable[[], Any]) -> Any:
        """Have something done in the thread, and return or raise what comes of it."""
        future: Future[Any] = ParkedFuture()

        def done() -> None:
            try:
                result, error = work(), None
            except ParametersError as problem:
                result, error = None, problem
            future.set_result((result, error))

        self._workshop.submit(done)
        result, error = await future
        if error is not None:
            raise error
        return result

    # -- services ---------------------------------------------------------------------------------

    async def _on_contribute(
        self, request: ContributeModel.Request, response: ContributeModel.Response
    ) -> ContributeModel.Response:
        try:
            if not self._active:
                raise ParametersError(self._inactive)
            if self._contributing >= CONTRIBUTIONS_MAX:
                raise ParametersError('too many contributions wait at this robot')
            data = request.arrays.tobytes()
            self._contributing += 1
            try:
                manifest: Manifest = await self._in_workshop(
                    lambda: self._workshop.contribute(
                        request.model, data, request.base, request.weight
                    )
                )
            finally:
                self._contributing -= 1
        except ParametersError as error:
            response.reason = str(error)
            return response
        response.accepted = True
        response.version = manifest.version
        response.base = manifest.base.hex()
        return response

    async def _on_read(
        self, request: ReadModel.Request, response: ReadModel.Response
    ) -> ReadModel.Response:
        try:
            if not self._active:
                raise ParametersError(self._inactive)
            ready, data, architecture = await self._in_workshop(
                lambda: self._read(request.model)
            )
        except ParametersError as error:
            response.reason = str(error)
            return response
        response.found = True
        response.revision = ready.revision
        response.parameters_hash = ready.result.root.hex()
        response.architecture_hash = architecture
        response.arrays = array('B', data)
        return response

    def _read(self, model: str) -> tuple[Any, bytes, str]:
        ready, file, architecture = self._workshop.in_force(model)
        try:
            return ready, file.read_bytes(), architecture
        except OSError as error:
            raise ParametersError(f'{file} cannot be read: {error.strerror}') from error

    async def _on_merge(
        self, request: MergeModel.Request, response: MergeModel.Response
    ) -> MergeModel.Response:
        waiting = self._merging.get(request.model)
        if waiting is not None:
            future: Future[MergeModel.Response] = ParkedFuture()
            waiting.append(future)
            return await future
        self._merging[request.model] = []
        try:
            await self._merge(request, response)
        finally:
            for each in self._merging.pop(request.model):
                each.set_result(response)
        return response

    async def _merge(self, request: MergeModel.Request, response: MergeModel.Response) -> None:
        subject = SUBJECT_PREFIX + request.model
        answer = await self._ask(
            lambda key: ModelMergeAsked(key, request.model, request.contributions_min)
        ) or ModelMergeAnswered(0, self._inactive)
        if isinstance(answer, ModelMergeAnswered):
            decision = _refused(subject, answer.reason)
        else:
            decision = await self._decide(answer, request.timeout)
            response.contributors = [each.robot for each in answer.version.contributions]
        response.decision = convert.decision_to_message(
            decision, self._node.get_clock().now().to_msg()
        )

    # -- the way to a decision --------------------------------------------------------------------

    async def _decide_by_itself(self, candidate: Candidate) -> None:
        decision = await self._decide(candidate, MERGE_TIMEOUT_S)
        if decision.status is not Status.DECIDED:
            self._node.get_logger().warning(
                f'a version of model {candidate.model} was not decided: '
                f'{decision.status.name} {decision.reason}'
            )

    async def _decide(self, candidate: Candidate, timeout: float) -> Decision:
        subject = SUBJECT_PREFIX + candidate.model
        objection = await self._try(candidate, timeout)
        if objection:
            return _refused(subject, objection)
        answer = await self._ask(
            lambda key: ProposeAsked(
                key=key,
                subject=subject,
                choice=candidate.version.result.root.hex()[:CHOICE_CHARACTERS],
                value=candidate.version.encoded(),
                expected_revision=candidate.revision,
                request_id='',
                timeout_ns=self._nanoseconds(timeout),
            )
        )
        return _refused(subject, self._inactive) if answer is None else answer.decision

    async def _try(self, candidate: Candidate, timeout: float) -> str:
        """Have the inference nodes of this robot try a version; returns what is against it."""
        expected = self._expected[candidate.model]
        if not expected:
            return ''
        version = candidate.version
        name = version.result.root.hex()
        if name in self._trials:
            return 'the same version is being tried already'
        trials = self._trials[name] = _Trials(expected)

        def late() -> None:
            if not trials.outcome.done():
                trials.outcome.set_result(
                    f'no answer to the trial from {", ".join(sorted(trials.missing))} within '
                    f'{timeout:g} s'
                )

        message = ModelVersion(
            stamp=self._node.get_clock().now().to_msg(),
            model=candidate.model,
            candidate=True,
            revision=candidate.revision,
            parameters_hash=name,
            architecture_hash=version.architecture.hex(),
            file=str(candidate.file),
            contributors=[each.robot for each in version.contributions],
        )
        # What is published before two nodes have found each other is lost, and so is an answer.
        timers = [
            self._node.create_timer(TRIAL_RESEND_S, lambda: self._candidates.publish(message)),
            self._node.create_timer(max(timeout, 0.001), late),
        ]
        self._candidates.publish(message)
        try:
            return await trials.outcome
        finally:
            for timer in timers:
                self._node.destroy_timer(timer)
            self._trials.pop(name, None)

    def _on_trial(self, trial: ModelTrial) -> None:
        trials = self._trials.get(trial.parameters_hash)
        if trials is None or not trial.candidate or trials.outcome.done():
            return
        if not trial.accepted:
            trials.outcome.set_result(f'{trial.node} refuses it: {trial.reason}')
            return
        trials.missing.discard(trial.node.rpartition('/')[2])
        if not trials.missing:
            trials.outcome.set_result('')


def _refused(subject: str, reason: str) -> Decision:
    return no_answer(subject, Level.COMMITTED, Status.REFUSED, reason)
