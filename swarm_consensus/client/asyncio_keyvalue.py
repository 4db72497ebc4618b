"""The key-value store of the swarm, as methods of `AsyncioSwarmClient`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rclpy.task import Future

from swarm_consensus.client.keyvalue_values import KeyChange, KeyEvent, KeyRange
from swarm_consensus.client.watches import Watch
from swarm_consensus.protocols.keyvalue import ANY

if TYPE_CHECKING:
    from swarm_consensus.client.robot_client import SwarmClient

T = TypeVar('T')


class AsyncioKeyValueMethods(ABC):
    """See `KeyValueMethods` for the parameters."""

    @abstractmethod
    async def _ask(self, start: Callable[[SwarmClient], Future[T]]) -> T:
        """Ask in the thread of the client."""

    @abstractmethod
    def _iterate(
        self,
        begin: Callable[[SwarmClient, Callable[[Any], None]], Watch],
        newest_only: bool,
    ) -> AsyncIterator[Any]:
        """Iterate over what a watch tells."""

    async def put(
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
    ) -> KeyChange:
        """Set a key, if it stands as expected; see `SwarmClient.put`."""
        return await self._ask(
            lambda client: client.put(
                key,
                value,
                lease=lease,
                expected_version=expected_version,
                expected_index=expected_index,
                expected_value=expected_value,
                timeout=timeout,
                request_id=request_id,
            )
        )

    async def delete(
        self,
        key: str,
        *,
        expected_version: int = ANY,
        expected_index: int = ANY,
        expected_value: bytes | None = None,
        timeout: float = 2.0,
        request_id: str = '',
    ) -> KeyChange:
        """Take a key away, if it stands as expected; see `SwarmClient.delete`."""
        return await self._ask(
            lambda client: client.delete(
                key,
                expected_version=expected_version,
                expected_index=expected_index,
                expected_value=expected_value,
                timeout=timeout,
                request_id=request_id,
            )
        )

    async def grant(
        self, ttl: float, *, lease: int = 0, timeout: float = 2.0, request_id: str = ''
    ) -> KeyChange:
        """Make a lease; see `SwarmClient.grant`."""
        return await self._ask(
            lambda client: client.grant(ttl, lease=lease, timeout=timeout, request_id=request_id)
        )

    async def keep_alive(
        self, lease: int, *, timeout: float = 2.0, request_id: str = ''
    ) -> KeyChange:
        """Let a lease live for its whole ttl again; see `SwarmClient.keep_alive`."""
        return await self._ask(
            lambda client: client.keep_alive(lease, timeout=timeout, request_id=request_id)
        )

    async def revoke(
        self, lease: int, *, timeout: float = 2.0, request_id: str = ''
    ) -> KeyChange:
        """End a lease and delete its keys; see `SwarmClient.revoke`."""
        return await self._ask(
            lambda client: client.revoke(lease, timeout=timeout, request_id=request_id)
        )

    async def get(
        self, key: str, *, linearizable: bool = True, timeout: float = 2.0
    ) -> KeyRange:
        """Read a key; see `SwarmClient.get`."""
        return await self._ask(
            lambda client: client.get(key, linearizable=linearizable, timeout=timeout)
        )

    async def range(
        self,
        prefix: str = '',
        *,
        first: str = '',
        last: str = '',
        after: str = '',
        count_max: int = 1000,
        linearizable: bool = True,
        timeout: float = 2.0,
    ) -> KeyRange:
        """Read keys in their order; see `SwarmClient.range`."""
        return await self._ask(
            lambda client: client.range(
                prefix,
                first=first,
                last=last,
                after=after,
                count_max=count_max,
                linearizable=linearizable,
                timeout=timeout,
            )
        )

    def key_events(self, prefix: str = '', *, from_index: int = 1) -> AsyncIterator[KeyEvent]:
        """
        Iterate over changes of keys as they come; parameters as in `SwarmClient.on_key_event`.

        The watch begins now, not at the first step. It ends with the iterator or the client.

        :raises OverrunError: while iterating: too slow; read the range again.
        """
        return self._iterate(
            lambda client, tell: client.on_key_event(prefix, tell, from_index=from_index),
            newest_only=False,
        )
