"""
What the radio does to a frame: loses it, repeats it, delays it, holds it back, or does not reach.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from random import Random

from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import MILLISECOND


@value
class Faults:
    """
    How bad the radio is. Each receiver of a frame has its own luck.

    :param loss: share of frames lost, 0..1.
    :param duplication: share of frames that arrive twice, 0..1.
    :param delay_min_ns: shortest way through the air.
    :param delay_max_ns: longest; frames with different delays overtake each other.
    """

    loss: float = 0.0
    duplication: float = 0.0
    delay_min_ns: int = MILLISECOND // 4
    delay_max_ns: int = MILLISECOND


class Network:
    """
    Plans the fate of frames.

    :param random: where all luck comes from.
    """

    def __init__(self, random: Random, faults: Faults) -> None:
        self._random = random
        self.faults = faults
        self._cut: set[tuple[str, str]] = set()
        # Until when each link holds back what enters it.
        self._clogged: dict[tuple[str, str], int] = {}

    def split(self, groups: Iterable[Collection[str]]) -> None:
        """Cut every link between robots of different groups, both ways."""
        parts = [tuple(group) for group in groups]
        self._cut = {
            (a, b)
            for part in parts
            for other in parts
            if part is not other
            for a in part
            for b in other
        }

    def cut_one_way(self, sender: str, receiver: str) -> None:
        """Let nothing pass from one robot to another; the way back stays."""
        self._cut.add((sender, receiver))

    def clog(self, sender: str, receiver: str, until_ns: int) -> None:
        """Have a link hold back all frames, and let them go together at a time."""
        self._clogged[sender, receiver] = until_ns

    def mend(self) -> None:
        """Mend what is cut."""
        self._cut.clear()

    def heal(self) -> None:
        """Mend all links. What a clogged link holds back still comes when it was to come."""
        self._cut.clear()
        self._clogged.clear()

    def delays(self, sender: str, receiver: str, now_ns: int = 0) -> list[int]:
        """Return the delays in nanoseconds after which copies of a frame arrive; none: lost."""
        if (sender, receiver) in self._cut or self._random.random() < self.faults.loss:
            return []
        copies = 2 if self._random.random() < self.faults.duplication else 1
        held_ns = max(0, self._clogged.get((sender, receiver), 0) - now_ns) if self._clogged else 0
        low, high = self.faults.delay_min_ns, self.faults.delay_max_ns
        return [held_ns + self._random.randint(low, high) for _ in range(copies)]
