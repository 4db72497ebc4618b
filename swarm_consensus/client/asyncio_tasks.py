"""The tasks of the swarm, as `AsyncioSwarmClient.tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swarm_consensus.client.tasks import TaskList, TaskOutcome

if TYPE_CHECKING:
    from swarm_consensus.client.asyncio_client import AsyncioSwarmClient


class AsyncioTasks:
    """See `Tasks` for what it means, and for the parameters."""

    def __init__(self, client: AsyncioSwarmClient) -> None:
        self._client = client

    async def add(self, task: str, x: float, y: float, z: float = 0.0, **more: Any) -> TaskOutcome:
        """Have a task carried out."""
        return await self._client._ask(lambda client: client.tasks.add(task, x, y, z, **more))

    async def cancel(
        self, task: str, why: str = '', *, timeout: float = 2.0, request_id: str = ''
    ) -> TaskOutcome:
        """End a task; robots that have it stop first."""
        return await self._client._ask(
            lambda client: client.tasks.cancel(task, why, timeout=timeout, request_id=request_id)
        )

    async def list(
        self,
        task: str = '',
        *,
        prefix: str = '',
        after: str = '',
        ended: bool = False,
        count_max: int = 1000,
        timeout: float = 2.0,
    ) -> TaskList:
        """Read tasks as far as the log is applied at the robot: a page, in order of names."""
        return await self._client._ask(
            lambda client: client.tasks.list(
                task,
                prefix=prefix,
                after=after,
                ended=ended,
                count_max=count_max,
                timeout=timeout,
            )
        )
