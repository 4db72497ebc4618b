"""
Where the demo meets the swarm: shows pictures to the robots, and hears what they publish.

One node with an executor in a thread of its own. Everything heard is kept under one lock; who
waits for something waits on its condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import threading
import time
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image as ImageMessage

from swarm_consensus.decision.types import Decision, Status
from swarm_consensus.demo.views import Image
from swarm_consensus.msg import Belief, SwarmStatus
from swarm_consensus.msg import Decision as DecisionMessage
from swarm_consensus.nodes.convert import decision_from_message
from swarm_consensus.nodes.executor import make_context, make_executor
from swarm_consensus.srv import Read

READ_TIMEOUT_S = 5.0


class Stage:
    """
    The demo's place in the domain of the swarm; a context manager.

    :param namespaces: namespace of each robot, by name.
    """

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._context = make_context()
        self._node = Node(
            'demo',
            context=self._context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self.changed = threading.Condition()
        self.statuses: dict[str, SwarmStatus] = {}
        self.beliefs: dict[str, dict[str, list[float]]] = {}
        self.decisions: dict[str, dict[str, Decision]] = {}
        self._cameras = {}
        self._readers = {}
        sensor = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for robot, namespace in namespaces.items():
            self._cameras[robot] = self._node.create_publisher(
                ImageMessage, f'{namespace}/image', sensor
            )
            self._node.create_subscription(
                Belief, f'{namespace}/belief', self._keep(self._on_belief, robot), 10
            )
            self._node.create_subscription(
                DecisionMessage,
                f'{namespace}/decision',
                self._keep(self._on_decision, robot),
                latched,
            )
            self._node.create_subscription(
                SwarmStatus, f'{namespace}/swarm_status', self._keep(self._on_status, robot), 10
            )
            self._readers[robot] = self._node.create_client(Read, f'{namespace}/read')
        self._executor = make_executor(self._context)
        self._executor.add_node(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, name='stage', daemon=True)
        self._thread.start()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._executor.create_task(lambda: None)
        self._thread.join(5.0)
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.5)

    def _keep(self, take: Callable[[str, Any], None], robot: str) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            with self.changed:
                take(robot, message)
                self.changed.notify_all()

        return keep

    def _on_belief(self, robot: str, message: Belief) -> None:
        self.beliefs.setdefault(message.subject, {})[robot] = message.log_likelihood.tolist()

    def _on_decision(self, robot: str, message: DecisionMessage) -> None:
        decision = decision_from_message(message)
        if decision.status.answered:
            self.decisions.setdefault(decision.subject, {})[robot] = decision

    def _on_status(self, robot: str, message: SwarmStatus) -> None:
        self.statuses[robot] = message

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until something holds that depends on what is heard; returns whether it does."""
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def leader(self, live: Sequence[str]) -> str:
        """Return who leads in the newest term that a live robot reports; '' for nobody."""
        with self.changed:
            known = [self.statuses[robot] for robot in live if robot in self.statuses]
        newest = max(known, key=lambda status: status.term, default=None)
        return '' if newest is None else str(newest.leader)

    def ready(self, robots: Sequence[str]) -> bool:
        """Return whether these robots follow one leader, hear each other, and see."""
        with self.changed:
            heard = [self.statuses.get(robot) for robot in robots]
        if any(status is None for status in heard):
            return False
        leaders = {status.leader for status in heard if status is not None}
        everybody = all(
            set(robots) <= set(status.alive) and status.has_quorum
            for status in heard
            if status is not None
        )
        return everybody and len(leaders) == 1 and '' not in leaders and all(map(self.sees, robots))

    def forget(self, robot: str) -> None:
        """Forget the status of a robot that was killed."""
        with self.changed:
            self.statuses.pop(robot, None)

    def sees(self, robot: str) -> bool:
        """Return whether a robot listens to its camera."""
        return bool(self._cameras[robot].get_subscription_count() > 0)

    def show(self, robot: str, picture: Image, frame_id: str) -> None:
        """Put a picture on the camera topic of a robot."""
        message = ImageMessage()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = frame_id
        message.height, message.width = picture.shape
        message.encoding = 'mono8'
        message.step = picture.shape[1]
        message.data = np.ascontiguousarray(picture).tobytes()
        self._cameras[robot].publish(message)

    def read_log(self, robot: str) -> tuple[str, list[Decision]]:
        """
        Return (digest, decisions) of the whole log as a robot holds it, read linearizably.

        :raises RuntimeError: the robot does not answer, or has no quorum.
        """
        decisions: list[Decision] = []
        while True:
            request = Read.Request(
                from_index=decisions[-1].index + 1 if decisions else 1, timeout=READ_TIMEOUT_S
            )
            response = self._call(robot, request)
            if response.status != Status.DECIDED:
                raise RuntimeError(f'{robot} cannot read its log: {response.reason}')
            part = [decision_from_message(message) for message in response.decisions]
            if not part:
                return response.applied_digest, decisions
            decisions += part

    def _call(self, robot: str, request: Any) -> Any:
        done = threading.Event()
        if not self._readers[robot].wait_for_service(READ_TIMEOUT_S):
            raise RuntimeError(f'{robot} offers no service `read`')
        future = self._readers[robot].call_async(request)
        future.add_done_callback(lambda _: done.set())
        deadline = time.monotonic() + READ_TIMEOUT_S + 2.0
        if not done.wait(deadline - time.monotonic()):
            raise RuntimeError(f'{robot} did not answer `read` within {READ_TIMEOUT_S + 2.0:g} s')
        return future.result()
