"""
consensus_node's way to the shared state: two services and the topic `shared_events`.

The topic is one watch of the runtime on all keys. It is begun when somebody subscribes and ended
when nobody does any more, so changes that nobody hears cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import PublisherEventCallbacks, QoSPublisherMatchedInfo
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from swarm_consensus.decision.types import Status
from swarm_consensus.msg import SharedEvent
from swarm_consensus.nodes import shared_convert
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.runtime_services import Ask, RuntimeServices
from swarm_consensus.runtime.events import (
    Input,
    SharedAnswered,
    SharedAsked,
    SharedReadAsked,
    SharedTold,
    SharedWatchAsked,
    SharedWatchCancelled,
    SharedWatchTaken,
)
from swarm_consensus.srv import SharedChange, SharedRead

# The watch of the topic, the only one of the node; requests count from 1.
WATCH = 0

Put = Callable[[Input], object]


class SharedServices(RuntimeServices):
    """
    The part of the node for the shared state; the parameters as in `RuntimeServices`, and:

    :param depth: of the history of `shared_events`; 0: no such topic.
    """

    def __init__(
        self,
        node: ManagedNode,
        group: CallbackGroup,
        ask: Ask,
        *,
        inactive: str,
        nanoseconds: Callable[[float], int],
        depth: int,
    ) -> None:
        super().__init__(node, group, ask, inactive=inactive, nanoseconds=nanoseconds)
        # Matches are told in the executor's thread, changes in the runtime's.
        self._lock = threading.Lock()
        self._put: Put | None = None
        self._heard = False
        self._sequence = 0
        self._serve(SharedChange, 'shared_change', self._on_change)
        self._serve(SharedRead, 'shared_read', self._on_read)
        self._publisher = self._create_publisher(depth) if depth else None

    def _create_publisher(self, depth: int) -> Any:
        return self._node.create_lifecycle_publisher(
            SharedEvent,
            'shared_events',
            QoSProfile(
                depth=depth,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.VOLATILE,
            ),
            event_callbacks=PublisherEventCallbacks(matched=self._matched),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def destroy(self) -> None:
        """Destroy the entities."""
        super().destroy()
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None

    # -- services ---------------------------------------------------------------------------------

    async def _on_change(
        self, request: SharedChange.Request, response: SharedChange.Response
    ) -> SharedChange.Response:
        try:
            operation = shared_convert.operation_from_request(request)
        except ValueError as error:
            answer = SharedAnswered(0, Status.REFUSED, str(error), found=False)
        else:
            timeout_ns = self._nanoseconds(request.timeout)
            answer = await self._ask(
                lambda key: SharedAsked(key, operation, timeout_ns, request.request_id)
            ) or SharedAnswered(0, Status.REFUSED, self._inactive, found=False)
        shared_convert.fill_change_response(response, answer)
        return response

    async def _on_read(
        self, request: SharedRead.Request, response: SharedRead.Response
    ) -> SharedRead.Response:
        answer = await self._ask(
            lambda key: SharedReadAsked(
                key, request.key, request.prefix, request.after, request.count_max
            )
        )
        if answer is None:
            response.status, response.reason = int(Status.REFUSED), self._inactive
            return response
        response.status = int(Status.DECIDED)
        shared_convert.fill_read_response(response, answer)
        return response

    # -- topic ------------------------------------------------------------------------------------

    def begin(self, put: Put) -> None:
        """Begin to tell changes, at an activation; `put` hands an input to the runtime."""
        with self._lock:
            self._put = put
            self._sequence = 0
            if self._heard:
                put(SharedWatchAsked(WATCH, ''))

    def end(self) -> None:
        """Stop, at a deactivation."""
        with self._lock:
            self._put = None

    def _matched(self, info: QoSPublisherMatchedInfo) -> None:
        with self._lock:
            before, self._heard = self._heard, info.current_count > 0
            if self._put is None or before == self._heard:
                return
            self._put(SharedWatchAsked(WATCH, '') if self._heard else SharedWatchCancelled(WATCH))

    def tell(self, output: SharedTold) -> None:
        """Publish what the watch was told; in the thread of the runtime."""
        stamp = self._node.get_clock().now().to_msg()
        with self._lock:
            put = self._put
            for event in output.events:
                self._sequence += 1
                if self._publisher is not None and self._publisher.is_activated:
                    self._publisher.publish(
                        shared_convert.event_to_message(event, self._sequence, stamp)
                    )
        if put is not None:
            put(SharedWatchTaken(WATCH, len(output.events)))
