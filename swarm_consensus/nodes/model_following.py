"""
How inference_node follows the exchange of its model, by way of its robot's consensus_node.

Parameters that the swarm has decided are adopted, and candidates tried; what came of it is told on
`model_trial`.
"""

from __future__ import annotations

from collections.abc import Callable
import math

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from swarm_consensus.inference.adoption import Attempt
from swarm_consensus.inference.trial import Score
from swarm_consensus.msg import ModelTrial, ModelVersion
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.model_adoption import ModelAdoption, Request

TRIAL_DEPTH = 10
# Models that one consensus_node may share; it tells the version of each.
VERSIONS_DEPTH = 64


class ModelFollowing:
    """
    The subscriptions and the publisher, while the node is configured.

    :param model: its name in the exchange.
    :param model_hash: gives the SHA-256 of the ONNX model in use, hex.
    """

    def __init__(
        self,
        node: ManagedNode,
        group: CallbackGroup,
        robot: str,
        model: str,
        adoption: ModelAdoption,
        model_hash: Callable[[], str],
    ) -> None:
        self._node = node
        self._robot = robot
        self._model = model
        self._adoption = adoption
        self._model_hash = model_hash
        # Decided parameters that were handed to the adoption last.
        self._asked = ''
        # Ones that found no room among the trials yet.
        self._waiting: ModelVersion | None = None
        # The candidate that was tried last or is being tried, and what came of it. It is sent again
        # until the answer has arrived.
        self._candidate: ModelVersion | None = None
        self._answer: ModelTrial | None = None
        reliable = QoSProfile(depth=TRIAL_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        latched = QoSProfile(
            depth=VERSIONS_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        overriding = QoSOverridingOptions.with_default_policies
        self._trials = node.create_lifecycle_publisher(
            ModelTrial, 'model_trial', reliable, qos_overriding_options=overriding()
        )
        self._subscriptions = [
            node.create_subscription(
                ModelVersion,
                topic,
                self._on_version,
                qos,
                callback_group=group,
                qos_overriding_options=overriding(),
            )
            for topic, qos in (('model_version', latched), ('model_candidate', reliable))
        ]

    def destroy(self) -> None:
        """Destroy the entities."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())
        self._node.destroy_lifecycle_publisher(self._trials)

    def try_again(self) -> None:
        """Hand over what found no room before; to be called now and then."""
        if self._waiting is not None:
            self._on_version(self._waiting)

    def _on_version(self, version: ModelVersion) -> None:
        if version.model != self._model:
            return
        if not version.candidate:
            self._waiting = None
            if version.revision == 0 or version.parameters_hash == self._asked:
                # Those of the file, which run already, or told again for the sake of another model.
                return
        elif version == self._candidate:
            if self._answer is not None:
                self._trials.publish(self._answer)
            return
        executor = self._node.executor

        def done(attempt: Attempt) -> None:
            if executor is not None:
                executor.create_task(self._tell, version, attempt)

        request = Request(version.file, version.parameters_hash, version.candidate, done)
        taken = self._adoption.put(request)
        if version.candidate:
            # One that is not taken is sent again.
            if taken:
                self._candidate, self._answer = version, None
        elif taken:
            self._asked = version.parameters_hash
        else:
            self._waiting = version

    def _tell(self, version: ModelVersion, attempt: Attempt) -> None:
        if not self._subscriptions:
            return
        if attempt.reason:
            self._node.get_logger().warning(
                f'{"candidate" if version.candidate else "decided"} parameters '
                f'{version.parameters_hash[:12]} of model {version.model} refused: '
                f'{attempt.reason}'
            )
        trial = ModelTrial(
            stamp=self._node.get_clock().now().to_msg(),
            robot=self._robot,
            node=self._node.get_fully_qualified_name(),
            model=version.model,
            candidate=version.candidate,
            revision=version.revision,
            parameters_hash=version.parameters_hash,
            accepted=attempt.model is not None,
            reason=attempt.reason,
            model_hash=self._model_hash(),
            accuracy=accuracy(attempt.score),
            accuracy_before=accuracy(attempt.before),
        )
        if version == self._candidate:
            self._answer = trial
        self._trials.publish(trial)


def accuracy(score: Score | None) -> float:
    """Return the accuracy of a score; nan where there is none."""
    return math.nan if score is None else score.accuracy
