"""A ROS node in the test's process that sees and asks all robots of a swarm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
import math
import time
from types import TracebackType
from typing import Any

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from swarm_consensus.action import Decide
from swarm_consensus.msg import Belief, Decision, SwarmStatus
from swarm_consensus.srv import Propose, Read
from swarm_testing.node_probe import NodeProbe
from swarm_testing.robot_processes import LABELS

DECIDED = Decision.STATUS_DECIDED
NO_QUORUM = Decision.STATUS_NO_QUORUM
# Robots that start at once on two cores need a few seconds to find each other.
READY_S = 60.0
# Far more than a commit takes, so that on a busy machine the answer is still that of the swarm.
REQUEST_S = 10.0

LATCHED = QoSProfile(
    depth=1000,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
FRAMES = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(slots=True)
class Goal:
    """
    A `Decide` goal on its way.

    :param answer: the action's answer once it has ended; None before.
    """

    handle: Any
    feedback: list[Any]
    result: Future

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.result.done()

    @property
    def decision(self) -> Any:
        """Decision in the result."""
        return self.result.result().result.decision

    @property
    def succeeded(self) -> bool:
        """Whether the action ended with success."""
        return bool(self.result.result().status == GoalStatus.STATUS_SUCCEEDED)

    @property
    def aborted(self) -> bool:
        """Whether the action ended without an answer."""
        return bool(self.result.result().status == GoalStatus.STATUS_ABORTED)

    @property
    def cancelled(self) -> bool:
        """Whether the action was cancelled."""
        return bool(self.result.result().status == GoalStatus.STATUS_CANCELED)


class SwarmProbe(NodeProbe):
    """
    Subscribes to every robot's decision, swarm_status and diagnostics, and asks them all.

    :param robots: their names, which are their namespaces.

    :ivar decisions: by robot, what it published on `decision`, in order.
    :ivar statuses: by robot, its newest swarm_status.
    :ivar diagnostics: by robot, its newest diagnostic status.
    """

    def __init__(self, robots: Sequence[str], name: str = 'swarm_probe') -> None:
        super().__init__('/', name)
        self.robots = list(robots)
        self.decisions: dict[str, list[Any]] = defaultdict(list)
        self.statuses: dict[str, Any] = {}
        # By robot, ns since the epoch: what it said before does not count.
        self._forgotten_ns: dict[str, int] = {}
        self.diagnostics: dict[str, DiagnosticStatus] = {}
        self._beliefs = {}
        self._propose = {}
        self._read = {}
        self._decide: dict[str, ActionClient] = {}
        self._sequence = 0
        for robot in self.robots:
            self._beliefs[robot] = self.publisher(Belief, f'/{robot}/belief', 100)
            self._propose[robot] = self.node.create_client(Propose, f'/{robot}/propose')
            self._read[robot] = self.node.create_client(Read, f'/{robot}/read')
            self.node.create_subscription(
                Decision, f'/{robot}/decision', self.decisions[robot].append, LATCHED
            )
            self.node.create_subscription(
                SwarmStatus, f'/{robot}/swarm_status', self._on_status(robot), LATCHED
            )
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 100)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._decide.values():
            client.destroy()
        super().__exit__(kind, error, trace)

    def _on_status(self, robot: str) -> Callable[[Any, Any], None]:
        def hear(message: Any, info: Any) -> None:
            if info['source_timestamp'] >= self._forgotten_ns.get(robot, 0):
                self.statuses[robot] = message

        return hear

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.hardware_id] = status

    # -- the standing of the swarm --------------------------------------------------------------

    def forget(self, robots: Iterable[str]) -> None:
        """
        Drop the statuses of robots, so that only new ones count.

        Those that arrived and were not taken yet, as this probe did not turn, are old ones too.
        """
        now_ns = time.time_ns()
        for robot in robots:
            self.statuses.pop(robot, None)
            self._forgotten_ns[robot] = now_ns

    def wait_until_ready(
        self, robots: Iterable[str] | None = None, alive: Iterable[str] | None = None
    ) -> None:
        """
        Wait until robots have one leader and hear each other, and this probe has all their topics.

        :param robots: those to wait for; None: all.
        :param alive: those that they must hear; None: `robots`.
        """
        wanted = list(self.robots if robots is None else robots)
        heard = sorted(wanted if alive is None else alive)

        def ready() -> bool:
            if any(robot not in self.statuses for robot in wanted):
                return False
            statuses = [self.statuses[robot] for robot in wanted]
            return (
                len({status.leader for status in statuses}) == 1
                and statuses[0].leader in heard
                and all(status.has_quorum and sorted(status.alive) == heard for status in statuses)
                and all(self._beliefs[robot].get_subscription_count() > 0 for robot in wanted)
                and all(self._propose[robot].service_is_ready() for robot in wanted)
                and all(self._read[robot].service_is_ready() for robot in wanted)
            )

        self.wait_for(ready, READY_S)
        # That is how it looks from here. A robot that has just begun may not know the probe yet,
        # and what was matched may be the one that was killed before; who answers has all of it.
        for robot in wanted:
            self.insist_on_reading(robot, linearizable=False)

    def leader(self, robots: Iterable[str] | None = None) -> str:
        """Wait until robots name the same leader, and return it."""
        wanted = list(self.robots if robots is None else robots)

        def agreed() -> str:
            leaders = {self.statuses[r].leader if r in self.statuses else '' for r in wanted}
            return next(iter(leaders)) if len(leaders) == 1 else ''

        return str(self.wait_for(agreed, READY_S))

    def wait_for_equal_logs(self, robots: Iterable[str] | None = None) -> tuple[int, str]:
        """Wait until robots have applied the same log; returns (index, digest)."""
        wanted = list(self.robots if robots is None else robots)

        def logs() -> set[tuple[int, str]]:
            answers = [self.insist_on_reading(r, linearizable=False) for r in wanted]
            return {(answer.applied_index, answer.applied_digest) for answer in answers}

        found: set[tuple[int, str]] = set()

        def equal() -> bool:
            found.clear()
            found.update(logs())
            return len(found) == 1

        self.wait_for(equal, READY_S)
        return found.pop()

    # -- beliefs and decisions --------------------------------------------------------------------

    def believe(
        self,
        robot: str,
        choice: str,
        subject: str = 'animal',
        probability: float = 0.9,
        labels: Sequence[str] = LABELS,
    ) -> None:
        """Publish a belief as the inference of a robot would, with the stamp of now."""
        other = (1.0 - probability) / (len(labels) - 1)
        self._sequence += 1
        message = Belief(robot=robot, subject=subject, labels=list(labels))
        message.header.stamp = self.node.get_clock().now().to_msg()
        message.log_likelihood = [
            math.log(probability if label == choice else other) for label in labels
        ]
        message.sequence = self._sequence
        self._beliefs[robot].publish(message)

    def keep_believing(
        self, robot: str, choice: str, listeners: int = 1, repeats: int = 4, **more: Any
    ) -> None:
        """
        Publish a belief as a sensor would that goes on looking.

        Beliefs are best effort, and who is known to listen may hear the next one only.

        :param listeners: how many there are to be.
        :param more: as for `believe`.
        """
        publisher = self._beliefs[robot]
        self.wait_for(lambda: publisher.get_subscription_count() >= listeners)
        for _ in range(repeats):
            self.believe(robot, choice, **more)
            self.turn(0.2)

    def published(self, robot: str, subject: str, status: int = DECIDED) -> list[Any]:
        """Return what a robot published on `decision` about a subject, with one status."""
        return [d for d in self.decisions[robot] if (d.subject, d.status) == (subject, status)]

    def wait_for_decision(
        self, subject: str, robots: Iterable[str] | None = None, status: int = DECIDED
    ) -> dict[str, Any]:
        """Wait until robots have published a decision on a subject; returns the newest of each."""
        wanted = list(self.robots if robots is None else robots)
        self.wait_for(
            lambda: all(self.published(robot, subject, status) for robot in wanted), READY_S
        )
        return {robot: self.published(robot, subject, status)[-1] for robot in wanted}

    # -- asking -----------------------------------------------------------------------------------

    def propose(self, robot: str, subject: str, choice: str, **fields: Any) -> Future:
        """Ask a robot to have a value committed, within REQUEST_S unless told otherwise."""
        fields.setdefault('timeout', REQUEST_S)
        request = Propose.Request(subject=subject, choice=choice, **fields)
        return self._propose[robot].call_async(request)

    def proposed(self, future: Future) -> Any:
        """Wait for the answer to a proposal and return its decision."""
        self.wait_for(future.done)
        return future.result().decision

    def read(self, robot: str, subject: str = '', **fields: Any) -> Future:
        """Ask a robot for a subject, or for the log, within REQUEST_S unless told otherwise."""
        fields.setdefault('timeout', REQUEST_S)
        return self._read[robot].call_async(Read.Request(subject=subject, **fields))

    def read_result(self, future: Future) -> Any:
        """Wait for the answer to a read and return it."""
        self.wait_for(future.done)
        return future.result()

    def insist_on_reading(self, robot: str, **fields: Any) -> Any:
        """Read, and again where no answer comes (see `insist`); returns the answer."""
        return self.insist(lambda: self.read(robot, **fields))

    def log(self, robot: str) -> list[Any]:
        """Return all decisions in the log of a robot, read linearizably."""
        decisions: list[Any] = []
        while True:
            start = decisions[-1].index + 1 if decisions else 1
            answer = self.insist_on_reading(robot, from_index=start, count_max=500)
            assert answer.status == DECIDED, (robot, answer.status, answer.reason)
            if not answer.decisions:
                return decisions
            decisions += answer.decisions

    def decide(self, robot: str, subject: str, **fields: Any) -> Goal:
        """Send a `Decide` goal to a robot and wait until it is accepted."""
        if robot not in self._decide:
            self._decide[robot] = ActionClient(self.node, Decide, f'/{robot}/decide')
        client = self._decide[robot]
        self.wait_for(client.server_is_ready)
        feedback: list[Any] = []
        sent = client.send_goal_async(
            Decide.Goal(subject=subject, **fields), lambda m: feedback.append(m.feedback)
        )
        self.wait_for(sent.done)
        handle = sent.result()
        assert handle.accepted, f'{robot} rejected the goal'
        return Goal(handle, feedback, handle.get_result_async())
