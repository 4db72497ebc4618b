"""
Common subset: all honest robots end with the same vector of at least n - f of the robots' inputs.

After Ben-Or, Kelmer, Rabin (PODC 1994), as in HoneyBadgerBFT (CCS 2016), figure 4: every robot
broadcasts its input; a binary agreement for each robot settles whether its input is in. Whoever has
an input delivered votes for it, and once n - f are in, votes against the rest. So no input of a
liar that reached only some is in for some and out for others, and none is waited for that may
never come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from swarm_consensus.protocols.agreement.binary import BinaryAgreement
from swarm_consensus.protocols.agreement.broadcast import PieceRules, ReliableBroadcast
from swarm_consensus.protocols.agreement.coin import CommonCoin, coin_name
from swarm_consensus.protocols.agreement.errors import InvariantError
from swarm_consensus.protocols.agreement.graded import GradedAgreement
from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice, members
from swarm_consensus.protocols.values import value


@value
class SubsetRules:
    """
    What all instances of a robot have in common.

    :param robots: all robots, sorted.
    :param me: place of this one among them.
    :param coin: thrown together; None: every robot throws its own.
    """

    robots: tuple[str, ...]
    me: int
    thresholds: Thresholds
    pieces: PieceRules
    coin: CommonCoin | None


Binary = BinaryAgreement | GradedAgreement
# Makes the agreement about a proposer.
MakeBinary = Callable[[int, Voice], Binary]


class CommonSubset:
    """
    One robot's part in one instance.

    :param random: local coins.
    :param said: what this robot said in this instance before a reboot.
    :param held: values that it held then, by proposer.
    :param make: test seam: makes the binary agreements.
    :ivar vector: for each robot its input, or None where it is not in; None until all is settled.
    """

    def __init__(
        self,
        rules: SubsetRules,
        subject: str,
        epoch: int,
        random: Random,
        said: Statement | None = None,
        held: Mapping[int, bytes] | None = None,
        make: MakeBinary | None = None,
    ) -> None:
        self._rules = rules
        self._subject = subject
        self._epoch = epoch
        self._random = random
        self.voice = Voice(subject, epoch, len(rules.robots), said)
        thresholds, me, robots = rules.thresholds, rules.me, range(len(rules.robots))
        self._broadcasts = [
            ReliableBroadcast(thresholds, me, proposer, self.voice, rules.pieces)
            for proposer in robots
        ]
        make = make or self._make_binary
        self._binaries = [make(proposer, self.voice) for proposer in robots]
        self.vector: tuple[bytes | None, ...] | None = None
        self.proposed = False
        for proposer, content in (held or {}).items():
            self._broadcasts[proposer].restore(rules.pieces.cut(subject, epoch, proposer, content))
            self.proposed |= proposer == me
        self._turn()

    def _make_binary(self, proposer: int, voice: Voice) -> Binary:
        rules = self._rules
        if rules.coin is None or not rules.thresholds.lies:
            return GradedAgreement(rules.thresholds, rules.me, proposer, voice, self._random)
        coin = _Coins(rules.coin, rules.robots, self._subject, self._epoch, proposer)
        return BinaryAgreement(rules.thresholds, rules.me, proposer, voice, coin)

    # -- in -------------------------------------------------------------------------------------

    def propose(self, value: bytes) -> tuple[Piece, ...]:
        """
        Put this robot's input in.

        :returns: what to send to all the others.
        :raises InvariantError: it has an input already, or the value is too long.
        """
        me = self._rules.me
        if self.proposed:
            raise InvariantError(f'{self._subject}/{self._epoch}: a second input')
        if len(value) > self._rules.pieces.value_bytes_max:
            raise InvariantError(f'{self._subject}/{self._epoch}: an input of {len(value)} bytes')
        self.proposed = True
        pieces = self._rules.pieces.cut(self._subject, self._epoch, me, value)
        for piece in pieces:
            self._broadcasts[me].receive_piece(me, piece)
        self._turn()
        return pieces

    def receive_piece(self, sender: int, piece: Piece) -> bool:
        """Take in a piece; returns False where the sender contradicts itself."""
        if self.vector is not None or piece.proposer >= len(self._broadcasts):
            return True
        if sender == self._rules.me and piece.proposer == sender and not self.proposed:
            raise InvariantError('own pieces come from propose')
        consistent = self._broadcasts[piece.proposer].receive_piece(sender, piece)
        self._turn()
        return consistent

    def receive(self, sender: int, statement: Statement) -> bool:
        """Take in what another robot said; returns False where it contradicts itself."""
        consistent = True
        robots = len(self._broadcasts)
        for proposer, root in statement.echoes:
            if proposer < robots:
                consistent &= self._broadcasts[proposer].receive_echo(sender, root)
        for proposer, root in statement.readies:
            if proposer < robots:
                consistent &= self._broadcasts[proposer].receive_ready(sender, root)
        # Also once all is settled here: others may need support, see binary.py.
        for kind, round_, side, mask in statement.votes:
            for proposer in members(mask):
                if proposer < robots:
                    consistent &= self._binaries[proposer].receive(sender, kind, round_, side)
        for proposer, round_, share in statement.shares:
            if proposer < robots:
                self._binaries[proposer].receive_share(sender, round_, share)
        self._turn()
        return consistent

    # -- what is there and what is missing --------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether all honest robots are sure to settle the same, without another vote from here."""
        return self.vector is not None and all(binary.over for binary in self._binaries)

    @property
    def speakers(self) -> int:
        """How many robots have put an input in, as far as is known here."""
        return sum(broadcast.begun for broadcast in self._broadcasts)

    @property
    def inputs(self) -> tuple[bytes | None, ...]:
        """Return the inputs that have been delivered so far, by robot."""
        return tuple(broadcast.delivered for broadcast in self._broadcasts)

    @property
    def rounds(self) -> int:
        """Return how many rounds the longest of the binary agreements has taken so far."""
        return 1 + max(binary.round for binary in self._binaries)

    @property
    def refused_shares(self) -> int:
        """Return how many shares were no shares of the coin."""
        return sum(binary.refused_shares for binary in self._binaries)

    def held(self, proposer: int) -> bytes | None:
        """Return the value that was echoed for a proposer: to be kept before the echo leaves."""
        return self._broadcasts[proposer].held

    def holders_of_mine(self) -> int:
        """Return the mask of the robots that hold this robot's input."""
        return self._broadcasts[self._rules.me].echoed_by

    def wanted(self) -> list[tuple[int, bytes, tuple[int, ...], int]]:
        """Return (proposer, hash, missing pieces, mask of holders) of values that are missing."""
        found = []
        for proposer, broadcast in enumerate(self._broadcasts):
            if self._binaries[proposer].decision != 0:
                missing = broadcast.wanted()
                if missing is not None:
                    found.append((proposer, *missing))
        return found

    def pieces(self, proposer: int, root: bytes, indexes: tuple[int, ...]) -> tuple[Piece, ...]:
        """Return pieces of a value as far as they are here; all where `indexes` is ()."""
        if proposer >= len(self._broadcasts):
            return ()
        return self._broadcasts[proposer].pieces(self._subject, self._epoch, root, indexes)

    def own_pieces(self) -> tuple[Piece, ...]:
        """Return all pieces of this robot's input."""
        root = self.voice.echoed(self._rules.me)
        return () if root is None else self.pieces(self._rules.me, root, ())

    # -- the rules ------------------------------------------------------------------------------

    def _turn(self) -> None:
        if self.vector is not None:
            return
        for broadcast, binary in zip(self._broadcasts, self._binaries, strict=True):
            if broadcast.delivered is not None and not binary.proposed:
                binary.propose(1)
        decisions = [binary.decision for binary in self._binaries]
        if decisions.count(1) >= self._rules.thresholds.heard:
            if None in decisions:
                for binary in self._binaries:
                    binary.propose(0)
                decisions = [binary.decision for binary in self._binaries]
            if None not in decisions:
                self._finish(decisions)

    def _finish(self, decisions: list[int | None]) -> None:
        for decision, broadcast in zip(decisions, self._broadcasts, strict=True):
            if decision == 1 and broadcast.delivered is None:
                return
        self.vector = tuple(
            broadcast.delivered if decision == 1 else None
            for decision, broadcast in zip(decisions, self._broadcasts, strict=True)
        )


class _Coins:
    """The coins of one agreement, under their names."""

    __slots__ = ('_coin', '_names', '_robots', 'threshold')

    def __init__(
        self, coin: CommonCoin, robots: tuple[str, ...], subject: str, epoch: int, proposer: int
    ) -> None:
        self._coin = coin
        self._robots = robots
        self._names = (subject, epoch, proposer)
        self.threshold = coin.threshold

    def share(self, round_: int) -> bytes:
        return self._coin.share(coin_name(*self._names, round_))

    def valid(self, round_: int, sender: int, share: bytes) -> bool:
        return self._coin.valid(coin_name(*self._names, round_), self._robots[sender], share)

    def value(self, round_: int, shares: dict[int, bytes]) -> int:
        by_robot = {self._robots[sender]: share for sender, share in shares.items()}
        return self._coin.value(coin_name(*self._names, round_), by_robot)
