"""The key-value store of the swarm, as methods of `SwarmClient`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
import uuid

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from swarm_consensus.client.keyvalue_values import (
    KeyChange,
    KeyEvent,
    KeyEventFilter,
    KeyRange,
    key_change_from,
    key_range_from,
)
from swarm_consensus.client.watches import NO_EVENTS, Stream, Watch, as_subscription
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import KeyEvent as KeyEventMessage
from swarm_consensus.protocols.keyvalue import ANY
from swarm_consensus.srv import KeyValue, Range

if TYPE_CHECKING:
    from swarm_consensus.client.services import Services

T = TypeVar('T')

# As many past changes as consensus_node keeps for late subscribers by default.
KEY_EVENTS_DEPTH = 1000


class KeyValueMethods(ABC):
    """
    What `SwarmClient` can do with the key-value store.

    Keys are ordered by their Unicode code points. Each change is made once, however often it is
    sent; a change that ended UNKNOWN may be made sure of by repeating it with the same request id.
    """

    node: Node
    namespace: str
    _prefix: str
    _group: CallbackGroup
    _services: Services

    @abstractmethod
    def _check_open(self) -> None:
        """Raise ClientClosedError where the client was closed."""

    @abstractmethod
    def _watch(self, stop: Callable[[], object]) -> Watch:
        """Return a watch that ends with the client."""

    @abstractmethod
    def _keep(self, stream: Stream[T]) -> Stream[T]:
        """Let a stream end with the client, and return it."""

    # -- changing -----------------------------------------------------------------------------

    def put(
        self,
        key: str,
        value: bytes,
        *,
        lease: int = 0,
        expected_version: int = ANY,
        expected_index: int = ANY,
        expected_value: bytes | None = None,
        timeout: float = 2.0,
        request_id: str = '',
    ) -> Future[KeyChange]:
        """
        Set a key, if it stands as expected.

        :param lease: the key goes when this lease ends; 0: none.
        :param expected_version: version that the key must have; 0: there must be no such key.
        :param expected_index: log index that its last change must have; 0: no such key.
        :param expected_value: value that it must have; None: whatever.
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :param request_id: a change is made once for each id; empty: a new one.
        :returns: future of the `KeyChange`.
        :raises ValueError: a key that ROS cannot carry.
        """
        request = _expecting(key, expected_version, expected_index, expected_value)
        request.operation = KeyValue.Request.PUT
        request.value = array('B', value)
        request.lease = lease
        return self._change_keys(request, timeout, request_id)

    def delete(
        self,
        key: str,
        *,
        expected_version: int = ANY,
        expected_index: int = ANY,
        expected_value: bytes | None = None,
        timeout: float = 2.0,
        request_id: str = '',
    ) -> Future[KeyChange]:
        """Take a key away, if it stands as expected; the parameters as in `put`."""
        request = _expecting(key, expected_version, expected_index, expected_value)
        request.operation = KeyValue.Request.DELETE
        return self._change_keys(request, timeout, request_id)

    def grant(
        self, ttl: float, *, lease: int = 0, timeout: float = 2.0, request_id: str = ''
    ) -> Future[KeyChange]:
        """
        Make a lease; its id is in the answer.

        :param ttl: how long it lives at least without `keep_alive`, s.
        :param lease: its id; 0: a new one.
        :returns: future of the `KeyChange`.
        """
        request = KeyValue.Request(operation=KeyValue.Request.GRANT, ttl=float(ttl), lease=lease)
        return self._change_keys(request, timeout, request_id)

    def keep_alive(
        self, lease: int, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[KeyChange]:
        """Let a lease live for its whole ttl again; see `grant`."""
        request = KeyValue.Request(operation=KeyValue.Request.KEEP_ALIVE, lease=lease)
        return self._change_keys(request, timeout, request_id)

    def revoke(
        self, lease: int, *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[KeyChange]:
        """End a lease and delete its keys; see `grant`."""
        request = KeyValue.Request(operation=KeyValue.Request.REVOKE, lease=lease)
        return self._change_keys(request, timeout, request_id)

    def _change_keys(
        self, wanted: KeyValue.Request, timeout: float, request_id: str
    ) -> Future[KeyChange]:
        wanted.request_id = request_id or uuid.uuid4().hex

        def otherwise() -> KeyChange:
            reason = self._services.unanswered(timeout) + '; it may yet be done'
            return KeyChange(Status.UNKNOWN, reason)

        return self._services.ask(
            KeyValue,
            'key_value',
            request=lambda left: _with_timeout(wanted, left),
            convert=key_change_from,
            otherwise=otherwise,
            timeout=timeout,
        )

    # -- reading ------------------------------------------------------------------------------

    def get(
        self, key: str, *, linearizable: bool = True, timeout: float = 2.0
    ) -> Future[KeyRange]:
        """
        Read a key.

        :param linearizable: see every change acknowledged before; otherwise what this robot
            knows, at once and even without quorum.
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :returns: future of the `KeyRange`; its `item` is None where there is no such key.
        :raises ValueError: empty key, or one that ROS cannot carry.
        """
        if not key:
            raise ValueError('the key is empty; range() reads all keys')
        return self._read_keys(
            Range.Request(key=carried(key), count_max=1, linearizable=linearizable), timeout
        )

    def range(
        self,
        prefix: str = '',
        *,
        first: str = '',
        last: str = '',
        after: str = '',
        count_max: int = 1000,
        linearizable: bool = True,
        timeout: float = 2.0,
    ) -> Future[KeyRange]:
        """
        Read keys in their order; all that is given must hold of them.

        :param prefix: they begin so.
        :param first: not below this one.
        :param last: below this one; empty: no end.
        :param after: above this one; the last of the page before.
        :param count_max: most keys of a page; a page also ends at 1 MB of values.
        :returns: future of the `KeyRange`; `more` says whether there is another page.
        :raises ValueError: a key that ROS cannot carry.
        """
        request = Range.Request(
            prefix=carried(prefix),
            first=carried(first),
            last=carried(last),
            after=carried(after),
            count_max=count_max,
            linearizable=linearizable,
        )
        return self._read_keys(request, timeout)

    def _read_keys(self, wanted: Range.Request, timeout: float) -> Future[KeyRange]:
        return self._services.ask(
            Range,
            'range',
            request=lambda left: _with_timeout(wanted, left),
            convert=key_range_from,
            otherwise=lambda: KeyRange(Status.UNKNOWN, self._services.unanswered(timeout)),
            timeout=timeout,
        )

    # -- watching -----------------------------------------------------------------------------

    def on_key_event(
        self, prefix: str, callback: Callable[[KeyEvent], object], *, from_index: int = 1
    ) -> Watch:
        """
        Have a function called with each change of keys, in log order, once each.

        Where changes are missing, because a snapshot or a slow subscriber jumped over them, the
        event is COMPACTED: read the range again.

        :param prefix: of the keys; empty: every key.
        :param callback: plain or a coroutine function; called in the node's default group.
        :param from_index: log index of the first change wanted: the `applied_index` of a range + 1
            goes on behind it.
        :returns: the watch; `close()` ends it.
        """
        return self._watch_keys(
            callback, KeyEventFilter(prefix, from_index), self.node.default_callback_group
        )

    def key_events(self, prefix: str = '', *, from_index: int = 1) -> Stream[KeyEvent]:
        """
        Iterate over changes of keys in a coroutine; parameters as in `on_key_event`.

        :raises OverrunError: while iterating: too slow.
        """
        stream: Stream[KeyEvent] = Stream(
            lambda: watch.close(), newest_only=False, node=self.node
        )
        watch = self._watch_keys(stream.push, KeyEventFilter(prefix, from_index), self._group)
        return self._keep(stream)

    def _watch_keys(
        self, callback: Callable[[KeyEvent], object], chosen: KeyEventFilter, group: CallbackGroup
    ) -> Watch:
        self._check_open()

        def convert(message: KeyEventMessage) -> KeyEvent | None:
            try:
                return chosen.take(message)
            except ValueError as error:
                self.node.get_logger().warning(
                    f'a change of a key at {self.namespace} is passed over: {error}; is that '
                    'robot of a newer version?',
                    once=True,
                )
                return None

        qos = QoSProfile(
            depth=KEY_EVENTS_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
        )
        subscription = self.node.create_subscription(
            KeyEventMessage,
            self._prefix + 'key_events',
            as_subscription(callback, convert),
            qos,
            callback_group=group,
            event_callbacks=NO_EVENTS,
        )
        return self._watch(lambda: self.node.destroy_subscription(subscription))


def _expecting(
    key: str, version: int, index: int, value: bytes | None
) -> KeyValue.Request:
    request = KeyValue.Request(
        key=carried(key), expected_version=version, expected_index=index
    )
    if value is not None:
        request.expect_value = True
        request.expected_value = array('B', value)
    return request


def _with_timeout(wanted: Any, left: float) -> Any:
    wanted.timeout = left
    return wanted


def carried(key: str) -> str:
    """
    Return a key.

    :raises ValueError: it would not arrive as it is: ROS cuts strings at NUL, and encodes to UTF-8.
    """
    if '\0' in key:
        raise ValueError(f'the key {key!r} has a NUL, which ROS strings cannot carry')
    key.encode('utf-8')
    return key
