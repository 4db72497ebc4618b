"""What the radio does to a frame: loses it, repeats it, delays it, or does not reach at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from random import Random

from swarm_consensus.runtime.config import MILLISECOND


@dataclass(frozen=True, slots=True)
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

    def heal(self) -> None:
        """Mend all links."""
        self._cut.clear()

    def delays(self, sender: str, receiver: str) -> list[int]:
        """Return the delays in nanoseconds after which copies of a frame arrive; none: lost."""
        if (sender, receiver) in self._cut or self._random.random() < self.faults.loss:
            return []
        copies = 2 if self._random.random() < self.faults.duplication else 1
        low, high = self.faults.delay_min_ns, self.faults.delay_max_ns
        return [self._random.randint(low, high) for _ in range(copies)]
