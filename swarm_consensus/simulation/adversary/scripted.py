"""
A scheduler that follows a script about the agreement on one robot's value, word by word.

All words about that value are kept apart, and arrive when the script says so; liars say what it
needs. When the script is over, they are delivered as any others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.messages import InstanceMessage, Kind, Piece, Statement
from swarm_consensus.protocols.agreement.voice import mask_of
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.adversary.coin import Mint
from swarm_consensus.simulation.adversary.robot import SUBJECT
from swarm_consensus.simulation.adversary.styles import Flight, Style
from swarm_consensus.simulation.adversary.words import about

# What a word is: kind, round, side.
What = tuple[str, int, int]


@value
class Conspiracy:
    """
    What a script needs besides the network.

    :param faults: f.
    :param liars: robots that it speaks for.
    :param names: of all robots.
    """

    mint: Mint
    faults: int
    liars: tuple[int, ...]
    names: tuple[str, ...]
    pieces: PieceRules


class Scripted(Style):
    """
    What the scripts have in common; statements must arrive word by word.

    :ivar target: robot whose value the attack is about.
    :ivar rounds_followed: how many rounds went as the script wanted.
    """

    def __init__(
        self,
        random: Random,
        robots: int,
        honest: tuple[int, ...],
        peek: Callable[[int, int, int], int | None],
        conspiracy: Conspiracy,
    ) -> None:
        super().__init__(random, robots, honest, peek)
        self.conspiracy = conspiracy
        self.target = random.choice(conspiracy.liars or honest)
        self.rounds_followed = 0
        # The first side that a robot named in a kind of word, by (epoch, robot, kind, round).
        self._named: dict[tuple[int, int, str, int], int] = {}
        self._words: dict[int, dict[tuple[int, int, What], list[Flight]]] = {}
        self._scripts: dict[int, Iterator[Flight]] = {}
        self._over: set[int] = set()
        self._forged = 0

    def script(self, epoch: int) -> Iterator[Flight]:
        """Give what is to arrive in an epoch, one after the other."""
        raise NotImplementedError

    # -- as a style -----------------------------------------------------------------------------

    def begin(self, epoch: int) -> None:
        """Begin the attack on an epoch."""
        if epoch not in self._scripts:
            self._words[epoch] = {}
            self._scripts[epoch] = self.script(epoch)

    def add(self, flight: Flight) -> None:
        """Take a message over; those about the target are kept apart."""
        epoch = flight.message.epoch
        if about(flight.message) != self.target:
            super().add(flight)
            return
        kind, round_, side = what = _what(flight.message)
        self._named.setdefault((epoch, flight.sender, kind, round_), side)
        if epoch in self._over:
            super().add(flight)
            return
        self.begin(epoch)
        word = flight.sender, flight.receiver, what
        self._words[epoch].setdefault(word, []).append(flight)

    def pick(self) -> Flight | None:
        """Give what the script wants delivered next."""
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

    def others(self) -> Iterator[Flight]:
        """Give all that has nothing to do with the attack, until nothing is left of it."""
        while (flight := super().pick()) is not None:
            yield flight

    # -- words ----------------------------------------------------------------------------------

    def said(self, epoch: int, robot: int, kind: Kind, round_: int) -> int | None:
        """Return the side that a robot named first; None: it has not spoken."""
        return self._named.get((epoch, robot, kind.name, round_))

    def sides(self, epoch: int, kind: Kind, round_: int) -> dict[int, int] | None:
        """Return what every honest robot named first; None: not all have spoken."""
        sides = {robot: self.said(epoch, robot, kind, round_) for robot in self.honest}
        found = {robot: side for robot, side in sides.items() if side is not None}
        return found if len(found) == len(sides) else None

    def take(
        self, epoch: int, senders: Iterable[int], receiver: int, what: What
    ) -> Iterator[Flight]:
        """Give the words of some robots to one, as far as they were said."""
        for sender in senders:
            yield from self._words[epoch].pop((sender, receiver, what), ())

    def forge(self, receiver: int, message: InstanceMessage) -> Iterator[Flight]:
        """Give a word of every liar to one robot."""
        for liar in self.conspiracy.liars:
            yield self.forge_of(liar, receiver, message)

    def forge_of(self, liar: int, receiver: int, message: InstanceMessage) -> Flight:
        """Return a word of one liar to one robot."""
        self._forged -= 1
        return Flight(self._forged, liar, receiver, message)

    def vote(
        self,
        epoch: int,
        senders: Iterable[int],
        receiver: int,
        kind: Kind,
        round_: int,
        side: int,
    ) -> Iterator[Flight]:
        """Give the votes of all liars and of some honest robots to one robot."""
        vote = (kind, round_, side, mask_of((self.target,)))
        yield from self.forge(receiver, Statement(SUBJECT, epoch, False, votes=(vote,)))
        yield from self.take(epoch, senders, receiver, (kind.name, round_, side))

    def rest(self, epoch: int, receiver: int, round_: int) -> Iterator[Flight]:
        """Give one robot all that was said in a round, in random order."""
        found = [
            word
            for word in self._words[epoch]
            if word[1] == receiver and word[2][1] == round_
        ]
        self.random.shuffle(found)
        for word in found:
            yield from self._words[epoch].pop(word, ())

    # -- the beginning --------------------------------------------------------------------------

    def value(self, epoch: int, early: list[int], deliverers: list[int]) -> Iterator[Flight]:
        """
        Have some robots deliver the value of the target, before anybody votes against it.

        :param early: robots that get the value; f + 1 of them are enough.
        :param deliverers: those among them that get to know that it is certain.
        """
        if self.target in self.honest:
            for robot in early:
                for place in range(self.conspiracy.pieces.count(1 << 12)):
                    yield from self.take(epoch, [self.target], robot, ('piece', 0, place))
            for robot in deliverers:
                yield from self.take(epoch, early, robot, ('echo', 0, 0))
            return
        rules = self.conspiracy.pieces
        piece = rules.cut(SUBJECT, epoch, self.target, b'')[0]
        root = rules.root(piece)
        assert root is not None  # the rules have made the piece
        link = ((self.target, root),)
        for robot in early:
            yield self.forge_of(self.target, robot, piece)
            yield from self.forge(robot, Statement(SUBJECT, epoch, False, echoes=link))
        for robot in early:
            yield from self.take(epoch, early, robot, ('echo', 0, 0))
        for robot in deliverers:
            yield from self.forge(robot, Statement(SUBJECT, epoch, False, readies=link))
            yield from self.take(epoch, early, robot, ('ready', 0, 0))

    def __iter__(self) -> Iterator[Flight]:
        """Give all that is in flight."""
        yield from super().__iter__()
        for kept in self._words.values():
            for flights in kept.values():
                yield from flights


def _what(message: InstanceMessage) -> What:
    """Return what a single word is."""
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
