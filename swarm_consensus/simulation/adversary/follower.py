"""
The attack that CONF is there to stop: the adversary follows the coin (MacBrough 2018; Tholoniat and
Gramoli, FRIDA 2019).

In each round the f + 1 *early* robots, who want different sides, see both and throw the coin. Only
when it lies on the table do the others get to hear anything: and they are made to see the side that
it does not show, alone. So the early ones go on with the coin's side, the late ones with the other,
and the next round begins as this one did. Without CONF the robots never decide.

The robots want different sides in the first place because the value of one liar reaches f + 1
robots at once, and the others only when they have voted against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.coin import coin_name, fixed_coin
from swarm_consensus.protocols.agreement.messages import Kind, Message, Piece, Statement
from swarm_consensus.protocols.agreement.voice import mask_of
from swarm_consensus.simulation.adversary.coin import Mint
from swarm_consensus.simulation.adversary.robot import SUBJECT
from swarm_consensus.simulation.adversary.styles import Flight, Style
from swarm_consensus.simulation.adversary.words import about

COIN_FOLLOWER = 'follow_the_coin'
BOTH = 3

_Word = tuple[int, int, str, int, int]


@dataclass(frozen=True, slots=True)
class Conspiracy:
    """
    What the follower needs besides the network.

    :param liars: robots that it speaks for.
    :param names: of all robots.
    """

    mint: Mint
    liars: tuple[int, ...]
    names: tuple[str, ...]
    pieces: PieceRules


class CoinFollower(Style):
    """The scheduler and the liars in one; statements must arrive word by word."""

    def __init__(
        self,
        random: Random,
        robots: int,
        honest: tuple[int, ...],
        peek: Callable[[int, int, int], int | None],
        conspiracy: Conspiracy,
    ) -> None:
        super().__init__(random, robots, honest, peek)
        self._conspiracy = conspiracy
        self._target = random.choice(conspiracy.liars)
        # What is in flight about the target, by epoch.
        self._words: dict[int, dict[_Word, list[Flight]]] = {}
        # The first side that a robot supported in a round, and the one that it held to, by (epoch,
        # robot, round).
        self._wants: dict[tuple[int, int, int], int] = {}
        self._holds: dict[tuple[int, int, int], int] = {}
        self._scripts: dict[int, Iterator[Flight]] = {}
        self._over: set[int] = set()
        self._number = 0
        self.rounds_followed = 0

    def add(self, flight: Flight) -> None:
        """Take a message over; those about the target are kept apart."""
        if about(flight.message) != self._target:
            super().add(flight)
            return
        epoch = flight.message.epoch
        what = _what(flight.message)
        name, round_, side = what
        if name == Kind.SUPPORT.name:
            self._wants.setdefault((epoch, flight.sender, round_), side)
        elif name == Kind.AUX.name:
            self._holds[epoch, flight.sender, round_] = side
        if epoch in self._over:
            super().add(flight)
            return
        self.begin(epoch)
        word = (flight.sender, flight.receiver, *what)
        self._words[epoch].setdefault(word, []).append(flight)

    def begin(self, epoch: int) -> None:
        """Begin the attack on an epoch."""
        if epoch not in self._scripts:
            self._words[epoch] = {}
            self._scripts[epoch] = self._script(epoch)

    def pick(self) -> Flight | None:
        """Give what the attack wants delivered next."""
        for epoch in sorted(self._scripts.keys() - self._over):
            flight = None if self.tired else next(self._scripts[epoch], None)
            if flight is not None:
                return flight
            # The attack on this epoch has failed, or must end.
            self._over.add(epoch)
            for flights in self._words.pop(epoch).values():
                for kept in flights:
                    super().add(kept)
        return super().pick()

    def __iter__(self) -> Iterator[Flight]:
        """Give all that is in flight."""
        yield from super().__iter__()
        for kept in self._words.values():
            for flights in kept.values():
                yield from flights

    # -- what can be delivered ------------------------------------------------------------------

    def _take(
        self, epoch: int, senders: list[int], receiver: int, what: tuple[str, int, int]
    ) -> Iterator[Flight]:
        """Give the words of some robots to one, as far as they were said."""
        for sender in senders:
            flights = self._words[epoch].pop((sender, receiver, *what), ())
            yield from flights

    def _forge(self, receiver: int, message: Message) -> Iterator[Flight]:
        """Give a word of every liar to one robot."""
        for liar in self._conspiracy.liars:
            self._number -= 1
            yield Flight(self._number, liar, receiver, message)

    def _vote(
        self, epoch: int, senders: list[int], receiver: int, kind: Kind, round_: int, side: int
    ) -> Iterator[Flight]:
        """Give the votes of all liars and of some honest robots to one robot."""
        vote = (kind, round_, side, mask_of((self._target,)))
        yield from self._forge(receiver, Statement(SUBJECT, epoch, False, votes=(vote,)))
        yield from self._take(epoch, senders, receiver, (kind.name, round_, side))

    def _shares(
        self, epoch: int, senders: list[int], receiver: int, round_: int
    ) -> Iterator[Flight]:
        conspiracy = self._conspiracy
        name = coin_name(SUBJECT, epoch, self._target, round_)
        for liar in conspiracy.liars:
            share = conspiracy.mint.share(conspiracy.names[liar], name)
            shares = ((self._target, round_, share),)
            self._number -= 1
            yield Flight(
                self._number, liar, receiver, Statement(SUBJECT, epoch, False, shares=shares)
            )
        yield from self._take(epoch, senders, receiver, ('share', round_, 0))

    # -- the attack -----------------------------------------------------------------------------

    def _script(self, epoch: int) -> Iterator[Flight]:
        early = self.random.sample(self.honest, len(self._conspiracy.liars) + 1)
        yield from self._value(epoch, early)
        round_ = 0
        while True:
            # What has nothing to do with it goes on; in the first round the late ones vote against
            # the liar's value only when they have agreed on all the others.
            while (other := super().pick()) is not None:
                yield other
            wants = [self._wants.get((epoch, robot, round_)) for robot in self.honest]
            if None in wants or len(set(wants)) == 1:
                return
            yield from self._round(epoch, round_)
            self.rounds_followed += 1
            round_ += 1

    def _value(self, epoch: int, early: list[int]) -> Iterator[Flight]:
        """Have the early robots deliver the value of the target."""
        rules = self._conspiracy.pieces
        piece = rules.cut(SUBJECT, epoch, self._target, b'')[0]
        root = rules.root(piece)
        assert root is not None  # the rules have made the piece
        link = ((self._target, root),)
        for robot in early:
            self._number -= 1
            yield Flight(self._number, self._target, robot, piece)
            yield from self._forge(robot, Statement(SUBJECT, epoch, False, echoes=link))
        for robot in early:
            yield from self._take(epoch, early, robot, ('echo', 0, 0))
        for robot in early:
            yield from self._forge(robot, Statement(SUBJECT, epoch, False, readies=link))
            yield from self._take(epoch, early, robot, ('ready', 0, 0))

    def _round(self, epoch: int, round_: int) -> Iterator[Flight]:
        wants = {robot: self._wants[epoch, robot, round_] for robot in self.honest}
        sides = [[robot for robot in self.honest if wants[robot] == side] for side in (0, 1)]
        # Some of both sides are early.
        number = len(self._conspiracy.liars) + 1
        fewer, more = sorted(sides, key=len)
        few = fewer[: max(1, number // 2)]
        early = few + more[: number - len(few)]
        late = [robot for robot in self.honest if robot not in early]
        support, aux, conf = Kind.SUPPORT, Kind.AUX, Kind.CONF
        # One word for the other side, so that all of them support both.
        for robot in early:
            yield from self._vote(epoch, [], robot, support, round_, wants[robot])
            other = next(one for one in early if wants[one] != wants[robot])
            yield from self._vote(epoch, [other], robot, support, round_, 1 - wants[robot])
        # First each one's own side, which it then holds to.
        for robot in early:
            yield from self._vote(epoch, early, robot, support, round_, wants[robot])
        for robot in early:
            yield from self._vote(epoch, early, robot, support, round_, 1 - wants[robot])
        for robot in early:
            yield from self._vote(epoch, early, robot, aux, round_, wants[robot])
            yield from self._take(epoch, early, robot, (aux.name, round_, 1 - wants[robot]))
        holds = {robot: self._holds.get((epoch, robot, round_)) for robot in early}
        coin = fixed_coin(round_)
        if coin is None:
            for robot in early:
                yield from self._vote(epoch, early, robot, conf, round_, BOTH)
            for robot in early:
                yield from self._shares(epoch, early, robot, round_)
            coin = self.peek(epoch, self._target, round_)
            if coin is None:
                return
        side = 1 - coin
        for robot in late:
            yield from self._vote(epoch, early, robot, support, round_, side)
        witness = [robot for robot in early if holds[robot] == side][:1]
        for robot in late:
            yield from self._vote(epoch, late + witness, robot, aux, round_, side)
        if fixed_coin(round_) is None:
            for robot in late:
                yield from self._vote(epoch, late, robot, conf, round_, 1 << side)
            for robot in late:
                yield from self._shares(epoch, early, robot, round_)
        # Where that was not enough for somebody, the rest of the round is.
        for robot in self.honest:
            if (epoch, robot, round_ + 1) not in self._wants:
                yield from self._rest(epoch, robot, round_)

    def _rest(self, epoch: int, receiver: int, round_: int) -> Iterator[Flight]:
        """Give one robot all that was said in a round."""
        words = [
            word for word in self._words[epoch] if word[1] == receiver and word[3] == round_
        ]
        for word in words:
            yield from self._words[epoch].pop(word, ())


def _what(message: Message) -> tuple[str, int, int]:
    """Return what a single word is: kind, round, side."""
    if isinstance(message, Piece):
        return 'piece', 0, message.index
    if isinstance(message, Statement):
        for kind, round_, side, _ in message.votes:
            return kind.name, round_, side
        if message.echoes:
            return 'echo', 0, 0
        if message.readies:
            return 'ready', 0, 0
        for _, round_, _ in message.shares:
            return 'share', round_, 0
    return type(message).__name__, 0, 0
