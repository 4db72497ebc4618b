"""The client for use inside an rclpy node; also the core of the asyncio client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
import uuid

from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from swarm_consensus.action import Decide
from swarm_consensus.client.administration import Administration
from swarm_consensus.client.calls import (
    DISCOVERY_TIMEOUT_S,
    Calls,
    FirstMessageCall,
    ServiceCall,
)
from swarm_consensus.client.errors import ClientClosedError, RobotNotFoundError
from swarm_consensus.client.keyvalue import KeyValueMethods
from swarm_consensus.client.missions import MissionMethods
from swarm_consensus.client.models import ModelMethods
from swarm_consensus.client.services import Services
from swarm_consensus.client.shared import SharedState
from swarm_consensus.client.tasks import Tasks
from swarm_consensus.client.values import (
    Decision,
    Leadership,
    Members,
    Progress,
    Reading,
    decision_from,
    progress_from,
    reading_from,
    with_stamp,
)
from swarm_consensus.client.watches import (
    NO_EVENTS,
    DecisionFilter,
    Stream,
    Watch,
    as_subscription,
)
from swarm_consensus.decision.types import ANY_REVISION, Level, Status, no_answer
from swarm_consensus.msg import Decision as DecisionMessage
from swarm_consensus.msg import SwarmStatus
from swarm_consensus.nodes.convert import status_from_message
from swarm_consensus.nodes.request_qos import REQUESTS
from swarm_consensus.runtime.events import RobotStatus
from swarm_consensus.srv import Propose, Read

if TYPE_CHECKING:
    from swarm_consensus.client.asyncio_client import AsyncioSwarmClient

T = TypeVar('T')

# As many past decisions as consensus_node keeps for late subscribers by default.
DECISIONS_DEPTH = 100
SERVICE_TYPE = 'swarm_consensus/srv/Propose'
GONE = 'may have been restarted, or is cut off'


class SwarmClient(KeyValueMethods, MissionMethods, ModelMethods):
    """
    The swarm, as one robot's consensus_node gives access to it.

    Methods return rclpy futures: await them in coroutines that the node's executor runs, which take
    no core while they wait, or spin until they are done. They may be called from any thread.

    :param node: whose entities are used; it must be spinning for anything to happen.
    :param robot: name of the robot to talk to; its namespace is taken to be that name.
    :param namespace: its namespace where that is another. Neither given: the node's own.
    :param discovery_timeout: how long a call looks for the robot before it is not there, s.
    :raises ValueError: both robot and namespace are given.
    :ivar shared: the shared state.
    :ivar tasks: the tasks of the swarm.
    """

    def __init__(
        self,
        node: Node,
        *,
        robot: str = '',
        namespace: str = '',
        discovery_timeout: float = DISCOVERY_TIMEOUT_S,
    ) -> None:
        if robot and namespace:
            raise ValueError(
                f"robot is '{robot}' and namespace is '{namespace}'; give one of them"
            )
        prefix = namespace or (f'/{robot}' if robot else '')
        self.node = node
        self.namespace = ('/' + prefix.strip('/')) if prefix else node.get_namespace()
        self._prefix = f'{self.namespace.rstrip("/")}/' if prefix else ''
        self._discovery_timeout = discovery_timeout
        self._group = MutuallyExclusiveCallbackGroup()
        self._propose = node.create_client(
            Propose,
            self._prefix + 'propose',
            qos_profile=REQUESTS,
            callback_group=self._group,
        )
        self._read = node.create_client(
            Read, self._prefix + 'read', qos_profile=REQUESTS, callback_group=self._group
        )
        self._calls = Calls(node, self._group)
        self._services = Services(
            node,
            self._prefix,
            self._calls,
            self._group,
            discovery_timeout=discovery_timeout,
            missing=self._missing,
            unanswered=self._unanswered,
            inactive=self._inactive,
        )
        self._administration = Administration(self._services)
        self.shared = SharedState(self)
        self.tasks = Tasks(self)
        self._watches: set[Watch] = set()
        self._closed = False

    @staticmethod
    def connect(
        robot: str = '',
        *,
        namespace: str = '',
        timeout: float = DISCOVERY_TIMEOUT_S,
        **options: Any,
    ) -> AsyncioSwarmClient:
        """
        Return a client for an asyncio program, to be used by `async with`.

        :param robot: name of the robot to talk to; its namespace is taken to be that name.
        :param namespace: its namespace where that is another.
        :param timeout: how long to look for the robot, s.
        :param options: further ones of `AsyncioSwarmClient`.
        """
        # That module imports this one.
        from swarm_consensus.client.asyncio_client import AsyncioSwarmClient

        return AsyncioSwarmClient(
            robot, namespace=namespace, discovery_timeout=timeout, **options
        )

    # -- asking -------------------------------------------------------------------------------

    def propose(
        self,
        subject: str,
        choice: str,
        value: bytes = b'',
        *,
        expected_revision: int = ANY_REVISION,
        timeout: float = 2.0,
        request_id: str = '',
    ) -> Future[Decision]:
        """
        Have a value committed.

        :param choice: short text of the value.
        :param value: further bytes, opaque to the swarm.
        :param expected_revision: commit only if the subject stands at this revision (0:
            undecided yet).
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :param request_id: a proposal is applied once for each id, however often it is made;
            empty: a new one. Give the one of a proposal that ended UNKNOWN to make sure of it.
        :returns: future of the `Decision`; where refused, the decision in force and the reason.
        """
        request_id = request_id or uuid.uuid4().hex

        def request(left: float) -> Propose.Request:
            return Propose.Request(
                subject=subject,
                choice=choice,
                value=value,
                expected_revision=expected_revision,
                timeout=left,
                request_id=request_id,
            )

        return self._calls.start(
            ServiceCall(
                self._propose,
                request=request,
                convert=lambda response: decision_from(response.decision),
                otherwise=lambda: self._unknown(subject, timeout, '; it may yet be decided'),
                timeout=timeout,
                discovery_timeout=self._discovery_timeout,
                missing=self._missing,
            )
        )

    def decide(
        self,
        subject: str,
        *,
        revision_min: int = 1,
        timeout: float = 10.0,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Future[Decision]:
        """
        Wait until the swarm has decided a subject.

        :param revision_min: first revision that will do.
        :param timeout: s; afterwards the status is UNDECIDED, NO_QUORUM or UNKNOWN.
        :param on_progress: called when the evidence on the subject changes.
        :returns: future of the `Decision`; cancel it to stop waiting.
        """

        def refused() -> Decision:
            reason = self._inactive()
            return with_stamp(no_answer(subject, Level.COMMITTED, Status.REFUSED, reason))

        feedback = None
        if on_progress is not None:
            tell = on_progress

            def feedback(message: Decide.Feedback) -> None:
                tell(progress_from(message))

        return self._services.run(
            Decide,
            'decide',
            goal=lambda left: Decide.Goal(
                subject=subject, revision_min=revision_min, timeout=left
            ),
            convert=lambda result: decision_from(result.decision),
            otherwise=lambda: self._unknown(subject, timeout),
            rejected=refused,
            feedback=feedback,
            timeout=timeout,
        )

    def read(
        self, subject: str, *, linearizable: bool = True, timeout: float = 2.0
    ) -> Future[Reading]:
        """
        Read the decision in force for a subject.

        :param linearizable: see every decision acknowledged before; otherwise what this robot
            knows, at once and even without quorum.
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :returns: future of the `Reading`.
        :raises ValueError: empty subject.
        """
        if not subject:
            raise ValueError('the subject is empty; read_log() reads all subjects')
        return self._reading(Read.Request(subject=subject, linearizable=linearizable), timeout)

    def read_log(
        self,
        from_index: int = 1,
        count_max: int = 1000,
        *,
        linearizable: bool = True,
        timeout: float = 2.0,
    ) -> Future[Reading]:
        """
        Read decisions in log order.

        :param from_index: first index wanted; for the next page, that of the last decision + 1.
        :returns: future of the `Reading`.
        """
        request = Read.Request(
            from_index=from_index, count_max=count_max, linearizable=linearizable
        )
        return self._reading(request, timeout)

    def _reading(self, wanted: Read.Request, timeout: float) -> Future[Reading]:
        def request(left: float) -> Read.Request:
            wanted.timeout = left
            return wanted

        def otherwise() -> Reading:
            decision = self._unknown(wanted.subject, timeout)
            return Reading(wanted.subject, decision.status, decision.reason, 0, '', ())

        return self._calls.start(
            ServiceCall(
                self._read,
                request=request,
                convert=lambda response: reading_from(wanted.subject, response),
                otherwise=otherwise,
                timeout=timeout,
                discovery_timeout=self._discovery_timeout,
                missing=self._missing,
            )
        )

    def status(self, *, timeout: float = DISCOVERY_TIMEOUT_S) -> Future[RobotStatus]:
        """
        Ask how the swarm stands, as the robot sees it.

        :param timeout: s; afterwards the robot is not there.
        :returns: future of the `RobotStatus`.
        """
        return self._calls.start(
            FirstMessageCall(
                lambda callback: self._subscribe_status(callback, self._group),
                self.node.destroy_subscription,
                convert=status_from_message,
                timeout=timeout,
                missing=self._missing,
            )
        )

    # -- who leads and who votes -----------------------------------------------------------------

    def transfer_leadership(
        self, target: str = '', *, timeout: float = 2.0
    ) -> Future[Leadership]:
        """
        Have another robot lead, before this one goes down for instance.

        :param target: a voter; empty: the one that is most fit.
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :returns: future of the `Leadership`.
        """
        return self._administration.transfer_leadership(target, timeout)

    def change_membership(
        self, voters: Sequence[str], learners: Sequence[str] = (), *, timeout: float = 10.0
    ) -> Future[Members]:
        """
        Say which robots vote and which hold the log without a vote; a robot in neither leaves.

        :param voters: each a voter or a learner already.
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :returns: future of the `Members`.
        """
        return self._administration.change_membership(voters, learners, timeout)

    def wait_until_found(self, timeout: float | None = None) -> Future[SwarmClient]:
        """
        Wait for the robot's services.

        :param timeout: s; None: the discovery timeout of the client.
        :returns: future of this client; RobotNotFoundError where the robot is not there.
        """
        return self._calls.start(
            _FoundCall(
                self,
                self._read,
                self._discovery_timeout if timeout is None else timeout,
                self._missing,
            )
        )

    # -- watching -----------------------------------------------------------------------------

    def on_decision(
        self,
        subject: str,
        callback: Callable[[Decision], object],
        *,
        past: bool = True,
        answered_only: bool = True,
    ) -> Watch:
        """
        Have a function called with each decision on a subject, once each.

        :param subject: also its instances ('sign/7' for 'sign'); empty: every subject.
        :param callback: plain or a coroutine function; called in the node's default group.
        :param past: begin with the decisions already made that the robot still publishes.
        :param answered_only: leave out what names no answer, such as NO_QUORUM.
        :returns: the watch; `close()` ends it.
        """
        chosen = DecisionFilter(subject, answered_only)
        return self._watch_decisions(callback, chosen, past, self.node.default_callback_group)

    def decisions(
        self, subject: str = '', *, past: bool = True, answered_only: bool = True
    ) -> Stream[Decision]:
        """
        Iterate over decisions in a coroutine of the executor; parameters as in `on_decision`.

        :raises OverrunError: while iterating: too slow.
        """
        stream: Stream[Decision] = Stream(
            lambda: watch.close(), newest_only=False, node=self.node
        )
        chosen = DecisionFilter(subject, answered_only)
        watch = self._watch_decisions(stream.push, chosen, past, self._group)
        return self._keep(stream)

    def on_status(self, callback: Callable[[RobotStatus], object]) -> Watch:
        """Have a function called with the status of the swarm as it changes."""
        group = self.node.default_callback_group
        return self._watch_status(callback, group)

    def statuses(self) -> Stream[RobotStatus]:
        """Iterate over the status of the swarm in a coroutine; a slow one sees the newest."""
        stream: Stream[RobotStatus] = Stream(
            lambda: watch.close(), newest_only=True, node=self.node
        )
        watch = self._watch_status(stream.push, self._group)
        return self._keep(stream)

    def _keep(self, stream: Stream[T]) -> Stream[T]:
        self._watches.add(stream)
        return stream

    def _watch_decisions(
        self,
        callback: Callable[[Decision], object],
        chosen: DecisionFilter,
        past: bool,
        group: CallbackGroup,
    ) -> Watch:
        self._check_open()

        def convert(message: DecisionMessage) -> Decision | None:
            try:
                decision = decision_from(message)
            except ValueError as error:
                self.node.get_logger().warning(
                    f'a decision of {self.namespace} is passed over: {error}; is that robot of '
                    'a newer version?',
                    once=True,
                )
                return None
            return decision if chosen.wants(decision) else None

        qos = QoSProfile(
            depth=DECISIONS_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if past else DurabilityPolicy.VOLATILE,
        )
        subscription = self.node.create_subscription(
            DecisionMessage,
            self._prefix + 'decision',
            as_subscription(callback, convert),
            qos,
            callback_group=group,
            event_callbacks=NO_EVENTS,
        )
        return self._watch(lambda: self.node.destroy_subscription(subscription))

    def _watch_status(
        self, callback: Callable[[RobotStatus], object], group: CallbackGroup
    ) -> Watch:
        self._check_open()
        subscription = self._subscribe_status(
            as_subscription(callback, status_from_message), group
        )
        return self._watch(lambda: self.node.destroy_subscription(subscription))

    def _subscribe_status(self, callback: Callable[[Any], object], group: CallbackGroup):  # noqa: ANN202
        qos = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        return self.node.create_subscription(
            SwarmStatus,
            self._prefix + 'swarm_status',
            callback,
            qos,
            callback_group=group,
            event_callbacks=NO_EVENTS,
        )

    def _watch(self, stop: Callable[[], object]) -> Watch:
        watch = Watch(lambda: (self._watches.discard(watch), stop()))
        self._watches.add(watch)
        return watch

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """End what is under way and destroy the entities; harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        for watch in tuple(self._watches):
            watch.close()
        self._watches.clear()
        self._calls.close()
        self._services.close()
        self.node.destroy_client(self._propose)
        self.node.destroy_client(self._read)

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError('the client was closed')

    # -- what it means that nobody answers ------------------------------------------------------

    def _unknown(self, subject: str, timeout: float, more: str = '') -> Decision:
        reason = self._unanswered(timeout) + more
        return with_stamp(no_answer(subject, Level.COMMITTED, Status.UNKNOWN, reason))

    def _unanswered(self, timeout: float) -> str:
        return f'consensus_node of {self.namespace} gave no answer within {timeout:g} s: it {GONE}'

    def _inactive(self) -> str:
        return f'consensus_node of {self.namespace} is not active'

    def _missing(self) -> RobotNotFoundError:
        domain = self.node.context.get_domain_id()
        there = robots_there(self.node)
        others = f'there are: {", ".join(there)}' if there else 'there is no other either'
        return RobotNotFoundError(
            f'no consensus_node answers in {self.namespace} on ROS_DOMAIN_ID {domain}; {others}'
        )


class _FoundCall(ServiceCall[SwarmClient]):
    """Ends as soon as the robot is there, with nothing asked."""

    def __init__(
        self,
        owner: SwarmClient,
        client: Any,
        discovery_timeout: float,
        missing: Callable[[], RobotNotFoundError],
    ) -> None:
        super().__init__(
            client,
            request=lambda _: None,
            convert=lambda _: owner,
            otherwise=lambda: owner,
            timeout=1.0,
            discovery_timeout=discovery_timeout,
            missing=missing,
        )
        self._owner = owner

    def send(self, _left: float) -> None:
        self.finish(lambda: self._owner)


def robots_there(node: Node) -> list[str]:
    """Return the namespaces in which a consensus_node offers its services, sorted."""
    found = set()
    for name, namespace in node.get_node_names_and_namespaces():
        try:
            services = node.get_service_names_and_types_by_node(name, namespace)
        except NodeNameNonExistentError:
            continue  # gone since
        found |= {
            service.rpartition('/')[0] or '/'
            for service, types in services
            if SERVICE_TYPE in types
        }
    return sorted(found)
