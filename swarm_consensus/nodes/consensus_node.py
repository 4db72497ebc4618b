"""
consensus_node: agrees with the other robots over DDS topics (README: topics, services, actions).

The callbacks here convert and enqueue; the runtime thread thinks, publishes decisions, status and
frames by itself, and hands answers to services and actions back to the executor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
import itertools
from pathlib import Path
from random import Random, SystemRandom
import sys
import threading
import time
import traceback
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock as RclClock
from rclpy.clock import ClockType
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.task import Future
from rclpy.timer import Timer

from swarm_consensus.action import Decide
from swarm_consensus.composition.consensus_parameters import CONSENSUS_PARAMETERS
from swarm_consensus.composition.subject_parameters import (
    SUBJECT_PARAMETERS,
    subject_parameter_name,
)
from swarm_consensus.decision.types import Level, Status, no_answer
from swarm_consensus.missions import RegistryError
from swarm_consensus.msg import (
    Belief,
    Decision,
    FlowControl,
    MemberEvent,
    Misbehaviour,
    SwarmStatus,
)
from swarm_consensus.nodes import convert
from swarm_consensus.nodes.consensus_diagnostics import diagnosis
from swarm_consensus.nodes.consensus_settings import (
    folder_from,
    models_from,
    on_damage_from,
    robot_from,
    trials_from,
    tuned_from,
)
from swarm_consensus.nodes.executor import program
from swarm_consensus.nodes.frame_topics import FrameTopics
from swarm_consensus.nodes.host_addresses import AddressWatch, host_addresses, reaches_out
from swarm_consensus.nodes.keyvalue_services import KeyValueServices
from swarm_consensus.nodes.managed import ManagedNode, StartError
from swarm_consensus.nodes.mission_services import MISSION_OUTPUTS, MissionServices
from swarm_consensus.nodes.model_services import MODEL_OUTPUTS, ModelServices
from swarm_consensus.nodes.model_workshop import Candidate
from swarm_consensus.nodes.parameters import NodeParameters
from swarm_consensus.nodes.parking import ParkedFuture
from swarm_consensus.nodes.recording import code_of, record_folder_from, recorded, settings_of
from swarm_consensus.nodes.request_qos import REQUESTS
from swarm_consensus.nodes.serialized import belief_from_serialized
from swarm_consensus.nodes.shared_services import SharedServices
from swarm_consensus.nodes.simulated_radio import SimulatedRadio
from swarm_consensus.nodes.simulated_time import SimulatedClock, SimulatedInbox
from swarm_consensus.nodes.task_services import TASK_OUTPUTS, TaskServices
from swarm_consensus.protocols.keyvalue import WatchEnded
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.driver import Driver, MonotonicClock, Steppable
from swarm_consensus.runtime.events import (
    BeliefsRefused,
    ChangeAnswered,
    ChangeAsked,
    DecideAnswered,
    DecideAsked,
    DecideCancelled,
    DecideProgress,
    DecisionMade,
    FlowTold,
    HandBackAsked,
    HandedBack,
    Input,
    KeyValueAnswered,
    MemberChanged,
    Misbehaved,
    ModelMergeAnswered,
    NameTaken,
    Notice,
    Output,
    ProposeAnswered,
    ProposeAsked,
    RangeAnswered,
    ReadAnswered,
    ReadAsked,
    RobotStatus,
    SharedAnswered,
    SharedReadAnswered,
    SharedTold,
    StatusReport,
    TaskAnswered,
    TasksAnswered,
    TransferAnswered,
    TransferAsked,
    WatchBegun,
    WatchTold,
)
from swarm_consensus.runtime.mission_events import (
    MissionAnswered,
    MissionQueryAnswered,
    MissionsTold,
)
from swarm_consensus.runtime.ports import Clock, Inbox, Transport
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.srv import ChangeMembership, Propose, Read, TransferLeadership
from swarm_consensus.storage import (
    Place,
    SqlitePlace,
    Storage,
    StorageDamaged,
    StorageError,
    StorageForeign,
    StorageVersionError,
    open_recovering,
)
from swarm_consensus.transport.key_files import KeysError
from swarm_consensus.transport.keys import Keys

INACTIVE = 'the node is not active'
# Inputs that wait for the runtime beyond which beliefs are dropped.
INPUTS_WAITING_MAX = 1_000
# What happened to robots last, for subscribers that come late.
MEMBER_EVENTS_DEPTH = 100
# Time to hand tasks back beyond that of the runtime, which keeps to it by itself.
LEAVE_MARGIN_S = 1.0
# After so long a robot of a simulation says what it has not heard of that.
PATIENCE_S = 5.0
# What is wrong with a storage for good. A lock or a full disk may be gone a moment later.
LASTING = (StorageDamaged, StorageForeign, StorageVersionError)

Answer = (
    ProposeAnswered
    | ReadAnswered
    | DecideAnswered
    | KeyValueAnswered
    | RangeAnswered
    | TransferAnswered
    | ChangeAnswered
    | SharedAnswered
    | SharedReadAnswered
    | ModelMergeAnswered
    | MissionAnswered
    | MissionsTold
    | MissionQueryAnswered
    | TaskAnswered
    | TasksAnswered
    | Candidate
)


class ConsensusNode(ManagedNode):
    """One robot's part in the swarm."""

    def __init__(self) -> None:
        # As DDS finds them a moment later.
        self._addresses = host_addresses()
        super().__init__('consensus_node', enable_rosout=False)
        self._settings = NodeParameters(
            self, changed=self._tuned, frozen=lambda: self._config is not None
        )
        self._config: RuntimeConfig | None = None
        self._swarm_keys: Keys | None = None
        self._record: Path | None = None
        self._configured: dict[str, Any] = {}
        self._driver: Driver | None = None
        self._keys = itertools.count(1)
        self._futures: dict[int, Future] = {}
        self._goals: dict[int, ServerGoalHandle] = {}
        self._answers: deque[Answer | DecideProgress] = deque()
        self._status: RobotStatus | None = None
        # Whether the tasks of this robot are handed back, and until when that is waited for.
        self._handed_back = threading.Event()
        self._leave_until = 0.0
        self._beliefs_refused = 0
        self._entities: list[tuple[str, object]] = []
        self._frames: FrameTopics | None = None
        self._radio: SimulatedRadio | None = None
        self._sim_inbox: SimulatedInbox | None = None
        self._patience: Timer | None = None
        self._watch: AddressWatch | None = None
        self._key_value: KeyValueServices | None = None
        self._shared: SharedServices | None = None
        self._tasks: TaskServices | None = None
        self._models: ModelServices | None = None
        self._missions: MissionServices | None = None
        # One group for the protocol, so that its callbacks never overlap; the action's
        # executions wait long and only wait, so they may overlap.
        self._group = MutuallyExclusiveCallbackGroup()
        self._waiting_group = ReentrantCallbackGroup()
        values = self._settings.declare(p for p in CONSENSUS_PARAMETERS if p.name == 'autostart')
        self.autostart = bool(values['autostart'])

    # -- lifecycle ----------------------------------------------------------------------------

    def configure(self) -> None:
        """Read the parameters and create the entities."""
        values = self._settings.declare(
            p for p in CONSENSUS_PARAMETERS if p.name != 'autostart'
        )
        self._settings.declare(
            replace(key, name=subject_parameter_name(subject, key.name))
            for subject in values['subjects']  # type: ignore[union-attr]
            for key in SUBJECT_PARAMETERS
        )
        self._settings.warn_of_unknown()
        try:
            self._record = record_folder_from(values)
            config, self._swarm_keys = robot_from(self._settings.values)
            models, trials = models_from(values), trials_from(values)
        except (ValueError, KeysError) as error:
            raise StartError(str(error)) from None
        self._create_entities(config)
        if models and config.guest:
            # Which version is in force is in the log.
            self.get_logger().info('a guest of the swarm has no part in its models')
        elif models:
            self._models = ModelServices(
                self,
                self._waiting_group,
                config.robot,
                models,
                trials,
                self._answered,
                self._answer,
                self._failed,
                inactive=INACTIVE,
                nanoseconds=_nanoseconds,
            )
        self._config = config
        self._configured = settings_of(self._settings.values)

    def _create_entities(self, config: RuntimeConfig) -> None:
        values = self._settings.values
        overridable = QoSOverridingOptions.with_default_policies()
        frames_qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=int(values['frames_depth']),
            reliability=ReliabilityPolicy.RELIABLE
            if values['frames_reliability'] == 'reliable'
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.VOLATILE,
        )
        reliable_qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        # One picture may show many objects at once.
        beliefs_qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        latched_qos = QoSProfile(
            depth=int(values['decision_depth']),
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        status_qos = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        self._decisions = self.create_lifecycle_publisher(
            Decision, 'decision', latched_qos, qos_overriding_options=overridable
        )
        self._statuses = self.create_lifecycle_publisher(
            SwarmStatus, 'swarm_status', status_qos, qos_overriding_options=overridable
        )
        self._flow = self.create_lifecycle_publisher(
            FlowControl, 'flow', status_qos, qos_overriding_options=overridable
        )
        self._diagnostics = self.create_lifecycle_publisher(
            DiagnosticArray, '/diagnostics', reliable_qos
        )
        reaches = None
        if values['radio']:
            self._radio = SimulatedRadio(self, str(values['radio']), config.robot)
            reaches = self._radio.reaches
        self._frames = FrameTopics(self, frames_qos, reaches)
        self._member_events = self.create_lifecycle_publisher(
            MemberEvent,
            'member_events',
            QoSProfile(
                depth=MEMBER_EVENTS_DEPTH,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
            ),
            qos_overriding_options=overridable,
        )
        self._misbehaviour = self.create_lifecycle_publisher(
            Misbehaviour, 'misbehaviour', latched_qos, qos_overriding_options=overridable
        )
        for publisher in (
            self._decisions,
            self._statuses,
            self._flow,
            self._diagnostics,
            self._misbehaviour,
            self._member_events,
        ):
            self._entities.append(('publisher', publisher))
        beliefs = self.create_subscription(
            Belief, 'belief', self._on_belief, beliefs_qos, callback_group=self._group,
            qos_overriding_options=overridable, raw=True,
        )
        self._entities.append(('subscription', beliefs))
        for kind, name, callback in (
            (Propose, 'propose', self._on_propose),
            (Read, 'read', self._on_read),
            (TransferLeadership, 'transfer_leadership', self._on_transfer),
            (ChangeMembership, 'change_membership', self._on_change),
        ):
            service = self.create_service(
                kind, name, callback, callback_group=self._waiting_group
            )
            self._entities.append(('service', service))
        self._key_value = KeyValueServices(
            self,
            self._waiting_group,
            self._answered,
            inactive=INACTIVE,
            nanoseconds=_nanoseconds,
            depth=int(values['key_events_depth']),
        )
        self._shared = SharedServices(
            self,
            self._waiting_group,
            self._answered,
            inactive=INACTIVE,
            nanoseconds=_nanoseconds,
            depth=int(values['shared_events_depth']),
        )
        try:
            self._missions = MissionServices(
                self,
                self._waiting_group,
                values['missions'],
                values['activities'],
                self._answered,
                inactive=INACTIVE,
                nanoseconds=_nanoseconds,
            )
        except RegistryError as error:
            raise StartError(str(error)) from None
        if config.guest and (values['missions'] or values['activities']):
            # Whose a mission is, and how far it has come, is in the log.
            self.get_logger().info('a guest of the swarm runs no missions and no activities')
        self._tasks = TaskServices(
            self,
            self._waiting_group,
            config.robot,
            self._answered,
            inactive=INACTIVE,
            nanoseconds=_nanoseconds,
        )
        action = ActionServer(
            self,
            Decide,
            'decide',
            self._on_decide,
            callback_group=self._waiting_group,
            goal_service_qos_profile=REQUESTS,
            result_service_qos_profile=REQUESTS,
            goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )
        self._entities.append(('action', action))

    def activate(self) -> None:
        """Open the storage and take part in the swarm."""
        config, frames, key_value, shared = (
            self._config, self._frames, self._key_value, self._shared
        )  # fmt: skip
        assert config is not None and frames is not None
        assert key_value is not None and shared is not None
        models, missions = self._models, self._missions
        incarnation = 0
        clock: Clock = MonotonicClock()
        inbox: Inbox = frames
        if self.get_parameter('use_sim_time').value:
            clock = simulated = SimulatedClock(self.get_clock())
            inbox = self._sim_inbox = SimulatedInbox(frames, simulated, self.get_clock())
        try:
            folder = folder_from(self._settings.values)
            on_damage = on_damage_from(self._settings.values)
        except (ValueError, StorageError) as error:
            raise StartError(str(error), lasting=True) from None

        def open_runtime() -> Steppable:
            nonlocal incarnation
            opened = open_recovering(
                self.storage_place(folder),
                robot=config.robot,
                now_ms=time.time_ns() // 1_000_000,
                on_damage=on_damage,
            )
            incarnation = opened.incarnation
            if opened.notice:
                self.get_logger().error(opened.notice)

            def make(
                clock: Clock, transport: Transport, storage: Storage, random: Random
            ) -> RobotRuntime:
                return RobotRuntime(
                    config,
                    clock=clock,
                    transport=transport,
                    storage=storage,
                    incarnation=opened.incarnation,
                    restored=opened.restored,
                    random=random,
                    records=opened.records,
                    records_lost=opened.records_lost,
                    keys=self._swarm_keys,
                    models=() if models is None else models.setups,
                    chunks=None if models is None else models.open(folder / 'models'),
                    missions=None if missions is None else missions.registry,
                )

            try:
                if self._record is None:
                    return make(clock, frames, opened.storage, SystemRandom())
                settings = self._configured | code_of(
                    None if missions is None else missions.registry
                )
                return recorded(self._record, settings, opened, clock, frames, make)
            except BaseException:
                opened.storage.close()
                raise

        frames.forget()
        self._handed_back.clear()
        self._leave_until = 0.0
        self._driver = Driver(open_runtime, inbox, self._deliver, self._failed)
        if missions is not None:
            # Activities may be begun as soon as the runtime has started.
            missions.begin(self._driver.put)
        try:
            self._driver.start()
        except (StorageError, TimeoutError, OSError) as error:
            self._driver = None
            self._forget_simulated_time()
            if missions is not None:
                missions.end()
            raise StartError(str(error), lasting=isinstance(error, LASTING)) from None
        key_value.begin(self._driver.put)
        shared.begin(self._driver.put)
        if self._sim_inbox is not None or self._radio is not None:
            steady = RclClock(clock_type=ClockType.STEADY_TIME)
            self._patience = self.create_timer(PATIENCE_S, self._miss_simulation, clock=steady)
        if reaches_out() and (config.open_membership or len(config.robots) > 1):
            self._watch = AddressWatch(self, self._addresses, self._is_alone)
        if self._tasks is not None:
            self._tasks.begin(self._driver.put)
        if models is not None:
            models.begin(self._driver.put, incarnation)

    def _is_alone(self) -> bool:
        """Return whether no other robot is heard."""
        status = self._status
        return status is not None and not set(status.alive) - {status.robot}

    def storage_place(self, folder: Path) -> Place:
        """Return where this robot keeps its log; called in the thread of the runtime."""
        assert self._config is not None
        return SqlitePlace(folder, self._config.swarm, self._config.robot)

    def leave(self) -> Callable[[], bool]:
        """Have the tasks of this robot handed back while its user's node can still report."""
        if self._driver is None:
            return lambda: True
        return self._hand_back(heard=True)

    def _hand_back(self, *, heard: bool) -> Callable[[], bool]:
        """Go off duty; returns whether that has come to its end, or its time is over."""
        assert self._driver is not None and self._config is not None
        self._driver.put(HandBackAsked(heard))
        # The runtime keeps to the time by itself, unless its disk hangs.
        wait_s = self._config.tasks.leave_ns * 1e-9 + LEAVE_MARGIN_S
        self._leave_until = self._leave_until or time.monotonic() + wait_s
        return lambda: self._handed_back.is_set() or time.monotonic() > self._leave_until

    def deactivate(self) -> None:
        """Leave the swarm; whoever waits is told so."""
        if self._driver is not None and not self._handed_back.is_set():
            over = self._hand_back(heard=False)
            while not over():
                self._handed_back.wait(LEAVE_MARGIN_S / 10)
        driver, self._driver = self._driver, None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._shared is not None:
            self._shared.end()
        if self._tasks is not None:
            self._tasks.end()
        if driver is not None:
            driver.stop()
        self._forget_simulated_time()
        if self._models is not None:
            self._models.end()
        if self._missions is not None:
            self._missions.end()
        self._hand_over()
        for key, future in tuple(self._futures.items()):
            future.set_result(None)
            self._futures.pop(key, None)
        self._goals.clear()

    def _miss_simulation(self) -> None:
        """Say what of a simulation is not there, without which nothing happens here."""
        if self._patience is not None:
            self._patience.cancel()
        missing = []
        if self._sim_inbox is not None and not self._sim_inbox.heard:
            missing.append('/clock (use_sim_time)')
        if self._radio is not None and not self._radio.heard:
            missing.append(f'{self._settings.values["radio"]} (radio)')
        if missing:
            self.get_logger().warning(
                f'nothing is heard on {" and ".join(missing)}: this robot waits for a simulation; '
                'start one, or leave these parameters out'
            )

    def _forget_simulated_time(self) -> None:
        if self._patience is not None:
            self.destroy_timer(self._patience)
            self._patience = None
        if self._sim_inbox is not None:
            self._sim_inbox.close()
            self._sim_inbox = None

    def release(self) -> None:
        """Destroy the entities."""
        destroy = {
            'publisher': self.destroy_publisher,
            'subscription': self.destroy_subscription,
            'service': self.destroy_service,
        }
        while self._entities:
            kind, entity = self._entities.pop()
            if kind == 'action':
                entity.destroy()  # type: ignore[attr-defined]
            else:
                destroy[kind](entity)  # type: ignore[arg-type]
        if self._frames is not None:
            self._frames.destroy()
            self._frames = None
        if self._radio is not None:
            self._radio.destroy()
            self._radio = None
        if self._key_value is not None:
            self._key_value.destroy()
            self._key_value = None
        if self._shared is not None:
            self._shared.destroy()
            self._shared = None
        if self._tasks is not None:
            self._tasks.destroy()
            self._tasks = None
        if self._models is not None:
            self._models.destroy()
            self._models = None
        if self._missions is not None:
            self._missions.destroy()
            self._missions = None
        self._config = None

    @property
    def subscriptions(self) -> Iterator[Subscription]:
        """What the executor listens to; the frames are the runtime's own."""
        own = () if self._frames is None else self._frames.subscriptions
        return (each for each in super().subscriptions if each not in own)

    def _tuned(self, _changed: object) -> None:
        if self._driver is not None:
            self._driver.put(tuned_from(self._settings.values))

    # -- from ROS to the runtime ------------------------------------------------------------------

    def _on_belief(self, data: bytes) -> None:
        driver = self._driver
        if driver is None:
            return
        if driver.waiting >= INPUTS_WAITING_MAX:
            # The newest that still comes is worth more than all that would wait.
            self._beliefs_refused += 1
            return
        if self._beliefs_refused:
            driver.put(BeliefsRefused(self._beliefs_refused))
            self._beliefs_refused = 0
        driver.put(belief_from_serialized(data, self.get_clock().now().nanoseconds))

    def _ask(self) -> tuple[int, Future]:
        key = next(self._keys)
        future = self._futures[key] = ParkedFuture()
        return key, future

    async def _answered(self, asked: Callable[[int], Input]) -> Any:
        """Put what is asked to the runtime and return its answer; None: the node is not active."""
        if self._driver is None:
            return None
        key, future = self._ask()
        self._driver.put(asked(key))
        return await future

    async def _on_propose(
        self, request: Propose.Request, response: Propose.Response
    ) -> Propose.Response:
        answer = await self._answered(
            lambda key: ProposeAsked(
                key=key,
                subject=request.subject,
                choice=request.choice,
                value=request.value.tobytes(),
                expected_revision=request.expected_revision,
                request_id=request.request_id,
                timeout_ns=_nanoseconds(request.timeout),
            )
        )
        decision = (
            no_answer(request.subject, Level.COMMITTED, Status.REFUSED, INACTIVE)
            if answer is None
            else answer.decision
        )
        response.decision = convert.decision_to_message(decision, self._stamp())
        response.request_id = request.request_id
        return response

    async def _on_read(self, request: Read.Request, response: Read.Response) -> Read.Response:
        answer = await self._answered(
            lambda key: ReadAsked(
                key=key,
                subject=request.subject,
                from_index=request.from_index,
                count_max=request.count_max,
                linearizable=request.linearizable,
                timeout_ns=_nanoseconds(request.timeout),
            )
        ) or ReadAnswered(0, Status.REFUSED, INACTIVE, 0, '', ())
        convert.fill_read_response(response, answer, self._stamp())
        return response

    async def _on_transfer(
        self, request: TransferLeadership.Request, response: TransferLeadership.Response
    ) -> TransferLeadership.Response:
        answer = await self._answered(
            lambda key: TransferAsked(key, request.target, _nanoseconds(request.timeout))
        ) or TransferAnswered(0, Status.REFUSED, INACTIVE, '')
        convert.fill_transfer_response(response, answer)
        return response

    async def _on_change(
        self, request: ChangeMembership.Request, response: ChangeMembership.Response
    ) -> ChangeMembership.Response:
        answer = await self._answered(
            lambda key: ChangeAsked(
                key=key,
                voters=tuple(request.voters),
                learners=tuple(request.learners),
                timeout_ns=_nanoseconds(request.timeout),
            )
        ) or ChangeAnswered(0, Status.REFUSED, INACTIVE, (), ())
        convert.fill_change_response(response, answer)
        return response

    def _on_goal(self, _request: Decide.Goal) -> GoalResponse:
        return GoalResponse.REJECT if self._driver is None else GoalResponse.ACCEPT

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        for key, waiting in self._goals.items():
            if waiting.goal_id == goal.goal_id and self.executor is not None:
                # Later, when the goal has become one that is being cancelled.
                self.executor.create_task(self._cancel, key)
        return CancelResponse.ACCEPT

    async def _on_decide(self, goal: ServerGoalHandle) -> Decide.Result:
        request = goal.request
        answer = None
        if self._driver is not None:
            key, future = self._ask()
            self._goals[key] = goal
            self._driver.put(
                DecideAsked(
                    key=key,
                    subject=request.subject,
                    revision_min=request.revision_min,
                    timeout_ns=_nanoseconds(request.timeout),
                )
            )
            answer = await future
            self._goals.pop(key, None)
        decision = (
            no_answer(request.subject, Level.COMMITTED, Status.REFUSED, INACTIVE)
            if answer is None
            else answer.decision
        )
        if goal.is_cancel_requested:
            goal.canceled()
        elif decision.status.answered:
            goal.succeed()
        else:
            goal.abort()
        return Decide.Result(decision=convert.decision_to_message(decision, self._stamp()))

    # -- from the runtime to ROS (runtime thread) --------------------------------------------------

    def _deliver(self, outputs: list[Output]) -> None:
        answered = False
        for output in outputs:
            if isinstance(output, DecisionMade):
                self._decisions.publish(
                    convert.decision_to_message(output.decision, self._stamp())
                )
            elif isinstance(output, StatusReport):
                self._report(output.status)
            elif isinstance(output, Notice) and output.warning:
                self.get_logger().warning(output.text)
            elif isinstance(output, Notice):
                # A line of its own: rclpy ties each calling line to one severity for ever.
                self.get_logger().info(output.text)
            elif isinstance(output, MemberChanged):
                self._member_events.publish(
                    convert.member_event_to_message(output, self._stamp())
                )
            elif isinstance(output, Misbehaved):
                self._misbehaviour.publish(convert.misbehaviour_to_message(output, self._stamp()))
            elif isinstance(output, FlowTold):
                robot = self._settings.values['robot']
                self._flow.publish(convert.flow_to_message(output, str(robot), self._stamp()))
            elif isinstance(output, NameTaken):
                self._failed(StartError(output.reason))
            elif isinstance(output, (WatchTold, WatchEnded, WatchBegun)):
                self._tell(output)
            elif isinstance(output, SharedTold):
                if self._shared is not None:
                    self._shared.tell(output)
            elif isinstance(output, MISSION_OUTPUTS):
                if self._missions is not None:
                    self._missions.deliver(output)
            elif isinstance(output, HandedBack):
                self._handed_back.set()
            elif isinstance(output, TASK_OUTPUTS):
                if self._tasks is not None:
                    self._tasks.tell(output)
            elif isinstance(output, MODEL_OUTPUTS):
                if self._models is not None:
                    self._models.deliver(output)
            else:
                self._answers.append(output)
                answered = True
        if answered and self.executor is not None:
            # Feedback and answers in their order, and from the executor's own thread.
            self.executor.create_task(self._hand_over)

    def _answer(self, answer: Answer) -> None:
        self._answers.append(answer)
        if self.executor is not None:
            self.executor.create_task(self._hand_over)

    def _tell(self, output: WatchTold | WatchEnded | WatchBegun) -> None:
        driver = self._driver
        if self._key_value is not None and driver is not None:
            self._key_value.tell(output, driver.put)

    def _failed(self, error: Exception) -> None:
        """Give up: another robot has our name, the storage is damaged, or an invariant broke."""
        # The runtime does nothing more that could be waited for.
        self._handed_back.set()
        if not isinstance(error, (StartError, StorageError)):
            self.get_logger().fatal(''.join(traceback.format_exception(error)))
        if self.executor is not None:
            self.executor.create_task(self.give_up, str(error))

    def _report(self, status: RobotStatus) -> None:
        self._status = status
        stamp = self._stamp()
        self._statuses.publish(convert.status_to_message(status, stamp))
        array = DiagnosticArray()
        array.header.stamp = stamp
        array.status = [diagnosis(status, self.get_fully_qualified_name())]
        self._diagnostics.publish(array)

    def _stamp(self):  # noqa: ANN202
        return self.get_clock().now().to_msg()

    # -- back in the executor ---------------------------------------------------------------------

    def _hand_over(self) -> None:
        while self._answers:
            answer = self._answers.popleft()
            if isinstance(answer, DecideProgress):
                self._feedback(answer)
                continue
            future = self._futures.pop(answer.key, None)
            if future is not None:
                future.set_result(answer)

    def _feedback(self, progress: DecideProgress) -> None:
        goal = self._goals.get(progress.key)
        if goal is None or not goal.is_active:
            return
        feedback = Decide.Feedback()
        convert.fill_decide_feedback(feedback, progress.view, progress.has_quorum)
        goal.publish_feedback(feedback)

    def _cancel(self, key: int) -> None:
        if self._driver is not None:
            self._driver.put(DecideCancelled(key))
        future = self._futures.pop(key, None)
        if future is not None:
            future.set_result(None)


def _nanoseconds(seconds: float) -> int:
    """Return a duration of a request; what is no number or too long to mean is cut to bounds."""
    if not seconds > 0.0:
        return 0
    return int(min(seconds, 86_400.0) * 1e9)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run consensus_node; returns the exit code."""
    return program(ConsensusNode, 'consensus_node', __doc__, CONSENSUS_PARAMETERS, arguments)


if __name__ == '__main__':
    sys.exit(main())
