"""
consensus_node's way to the key-value store: services `key_value` and `range`, topic `key_events`.

The topic is one watch of the runtime on all keys, begun at the activation.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.callback_groups import CallbackGroup

from swarm_consensus.decision.types import Status
from swarm_consensus.nodes import convert
from swarm_consensus.nodes.key_events import KeyEvents
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.runtime_services import Ask, RuntimeServices
from swarm_consensus.protocols.keyvalue import WatchEnded
from swarm_consensus.protocols.keyvalue.watch import UNTAKEN_MAX
from swarm_consensus.runtime.events import (
    Input,
    KeyValueAnswered,
    KeyValueAsked,
    RangeAnswered,
    RangeAsked,
    WatchAsked,
    WatchBegun,
    WatchTaken,
    WatchTold,
)
from swarm_consensus.srv import KeyValue, Range

# The watch of the topic, the only one of the node; requests count from 1.
WATCH = 0
# From the beginning of the log.
FIRST_INDEX = 1
# Changes after which the runtime hears that they were taken: each word of it costs it a step.
TAKEN_TOGETHER = UNTAKEN_MAX // 4

WatchOutput = WatchBegun | WatchTold | WatchEnded


class KeyValueServices(RuntimeServices):
    """
    The part of the node for the key-value store; the parameters as in `RuntimeServices`, and:

    :param depth: of the history of `key_events`; 0: no such topic.
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
        self._serve(KeyValue, 'key_value', self._on_change)
        self._serve(Range, 'range', self._on_range)
        self._events = KeyEvents(node, depth) if depth else None
        # Changes that the watch was told since the runtime heard that they were taken.
        self._told = 0

    def destroy(self) -> None:
        """Destroy the entities."""
        super().destroy()
        if self._events is not None:
            self._events.destroy()
            self._events = None

    # -- services ---------------------------------------------------------------------------------

    async def _on_change(
        self, request: KeyValue.Request, response: KeyValue.Response
    ) -> KeyValue.Response:
        try:
            operation = convert.operation_from_request(request)
        except ValueError as error:
            answer = KeyValueAnswered(0, Status.REFUSED, str(error))
        else:
            timeout_ns = self._nanoseconds(request.timeout)
            answer = await self._ask(
                lambda key: KeyValueAsked(key, operation, request.request_id, timeout_ns)
            ) or KeyValueAnswered(0, Status.REFUSED, self._inactive)
        convert.fill_key_value_response(response, answer)
        response.request_id = request.request_id
        return response

    async def _on_range(self, request: Range.Request, response: Range.Response) -> Range.Response:
        first, last = convert.bounds_from_request(request)
        timeout_ns = self._nanoseconds(request.timeout)
        answer = await self._ask(
            lambda key: RangeAsked(
                key, first, last, request.count_max, request.linearizable, timeout_ns
            )
        ) or RangeAnswered(0, Status.REFUSED, self._inactive, 0)
        convert.fill_range_response(response, answer)
        return response

    # -- topic ------------------------------------------------------------------------------------

    def begin(self, put: Callable[[Input], object]) -> None:
        """Begin to tell the changes, at an activation; `put` hands an input to the runtime."""
        if self._events is not None:
            self._events.begin()
            self._watch(FIRST_INDEX, put)

    def tell(self, output: WatchOutput, put: Callable[[Input], object]) -> None:
        """Pass on what the watch was told; in the thread of the runtime."""
        if self._events is None or isinstance(output, WatchBegun):
            return
        if isinstance(output, WatchEnded):
            self._events.tell((output.from_index,))
            self._watch(output.from_index, put)
            return
        self._events.tell(output.events)
        self._told += len(output.events)
        if self._told >= TAKEN_TOGETHER:
            put(WatchTaken(WATCH, self._told))
            self._told = 0

    def _watch(self, from_index: int, put: Callable[[Input], object]) -> None:
        self._told = 0
        put(WatchAsked(WATCH, '', '', from_index))
