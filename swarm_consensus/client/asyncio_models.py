"""The exchange of models, as methods of `AsyncioSwarmClient`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from numpy.typing import ArrayLike
from rclpy.task import Future

from swarm_consensus.client.models import Contribution, Merged, ModelParameters

if TYPE_CHECKING:
    from swarm_consensus.client.robot_client import SwarmClient

T = TypeVar('T')


class AsyncioModelMethods(ABC):
    """See `ModelMethods` for the parameters."""

    @abstractmethod
    async def _ask(self, start: Callable[[SwarmClient], Future[T]]) -> T:
        """Ask in the thread of the client."""

    async def read_model(self, model: str, *, timeout: float = 10.0) -> ModelParameters:
        """Read the parameters in force; see `SwarmClient.read_model`."""
        return await self._ask(lambda client: client.read_model(model, timeout=timeout))

    async def contribute(
        self,
        model: str,
        arrays: Mapping[str, ArrayLike],
        weight: float = 1.0,
        *,
        base: str = '',
        timeout: float = 10.0,
    ) -> Contribution:
        """Hand in what this robot has learnt; see `SwarmClient.contribute`."""
        return await self._ask(
            lambda client: client.contribute(model, arrays, weight, base=base, timeout=timeout)
        )

    async def merge(
        self, model: str, *, contributions_min: int = 1, timeout: float = 20.0
    ) -> Merged:
        """Have contributions merged and decided; see `SwarmClient.merge`."""
        return await self._ask(
            lambda client: client.merge(
                model, contributions_min=contributions_min, timeout=timeout
            )
        )
