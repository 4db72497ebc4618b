"""Who was right: every single robot, the swarm, and a central fusion of the same evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import math

import numpy as np

from swarm_consensus.protocols.values import value


@value
class Sign:
    """
    One sign and what became of it.

    :param guesses: what each robot alone would say, by robot; those that saw it.
    :param central: what a centre would say that has all these beliefs; '' without any.
    :param decided: what the swarm decided; '' if it did not.
    :param latency: from showing the sign to every live robot knowing the decision, s; nan if not
        decided.
    """

    number: int
    truth: str
    guesses: Mapping[str, str]
    central: str
    decided: str
    latency: float


@dataclass(slots=True)
class Score:
    """The signs shown so far."""

    robots: Sequence[str]
    signs: list[Sign] = field(default_factory=list)

    def robot(self, name: str) -> tuple[int, int]:
        """Return (right, seen) of a robot alone."""
        seen = [sign for sign in self.signs if name in sign.guesses]
        return sum(sign.guesses[name] == sign.truth for sign in seen), len(seen)

    @property
    def swarm(self) -> tuple[int, int]:
        """Return (right, shown) of the swarm; a sign without a decision is not right."""
        return sum(sign.decided == sign.truth for sign in self.signs), len(self.signs)

    @property
    def central(self) -> tuple[int, int]:
        """Return (right, shown) of the central fusion."""
        return sum(sign.central == sign.truth for sign in self.signs), len(self.signs)

    @property
    def latencies(self) -> list[float]:
        """Return the latencies of the signs that were decided, s."""
        return [sign.latency for sign in self.signs if sign.decided]


def share(counts: tuple[int, int]) -> float:
    """Return right / shown, or 0 where nothing was shown."""
    right, shown = counts
    return right / shown if shown else 0.0


def wilson(counts: tuple[int, int], z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson, 1927)."""
    right, shown = counts
    if not shown:
        return 0.0, 1.0
    p = right / shown
    centre = p + z * z / (2 * shown)
    spread = z * math.sqrt(p * (1 - p) / shown + z * z / (4 * shown * shown))
    scale = 1 + z * z / shown
    return (centre - spread) / scale, (centre + spread) / scale


def fuse_centrally(beliefs: Mapping[str, Sequence[float]], labels: Sequence[str]) -> str:
    """
    Return the label that the product of all likelihoods favours, as a centre would take it.

    Written apart from the robots' own fusion, which it is compared with.

    :param beliefs: natural-log likelihoods of the labels, by robot.
    """
    if not beliefs:
        return ''
    total = np.zeros(len(labels))
    for values in beliefs.values():
        total += np.asarray(values, dtype=np.float64)
    return labels[int(total.argmax())]


def guess(log_likelihood: Sequence[float], labels: Sequence[str]) -> str:
    """Return what a robot alone would say."""
    return labels[int(np.argmax(np.asarray(log_likelihood)))]
