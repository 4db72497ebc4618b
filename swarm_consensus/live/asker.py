"""Asks the robots for people at the dashboard: one client for each robot that is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from swarm_consensus.client import AsyncioSwarmClient, SwarmClientError

T = TypeVar('T')

# A client is a node with a thread; whom nobody has asked for longest is let go of.
CLIENTS_MAX = 4


class Asker:
    """Lives in an event loop; `close()` ends it."""

    def __init__(self) -> None:
        self._clients: dict[str, AsyncioSwarmClient] = {}
        self._lock = asyncio.Lock()

    async def ask(
        self, namespace: str, question: Callable[[AsyncioSwarmClient], Awaitable[T]]
    ) -> T:
        """
        Ask a robot.

        :raises SwarmClientError: it is not there.
        """
        async with self._lock:
            client = self._clients.pop(namespace, None)
            if client is None:
                client = AsyncioSwarmClient(namespace=namespace)
                await client.__aenter__()
            self._clients[namespace] = client
            while len(self._clients) > CLIENTS_MAX:
                await self._clients.pop(next(iter(self._clients))).close()
        try:
            return await question(client)
        except SwarmClientError:
            async with self._lock:
                if self._clients.get(namespace) is client:
                    await self._clients.pop(namespace).close()
            raise

    async def close(self) -> None:
        """End the clients."""
        async with self._lock:
            while self._clients:
                await self._clients.popitem()[1].close()
