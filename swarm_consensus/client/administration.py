"""Who leads and who votes, changed by people and tools rather than by behaviours."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.task import Future

from swarm_consensus.client.services import Services
from swarm_consensus.client.values import Leadership, Members, leadership_from, members_from
from swarm_consensus.decision.types import Status
from swarm_consensus.srv import ChangeMembership, TransferLeadership


class Administration:
    """The services for administration of one robot."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def transfer_leadership(self, target: str, timeout: float) -> Future[Leadership]:
        """Have another robot lead; see `SwarmClient.transfer_leadership`."""
        services = self._services
        return services.ask(
            TransferLeadership,
            'transfer_leadership',
            request=lambda left: TransferLeadership.Request(target=target, timeout=left),
            convert=leadership_from,
            otherwise=lambda: Leadership(Status.UNKNOWN, services.unanswered(timeout), ''),
            timeout=timeout,
        )

    def change_membership(
        self, voters: Sequence[str], learners: Sequence[str], timeout: float
    ) -> Future[Members]:
        """Change who votes; see `SwarmClient.change_membership`."""
        services = self._services
        return services.ask(
            ChangeMembership,
            'change_membership',
            request=lambda left: ChangeMembership.Request(
                voters=list(voters), learners=list(learners), timeout=left
            ),
            convert=members_from,
            otherwise=lambda: Members(Status.UNKNOWN, services.unanswered(timeout), (), ()),
            timeout=timeout,
        )
