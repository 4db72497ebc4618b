"""
inference_node: turns the data of one sensor into beliefs, with any ONNX model.

The subscription's callback only leaves the message in a mailbox. A thread of its own takes the
newest one, runs the model, and publishes from there: inference never holds up the executor, and
onnxruntime releases the interpreter while it computes.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
import math
import sys
import time
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future

from swarm_consensus.composition.inference_parameters import INFERENCE_PARAMETERS
from swarm_consensus.composition.parameter import Value
from swarm_consensus.inference.adoption import Attempt
from swarm_consensus.inference.errors import (
    FrameError,
    InvalidOutputError,
    ModelError,
    NonFiniteOutputError,
    describe_error,
)
from swarm_consensus.inference.likelihood import LikelihoodRule
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.spec import spec_from
from swarm_consensus.inference.statistics import Counters, Window
from swarm_consensus.inference.worker import Worker
from swarm_consensus.msg import Belief, FlowControl
from swarm_consensus.nodes.executor import program
from swarm_consensus.nodes.inference_diagnostics import Diagnostics, Report
from swarm_consensus.nodes.managed import ManagedNode, StartError
from swarm_consensus.nodes.model_adoption import ModelAdoption, Request
from swarm_consensus.nodes.model_following import ModelFollowing, accuracy
from swarm_consensus.nodes.parameters import NodeParameters
from swarm_consensus.nodes.parking import ParkedFuture
from swarm_consensus.nodes.sensors import TOPICS, Sensor, sensor_for, stamp_and_frame
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import AdoptModel
from swarm_consensus.transport.hashes import labels_hash

DIAGNOSTICS_PERIOD = 1.0  # s
WARNING_PERIOD = 5.0  # s, between two log lines of the same trouble
# One picture may show many objects at once.
BELIEF_DEPTH = 100
DIAGNOSTICS_DEPTH = 10
# Of a label or a subject; longer ones would be refused by every robot.
TEXT_CHARACTERS_MAX = 256
# Without a word from consensus_node for so long, there is no limit any more but our own, s.
FLOW_TIMEOUT = 5.0


@value
class Arrival:
    """
    A message on its way to the model.

    :param stamp: when the sensor took the data; that of arrival where the message has none.
    """

    message: Any
    stamp: Time
    stamp_ns: int
    frame_id: str
    subject: str


@value
class Loaded:
    """A model and what fills its input, which change together."""

    model: Model
    sensor: Sensor


class InferenceNode(ManagedNode):
    """
    The lifecycle node; see the README for its topics and parameters.

    :param arguments: as for rclpy's node.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__('inference_node', **arguments)
        # Read once for each frame, and replaced by one assignment: a frame is taken all the way by
        # one model, whatever comes meanwhile.
        self._loaded: Loaded | None = None
        self._adoption: ModelAdoption | None = None
        self._service: Any = None
        self._following: ModelFollowing | None = None
        self._worker: Worker[Arrival] | None = None
        self._subscription: Any = None
        self._flow_subscription: Any = None
        self._publisher: Any = None
        self._diagnostics_publisher: Any = None
        self._timer: Any = None
        self._sequence = 0
        self._settings = NodeParameters(
            self, changed=self._tune, frozen=lambda: self._loaded is not None
        )
        values = self._settings.declare(INFERENCE_PARAMETERS)
        self._settings.warn_of_unknown()
        self.autostart = bool(values['autostart'])

    # -- lifecycle --------------------------------------------------------------------------------

    def configure(self) -> None:
        values: Mapping[str, Any] = self._settings.values
        self._robot = values['robot'] or self.get_namespace().rsplit('/', 1)[-1]
        if not self._robot:
            raise StartError(
                'robot is not set and there is no namespace to take it from: set robot to the '
                'name of this robot'
            )
        self._subject = values['subject']
        if not self._subject:
            raise StartError('subject is empty: set it to what the beliefs are about')
        self._by_frame = values['subject_from'] == 'frame_id'
        for text in (self._subject, *values['labels']):
            if len(text) > TEXT_CHARACTERS_MAX:
                raise StartError(
                    f'{text[:40]!r}... has {len(text)} characters; the subject and each of the '
                    f'labels may have {TEXT_CHARACTERS_MAX}'
                )
        try:
            spec = spec_from(values)
            model = Model(spec)
        except ModelError as error:
            raise StartError(str(error)) from error
        sensor = sensor_for(model)
        self._rule = LikelihoodRule(spec.output_kind, prior=spec.prior)
        self._labels = list(spec.labels)
        self._belief = Belief(
            robot=self._robot,
            labels_hash=labels_hash(spec.labels),
            sequence=self._sequence,
        )
        self._counters = Counters()
        self._latency, self._preprocess, self._run = Window(), Window(), Window()
        self._last_error = ''
        # Most beliefs a second that consensus_node can make use of, Hz, and when it said so.
        self._flow_rate = 0.0
        self._flow_told = 0.0
        self._worker = Worker(
            self.process,
            self._worker_failed,
            slots=values['subjects_max'] if self._by_frame else 1,
        )
        self._adoption = ModelAdoption(
            spec, values['held_out'], values['trial_margin'], self._swap, self._worker_failed
        )
        self._loaded = Loaded(model, sensor)
        self._tune(values)
        self._create_entities(sensor, values, values['topic'] or TOPICS[spec.input])
        self._say_ready(model)

    def activate(self) -> None:
        assert self._worker is not None
        self._last_frame = time.monotonic()
        self._worker.start()
        self._timer.reset()

    def deactivate(self) -> None:
        assert self._worker is not None
        self._timer.cancel()
        # Ends after the run under way, so that nothing is published by an inactive node.
        self._worker.stop()

    def release(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if self._adoption is not None:
            self._adoption.stop()
            self._adoption = None
        if self._service is not None:
            self.destroy_service(self._service)
            self._service = None
        if self._following is not None:
            self._following.destroy()
            self._following = None
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        for subscription in (self._subscription, self._flow_subscription):
            if subscription is not None:
                self.destroy_subscription(subscription)
        self._subscription = self._flow_subscription = None
        for publisher in (self._publisher, self._diagnostics_publisher):
            if publisher is not None:
                self.destroy_lifecycle_publisher(publisher)
        self._publisher = self._diagnostics_publisher = None
        if self._loaded is not None:
            # Beliefs count on when the node is configured again.
            self._sequence = self._belief.sequence
            self._loaded = None

    def _create_entities(self, source: Sensor, values: Mapping[str, Any], topic: str) -> None:
        assert self._worker is not None
        reliable = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=BELIEF_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
        )
        # The newest is what counts; where a tracker sends one frame an object, the newest of each.
        sensor = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=values['subjects_max'] if self._by_frame else 1,
            reliability=ReliabilityPolicy[values['reliability'].upper()],
        )
        overriding = QoSOverridingOptions.with_default_policies
        self._publisher = self.create_lifecycle_publisher(
            Belief, 'belief', reliable, qos_overriding_options=overriding()
        )
        self._diagnostics_publisher = self.create_lifecycle_publisher(
            DiagnosticArray, '/diagnostics', DIAGNOSTICS_DEPTH
        )
        self._diagnostics = Diagnostics(self.get_fully_qualified_name().lstrip('/'), self._robot)
        group = MutuallyExclusiveCallbackGroup()
        self._subscription = self.create_subscription(
            source.message_type,
            topic,
            self._receive,
            sensor,
            callback_group=group,
            event_callbacks=SubscriptionEventCallbacks(message_lost=self._note_loss),
            qos_overriding_options=overriding(),
        )
        self._flow_subscription = self.create_subscription(
            FlowControl,
            'flow',
            self._heed,
            QoSProfile(
                depth=1,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
            ),
            callback_group=group,
            qos_overriding_options=overriding(),
        )
        self._service = self.create_service(
            AdoptModel, '~/adopt_model', self._on_adopt, callback_group=group
        )
        if values['exchange']:
            assert self._adoption is not None
            self._following = ModelFollowing(
                self, group, self._robot, values['exchange'], self._adoption, self._model_hash
            )
        # On the machine's clock: a simulation that stands still is worth a diagnosis too.
        self._timer = self.create_timer(
            DIAGNOSTICS_PERIOD,
            self._publish_diagnostics,
            callback_group=group,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self._timer.cancel()

    def _say_ready(self, model: Model) -> None:
        info = model.info
        if info.fallback:
            self.get_logger().warning(info.fallback)
        self.get_logger().info(
            f'{info.path.name} ({info.sha256[:12]}) for {self._subject!r}: '
            f'{len(self._labels)} labels, input {list(info.input_shape)} from '
            f'{self._subscription.topic_name}, on {info.providers[0]}, '
            f'{info.run_time * 1e3:.2f} ms a run'
        )

    # -- in the executor's thread -----------------------------------------------------------------

    def _receive(self, message: Any) -> None:
        worker = self._worker
        if worker is None or not worker.running:
            return
        self._last_frame = time.monotonic()
        self._counters.received += 1
        stamp, frame_id = stamp_and_frame(message)
        if stamp is None:
            self._counters.unstamped += 1
            stamp = self.get_clock().now().to_msg()
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        subject = self._subject
        if self._by_frame and frame_id:
            subject = f'{subject}/{frame_id}'
            if len(subject) > TEXT_CHARACTERS_MAX:
                self._counters.malformed += 1
                self._complain(
                    f'frame dropped: a subject of {len(subject)} characters by its frame_id, '
                    f'{TEXT_CHARACTERS_MAX} are allowed'
                )
                return
        worker.put(subject, Arrival(message, stamp, stamp_ns, frame_id, subject))

    def _note_loss(self, event: Any) -> None:
        self._counters.lost += event.total_count_change

    def _tune(self, changed: Mapping[str, Value]) -> None:
        """Take over values that may change while the node is active."""
        if self._loaded is None or self._worker is None:
            return
        values: Mapping[str, Any] = self._settings.values
        self._rule.temperature = values['temperature']
        self._rule.floor = values['log_likelihood_min']
        self._belief.labels = self._labels if values['send_labels'] else []
        if 'rate_max' in changed:
            self._set_rate()

    def _heed(self, flow: FlowControl) -> None:
        """Make no more beliefs than the byte budget of this robot carries."""
        if flow.robot != self._robot or not 0.0 <= flow.belief_rate_max < math.inf:
            return
        self._flow_rate = flow.belief_rate_max
        self._flow_told = time.monotonic()
        self._set_rate()

    def _set_rate(self) -> None:
        assert self._worker is not None
        limits = [limit for limit in (self._settings.values['rate_max'], self._flow_rate) if limit]
        self._worker.set_rate_max(min(limits, default=0.0))

    def _publish_diagnostics(self) -> None:
        assert self._loaded is not None and self._worker is not None
        assert self._adoption is not None
        if self._flow_rate and time.monotonic() - self._flow_told > FLOW_TIMEOUT:
            self._flow_rate = 0.0
            self._set_rate()
        if self._following is not None:
            self._following.try_again()
        self._counters.superseded = self._worker.superseded
        values: Mapping[str, Any] = self._settings.values
        report = Report(
            info=self._loaded.model.info,
            counters=self._counters,
            adoption=self._adoption.counters,
            latency=self._latency.quantiles(),
            preprocess=self._preprocess.quantiles(),
            run=self._run.quantiles(),
            since_frame=time.monotonic() - self._last_frame,
            input_timeout=values['input_timeout'],
            topic=self._subscription.topic_name,
            subject=self._subject,
            temperature=self._rule.temperature,
            rate_max=values['rate_max'],
            flow_rate=self._flow_rate,
            last_error=self._last_error,
        )
        message = DiagnosticArray(status=[self._diagnostics.status(report)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics_publisher.publish(message)

    async def _on_adopt(
        self, request: AdoptModel.Request, response: AdoptModel.Response
    ) -> AdoptModel.Response:
        future: Future[Attempt] = ParkedFuture()
        assert self._adoption is not None and self._loaded is not None
        wanted = Request(
            request.file, request.parameters_hash, request.trial_only, future.set_result
        )
        if self._adoption.put(wanted):
            attempt = await future
        else:
            attempt = Attempt(None, 'too many trials wait at this node; try again later')
        response.accepted = attempt.model is not None
        response.reason = attempt.reason
        response.parameters_hash = attempt.parameters_hash
        response.accuracy = accuracy(attempt.score)
        response.accuracy_before = accuracy(attempt.before)
        response.model_hash = self._model_hash()
        return response

    def _model_hash(self) -> str:
        return '' if self._loaded is None else self._loaded.model.info.sha256

    # -- in the thread of the adoption ------------------------------------------------------------

    def _swap(self, model: Model) -> None:
        """Have the next frame run by another model; the one under way ends with its own."""
        self._loaded = Loaded(model, sensor_for(model))
        self.get_logger().info(
            f'from the next frame on model {model.info.sha256[:12]} for {self._subject!r}, '
            f'{model.info.run_time * 1e3:.2f} ms a run'
        )

    # -- in the worker's thread -------------------------------------------------------------------

    def process(self, arrival: Arrival) -> None:
        """Take one frame all the way: model input, run, belief."""
        loaded = self._loaded
        assert loaded is not None
        begun = time.perf_counter()
        try:
            loaded.sensor.write(arrival.message)
        except FrameError as error:
            self._counters.malformed += 1
            self._complain(f'frame dropped: {error}')
            return
        written = time.perf_counter()
        try:
            output = loaded.model.run()
        except Exception as error:  # noqa: BLE001 -- onnxruntime's errors have no common type
            self._counters.failed += 1
            self._complain(f'the model failed: {describe_error(error)}')
            return
        done = time.perf_counter()
        self._preprocess.add(written - begun)
        self._run.add(done - written)
        try:
            log_likelihood = self._rule.apply(output)
        except NonFiniteOutputError as error:
            self._counters.non_finite += 1
            self._complain(f'answer dropped: {error}')
            return
        except InvalidOutputError as error:
            self._counters.invalid += 1
            self._complain(f'answer dropped: {error}')
            return
        self._publish(arrival, log_likelihood.tobytes(), loaded.model.info.sha256)

    def _publish(self, arrival: Arrival, log_likelihood: bytes, model_hash: str) -> None:
        # One message for all beliefs: publish() has let go of it when it returns.
        belief = self._belief
        belief.header.stamp = arrival.stamp
        belief.header.frame_id = arrival.frame_id
        belief.subject = arrival.subject
        belief.model_hash = model_hash
        belief.log_likelihood = array('f', log_likelihood)
        belief.sequence += 1
        latency = (self.get_clock().now().nanoseconds - arrival.stamp_ns) / 1e9
        belief.latency = latency
        self._publisher.publish(belief)
        self._counters.published += 1
        self._latency.add(latency)

    def _complain(self, message: str) -> None:
        self._last_error = message
        self.get_logger().warning(message, throttle_duration_sec=WARNING_PERIOD)

    def _worker_failed(self, error: Exception) -> None:
        """Raise what nobody expected where it ends the process, traceback and all."""

        def fail() -> None:
            raise error

        assert self.executor is not None
        self.executor.create_task(fail)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run inference_node; returns the exit code."""
    return program(InferenceNode, 'inference_node', __doc__, INFERENCE_PARAMETERS, arguments)


if __name__ == '__main__':
    sys.exit(main())
