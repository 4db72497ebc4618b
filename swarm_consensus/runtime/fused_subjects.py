"""
What the ways of fusing without a pool of all evidence share: a protocol for each subject, with the
neighbours and in rounds (averages.py, robusts.py).
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Generic, Protocol, TypeVar

from swarm_consensus.protocols.fusion.effects import Effects
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding


class Machine(Protocol):
    """What the protocol of one subject can do."""

    dropped: Counter[str]

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due by time alone."""

    def take_effects(self) -> Effects | None:
        """Return what is to be sent now."""


class Work(Protocol):
    """What is kept of one subject."""

    @property
    def protocol(self) -> Machine:
        """Return its protocol."""


WorkT = TypeVar('WorkT', bound=Work)


def ticks(config: RuntimeConfig, time_ns: int) -> int:
    """Return a time in whole ticks, one at least."""
    return max(1, time_ns // config.tick_ns)


def hello_ticks(config: RuntimeConfig, resend_ns: int) -> int:
    """Return the ticks between two hellos; they are signs of life, and as frequent as those."""
    return ticks(config, min(resend_ns, config.presence_period_ns))


class FusedSubjects(Generic[WorkT]):
    """
    The subjects of one robot that are fused in one way.

    :param neighbours: who is in reach.
    :ivar round_ticks: between two rounds.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        deciding: Deciding,
        neighbours: Neighbours,
        random: Random,
    ) -> None:
        self._config = config
        self._incarnation = incarnation
        self._deciding = deciding
        self._neighbours = neighbours
        self._random = random
        self._works: dict[str, WorkT] = {}
        self._now = 0
        self.round_ticks = hello_ticks(config, config.belief_resend_ns)

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""
        self._now += ticks
        for each in self._works.values():
            each.protocol.pass_time(ticks)

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due by time alone."""
        return min((each.protocol.idle_ticks() for each in self._works.values()), default=2**62)

    def take_effects(self) -> list[Effects | None]:
        """Return what is to be sent now."""
        found: list[Effects | None] = []
        for each in self._works.values():
            found.append(each.protocol.take_effects())
            if each.protocol.dropped:
                self._deciding.dropped.update(each.protocol.dropped)
                each.protocol.dropped.clear()
        return found
