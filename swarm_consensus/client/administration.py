"""Who leads and who votes, changed by people and tools rather than by behaviours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future

from swarm_consensus.client.calls import Calls, ServiceCall
from swarm_consensus.client.errors import RobotNotFoundError
from swarm_consensus.client.values import Leadership, Members, leadership_from, members_from
from swarm_consensus.decision.types import Status
from swarm_consensus.srv import ChangeMembership, TransferLeadership

T = TypeVar('T')


class Administration:
    """
    The services for administration of one robot; clients of them are made when first needed.

    :param prefix: of the names of the services.
    :param unanswered: gives the reason where no answer came, given the timeout in s.
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
    ) -> None:
        self._node = node
        self._prefix = prefix
        self._calls = calls
        self._group = group
        self._discovery_timeout = discovery_timeout
        self._missing = missing
        self._unanswered = unanswered
        self._clients: dict[str, Client] = {}

    def transfer_leadership(self, target: str, timeout: float) -> Future[Leadership]:
        """Have another robot lead; see `SwarmClient.transfer_leadership`."""
        return self._start(
            self._client(TransferLeadership, 'transfer_leadership'),
            lambda left: TransferLeadership.Request(target=target, timeout=left),
            leadership_from,
            lambda: Leadership(Status.UNKNOWN, self._unanswered(timeout), ''),
            timeout,
        )

    def change_membership(
        self, voters: Sequence[str], learners: Sequence[str], timeout: float
    ) -> Future[Members]:
        """Change who votes; see `SwarmClient.change_membership`."""
        return self._start(
            self._client(ChangeMembership, 'change_membership'),
            lambda left: ChangeMembership.Request(
                voters=list(voters), learners=list(learners), timeout=left
            ),
            members_from,
            lambda: Members(Status.UNKNOWN, self._unanswered(timeout), (), ()),
            timeout,
        )

    def _client(self, kind: Any, name: str) -> Client:
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self._node.create_client(
                kind, self._prefix + name, callback_group=self._group
            )
        return client

    def _start(
        self,
        client: Client,
        request: Callable[[float], Any],
        convert: Callable[[Any], T],
        otherwise: Callable[[], T],
        timeout: float,
    ) -> Future[T]:
        return self._calls.start(
            ServiceCall(
                client,
                request=request,
                convert=convert,
                otherwise=otherwise,
                timeout=timeout,
                discovery_timeout=self._discovery_timeout,
                missing=self._missing,
            )
        )

    def close(self) -> None:
        """Destroy the clients."""
        while self._clients:
            self._node.destroy_client(self._clients.popitem()[1])
