"""The shared state of the swarm, as `SwarmClient.shared`."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
import uuid

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from swarm_consensus.client.keyvalue import carried
from swarm_consensus.client.shared_values import (
    SharedEvent,
    SharedEventFilter,
    SharedOutcome,
    SharedReading,
    outcome_from,
    reading_from,
)
from swarm_consensus.client.watches import NO_EVENTS, Stream, Watch
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import SharedEvent as SharedEventMessage
from swarm_consensus.srv import SharedChange, SharedRead

if TYPE_CHECKING:
    from swarm_consensus.client.robot_client import SwarmClient

T = TypeVar('T')

# As far as consensus_node lets a slow subscriber lag by default.
EVENTS_DEPTH = 1000


class SharedState:
    """
    What `SwarmClient` can do with the shared state: registers, sets and counters under keys.

    Every change is answered when it is durable at the robot that was asked, whoever else is in
    reach; the others learn of it at once, or when they are met again. Concurrent changes are joined
    by the rules of each type (docs/fused.md), equally everywhere. A key may hold one of each type.

    Each change is made once, however often it is sent; one that ended UNKNOWN may be made sure of
    by repeating it with the same request id.
    """

    def __init__(self, client: SwarmClient) -> None:
        self._client = client

    # -- changing -----------------------------------------------------------------------------

    def put(
        self, key: str, value: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """
        Set a register; of concurrent values the one that was written last counts.

        :param timeout: s; afterwards the status is UNKNOWN.
        :param request_id: a change is made once for each id; empty: a new one.
        :returns: future of the `SharedOutcome`.
        :raises ValueError: a key that ROS cannot carry.
        """
        return self._change(SharedChange.Request.PUT, key, value, 0, timeout, request_id)

    def assign(
        self, key: str, value: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """Set a multi-value register, which keeps all concurrent values; see `put`."""
        return self._change(SharedChange.Request.ASSIGN, key, value, 0, timeout, request_id)

    def add(
        self, key: str, element: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """Put an element into an add-wins set; see `put`."""
        return self._change(SharedChange.Request.ADD, key, element, 0, timeout, request_id)

    def discard(
        self, key: str, element: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """Take an element out of an add-wins set; an addition that is concurrent stays."""
        return self._change(SharedChange.Request.DISCARD, key, element, 0, timeout, request_id)

    def grow(
        self, key: str, element: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """Put an element into a grow-only set; see `put`."""
        return self._change(SharedChange.Request.GROW, key, element, 0, timeout, request_id)

    def increment(
        self, key: str, amount: int = 1, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """Add to a counter; the amount may be negative. See `put`."""
        return self._change(SharedChange.Request.INCREMENT, key, b'', amount, timeout, request_id)

    def remove(
        self, key: str, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[SharedOutcome]:
        """Remove all that this robot knows under a key; below it, where it ends with '/'."""
        return self._change(SharedChange.Request.REMOVE, key, b'', 0, timeout, request_id)

    def _change(
        self, operation: int, key: str, value: bytes, amount: int, timeout: float, request_id: str
    ) -> Future[SharedOutcome]:
        wanted = SharedChange.Request(
            operation=operation,
            key=carried(key),
            value=array('B', value),
            amount=amount,
            request_id=request_id or uuid.uuid4().hex,
        )
        services = self._client._services

        def request(left: float) -> SharedChange.Request:
            wanted.timeout = left
            return wanted

        return services.ask(
            SharedChange,
            'shared_change',
            request=request,
            convert=outcome_from,
            otherwise=lambda: SharedOutcome(
                Status.UNKNOWN, services.unanswered(timeout) + '; it may yet be done', False
            ),
            timeout=timeout,
        )

    # -- reading ------------------------------------------------------------------------------

    def get(self, key: str, *, timeout: float = 2.0) -> Future[SharedReading]:
        """
        Read what the robot knows under a key.

        :returns: future of the `SharedReading`; its properties give the values by type.
        :raises ValueError: empty key, or one that ROS cannot carry.
        """
        if not key:
            raise ValueError('the key is empty; list() reads all keys')
        return self._read(SharedRead.Request(key=carried(key), count_max=1), timeout)

    def list(
        self, prefix: str = '', *, after: str = '', count_max: int = 1000, timeout: float = 2.0
    ) -> Future[SharedReading]:
        """
        Read what the robot knows under the keys that begin so, in their order.

        :param after: keys above this one; the last of the page before.
        :param count_max: most keys of a page; it also ends at 1 MB of values.
        """
        return self._read(
            SharedRead.Request(prefix=carried(prefix), after=carried(after), count_max=count_max),
            timeout,
        )

    def _read(self, wanted: SharedRead.Request, timeout: float) -> Future[SharedReading]:
        services = self._client._services
        return services.ask(
            SharedRead,
            'shared_read',
            request=lambda _: wanted,
            convert=reading_from,
            otherwise=lambda: SharedReading(Status.UNKNOWN, services.unanswered(timeout)),
            timeout=timeout,
        )

    # -- watching -----------------------------------------------------------------------------

    def on_change(self, prefix: str, callback: Callable[[SharedEvent], object]) -> Watch:
        """
        Have a function called with how keys stand after each change that the robot learns of.

        Changes of one key that come close together are told once. What stands before the first
        event `list` tells; where events were missed (`SharedEvent.missed`), too.

        :param callback: a plain function; called in the node's default group.
        :returns: the watch; `close()` ends it.
        """
        client = self._client
        return self._watch(callback, prefix, client.node.default_callback_group)

    def changes(self, prefix: str = '') -> Stream[SharedEvent]:
        """
        Iterate over changes in a coroutine; see `on_change`.

        :raises OverrunError: while iterating: too slow.
        """
        stream: Stream[SharedEvent] = Stream(
            lambda: watch.close(), newest_only=False, node=self._client.node
        )
        watch = self._watch(stream.push, prefix, self._client._group)
        return self._client._keep(stream)

    def _watch(
        self, callback: Callable[[SharedEvent], object], prefix: str, group: CallbackGroup
    ) -> Watch:
        client = self._client
        client._check_open()
        chosen = SharedEventFilter(carried(prefix))

        def receive(message: SharedEventMessage) -> None:
            try:
                events = chosen.take(message)
            except ValueError as error:
                client.node.get_logger().warning(
                    f'a change of the shared state at {client.namespace} is passed over: {error}; '
                    'is that robot of a newer version?',
                    once=True,
                )
                return
            for event in events:
                callback(event)

        qos = QoSProfile(
            depth=EVENTS_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.VOLATILE,
        )
        subscription: Any = client.node.create_subscription(
            SharedEventMessage,
            client._prefix + 'shared_events',
            receive,
            qos,
            callback_group=group,
            event_callbacks=NO_EVENTS,
        )
        return client._watch(lambda: client.node.destroy_subscription(subscription))
