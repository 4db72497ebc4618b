"""
Hears what the robots of a swarm publish, and keeps the picture of it.

It takes part in nothing: it subscribes to what is for users anyway, and asks one robot for its
tasks and missions. The robots are found in the ROS graph by the types of their topics, so renamed
topics and other namespaces are found as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
import threading
import time
from types import TracebackType
from typing import Any, Self

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from swarm_consensus.client import MissionList, SwarmClient, TaskList
from swarm_consensus.live.graph import topics_of
from swarm_consensus.msg import Belief, Decision, SwarmStatus
from swarm_consensus.nodes.convert import decision_from_message, stamp_to_ns, status_from_message
from swarm_consensus.nodes.executor import SPIN_PERIOD, make_executor
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.values import MissionLine, Snapshot, TaskLine, Work

LOOK_AROUND_S = 0.5
ASK_S = 1.0
ANSWER_S = 3.0
# Decisions of a robot that was not heard to say its name yet.
EARLY_MAX = 1_000

_TYPES = {
    'swarm_consensus/msg/SwarmStatus': SwarmStatus,
    'swarm_consensus/msg/Decision': Decision,
    'swarm_consensus/msg/Belief': Belief,
}
_LATCHED = QoSProfile(
    depth=100,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
_QOS = {
    SwarmStatus: _LATCHED,
    Decision: _LATCHED,
    # Whoever looks on must not hold up a robot, nor have beliefs sent twice.
    Belief: QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT),
}


@dataclass(slots=True)
class _Station:
    """A consensus_node in the graph; whose it is, its first status says."""

    namespace: str
    topics: set[str] = field(default_factory=set)
    robot: str = ''
    swarm: str = ''
    early: list[Decision] = field(default_factory=list)


class Listener:
    """
    A node of its own in a thread of its own; a context manager.

    :param swarm: whose robots are looked at; '': the first one that is heard.
    :param picture: that is told; None: a new one.
    """

    def __init__(self, swarm: str = '', picture: Picture | None = None) -> None:
        self._swarm = swarm
        self._picture = picture or Picture()
        self._lock = threading.Lock()
        self._stations: dict[str, _Station] = {}
        self._asked: SwarmClient | None = None
        self._waiting = 0
        self._work = Work()
        self._problems = {'tasks': '', 'missions': ''}
        self._odd: set[str] = set()

    def __enter__(self) -> Self:
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        try:
            self._node = Node(
                'swarm_view',
                context=self._context,
                enable_rosout=False,
                start_parameter_services=False,
            )
            self._executor = make_executor(self._context)
        except BaseException:
            self._context.try_shutdown()
            raise
        self._node.create_timer(LOOK_AROUND_S, lambda: self._look_around())
        self._node.create_timer(ASK_S, lambda: self._ask())
        self._executor.add_node(self._node)
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._spin, name='swarm_view', daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._executor.create_task(lambda: None)  # ends the wait of spin_once
        self._thread.join()
        if self._asked is not None:
            self._asked.close()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        try:
            while not self._stopping and self._context.ok():
                self._executor.spin_once(timeout_sec=SPIN_PERIOD)
        except BaseException as error:  # noqa: BLE001 -- raised where the picture is looked at
            self._failure = error

    # -- for the other threads ---------------------------------------------------------------------

    def look(self) -> Snapshot:
        """
        Return how all stands now.

        :raises RuntimeError: the thread that listens has failed.
        """
        if self._failure is not None:
            raise RuntimeError('listening to the swarm has failed') from self._failure
        with self._lock:
            others = {each.swarm for each in self._stations.values()} - {'', self._swarm}
            return self._picture.look(time.monotonic_ns(), sorted(others))

    def namespace_of(self, robot: str) -> str:
        """Return the namespace of a robot of the swarm; '': it was never heard."""
        with self._lock:
            return next(
                (
                    each.namespace
                    for each in self._stations.values()
                    if (each.robot, each.swarm) == (robot, self._swarm)
                ),
                '',
            )

    # -- finding robots ----------------------------------------------------------------------------

    def _look_around(self) -> None:
        for name, namespace in self._node.get_node_names_and_namespaces():
            station = self._stations.get(f'{namespace}:{name}')
            if station is not None and len(station.topics) == len(_TYPES):
                continue
            topics = topics_of(self._node, name, namespace)
            if not topics:
                continue
            if station is None:
                station = _Station(namespace)
                with self._lock:
                    self._stations[f'{namespace}:{name}'] = station
            for topic, kind in topics.items():
                if kind in _TYPES and topic not in station.topics:
                    station.topics.add(topic)
                    self._subscribe(station, topic, _TYPES[kind])

    def _subscribe(self, station: _Station, topic: str, kind: Any) -> None:
        receive: Callable[[Any], None] = {
            SwarmStatus: lambda message: self._on_status(station, message),
            Decision: lambda message: self._on_decision(station, message),
            Belief: lambda message: self._on_belief(station, message),
        }[kind]
        self._node.create_subscription(kind, topic, receive, _QOS[kind])

    # -- what they say -----------------------------------------------------------------------------

    def _on_status(self, station: _Station, message: SwarmStatus) -> None:
        try:
            status = status_from_message(message)
        except ValueError as error:
            self._odd_message(station, error)
            return
        with self._lock:
            station.robot, station.swarm = status.robot, status.swarm
            self._swarm = self._swarm or status.swarm
            if station.swarm != self._swarm:
                station.early.clear()
                return
            self._picture.tell_status(status, time.monotonic_ns())
            early, station.early = station.early, []
            for decision in early:
                self._tell_decision(station, decision)

    def _on_decision(self, station: _Station, message: Decision) -> None:
        with self._lock:
            if not station.swarm:
                station.early.append(message)
                del station.early[:-EARLY_MAX]
            elif station.swarm == self._swarm:
                self._tell_decision(station, message)

    def _tell_decision(self, station: _Station, message: Decision) -> None:
        try:
            decision = decision_from_message(message)
        except ValueError as error:
            self._odd_message(station, error)
            return
        self._picture.tell_decision(station.robot, decision, stamp_to_ns(message.stamp))

    def _on_belief(self, station: _Station, message: Belief) -> None:
        with self._lock:
            if station.swarm and station.swarm == self._swarm:
                self._picture.tell_belief(
                    station.robot,
                    message.subject,
                    message.labels,
                    message.labels_hash,
                    message.log_likelihood,
                    time.monotonic_ns(),
                )

    def _odd_message(self, station: _Station, error: ValueError) -> None:
        text = f'a message of {station.namespace} is passed over: {error}; is that robot newer?'
        if text not in self._odd:
            self._odd.add(text)
            self._node.get_logger().warning(text)

    # -- tasks and missions ------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask one robot, the leader where it is heard, unless an answer is still awaited."""
        if self._waiting:
            return
        robot = self.look().to_ask
        namespace = self.namespace_of(robot)
        if not namespace:
            return
        if self._asked is None or self._asked.namespace != namespace:
            if self._asked is not None:
                self._asked.close()
            self._asked = SwarmClient(
                self._node, namespace=namespace, discovery_timeout=ANSWER_S
            )
        self._waiting = 2
        tasks = self._asked.tasks.list(ended=True, timeout=ANSWER_S)
        tasks.add_done_callback(lambda call: self._on_answer(robot, 'tasks', call))
        missions = self._asked.missions(timeout=ANSWER_S)
        missions.add_done_callback(lambda call: self._on_answer(robot, 'missions', call))

    def _on_answer(self, robot: str, what: str, call: Future[Any]) -> None:
        self._waiting -= 1
        if call.cancelled() or self._stopping:
            return
        error = call.exception()
        answer = None if error is not None else call.result()
        work = replace(self._work, robot=robot)
        if answer is None or not answer.status.answered:
            # What was known stays, and says so.
            self._problems[what] = str(error) if answer is None else answer.reason
        elif isinstance(answer, TaskList):
            self._problems[what] = ''
            work = replace(work, tasks=_task_lines(answer))
        else:
            self._problems[what] = ''
            work = replace(work, missions=_mission_lines(answer))
        problems = dict.fromkeys(filter(None, self._problems.values()))
        self._work = replace(work, problem='; '.join(problems))
        with self._lock:
            self._picture.tell_work(self._work)


def _task_lines(answer: TaskList) -> tuple[TaskLine, ...]:
    return tuple(
        TaskLine(
            each.task,
            each.status.name,
            each.holders or each.robots,
            each.reason,
            (each.x, each.y, each.z),
        )
        for each in answer.tasks
    )


def _mission_lines(answer: MissionList) -> tuple[MissionLine, ...]:
    return tuple(
        MissionLine(
            each.mission,
            each.name,
            each.status.name,
            each.worker,
            each.under_way,
            each.reason or each.error,
        )
        for each in answer.missions
    )
