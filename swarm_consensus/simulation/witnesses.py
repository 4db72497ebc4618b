"""
Robots of a swarm.yaml that see things, without cameras: what they believe is drawn at random.

Now and then there is a new object for every subject with labels, and each robot has a belief about
it, as an inference node would: mostly, but not always, for what the object is. What the swarm
decides stands beside what robots would say alone, and beside a centre that has all beliefs.
"""

from __future__ import annotations

import math
from random import Random
import time

from swarm_consensus.decision.policy import Policy
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import BeliefSeen
from swarm_consensus.simulation.in_process import Decisions, InProcessSwarm

# How far the logit of what an object is stands above the noise of all: about as weak as the
# classifiers that swarms are worth it for.
SIGNAL, NOISE = 1.6, 1.0
# Robots see the same object this long one after another at most, in s.
LATE_S_MAX = 0.1
# What is under way at the end gets so long.
LAST_S = 3.0


@value
class Seen:
    """
    An object and what was seen of it.

    :param labels: its possible answers.
    :param truth: which it is.
    :param alone: what each robot would say alone.
    :param central: what a centre would say that has all beliefs.
    :param at_ns: when it was first seen.
    """

    subject: str
    truth: str
    alone: tuple[str, ...]
    central: str
    at_ns: int


@value
class WitnessReport:
    """
    How a run went.

    :param leader: at the end; '' for nobody.
    :param objects: how many there were.
    :param decided: on how many of them at least one robot told an answer.
    :param right: how many of those answers are right.
    :param alone: share of the beliefs of single robots that are right.
    :param central: share of the objects that a centre with all beliefs gets right.
    :param contradictions: objects on which two robots told different answers.
    :param latencies_s: from first sight to first answer.
    :param virtual_s: virtual time.
    :param real_s: time that it took.
    """

    robots: int
    leader: str
    objects: int
    decided: int
    right: int
    alone: float
    central: float
    contradictions: int
    latencies_s: tuple[float, ...]
    virtual_s: float
    real_s: float

    @property
    def factor(self) -> float:
        """Return how many times faster than the time in it the run was."""
        return self.virtual_s / self.real_s if self.real_s else math.inf


class Witnesses:
    """
    The eyes of a swarm.

    :param policies: those with labels are seen, an object for each at a time.
    :param period_s: time between two objects.
    :raises ValueError: nothing has labels.
    """

    def __init__(
        self, swarm: InProcessSwarm, policies: tuple[Policy, ...], seed: int, period_s: float = 1.0
    ) -> None:
        self._policies = tuple(policy for policy in policies if policy.labels)
        if not self._policies:
            raise ValueError('no subject has labels, so there is nothing that robots could see')
        self._swarm = swarm
        self._random = Random(f'{seed}/witnesses')
        self._period_ns = round(period_s * SECOND)
        self._until_ns = 0
        self._number = 0
        self.seen: dict[str, Seen] = {}
        self.decisions = Decisions()
        swarm.listen(self.decisions)

    def show(self, seconds: float) -> None:
        """Show objects for so long, from now, while the swarm runs."""
        self._until_ns = self._swarm.world.now_ns + round(seconds * SECOND)
        self._next()

    def report(self, virtual_s: float, real_s: float) -> WitnessReport:
        """Return how it went until now."""
        first = self.decisions.first
        right = sum(first[each.subject][1].decision.choice == each.truth
                    for each in self.seen.values() if each.subject in first)  # fmt: skip
        beliefs = [name == each.truth for each in self.seen.values() for name in each.alone]
        central = [each.central == each.truth for each in self.seen.values()]
        return WitnessReport(
            robots=len(self._swarm.robots),
            leader=self._swarm.leader,
            objects=len(self.seen),
            decided=len(first),
            right=right,
            alone=sum(beliefs) / max(1, len(beliefs)),
            central=sum(central) / max(1, len(central)),
            contradictions=len(self.decisions.contradictions),
            latencies_s=tuple(
                (at_ns - self.seen[subject].at_ns) / SECOND
                for subject, (at_ns, _) in sorted(first.items())
            ),
            virtual_s=virtual_s,
            real_s=real_s,
        )

    def _next(self) -> None:
        world = self._swarm.world
        if world.now_ns >= self._until_ns:
            return
        self._number += 1
        for policy in self._policies:
            self._appear(policy)
        world.at(world.now_ns + self._period_ns, self._next)

    def _appear(self, policy: Policy) -> None:
        world, labels = self._swarm.world, policy.labels
        truth = self._random.randrange(len(labels))
        subject = f'{policy.name}/{self._number}'
        sums = [0.0] * len(labels)
        alone = []
        for robot in self._swarm.robots:
            if not world.up(robot):
                continue
            belief = self._belief(truth, len(labels))
            alone.append(labels[_best(belief)])
            sums = [one + other for one, other in zip(sums, belief, strict=True)]
            seen = BeliefSeen(subject, policy.labels_hash, belief, 0)
            late_ns = round(self._random.uniform(0.0, LATE_S_MAX) * SECOND)
            world.at(world.now_ns + late_ns, _Sight(self._swarm, robot, seen))
        self.seen[subject] = Seen(
            subject, labels[truth], tuple(alone), labels[_best(sums)], world.now_ns
        )

    def _belief(self, truth: int, labels: int) -> tuple[float, ...]:
        logits = [
            self._random.gauss(0.0, NOISE) + (SIGNAL if label == truth else 0.0)
            for label in range(labels)
        ]
        total = math.log(sum(map(math.exp, logits)))
        return tuple(logit - total for logit in logits)


class _Sight:
    """A robot sees something."""

    __slots__ = ('_belief', '_robot', '_swarm')

    def __init__(self, swarm: InProcessSwarm, robot: str, belief: BeliefSeen) -> None:
        self._swarm = swarm
        self._robot = robot
        self._belief = belief

    def __call__(self) -> None:
        self._swarm.put(self._robot, self._belief)


def watch(
    swarm: InProcessSwarm,
    policies: tuple[Policy, ...],
    *,
    seed: int,
    seconds: float,
    split: bool = False,
) -> WitnessReport:
    """
    Let a swarm find its leader, see objects for a while, and settle.

    :param split: whether it is cut in two, the smaller part first in order of names, in the middle
        third of that time.
    :raises TimeoutError: it finds no leader.
    :raises ValueError: nothing has labels.
    """
    witnesses = Witnesses(swarm, policies, seed)
    began_s = time.perf_counter()
    swarm.run_until_led()
    witnesses.show(seconds)
    if split:
        swarm.run(seconds / 3)
        half = len(swarm.robots) // 2
        swarm.radio.split([swarm.robots[:half], swarm.robots[half:]])
        swarm.run(seconds / 3)
        swarm.radio.heal()
        swarm.run(seconds / 3)
    else:
        swarm.run(seconds)
    swarm.run(LAST_S)
    return witnesses.report(swarm.now_s, time.perf_counter() - began_s)


def _best(values: tuple[float, ...] | list[float]) -> int:
    return max(range(len(values)), key=lambda index: values[index])
