"""
Hears what the robots of a swarm publish, by a node of the caller's, and keeps the picture of it.

It takes part in nothing: it subscribes to what is for users anyway, and asks one robot for its
tasks and missions. The robots are found in the ROS graph by the types of their topics, so renamed
topics and other namespaces are found as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
import math
import threading
import time
from typing import Any

from geometry_msgs.msg import Point
from nav_msgs.msg import Odometry
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from swarm_consensus.client import MissionList, SwarmClient, TaskList
from swarm_consensus.live.graph import topics_of
from swarm_consensus.msg import Belief, Decision, SwarmStatus, WorkerState
from swarm_consensus.nodes.convert import decision_from_message, stamp_to_ns, status_from_message
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.places import Place
from swarm_consensus.views.values import MissionLine, Snapshot, TaskLine, Work

LOOK_AROUND_S = 0.5
ASK_S = 1.0
ANSWER_S = 3.0
# Decisions of a robot that was not heard to say its name yet.
EARLY_MAX = 1_000
# A robot that takes tasks says about once a second where it is.
WORKER_AGE_MAX_S = 5.0

_TYPES = {
    'swarm_consensus/msg/SwarmStatus': SwarmStatus,
    'swarm_consensus/msg/Decision': Decision,
    'swarm_consensus/msg/Belief': Belief,
    'swarm_consensus/msg/WorkerState': WorkerState,
}
_LATCHED = QoSProfile(
    depth=100,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# Whoever looks on must not hold up a robot, nor have anything sent twice.
_NEWEST = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
_QOS = {SwarmStatus: _LATCHED, Decision: _LATCHED, Belief: _NEWEST, WorkerState: _NEWEST}


@dataclass(slots=True)
class _Station:
    """
    A consensus_node in the graph; whose it is, its first status says.

    :param odom_m: where its robot's odometry has it, in `odom_frame`; None: not heard of yet.
    :param worker_m: where it says that it is, for tasks; `worker_s` is when, of a steady clock.
    """

    namespace: str
    topics: set[str] = field(default_factory=set)
    robot: str = ''
    swarm: str = ''
    early: list[Decision] = field(default_factory=list)
    odom_m: Place | None = None
    odom_frame: str = ''
    worker_m: Place | None = None
    worker_s: float = -math.inf


class Ears:
    """
    Of a node that another one makes and spins; `close()` undoes all.

    :param swarm: whose robots are looked at; '': the first one that is heard.
    :param picture: that is told; None: a new one.
    :param odom: topic of the odometry of each robot, relative to its namespace; '': not heard.
    :param frame_id: frame that places are wanted in.
    """

    def __init__(
        self,
        node: Node,
        swarm: str = '',
        picture: Picture | None = None,
        odom: str = '',
        frame_id: str = '',
    ) -> None:
        self._node = node
        self._swarm = swarm
        self._picture = picture or Picture()
        self._odom = odom
        self._frame_id = frame_id
        # Others may look from threads of theirs.
        self._lock = threading.Lock()
        self._stations: dict[str, _Station] = {}
        self._subscriptions: list[Any] = []
        self._asked: SwarmClient | None = None
        self._waiting = 0
        self._work = Work()
        self._problems = {'tasks': '', 'missions': ''}
        self._odd: set[str] = set()
        self._closed = False
        # Of the machine's clock: in a simulation that stands still people look on all the same.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timers = [
            node.create_timer(LOOK_AROUND_S, lambda: self._look_around(), clock=clock),
            node.create_timer(ASK_S, lambda: self._ask(), clock=clock),
        ]

    def close(self) -> None:
        """Hear nothing any more; not while a callback of the node runs."""
        self._closed = True
        while self._timers:
            self._node.destroy_timer(self._timers.pop())
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())
        if self._asked is not None:
            self._asked.close()
            self._asked = None

    # -- for all threads ---------------------------------------------------------------------------

    def look(self) -> Snapshot:
        """Return how all stands now."""
        with self._lock:
            others = {each.swarm for each in self._stations.values()} - {'', self._swarm}
            return self._picture.look(time.monotonic_ns(), sorted(others))

    def namespace_of(self, robot: str) -> str:
        """Return the namespace of a robot of the swarm; '': it was never heard."""
        with self._lock:
            return next(
                (each.namespace for each in self._ours() if each.robot == robot), ''
            )

    def places(self) -> dict[str, Place]:
        """
        Return where robots are, m, as far as they tell it.

        What a robot says for tasks comes first, since that is in the frame of the tasks. Its
        odometry says it where that is in the frame that is wanted, or in none that it names.
        """
        oldest = time.monotonic() - WORKER_AGE_MAX_S
        found = {}
        with self._lock:
            for each in self._ours():
                place = each.odom_m if each.odom_frame in ('', self._frame_id) else None
                if each.worker_s >= oldest:
                    place = each.worker_m
                if place is not None:
                    found[each.robot] = place
        return found

    def moved(self) -> dict[str, Place]:
        """Return how far robots have come, m, whose odometry is in a frame of its own (REP 105)."""
        with self._lock:
            return {
                each.robot: each.odom_m
                for each in self._ours()
                if each.odom_m is not None and each.odom_frame not in ('', self._frame_id)
            }

    def _ours(self) -> list[_Station]:
        return [
            each for each in self._stations.values() if each.swarm and each.swarm == self._swarm
        ]

    # -- finding robots ----------------------------------------------------------------------------

    def _look_around(self) -> None:
        if self._closed:
            # An executor may have the timer at hand that is destroyed meanwhile.
            return
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
                if self._odom:
                    topic = f'{namespace.rstrip("/")}/{self._odom}'
                    self._hear(Odometry, topic, self._on_odom(station), _NEWEST)
            for topic, kind in topics.items():
                if kind in _TYPES and topic not in station.topics:
                    station.topics.add(topic)
                    self._subscribe(station, topic, _TYPES[kind])

    def _subscribe(self, station: _Station, topic: str, kind: Any) -> None:
        receive: Callable[[Any], None] = {
            SwarmStatus: lambda message: self._on_status(station, message),
            Decision: lambda message: self._on_decision(station, message),
            Belief: lambda message: self._on_belief(station, message),
            WorkerState: lambda message: self._on_worker(station, message),
        }[kind]
        self._hear(kind, topic, receive, _QOS[kind])

    def _hear(
        self, kind: Any, topic: str, receive: Callable[[Any], None], qos: QoSProfile
    ) -> None:
        self._subscriptions.append(self._node.create_subscription(kind, topic, receive, qos))

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

    def _on_worker(self, station: _Station, message: WorkerState) -> None:
        place = _place(message)
        if message.on_duty and place is not None:
            with self._lock:
                station.worker_m, station.worker_s = place, time.monotonic()

    def _on_odom(self, station: _Station) -> Callable[[Odometry], None]:
        def take(message: Odometry) -> None:
            place = _place(message.pose.pose.position)
            if place is not None:
                with self._lock:
                    station.odom_m, station.odom_frame = place, message.header.frame_id

        return take

    def _odd_message(self, station: _Station, error: ValueError) -> None:
        text = f'a message of {station.namespace} is passed over: {error}; is that robot newer?'
        if text not in self._odd:
            self._odd.add(text)
            self._node.get_logger().warning(text)

    # -- tasks and missions ------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask one robot, the leader where it is heard, unless an answer is still awaited."""
        if self._waiting or self._closed:
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
        if call.cancelled():
            return
        # Taken in any case: else Python complains of it where the client is closed.
        error = call.exception()
        if self._closed:
            return
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


def _place(message: Point | WorkerState) -> Place | None:
    """Return where somebody says that it is; None: nowhere that can be drawn."""
    place = (message.x, message.y, message.z)
    return place if all(math.isfinite(each) for each in place) else None


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
