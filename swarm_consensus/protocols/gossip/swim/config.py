"""How one robot's membership is set up: each setting with its meaning, unit and consequence."""

from __future__ import annotations

import math

from swarm_consensus.protocols.gossip.swim.errors import ConfigError
from swarm_consensus.protocols.gossip.swim.messages import CLAIMS_MAX, TARGETS_MAX
from swarm_consensus.protocols.values import value

_FROM_1 = (
    'probe_ticks',
    'probe_timeout_ticks',
    'targets_max',
    'suspicion_multiplier',
    'suspicion_stretch',
    'retransmit_multiplier',
    'gossip_ticks',
    'sync_ticks',
    'reconnect_ticks',
    'keep_ticks',
    'awareness_max',
    'members_max',
    'ticks_per_second',
)
# Requests of others that are under way at once. Each lasts a probe timeout.
RELAYS_MAX = 256


@value
class SwimConfig:
    """
    Settings of one robot. Times are ticks; the length of a tick is the caller's choice.

    :param incarnation: of this boot; greater than that of all boots before it.
    :param named: robots that belong to the swarm whether they are there or not. They are asked by
        who comes, and are never forgotten.
    :param admitted: robots that may be members; None: whoever says that it is there.
    :param ticks_per_second: for what is told in seconds.
    :param probe_ticks: length of a round, in which a robot asks one other whether it lives.
    :param probe_timeout_ticks: how long the answer may take before others are asked for help; less
        than half of a round, as these have to wait as long.
    :param fresh_ticks: a robot that was heard within so long is not asked; 0: all are asked, as
        published.
    :param targets_max: robots asked in one round. More than one is of use only with `fresh_ticks`,
        where it lets a robot that is cut off notice all that are gone at once.
    :param helpers: robots that are asked to ping one that did not answer.
    :param suspicion_multiplier: least time that a suspect has to refute, in rounds times the
        logarithm of the swarm. Longer: fewer robots taken for dead that only stalled.
    :param suspicion_stretch: a suspect with one accuser has so many times longer; 1: as long, so
        without Lifeguard.
    :param confirmations: further accusers after which the time is the least; in a swarm that has
        fewer robots, all of them.
    :param retransmit_multiplier: how often news is sent, times the logarithm of the swarm.
    :param gossip_ticks: time between two sendings of news.
    :param sync_ticks: time between two comparisons of all that is known with another robot.
    :param reconnect_ticks: about how often somebody asks each dead robot whether it is back.
    :param keep_ticks: how long a robot that is dead or has left is remembered.
    :param awareness_max: most by which a robot that is ill itself stretches its waits; 1: never, so
        without Lifeguard.
    :param buddy: whether a suspect that is asked or heard is told at once what it is accused of.
    :param members_max: robots that are remembered; further ones are refused.
    :raises ConfigError: settings that contradict each other, with what to change.
    """

    robot: str
    incarnation: int
    named: tuple[str, ...] = ()
    admitted: frozenset[str] | None = None
    ticks_per_second: int = 50
    probe_ticks: int = 50
    probe_timeout_ticks: int = 15
    fresh_ticks: int = 0
    targets_max: int = 1
    helpers: int = 3
    suspicion_multiplier: int = 4
    suspicion_stretch: int = 6
    confirmations: int = 2
    retransmit_multiplier: int = 4
    gossip_ticks: int = 10
    sync_ticks: int = 1_500
    reconnect_ticks: int = 500
    keep_ticks: int = 30_000
    awareness_max: int = 8
    buddy: bool = True
    members_max: int = 1_024

    def __post_init__(self) -> None:
        if not self.robot or '' in self.named:
            raise ConfigError('a robot without a name; give each one its name')
        for name in _FROM_1:
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} is {getattr(self, name)}; the least is 1')
        if min(self.fresh_ticks, self.helpers, self.confirmations, self.incarnation) < 0:
            raise ConfigError('fresh_ticks, helpers and confirmations must not be negative')
        if 2 * self.probe_timeout_ticks >= self.probe_ticks:
            raise ConfigError(
                f'probe_timeout_ticks ({self.probe_timeout_ticks}) must be less than half of '
                f'probe_ticks ({self.probe_ticks}): who is asked for help waits as long again'
            )
        if self.targets_max > TARGETS_MAX:
            raise ConfigError(f'targets_max is {self.targets_max}; the most is {TARGETS_MAX}')
        if len({*self.named, self.robot}) > self.members_max:
            raise ConfigError(
                f'members_max ({self.members_max}) is less than the {len(self.named)} robots named'
            )
        if self.admitted is not None and not self.admitted.issuperset(self.named):
            raise ConfigError('a robot is named and not admitted')

    def copies(self, members: int) -> int:
        """Return how often news is sent in a swarm of so many (SWIM, 4.1: lambda log n)."""
        return self.retransmit_multiplier * math.ceil(math.log10(members + 1))

    def suspicion(self, members: int) -> tuple[int, int, int]:
        """
        Return (confirmations wanted, shortest, longest time in ticks) of a suspicion.

        :param members: of the swarm, this robot and the suspect included.
        """
        scale = max(1.0, math.log10(max(1, members)))
        shortest = math.floor(self.suspicion_multiplier * scale * self.probe_ticks)
        wanted = min(self.confirmations, max(0, members - 2))
        return wanted, shortest, shortest * self.suspicion_stretch


# What fits into one message that holds claims.
PAGE = CLAIMS_MAX // 2
