"""The missions of the swarm, as methods of `AsyncioSwarmClient`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
import math
from typing import TYPE_CHECKING, TypeVar

from rclpy.task import Future

from swarm_consensus.client.missions import (
    MissionAnswer,
    MissionChange,
    MissionList,
    MissionReport,
    MissionRun,
)

if TYPE_CHECKING:
    from swarm_consensus.client.robot_client import SwarmClient

T = TypeVar('T')
V = TypeVar('V')


class AsyncioMissionMethods(ABC):
    """See `MissionMethods` for the parameters."""

    @abstractmethod
    async def _ask(self, start: Callable[[SwarmClient], Future[T]]) -> T:
        """Ask in the thread of the client."""

    @abstractmethod
    def _told(self, callback: Callable[[V], object]) -> Callable[[V], None]:
        """Return what has a function called in the event loop."""

    async def begin_mission(
        self,
        mission: str,
        name: str,
        input: object = None,
        *,
        timeout: float = 5.0,
        request_id: str = '',
    ) -> MissionChange:
        """Begin a mission; see `SwarmClient.begin_mission`."""
        return await self._ask(
            lambda client: client.begin_mission(
                mission, name, input, timeout=timeout, request_id=request_id
            )
        )

    async def run_mission(
        self,
        mission: str,
        name: str,
        input: object = None,
        *,
        timeout: float = math.inf,
        begin_timeout: float = 5.0,
        on_progress: Callable[[MissionReport], object] | None = None,
    ) -> MissionRun:
        """Run a mission, and wait for its end; see `SwarmClient.run_mission`."""
        tell = None if on_progress is None else self._told(on_progress)
        return await self._ask(
            lambda client: client.run_mission(
                mission,
                name,
                input,
                timeout=timeout,
                begin_timeout=begin_timeout,
                on_progress=tell,
            )
        )

    async def signal_mission(
        self,
        mission: str,
        name: str,
        payload: object = None,
        *,
        timeout: float = 5.0,
        request_id: str = '',
    ) -> MissionChange:
        """Tell a mission something; see `SwarmClient.signal_mission`."""
        return await self._ask(
            lambda client: client.signal_mission(
                mission, name, payload, timeout=timeout, request_id=request_id
            )
        )

    async def cancel_mission(
        self, mission: str, reason: str = '', *, timeout: float = 5.0
    ) -> MissionChange:
        """Ask a mission to end; see `SwarmClient.cancel_mission`."""
        return await self._ask(
            lambda client: client.cancel_mission(mission, reason, timeout=timeout)
        )

    async def forget_mission(self, mission: str, *, timeout: float = 5.0) -> MissionChange:
        """Take a mission away that has ended; see `SwarmClient.forget_mission`."""
        return await self._ask(lambda client: client.forget_mission(mission, timeout=timeout))

    async def query_mission(
        self, mission: str, query: str, argument: object = None, *, timeout: float = 5.0
    ) -> MissionAnswer:
        """Ask the code of a mission something; see `SwarmClient.query_mission`."""
        return await self._ask(
            lambda client: client.query_mission(mission, query, argument, timeout=timeout)
        )

    async def missions(
        self, prefix: str = '', *, count_max: int = 1000, timeout: float = 5.0
    ) -> MissionList:
        """Look at missions; see `SwarmClient.missions`."""
        return await self._ask(
            lambda client: client.missions(prefix, count_max=count_max, timeout=timeout)
        )

    async def mission(
        self, mission: str, *, history_from: int = 1, count_max: int = 1000, timeout: float = 5.0
    ) -> MissionList:
        """Look at one mission and its history; see `SwarmClient.mission`."""
        return await self._ask(
            lambda client: client.mission(
                mission, history_from=history_from, count_max=count_max, timeout=timeout
            )
        )
