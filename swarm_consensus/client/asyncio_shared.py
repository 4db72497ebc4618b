"""The shared state of the swarm, as `AsyncioSwarmClient.shared`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from swarm_consensus.client.shared_values import SharedEvent, SharedOutcome, SharedReading

if TYPE_CHECKING:
    from swarm_consensus.client.asyncio_client import AsyncioSwarmClient


class AsyncioSharedState:
    """See `SharedState` for what it means, and for the parameters."""

    def __init__(self, client: AsyncioSwarmClient) -> None:
        self._client = client

    async def put(
        self, key: str, value: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Set a last-writer-wins register."""
        return await self._client._ask(
            lambda client: client.shared.put(key, value, timeout=timeout, request_id=request_id)
        )

    async def assign(
        self, key: str, value: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Set a multi-value register."""
        return await self._client._ask(
            lambda client: client.shared.assign(key, value, timeout=timeout, request_id=request_id)
        )

    async def add(
        self, key: str, element: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Put an element into an add-wins set."""
        return await self._client._ask(
            lambda client: client.shared.add(key, element, timeout=timeout, request_id=request_id)
        )

    async def discard(
        self, key: str, element: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Take an element out of an add-wins set."""
        return await self._client._ask(
            lambda client: client.shared.discard(
                key, element, timeout=timeout, request_id=request_id
            )
        )

    async def grow(
        self, key: str, element: bytes, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Put an element into a grow-only set."""
        return await self._client._ask(
            lambda client: client.shared.grow(key, element, timeout=timeout, request_id=request_id)
        )

    async def increment(
        self, key: str, amount: int = 1, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Add to a counter."""
        return await self._client._ask(
            lambda client: client.shared.increment(
                key, amount, timeout=timeout, request_id=request_id
            )
        )

    async def remove(
        self, key: str, *, timeout: float = 2.0, request_id: str = ''
    ) -> SharedOutcome:
        """Remove all that the robot knows under a key; below it, where it ends with '/'."""
        return await self._client._ask(
            lambda client: client.shared.remove(key, timeout=timeout, request_id=request_id)
        )

    async def get(self, key: str, *, timeout: float = 2.0) -> SharedReading:
        """Read what the robot knows under a key."""
        return await self._client._ask(lambda client: client.shared.get(key, timeout=timeout))

    async def list(
        self, prefix: str = '', *, after: str = '', count_max: int = 1000, timeout: float = 2.0
    ) -> SharedReading:
        """Read what the robot knows under the keys that begin so."""
        return await self._client._ask(
            lambda client: client.shared.list(
                prefix, after=after, count_max=count_max, timeout=timeout
            )
        )

    def changes(self, prefix: str = '') -> AsyncIterator[SharedEvent]:
        """
        Iterate over changes as the robot learns of them; see `SharedState.on_change`.

        The watch begins now, not at the first step. It ends with the iterator or the client.

        :raises OverrunError: while iterating: too slow; list the keys again.
        """
        return self._client._iterate(
            lambda client, tell: client.shared.on_change(prefix, tell), newest_only=False
        )
