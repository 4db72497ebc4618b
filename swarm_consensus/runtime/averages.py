"""
Subjects that are fused by averaging: what this robot puts in, and when the sums can be believed.

A sum is believed when the count of robots stands still: it starts as far from the truth as the
others, converges with them, and does not move when evidence changes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import itertools
from random import Random

from swarm_consensus.decision.averages import components, pooled, width
from swarm_consensus.decision.fusion import fading
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.subjects import Fused
from swarm_consensus.decision.types import Gossip
from swarm_consensus.protocols.fusion.averaging import Averaging, AveragingConfig
from swarm_consensus.protocols.fusion.messages import Shares
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.fused_subjects import FusedSubjects

# Over so many rounds the count moves by less than this, of robots or of itself.
STEADY_ROUNDS = 3
STEADY_ROBOTS, STEADY_SHARE = 0.05, 0.0005
# Rounds without anybody's evidence after which a subject is over here.
EMPTY_ROUNDS = 50


@dataclass(slots=True)
class _Average:
    policy: Policy
    protocol: Averaging
    round: int = 0
    counts: deque[float] = field(default_factory=lambda: deque(maxlen=STEADY_ROUNDS + 1))
    empty_rounds: int = 0


class Averages(FusedSubjects[_Average]):
    """The averages of one robot, by subject; parameters as in `FusedSubjects`."""

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        deciding: Deciding,
        neighbours: Neighbours,
        random: Random,
    ) -> None:
        super().__init__(config, incarnation, deciding, neighbours, random)
        self._sessions = itertools.count(1)

    def begin(self, subject: str, policy: Policy) -> _Average | None:
        """Take part in the average of a subject; None: there are too many."""
        found = self._works.get(subject)
        if found is None:
            if len(self._works) >= self._config.subjects_open_max:
                self._deciding.dropped['FULL'] += 1
                return None
            config = AveragingConfig(
                subject,
                self._incarnation,
                width(policy.fusion, len(policy.labels)),
                max(1, self._config.tick_ns // 1000),
                self.round_ticks,
            )
            protocol = Averaging(
                config, self._neighbours, self._random, self._sessions, self._now
            )
            found = self._works[subject] = _Average(policy, protocol)
        return found

    def receive(self, sender: str, message: Shares) -> None:
        """Take in what another robot has given."""
        policy = self._deciding.policy(message.topic)
        if policy is None or policy.gossip is not Gossip.AVERAGING:
            self._deciding.dropped['NOT_AVERAGED'] += 1
            return
        found = self._works.get(message.topic)
        if found is None and message.oldest_us >= 0:
            # Only where somebody believes something: else those that end would begin again by
            # what others say who have not ended yet.
            found = self.begin(message.topic, policy)
        if found is not None:
            found.protocol.receive(sender, message)

    def step(self, now_ns: int) -> list[str]:
        """Put in what this robot believes now; returns the subjects about which more is known."""
        news: list[str] = []
        for subject, each in list(self._works.items()):
            if each.protocol.idle_ticks() > 1 and each.protocol.rounds == each.round:
                continue
            self._put(subject, each, now_ns)
            if each.protocol.rounds != each.round:
                each.round = each.protocol.rounds
                self._judge(subject, each, now_ns)
                news.append(subject)
        return news

    def _put(self, subject: str, each: _Average, now_ns: int) -> None:
        own = self._deciding.evidence(subject, now_ns)
        if own is None:
            each.protocol.put(None)
            return
        contribution, age_ns = own
        weight = contribution.weight * fading(age_ns, each.policy.half_life_ns)
        vector = components(each.policy.fusion, contribution.log_likelihood, weight)
        each.protocol.put(vector, age_ns // 1000)

    def _judge(self, subject: str, each: _Average, now_ns: int) -> None:
        sums = each.protocol.sums()
        if sums is None:
            each.counts.clear()
            self._deciding.give(subject, None, now_ns)
            return
        count = float(sums[-1])
        each.counts.append(count)
        robots = round(count)
        steady = len(each.counts) > STEADY_ROUNDS and max(each.counts) - min(
            each.counts
        ) < max(STEADY_ROBOTS, STEADY_SHARE * count)
        each.empty_rounds = each.empty_rounds + 1 if steady and not robots else 0
        if each.empty_rounds > EMPTY_ROUNDS:
            del self._works[subject]
            self._deciding.end(subject, now_ns)
            return
        found = pooled(each.policy.fusion, sums[:-1], len(each.policy.labels))
        if not steady or not robots or found is None:
            self._deciding.give(subject, None, now_ns)
            return
        oldest_ns = max(0, each.protocol.oldest_us()) * 1000
        self._deciding.give(subject, Fused(found[0], robots, (), oldest_ns, found[1]), now_ns)
