"""
How the adversary orders what is in flight.

A style gives every message a *rank*: it is not delivered as long as one of a lower rank can be. So
what is held back is held back as long as anything else can move, with no bound on the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from swarm_consensus.protocols.agreement.coin import fixed_coin
from swarm_consensus.protocols.agreement.messages import InstanceMessage, Kind, Piece, Statement

RANKS = 5


class Flight(NamedTuple):
    """
    A message on its way.

    :param number: counts all messages of a run.
    """

    number: int
    sender: int
    receiver: int
    message: InstanceMessage


class Style:
    """
    Delivers in random order; the others give ranks.

    :param honest: robots that follow the protocol.
    :param peek: (epoch, proposer, round) to the side of the coin, as far as the adversary knows it.
    """

    newest_first = False

    def __init__(
        self,
        random: Random,
        robots: int,
        honest: tuple[int, ...],
        peek: Callable[[int, int, int], int | None],
    ) -> None:
        self.random = random
        self.robots = robots
        self.honest = honest
        self.peek = peek
        self.tired = False
        self._flights: list[list[Flight]] = [[] for _ in range(RANKS)]
        self._draw()

    def _draw(self) -> None:
        """Draw what a style leaves to chance: whom it is about, and how."""

    def rank(self, flight: Flight) -> int:
        """Return the rank of a message, 0 to RANKS - 1."""
        return 0

    def begin(self, epoch: int) -> None:
        """Hear that a robot begins an epoch."""

    def add(self, flight: Flight) -> None:
        """Take a message over."""
        self._flights[self.rank(flight)].append(flight)

    def pick(self) -> Flight | None:
        """Give the message that arrives next; None: none is in flight."""
        if self.tired:
            return self._any()
        for flights in self._flights:
            if flights:
                if not self.newest_first:
                    self._swap(flights)
                return flights.pop()
        return None

    def lose(self, robot: int, chance: float, heard: bool) -> int:
        """
        Lose messages of a robot; returns how many were lost.

        :param heard: those that it would hear; else those that it has said.
        """
        lost = 0
        for flights in self._flights:
            kept = [
                flight
                for flight in flights
                if (flight.receiver if heard else flight.sender) != robot
                or self.random.random() >= chance
            ]
            lost += len(flights) - len(kept)
            flights[:] = kept
        return lost

    def __iter__(self) -> Iterator[Flight]:
        """Give all that is in flight."""
        for flights in self._flights:
            yield from flights

    def _any(self) -> Flight | None:
        number = sum(map(len, self._flights))
        if not number:
            return None
        at = self.random.randrange(number)
        for flights in self._flights:
            if at < len(flights):
                flights[at], flights[-1] = flights[-1], flights[at]
                return flights.pop()
            at -= len(flights)
        raise AssertionError('the sizes of the ranks do not add up')

    def _swap(self, flights: list[Flight]) -> None:
        at = self.random.randrange(len(flights))
        flights[at], flights[-1] = flights[-1], flights[at]


class NewestFirst(Style):
    """Last in, first out: what was sent first arrives last of all."""

    newest_first = True


class StarveLinks(Style):
    """Some links, each in one direction, carry something only where nothing else can move."""

    def _draw(self) -> None:
        share = self.random.choice([0.2, 0.5])
        self._starved = {
            (sender, receiver)
            for sender in range(self.robots)
            for receiver in range(self.robots)
            if self.random.random() < share
        }
        self.newest_first = self.random.random() < 0.3

    def rank(self, flight: Flight) -> int:
        """Hold back what is on a starved link."""
        return int((flight.sender, flight.receiver) in self._starved)


class StarveRobots(Style):
    """Some honest robots hear, or are heard, only where nothing else can move."""

    def _draw(self) -> None:
        count = self.random.randint(1, max(1, len(self.honest) // 2))
        starved = self.random.sample(self.honest, count)
        self._deaf = frozenset(starved if self.random.random() < 0.7 else ())
        self._mute = frozenset(starved if self.random.random() < 0.7 or not self._deaf else ())
        self.newest_first = self.random.random() < 0.3

    def rank(self, flight: Flight) -> int:
        """Hold back what a starved robot hears or says."""
        return int(flight.receiver in self._deaf) + int(flight.sender in self._mute)


class Halves(Style):
    """The honest robots are in two halves that hear each other only where nothing else can move."""

    def _draw(self) -> None:
        shuffled = self.random.sample(self.honest, len(self.honest))
        self._left = frozenset(shuffled[: self.random.randint(1, max(1, len(self.honest) // 2))])
        # Which half waits where both would have to hear of the other.
        self._later = self.random.random() < 0.5
        self._honest = frozenset(self.honest)

    def rank(self, flight: Flight) -> int:
        """Hold back what goes from one half to the other."""
        left = flight.receiver in self._left
        if flight.sender not in self._honest or (flight.sender in self._left) == left:
            return 0
        return 2 if left == self._later else 1


class HoldTheEnd(Style):
    """What the liars say comes at once, and what would let the last robot agree comes last."""

    def _draw(self) -> None:
        self._honest = frozenset(self.honest)
        self._last = self.random.choice(self.honest)

    def rank(self, flight: Flight) -> int:
        """Hold back ends, and most of all from one robot."""
        if flight.sender not in self._honest:
            return 0
        message = flight.message
        ends = isinstance(message, Statement) and any(
            kind is Kind.END for kind, *_ in message.votes
        )
        return 1 + ends + (ends and flight.receiver == self._last)


class AgainstTheCoin(Style):
    """Votes for the side that the coin does not show come first, as soon as it is known."""

    def rank(self, flight: Flight) -> int:
        """Hold back the coin's side."""
        message = flight.message
        if flight.sender not in self.honest:
            return 0
        if not isinstance(message, Statement) or not message.votes:
            return 1
        rank = 1
        for kind, round_, value, mask in message.votes:
            if kind is Kind.END:
                return 3
            coin = fixed_coin(round_)
            if coin is None:
                bits = int.from_bytes(mask, 'little')
                coin = self.peek(message.epoch, (bits & -bits).bit_length() - 1, round_)
            if coin is not None:
                side = value >> 1 if kind is Kind.CONF else value
                rank = max(rank, 2 if side == coin else 0)
        return rank


class SplitVotes(AgainstTheCoin):
    """
    Makes the robots want different sides, and then goes against the coin.

    The values of some proposers reach some robots first of all, and the others only when they have
    voted against them; no vote about these values arrives before everything else has.
    """

    def _draw(self) -> None:
        most = max(1, (self.robots - 1) // 3)
        targets = self.random.randint(1, most)
        self._targets = frozenset(self.random.sample(range(self.robots), targets))
        self._mask = sum(1 << target for target in self._targets)
        late = self.random.randint(1, len(self.honest) - 1)
        self._late = frozenset(self.random.sample(self.honest, late))

    def rank(self, flight: Flight) -> int:
        """Hold back what is about the targets."""
        message = flight.message
        if isinstance(message, Piece):
            concerned = message.proposer in self._targets
        elif isinstance(message, Statement):
            for *_, mask in message.votes:
                if int.from_bytes(mask, 'little') & self._mask:
                    return 2 + super().rank(flight) // 2 + (flight.receiver in self._late)
            concerned = any(
                proposer in self._targets for proposer, _ in message.echoes + message.readies
            )
        else:
            concerned = False
        if not concerned:
            return 1
        return 2 if flight.receiver in self._late else 0


class LateValues(Style):
    """Hashes run ahead of the values that they are of."""

    def rank(self, flight: Flight) -> int:
        """Hold back pieces, but for a few."""
        return int(isinstance(flight.message, Piece) and flight.number % 7 != 0)


STYLES: dict[str, type[Style]] = {
    'random': Style,
    'newest_first': NewestFirst,
    'starve_links': StarveLinks,
    'starve_robots': StarveRobots,
    'halves': Halves,
    'hold_the_end': HoldTheEnd,
    'against_the_coin': AgainstTheCoin,
    'split_votes': SplitVotes,
    'late_values': LateValues,
}
