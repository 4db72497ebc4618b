"""What the parts of consensus_node have in common that answer requests out of the runtime."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup

from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.runtime.events import Input

Ask = Callable[[Callable[[int], Input]], Awaitable[Any]]


class RuntimeServices:
    """
    A part of the node with services that the runtime answers, while it is configured.

    :param ask: puts the input that is made for a key to the runtime and waits for its answer;
        None where the node is not active.
    :param inactive: the reason that is given then.
    :param nanoseconds: turns the seconds of a request into what the runtime takes.
    """

    def __init__(
        self,
        node: ManagedNode,
        group: CallbackGroup,
        ask: Ask,
        *,
        inactive: str,
        nanoseconds: Callable[[float], int],
    ) -> None:
        self._node = node
        self._group = group
        self._ask = ask
        self._inactive = inactive
        self._nanoseconds = nanoseconds
        self._services: list[Any] = []

    def _serve(self, kind: Any, name: str, callback: Callable[[Any, Any], Awaitable[Any]]) -> None:
        """Offer a service."""
        self._services.append(
            self._node.create_service(kind, name, callback, callback_group=self._group)
        )

    def destroy(self) -> None:
        """Destroy the entities."""
        while self._services:
            self._node.destroy_service(self._services.pop())
