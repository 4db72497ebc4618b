"""
Subjects that are fused in the robust mode: estimates that liars cannot pull, or why they may.

What robots believe travels as in the exact mode, so that whose evidence is there, how old it is and
how far it is apart are known. What it says together is not pooled from it, but agreed on with the
neighbours (protocols/fusion/robust.py). Whether that bears the liars asked for depends on who hears
whom, so every robot tells that to all, in an item on a topic of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random
from typing import Annotated

import numpy as np

from swarm_consensus.decision.averages import bounded
from swarm_consensus.decision.fusion import Floats, fading, normalise
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.subjects import Fused
from swarm_consensus.decision.types import Gossip
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.fusion.messages import ROBOTS_MAX, Estimate, Item
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.fusion.robust import Robust, RobustConfig
from swarm_consensus.protocols.fusion.robustness import is_robust
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.fused_subjects import FusedSubjects
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import MalformedError

# The topic on which robots say whom they hear; no subject has an empty name.
HEARS_TOPIC = ''
# An estimate is believed when over so many rounds no probability moved by more than this.
STEADY_ROUNDS, STEADY_STEP = 4, 0.01


@value
class Hearing:
    """
    The body of an item that says whom its origin hears.

    :param roster: as in `Hello`.
    :param heard: mask, as in `Hello`.
    """

    roster: int
    heard: Annotated[bytes, Bounds(length_max=ROBOTS_MAX // 8)]


# Apart from those of evidence, under another number.
HEARINGS: Codec[Hearing] = Codec({2: Hearing})


@dataclass(slots=True)
class _Estimate:
    policy: Policy
    protocol: Robust
    round: int = 0
    recent: deque[Floats] = field(default_factory=lambda: deque(maxlen=STEADY_ROUNDS))


class Robusts(FusedSubjects[_Estimate]):
    """
    The robust estimates of one robot, by subject; parameters as in `FusedSubjects`.

    :ivar used: whether any subject is fused so.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        deciding: Deciding,
        neighbours: Neighbours,
        random: Random,
    ) -> None:
        super().__init__(config, incarnation, deciding, neighbours, random)
        self.used = any(policy.gossip is Gossip.ROBUST for policy in config.policies)
        # Masks of whom others hear, as they say; and what was last said of this robot.
        self._hears: dict[str, int] = {}
        self._said = b''
        self._said_at = -self.round_ticks
        self._sequence = 0
        self._present: frozenset[str] = frozenset()
        self._robust: dict[int, bool] = {}
        self._robust_of: tuple[object, ...] = ()

    # -- who hears whom ---------------------------------------------------------------------------

    def heard(self, item: Item) -> bool:
        """Take in whom a robot hears; returns whether it says so."""
        try:
            body = HEARINGS.decode(item.body)
        except MalformedError:
            return False
        same = body.roster == self._neighbours.roster
        self._hears[item.origin] = int.from_bytes(body.heard, 'little') if same else 0
        return True

    def hearing(self) -> Item | None:
        """Return what is to be told of whom this robot hears, where that has changed."""
        mask = self._neighbours.mask()
        if not self.used or mask == self._said or self._now - self._said_at < self.round_ticks:
            return None
        self._said, self._said_at = mask, self._now
        self._sequence += 1
        body = HEARINGS.encode(Hearing(self._neighbours.roster, mask))
        return Item(
            self._config.robot, self._incarnation, self._sequence, HEARS_TOPIC, body
        )

    def present(self, robots: Collection[str]) -> None:
        """Say which robots are there."""
        self._present = frozenset(robots)
        for robot in [each for each in self._hears if each not in self._present]:
            del self._hears[robot]

    def _bears(self, liars: int) -> bool:
        """Return whether the graph of those that are there is known to bear so many liars."""
        robots = sorted(self._present.intersection(self._neighbours.robots))
        hears = dict(self._hears)
        hears[self._config.robot] = int.from_bytes(self._neighbours.mask(), 'little')
        masks = tuple(hears.get(robot, 0) for robot in robots)
        if self._robust_of != (robots, masks):
            self._robust_of = (robots, masks)
            self._robust.clear()
        if liars not in self._robust:
            places = [self._neighbours.places[robot] for robot in robots]
            local = [
                sum(1 << here for here, place in enumerate(places) if mask >> place & 1)
                for mask in masks
            ]
            self._robust[liars] = is_robust(local, 2 * liars + 1)
        return self._robust[liars]

    # -- estimates --------------------------------------------------------------------------------

    def receive(self, sender: str, message: Estimate) -> None:
        """Take in what another robot estimates."""
        policy = self._deciding.policy(message.topic)
        if policy is None or policy.gossip is not Gossip.ROBUST:
            self._deciding.dropped['NOT_ROBUST'] += 1
            return
        found = self._works.get(message.topic)
        if found is not None:
            found.protocol.receive(sender, message)

    def step(self, now_ns: int) -> list[str]:
        """Put in what this robot believes now; returns the subjects about which more is known."""
        if not self.used:
            return []
        for subject in [each for each in self._works if each not in self._deciding.open]:
            del self._works[subject]
            self._deciding.give(subject, None, now_ns)
        for subject in self._deciding.open:
            policy = self._deciding.policy(subject)
            if policy is not None and policy.gossip is Gossip.ROBUST:
                self._begin(subject, policy)
        news: list[str] = []
        for subject, each in self._works.items():
            own = self._deciding.evidence(subject, now_ns)
            if own is None:
                each.protocol.put(None)
            else:
                # Evidence that fades says less and less: it comes near to all labels alike.
                faded = fading(own[1], each.policy.half_life_ns)
                each.protocol.put(faded * bounded(own[0].log_likelihood))
            if each.protocol.rounds != each.round:
                each.round = each.protocol.rounds
                self._judge(subject, each, now_ns)
                news.append(subject)
        return news

    def _begin(self, subject: str, policy: Policy) -> None:
        if subject in self._works:
            return
        config = RobustConfig(
            subject,
            self._incarnation,
            len(policy.labels),
            policy.liars,
            self.round_ticks,
            max(1, self._config.peer_timeout_ns // self._config.tick_ns),
        )
        protocol = Robust(config, self._neighbours, self._random, self._now)
        self._works[subject] = _Estimate(policy, protocol)

    def _judge(self, subject: str, each: _Estimate, now_ns: int) -> None:
        evidence = self._deciding.pooled(subject, now_ns)
        if each.protocol.values is None or evidence is None:
            each.recent.clear()
            self._deciding.give(subject, None, now_ns)
            return
        probabilities = normalise(each.protocol.values)
        each.recent.append(probabilities)
        moved = np.ptp(np.array(each.recent), axis=0).max()
        if len(each.recent) < STEADY_ROUNDS or moved > STEADY_STEP:
            self._deciding.give(subject, None, now_ns)
            return
        liars = each.policy.liars
        doubt = ''
        if not self._bears(liars):
            doubt = (
                f'the graph of who hears whom is not known to be {2 * liars + 1}-robust, so '
                f'{liars} that lie may not be outvoted'
            )
        fused = Fused(
            probabilities,
            evidence.robots,
            evidence.voters,
            evidence.oldest_ns,
            evidence.spread,
            doubt,
        )
        self._deciding.give(subject, fused, now_ns)
