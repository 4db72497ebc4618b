"""
The robust mode: what liars say is trimmed away.

W-MSR (LeBlanc, Zhang, Koutsoukos and Sundaram, 2013, section IV), label by label: in each round a
robot leaves out the f largest values that are above its own and the f smallest below it, takes the
mean of the rest with its own, and mixes a little of its own evidence into it, as the stubborn
agents of Friedkin and Johnsen (1990).

What holds, where no more than f robots around an honest one lie: its estimate of each label stays
within what honest robots have put in, of late. Where the graph is (2f + 1)-robust (robustness.py),
honest robots also come to agree, up to what the mixing keeps apart: with equal evidence exactly,
else up to some multiple of ANCHOR, the smaller the better the graph mixes. The mixing is what lets
new evidence in, and lets go of that of robots that are gone, both by ANCHOR of it in a round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.fusion.effects import Effects, Send
from swarm_consensus.protocols.fusion.messages import Estimate
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.values import value

Floats = NDArray[np.float64]

# Share of its own evidence that a robot mixes in, in each round.
ANCHOR = 1 / 32


@value
class RobustConfig:
    """
    Settings of a robust estimate at one robot.

    :param topic: what it is about.
    :param incarnation: of this boot.
    :param labels: how many values an estimate has.
    :param liars: f, how many robots may lie.
    :param round_ticks: between two rounds.
    :param stale_ticks: age after which what a neighbour said counts no more.
    :raises ValueError: numbers out of range.
    """

    topic: str
    incarnation: int
    labels: int
    liars: int
    round_ticks: int = 10
    stale_ticks: int = 100

    def __post_init__(self) -> None:
        if self.labels < 1 or self.liars < 0 or min(self.round_ticks, self.stale_ticks) < 1:
            raise ValueError(f'labels and times must be above 0, liars not below: {self}')


@dataclass(slots=True)
class _Said:
    version: tuple[int, int]
    values: Floats
    at: int


def trimmed(own: Floats, others: Floats, liars: int) -> Floats:
    """
    Return the mean of one's own values and those of others that are not trimmed.

    :param own: shape (labels,).
    :param others: shape (robots, labels).
    :param liars: f.
    """
    if not len(others):
        return own
    ranked = np.sort(others, axis=0)
    above = (others > own).sum(axis=0)
    below = (others < own).sum(axis=0)
    first = np.minimum(below, liars)
    last = len(others) - np.minimum(above, liars)
    places = np.arange(len(others))[:, np.newaxis]
    kept = (places >= first) & (places < last)
    total = np.where(kept, ranked, 0.0).sum(axis=0) + own
    return np.asarray(total / (kept.sum(axis=0) + 1), dtype=np.float64)


class Robust:
    """
    The robust estimate of one topic at one robot.

    :param neighbours: who is in reach.
    :ivar values: the estimate, one a label; None: nothing is known yet.
    :ivar rounds: how many have passed with an estimate.
    :ivar dropped: counts what peers sent that no honest one sends.
    """

    def __init__(
        self, config: RobustConfig, neighbours: Neighbours, random: Random, now: int = 0
    ) -> None:
        self.config = config
        self._neighbours = neighbours
        self._input: Floats | None = None
        self.values: Floats | None = None
        self.rounds = 0
        self.dropped: Counter[str] = Counter()
        self._said: dict[str, _Said] = {}
        self._now = now
        self._round_due = now + random.randrange(config.round_ticks)
        self._sequence = 0

    def put(self, values: Sequence[float] | Floats | None) -> None:
        """Set this robot's own evidence, one value a label; None: it has none."""
        self._input = None if values is None else np.array(values, dtype=np.float64)
        if self.values is None:
            self.values = self._input

    def receive(self, sender: str, message: Estimate) -> None:
        """Take in what a robot in reach estimates."""
        if len(message.values) != self.config.labels:
            self.dropped['WRONG_WIDTH'] += 1
            return
        if not self._neighbours.is_near(sender):
            return
        version = (message.incarnation, message.sequence)
        before = self._said.get(sender)
        if before is None or version > before.version:
            values = np.array(message.values, dtype=np.float64)
            self._said[sender] = _Said(version, values, self._now)

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""
        self._now += ticks

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due by time alone."""
        return max(1, self._round_due - self._now)

    def take_effects(self) -> Effects | None:
        """Return what is to be sent now; None: nothing."""
        if self._now < self._round_due:
            return None
        self._round_due = self._now + self.config.round_ticks
        self._step()
        if self.values is None:
            return None
        self.rounds += 1
        self._sequence += 1
        message = Estimate(
            self.config.topic,
            self.config.incarnation,
            self._sequence,
            tuple(self.values.tolist()),
        )
        return Effects((Send(message, f'estimate {self.config.topic}'),))

    def _step(self) -> None:
        stale = self._now - self.config.stale_ticks
        for robot in [
            name
            for name, said in self._said.items()
            if said.at < stale or not self._neighbours.is_near(name)
        ]:
            del self._said[robot]
        heard = [said.values for said in self._said.values()]
        others = np.array(heard, dtype=np.float64).reshape(-1, self.config.labels)
        if self.values is None:
            if len(heard) > 2 * self.config.liars:
                # Of more than 2f values the median is within the honest ones.
                self.values = np.asarray(np.median(others, axis=0), dtype=np.float64)
            return
        mean = trimmed(self.values, others, self.config.liars)
        if self._input is not None:
            mean = ANCHOR * self._input + (1.0 - ANCHOR) * mean
        self.values = mean
