"""A robot whose messages are looked at one by one, for the tests of the rules."""

from __future__ import annotations

from random import Random
from typing import Any

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import MemberEvent, News, Send
from swarm_consensus.protocols.gossip.swim.messages import Claim, Gossip, Message, State
from swarm_consensus.protocols.gossip.swim.swim import Swim

PROBE, TIMEOUT, GOSSIP = 100, 30, 20


def alive(robot: str, incarnation: int = 1, refutations: int = 0) -> Claim:
    return Claim(robot, incarnation, refutations, State.ALIVE)


def suspect(robot: str, accuser: str, incarnation: int = 1, refutations: int = 0) -> Claim:
    return Claim(robot, incarnation, refutations, State.SUSPECT, accuser)


def dead(robot: str, accuser: str, incarnation: int = 1, refutations: int = 0) -> Claim:
    return Claim(robot, incarnation, refutations, State.DEAD, accuser)


def left(robot: str, incarnation: int = 1, refutations: int = 0) -> Claim:
    return Claim(robot, incarnation, refutations, State.LEFT)


class Lone:
    """Robot 'me', and what it sent and told since that was last taken."""

    def __init__(self, *peers: str, seed: int = 1, **settings: Any) -> None:
        base: dict[str, Any] = {
            'ticks_per_second': 100,
            'probe_ticks': PROBE,
            'probe_timeout_ticks': TIMEOUT,
            'gossip_ticks': GOSSIP,
            'sync_ticks': 100_000,
            'reconnect_ticks': 100_000,
        }
        self.config = SwimConfig('me', 1, **(base | settings))
        self.swim = Swim(self.config, Random(seed))
        self.sends: list[Send] = []
        self.events: list[MemberEvent] = []
        for peer in peers:
            self.swim.heard(peer, 1)
        # Until it has said that it is there, and whom it has met.
        self.pass_time(1)
        for _ in range(60):
            self._gather()
            if not self.swim.waiting:
                break
            self.pass_time(1)
        self.taken()

    def _gather(self) -> None:
        while (effects := self.swim.take_effects()) is not None:
            self.sends += effects.send
            self.events += effects.events

    def pass_time(self, ticks: int) -> None:
        """Let time pass tick by tick."""
        for _ in range(ticks):
            self.swim.pass_time(1)
            self._gather()

    def hear(self, sender: str, *messages: Message, incarnation: int = 1) -> None:
        """Let messages come."""
        for message in messages:
            self.swim.receive(sender, incarnation, message)
            self._gather()

    def gossip(self, sender: str, *claims: Claim) -> None:
        """Let news come."""
        self.hear(sender, Gossip(claims))

    def taken(self) -> list[Send]:
        """Return what was sent since the last time, and forget what was told."""
        sends, self.sends, self.events = self.sends, [], []
        return sends

    def sent(self, kind: type[Any]) -> list[Send]:
        """Return what was sent of one kind."""
        return [send for send in self.sends if isinstance(send.message, kind)]

    def wait_for(self, kind: type[Any], ticks: int = 1_000) -> Send:
        """Let time pass until something of a kind is sent."""
        for _ in range(ticks):
            if self.sent(kind):
                return self.sent(kind)[0]
            self.pass_time(1)
        raise AssertionError(f'no {kind.__name__} within {ticks} ticks')

    def told(self, news: News) -> list[str]:
        """Return the robots of which one thing was told."""
        return [event.robot for event in self.events if event.news is news]

    def claims(self) -> list[Claim]:
        """Return all claims that were sent to all."""
        return [c for s in self.sent(Gossip) if not s.to for c in s.message.claims]
