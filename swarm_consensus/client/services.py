"""Services and actions of one robot: each client is made when first asked, not before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rclpy.action import ActionClient
from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future

from swarm_consensus.client.calls import Calls, GoalCall, ServiceCall
from swarm_consensus.client.errors import RobotNotFoundError
from swarm_consensus.nodes.message_fields import check
from swarm_consensus.nodes.request_qos import REQUESTS

T = TypeVar('T')


class Services:
    """
    The services and actions of one robot.

    :param prefix: of their names.
    :param unanswered: gives the reason where no answer came, given the timeout in s.
    :param inactive: gives the reason where the robot takes no goals.
    """

    def __init__(
        self,
        node: Node,
        prefix: str,
        calls: Calls,
        group: Any,
        *,
        discovery_timeout: float,
        missing: Callable[[], RobotNotFoundError],
        unanswered: Callable[[float], str],
        inactive: Callable[[], str],
    ) -> None:
        self._node = node
        self._prefix = prefix
        self._calls = calls
        self._group = group
        self._discovery_timeout = discovery_timeout
        self._missing = missing
        self.unanswered = unanswered
        self.inactive = inactive
        self._clients: dict[str, Client] = {}
        # An action is five endpoints.
        self._actions: dict[str, ActionClient] = {}

    def ask(
        self,
        kind: Any,
        name: str,
        *,
        request: Callable[[float], Any],
        convert: Callable[[Any], T],
        otherwise: Callable[[], T],
        timeout: float,
    ) -> Future[T]:
        """
        Ask a service; the parameters as in `ServiceCall`.

        :param kind: its type.
        :param name: of the service, behind the prefix.
        :raises ValueError: a field of the request does not take what was given.
        """
        check(request(timeout))
        return self._calls.start(
            ServiceCall(
                self._client(kind, name),
                request=request,
                convert=convert,
                otherwise=otherwise,
                timeout=timeout,
                discovery_timeout=self._discovery_timeout,
                missing=self._missing,
            )
        )

    def run(
        self,
        kind: Any,
        name: str,
        *,
        goal: Callable[[float], Any],
        convert: Callable[[Any], T],
        otherwise: Callable[[], T],
        rejected: Callable[[], T],
        feedback: Callable[[Any], None] | None,
        timeout: float,
        call: Callable[..., GoalCall[T]] = GoalCall,
    ) -> Future[T]:
        """
        Send an action a goal; the parameters as in `GoalCall`.

        :param kind: its type.
        :param name: of the action, behind the prefix.
        :param call: how it is called.
        :raises ValueError: a field of the goal does not take what was given.
        """
        check(goal(timeout))
        client = self._actions.get(name)
        if client is None:
            client = self._actions[name] = ActionClient(
                self._node,
                kind,
                self._prefix + name,
                callback_group=self._group,
                goal_service_qos_profile=REQUESTS,
                result_service_qos_profile=REQUESTS,
            )
        return self._calls.start(
            call(
                client,
                goal=goal,
                convert=convert,
                otherwise=otherwise,
                rejected=rejected,
                feedback=feedback,
                timeout=timeout,
                discovery_timeout=self._discovery_timeout,
                missing=self._missing,
            )
        )

    def _client(self, kind: Any, name: str) -> Client:
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self._node.create_client(
                kind, self._prefix + name, qos_profile=REQUESTS, callback_group=self._group
            )
        return client

    def close(self) -> None:
        """Destroy the clients."""
        while self._clients:
            self._node.destroy_client(self._clients.popitem()[1])
        while self._actions:
            self._actions.popitem()[1].destroy()
