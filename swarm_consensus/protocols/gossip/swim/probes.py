"""
Probes: in each round one robot is asked whether it lives, and others help (SWIM, 3.1 and 4.3).

Robots are asked in turn, in an order that is shuffled anew each time round, so each one is asked
within two times round at the latest. What comes back, or does not, also tells how well this robot
is itself (awareness.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from swarm_consensus.protocols.gossip.swim.awareness import Awareness
from swarm_consensus.protocols.gossip.swim.config import RELAYS_MAX, SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import Send
from swarm_consensus.protocols.gossip.swim.messages import Ack, Nack, Ping, PingRequest, State
from swarm_consensus.protocols.gossip.swim.roster import Member, Roster

NUMBER_BITS = 30


@dataclass(slots=True)
class _Round:
    """
    A round under way.

    :ivar missing: robots that have not answered.
    :ivar asked: that were asked in it.
    :ivar helpers: that were asked to help, each with whether anything came back.
    :ivar refusals: helpers that did not reach who is missing either.
    """

    number: int
    asked: tuple[str, ...]
    missing: dict[str, None]
    timeout_at: int
    ends_at: int
    helpers: dict[str, bool] = field(default_factory=dict)
    refusals: set[str] = field(default_factory=set)
    called: bool = False


@dataclass(slots=True)
class _Relay:
    """A ping on behalf of another robot."""

    origin: str
    number: int
    missing: dict[str, None]
    nack_at: int


class Probes:
    """
    The probes of one robot, and the help that it gives others.

    :ivar send: what is to be sent, until it is taken.
    :ivar accused: suspects and dead that were asked, until they are taken: they are to be told.
    :ivar dropped: counts answers that nobody asked for, and requests that are too many.
    """

    def __init__(
        self, config: SwimConfig, roster: Roster, awareness: Awareness, random: Random
    ) -> None:
        self._config = config
        self._roster = roster
        self._awareness = awareness
        self._random = random
        self._order: list[str] = []
        self._place = 0
        self._round: _Round | None = None
        self._relays: dict[int, _Relay] = {}
        # Not from 1, so that an answer to an earlier boot is none to this one.
        self._number = random.getrandbits(NUMBER_BITS)
        # Robots that start together are not to ask together.
        self._round_at = roster.now + 1 + random.randrange(config.probe_ticks)
        self._reconnect_at = roster.now + 1 + random.randrange(config.reconnect_ticks)
        self.send: list[Send] = []
        self.accused: list[Member] = []
        self.dropped: Counter[str] = Counter()

    @property
    def due(self) -> int:
        """Return the tick at which time alone makes something happen."""
        due = min(self._round_at, self._reconnect_at)
        current = self._round
        if current is not None:
            due = min(due, current.ends_at if current.called else current.timeout_at)
        return min([due, *(relay.nack_at for relay in self._relays.values())])

    def met(self, robot: str) -> None:
        """Put a new robot into the turn, at a random place (SWIM, 4.3)."""
        place = self._random.randrange(len(self._order) + 1)
        self._order.insert(place, robot)
        if place < self._place:
            self._place += 1

    # -- time -----------------------------------------------------------------------------------

    def step(self) -> None:
        """Do what is due."""
        now = self._roster.now
        for number, relay in tuple(self._relays.items()):
            if now >= relay.nack_at:
                del self._relays[number]
                self._post((relay.origin,), Nack(relay.number, tuple(relay.missing)))
        current = self._round
        if current is not None and not current.called and now >= current.timeout_at:
            self._call_for_help(current)
        if current is not None and now >= current.ends_at:
            self._end_round(current)
        if now >= self._round_at:
            self._begin_round()
        if now >= self._reconnect_at:
            self._reconnect()

    def _begin_round(self) -> None:
        now, roster, config = self._roster.now, self._roster, self._config
        if self._round is not None:
            self._end_round(self._round)
        roster.forget_old()
        ticks = self._awareness.stretch(config.probe_ticks)
        self._round_at = now + ticks
        targets = self._targets()
        if not targets:
            if roster.size > 1:
                # All were heard a moment ago.
                self._awareness.note(-1)
            return
        self._number += 1
        names = tuple(member.robot for member in targets)
        timeout_at = now + self._awareness.stretch(config.probe_timeout_ticks)
        missing = dict.fromkeys(names)
        self._round = _Round(self._number, names, missing, timeout_at, now + ticks)
        self._post(names, Ping(self._number))
        self.accused += [member for member in targets if member.state is not State.ALIVE]

    def _targets(self) -> list[Member]:
        """Return whom to ask in this round, by turn."""
        roster, fresh_ticks = self._roster, self._config.fresh_ticks
        wanted = {
            member.robot: member
            for member in roster
            if member.state.there and not (fresh_ticks and roster.fresh(member))
        }
        targets: dict[str, Member] = {}
        while len(targets) < min(self._config.targets_max, len(wanted)):
            if self._place >= len(self._order):
                self._order = [member.robot for member in roster if member.state.there]
                self._random.shuffle(self._order)
                self._place = 0
            robot = self._order[self._place]
            self._place += 1
            if robot in wanted:
                targets[robot] = wanted[robot]
        return list(targets.values())

    def _call_for_help(self, current: _Round) -> None:
        current.called = True
        if not current.missing:
            return
        able = [
            member.robot
            for member in self._roster
            if member.state is State.ALIVE and member.robot not in current.asked
        ]
        helpers = self._random.sample(able, min(self._config.helpers, len(able)))
        if helpers:
            current.helpers = dict.fromkeys(helpers, False)
            self._post(tuple(helpers), PingRequest(current.number, tuple(current.missing)))

    def _end_round(self, current: _Round) -> None:
        """Suspect who has not answered; where helpers are silent, too, this robot may be ill."""
        self._round = None
        if not current.missing:
            return
        silent = sum(not spoke for spoke in current.helpers.values())
        self._awareness.note(silent if current.helpers else 1)
        for robot in current.missing:
            self._roster.suspect(robot)

    def _reconnect(self) -> None:
        """
        Ask a robot that is dead whether it is back, now and then.

        Else two parts of a swarm that was split would never hear of each other again, as nobody
        asks the dead. All robots together ask each of them about once in the time.
        """
        config, roster = self._config, self._roster
        self._reconnect_at = roster.now + config.reconnect_ticks
        dead = [member for member in roster if member.state is State.DEAD]
        if dead and self._random.random() * roster.size < len(dead):
            member = dead[self._random.randrange(len(dead))]
            self._number += 1
            self._post((member.robot,), Ping(self._number))
            self.accused.append(member)

    # -- messages -------------------------------------------------------------------------------

    def pinged(self, sender: str, ping: Ping) -> None:
        """Answer."""
        self._post((sender,), Ack(ping.number, self._config.robot))

    def asked(self, sender: str, request: PingRequest) -> None:
        """Ping on behalf of another robot."""
        robots = dict.fromkeys(robot for robot in request.robots if robot != self._config.robot)
        if not robots or len(robots) < len(request.robots) or '' in robots or sender in robots:
            self.dropped['MALFORMED'] += 1
            return
        if len(self._relays) >= RELAYS_MAX:
            self.dropped['FULL'] += 1
            return
        self._number += 1
        nack_at = self._roster.now + self._config.probe_timeout_ticks
        self._relays[self._number] = _Relay(sender, request.number, robots, nack_at)
        self._post(tuple(robots), Ping(self._number))

    def acked(self, sender: str, ack: Ack) -> None:
        """Take note that a robot lives, if it was asked for."""
        current = self._round
        if current is not None and ack.number == current.number and ack.robot in current.asked:
            if sender in current.helpers:
                current.helpers[sender] = True
            elif sender != ack.robot:
                self.dropped['UNASKED'] += 1
                return
            member = self._roster.get(ack.robot)
            if member is not None:
                member.heard_at = self._roster.now
            if ack.robot in current.missing:
                del current.missing[ack.robot]
                if not current.missing:
                    self._awareness.note(-1)
            return
        relay = self._relays.get(ack.number)
        if relay is None or ack.robot != sender or sender not in relay.missing:
            # Of a dead robot that is back, or late.
            self.dropped['UNASKED'] += 1
            return
        del relay.missing[sender]
        if not relay.missing:
            del self._relays[ack.number]
        self._post((relay.origin,), Ack(relay.number, sender))

    def nacked(self, sender: str, nack: Nack) -> None:
        """Take note that a helper is heard, whatever it could do."""
        current = self._round
        if current is None or nack.number != current.number or sender not in current.helpers:
            self.dropped['UNASKED'] += 1
            return
        current.helpers[sender] = True
        current.refusals.add(sender)
        if len(current.refusals) == len(current.helpers):
            # Nobody is left from whom to expect better.
            self._end_round(current)

    def _post(self, to: Sequence[str], message: Ping | Ack | PingRequest | Nack) -> None:
        self.send.append(Send(tuple(to), message))
