"""A radio on which everybody in range hears what is sent: with loss, repetition and delay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from random import Random
from typing import Generic, TypeVar

from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.fusion.graphs import Graph

MessageT = TypeVar('MessageT')


@value
class RadioFaults:
    """
    What goes wrong on the way, independently for each that hears.

    :param loss: share of what is lost.
    :param repeated: share of what comes twice.
    :param delay_max: most rounds that something is under way, one at least; it is drawn each time,
        so with more than 1 messages overtake each other.
    """

    loss: float = 0.0
    repeated: float = 0.0
    delay_max: int = 1


class Radio(Generic[MessageT]):
    """
    The radio of robots 0..n-1.

    :ivar graph: who hears whom now; what is under way arrives all the same.
    :ivar sent: messages of each robot.
    """

    def __init__(self, graph: Graph, faults: RadioFaults, random: Random) -> None:
        self.graph = graph
        self._faults = faults
        self._random = random
        self._round = 0
        self._under_way: dict[int, list[tuple[int, int, MessageT]]] = defaultdict(list)
        self.sent = [0] * len(graph)

    def send(self, sender: int, message: MessageT, to: Collection[int] = ()) -> None:
        """
        Send something.

        :param to: those in range that it is for; (): all.
        """
        self.sent[sender] += 1
        faults, random = self._faults, self._random
        near = self.graph[sender]
        for receiver in sorted(near.intersection(to) if to else near):
            if faults.loss and random.random() < faults.loss:
                continue
            copies = 2 if faults.repeated and random.random() < faults.repeated else 1
            for _ in range(copies):
                delay = 1 if faults.delay_max == 1 else random.randint(1, faults.delay_max)
                self._under_way[self._round + delay].append((receiver, sender, message))

    def next_round(self) -> list[tuple[int, int, MessageT]]:
        """Begin the next round; returns (receiver, sender, message) of what arrives in it."""
        self._round += 1
        arriving = self._under_way.pop(self._round, [])
        if self._faults.delay_max > 1:
            self._random.shuffle(arriving)
        return arriving

    def arriving(self) -> list[tuple[int, int, MessageT]]:
        """Return what will arrive in the next round, as far as it is under way now."""
        return list(self._under_way.get(self._round + 1, ()))

    @property
    def quiet(self) -> bool:
        """Return whether nothing is under way."""
        return not any(self._under_way.values())
