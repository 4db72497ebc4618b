"""
The robots that lie, one class a strategy.

A liar hears every honest robot as soon as it speaks, and sends what it likes to whom it likes; only
its name it cannot forge. Most of them run the agreement themselves and spoil what they say in one
way each: what is nearly right gets further into a robot than noise does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.coin import coin_name
from swarm_consensus.protocols.agreement.messages import (
    DIGEST_BYTES,
    ROUNDS_MAX,
    InstanceMessage,
    Kind,
    Link,
    Piece,
    PiecesWanted,
    Share,
    Statement,
    Vote,
)
from swarm_consensus.protocols.agreement.subset import SubsetRules
from swarm_consensus.protocols.agreement.voice import mask_of
from swarm_consensus.simulation.adversary.coin import Mint
from swarm_consensus.simulation.adversary.robot import SUBJECT, Disk, Robot, Step
from swarm_consensus.simulation.adversary.spoil import garbled, oversized
from swarm_consensus.simulation.adversary.words import arrived, turned

# What a liar sends in an epoch beyond what an honest robot would; noise without end proves nothing.
NOISE_PER_ROBOT = 12
MEMORY = 64

Sent = tuple[int, InstanceMessage]


@dataclass(slots=True)
class Battlefield:
    """
    What all liars of a run know.

    :param rules: of each robot, by its place.
    :ivar roots: hashes of values that were heard of, by (epoch, proposer).
    :ivar round: the latest round that an honest robot has reached.
    :ivar garbage: messages that did not decode and were dropped.
    """

    rules: tuple[SubsetRules, ...]
    epochs: int
    honest: tuple[int, ...]
    value_bytes: tuple[int, ...]
    mint: Mint | None
    roots: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    round: int = 0
    garbage: int = 0

    def note(self, message: InstanceMessage) -> None:
        """Learn from a message of an honest robot."""
        if not isinstance(message, Statement):
            return
        for proposer, root in message.echoes:
            known = self.roots.setdefault((message.epoch, proposer), [])
            if root not in known:
                known.append(root)
        for _, round_, _, _ in message.votes:
            self.round = max(self.round, round_)


class Liar:
    """A liar that is silent; the others add to it."""

    def __init__(self, me: int, field_: Battlefield, random: Random) -> None:
        self.me = me
        self.field = field_
        self.random = random
        self.robots = len(field_.rules)

    def begin(self, epoch: int) -> Iterable[Sent]:
        """Give what is sent when the first honest robot begins an epoch."""
        return ()

    def overhear(
        self, sender: int, receivers: tuple[int, ...], message: InstanceMessage
    ) -> Iterable[Sent]:
        """Give what is sent as an answer to what an honest robot says."""
        return ()

    def value(self) -> bytes:
        """Return a value to put in."""
        return self.random.randbytes(self.random.choice(self.field.value_bytes))

    def some(self) -> list[int]:
        """Return some of the honest robots."""
        honest = self.field.honest
        return self.random.sample(honest, self.random.randint(1, len(honest)))


class Puppeteer(Liar):
    """Runs the agreement; what it says goes through `spoil` for each receiver."""

    def __init__(self, me: int, field_: Battlefield, random: Random) -> None:
        super().__init__(me, field_, random)
        self._puppet = Robot(
            field_.rules[me], field_.epochs, Disk(), 0, Random(random.getrandbits(64))
        )
        self._puppet.wake()

    def begin(self, epoch: int) -> Iterable[Sent]:
        """Put a value in."""
        return self._spread(self._puppet.begin(epoch, self.value()))

    def overhear(
        self, sender: int, receivers: tuple[int, ...], message: InstanceMessage
    ) -> Iterable[Sent]:
        """Go on as the agreement does."""
        if self.me not in receivers:
            return ()
        return self._spread(self._puppet.hear(sender, message))

    def _spread(self, step: Step) -> list[Sent]:
        return [
            (receiver, said)
            for receivers, message in step.sends
            for receiver in receivers
            if receiver in self.field.honest
            for said in self.spoil(receiver, message)
        ]

    def spoil(self, receiver: int, message: InstanceMessage) -> Iterable[InstanceMessage]:
        """Return what a receiver gets of what an honest robot would say."""
        return (message,)


class Noisy(Liar):
    """Well-formed messages of random content: `random`."""

    def __init__(self, me: int, field_: Battlefield, random: Random) -> None:
        super().__init__(me, field_, random)
        self._left = NOISE_PER_ROBOT * self.robots * field_.epochs
        self._chance = random.choice([0.1, 0.5, 1.0])

    def begin(self, epoch: int) -> Iterable[Sent]:
        """Send some values for itself, and in the name of others."""
        cut = self.field.rules[self.me].pieces.cut
        sent: list[Sent] = []
        for _ in range(3):
            about = self.random.choice([self.me, self.random.randrange(self.robots)])
            value = self.value()
            self._learn(epoch, about, value)
            sent += [
                (receiver, piece)
                for receiver in self.some()
                for piece in cut(SUBJECT, epoch, about, value)
            ]
        return sent

    def _learn(self, epoch: int, about: int, value: bytes) -> None:
        pieces = self.field.rules[self.me].pieces
        root = pieces.root(pieces.cut(SUBJECT, epoch, about, value)[0])
        if root is not None:
            self.field.roots.setdefault((epoch, about), []).append(root)

    def overhear(
        self, sender: int, receivers: tuple[int, ...], message: InstanceMessage
    ) -> Iterable[Sent]:
        """Say anything to anybody."""
        if not self._left or self.random.random() >= self._chance:
            return ()
        self._left -= 1
        made = self.statement(message.epoch)
        return [(receiver, made) for receiver in self.some()]

    def statement(self, epoch: int) -> Statement:
        """Return a random statement."""
        random = self.random

        def some_robots() -> list[int]:
            return random.sample(range(self.robots), random.randint(0, min(4, self.robots)))

        return Statement(
            SUBJECT,
            epoch,
            random.random() < 0.02,
            tuple(self.link(epoch, robot) for robot in some_robots()),
            tuple(self.link(epoch, robot) for robot in some_robots()),
            tuple(self.vote() for _ in range(random.randint(0, 6))),
            tuple(self.share(epoch, robot) for robot in some_robots()),
        )

    def link(self, epoch: int, proposer: int) -> Link:
        """Return a proposer and a hash, mostly one that is known."""
        known = self.field.roots.get((epoch, proposer), [])
        if known and self.random.random() < 0.8:
            return proposer, self.random.choice(known)
        return proposer, self.random.randbytes(DIGEST_BYTES)

    def vote(self) -> Vote:
        """Return any vote in a round that somebody may be in."""
        about = [robot for robot in range(self.robots) if self.random.random() < 0.5]
        round_ = self.random.randint(max(0, self.field.round - 2), self.field.round + 2)
        kind = self.random.choice(list(Kind))
        return kind, round_, self.random.choice([0, 0, 1, 1, 2, 3]), mask_of(about)

    def share(self, epoch: int, proposer: int) -> Share:
        """Return a share of a coin, right or wrong."""
        round_ = self.random.randint(max(0, self.field.round - 1), self.field.round + 1)
        mint = self.field.mint
        if mint is None or self.random.random() < 0.5:
            return proposer, round_, self.random.randbytes(16)
        name = coin_name(SUBJECT, epoch, proposer, round_)
        return proposer, round_, mint.share(self.field.rules[self.me].robots[self.me], name)


class Equivocating(Liar):
    """Two robots in one, each honest to its own part of the others, with another value each."""

    def __init__(self, me: int, field_: Battlefield, random: Random) -> None:
        super().__init__(me, field_, random)
        rules = field_.rules[me]
        self._faces = tuple(
            Robot(rules, field_.epochs, Disk(), 0, Random(random.getrandbits(64)))
            for _ in range(2)
        )
        shuffled = random.sample(field_.honest, len(field_.honest))
        cut = random.randint(1, max(1, len(shuffled) - 1))
        self._listeners = frozenset(shuffled[:cut]), frozenset(shuffled[cut:])
        # Of its second value it may send the first piece only, so that nobody can ever have it.
        self._withholds = random.random() < 0.5
        # The second face votes the other way about these.
        self._turned = frozenset(
            robot for robot in range(self.robots) if random.random() < random.choice([0.3, 1.0])
        )

    def begin(self, epoch: int) -> Iterable[Sent]:
        """Put in two values."""
        return self._spread([face.begin(epoch, self.value()) for face in self._faces])

    def overhear(
        self, sender: int, receivers: tuple[int, ...], message: InstanceMessage
    ) -> Iterable[Sent]:
        """Have both go on, in another order each."""
        if self.me not in receivers:
            return ()
        order = self._faces if self.random.random() < 0.5 else self._faces[::-1]
        return self._spread([face.hear(sender, message) for face in order], order is self._faces)

    def _spread(self, steps: list[Step], first_is_first: bool = True) -> list[Sent]:
        sent: list[Sent] = []
        for place, step in enumerate(steps):
            face = place if first_is_first else 1 - place
            for receivers, message in step.sends:
                said = message
                if face == 1:
                    if isinstance(message, Statement):
                        said = turned(message, self._turned)
                    elif isinstance(message, Piece) and message.index and self._withholds:
                        continue
                sent += [
                    (receiver, said)
                    for receiver in receivers
                    if receiver in self._listeners[face]
                ]
        return sent


class EchoFlipping(Puppeteer):
    """Echoes, readies and votes are turned round, for each receiver anew."""

    def spoil(self, receiver: int, message: InstanceMessage) -> Iterable[InstanceMessage]:
        """Flip what there is to flip."""
        if not isinstance(message, Statement):
            return (message,)
        flipped = frozenset(
            robot for robot in range(self.robots) if self.random.random() < 0.5
        )
        said = turned(message, flipped)
        return (
            replace(
                said,
                echoes=tuple(self._other(message.epoch, link) for link in said.echoes),
                readies=tuple(self._other(message.epoch, link) for link in said.readies),
            ),
        )

    def _other(self, epoch: int, link: Link) -> Link:
        if self.random.random() < 0.5:
            return link
        proposer, root = link
        known = [r for r in self.field.roots.get((epoch, proposer), []) if r != root]
        return proposer, self.random.choice(known) if known else digest(root)


class Replaying(Puppeteer):
    """What was said in other epochs and rounds is said again, as it was or as of this epoch."""

    def __init__(self, me: int, field_: Battlefield, random: Random) -> None:
        super().__init__(me, field_, random)
        self._old: list[InstanceMessage] = []

    def overhear(
        self, sender: int, receivers: tuple[int, ...], message: InstanceMessage
    ) -> Iterable[Sent]:
        """Remember it, to say the same some time."""
        self._remember(message)
        return super().overhear(sender, receivers, message)

    def _remember(self, message: InstanceMessage) -> None:
        if len(self._old) < MEMORY:
            self._old.append(message)
        else:
            self._old[self.random.randrange(MEMORY)] = message

    def spoil(self, receiver: int, message: InstanceMessage) -> Iterable[InstanceMessage]:
        """Say it among old words."""
        self._remember(message)
        old = self.random.choice(self._old)
        epoch = self.random.choice([old.epoch, message.epoch])
        if isinstance(old, Statement):
            # Whoever is asked for everything answers with everything.
            old = replace(old, again=False)
        if not isinstance(old, Piece | Statement | PiecesWanted):
            return (message,)
        again = replace(old, epoch=epoch)
        return self.random.choice([(message,), (again,), (again, message), (message, again)])


class Half(Puppeteer):
    """Speaks as it should, but to some of the robots only."""

    def __init__(self, me: int, field_: Battlefield, random: Random) -> None:
        super().__init__(me, field_, random)
        half = max(1, len(field_.honest) // 2)
        self._listeners = frozenset(random.sample(field_.honest, half))
        # Whether the others do not even get a value from it, or only no word.
        self._hides_values = random.random() < 0.5

    def spoil(self, receiver: int, message: InstanceMessage) -> Iterable[InstanceMessage]:
        """Say nothing to the other half."""
        if receiver in self._listeners:
            return (message,)
        return () if self._hides_values or not isinstance(message, Piece) else (message,)


class Oversized(Puppeteer):
    """Values, masks, rounds and digests that are longer or larger than they may be."""

    def spoil(self, receiver: int, message: InstanceMessage) -> Iterable[InstanceMessage]:
        """Blow up what it says, through the bytes on the wire."""
        if self.random.random() < 0.5:
            return (message,)
        read = arrived(oversized(self.random, message, ROUNDS_MAX))
        if read is None:
            self.field.garbage += 1
            return ()
        return (read,)


class Malformed(Puppeteer):
    """Bytes that were damaged, values out of range, proposers that nobody knows."""

    def spoil(self, receiver: int, message: InstanceMessage) -> Iterable[InstanceMessage]:
        """Damage the bytes of what it says."""
        if self.random.random() < 0.3:
            return (message,)
        read = arrived(garbled(self.random, message))
        if read is None:
            self.field.garbage += 1
            return ()
        return (read,)


LIARS: dict[str, type[Liar]] = {
    'silent': Liar,
    'random': Noisy,
    'equivocating': Equivocating,
    'echo_flipping': EchoFlipping,
    'replaying': Replaying,
    'half': Half,
    'oversized': Oversized,
    'malformed': Malformed,
}
