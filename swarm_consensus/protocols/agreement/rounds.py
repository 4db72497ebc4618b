"""
What the agreements on one bit have in common: rounds, and how a robot takes part in them.

**The end.** Who has decided says so (END, 'TERM' in HoneyBadgerBFT). That counts as its word in
every round in which it says nothing else, and so many such words decide that one of them is honest.
Others may still be in a round that was over here, and be short of one word in it. So two duties
stay until all honest robots are sure to decide: whoever decided by the rule of a round goes on to
support what an honest robot supports, and whoever decided because others had goes on through the
rounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice

# A robot that is further behind than this hears the rest again when it has caught up. Bounds what
# a liar can have us remember.
ROUNDS_AHEAD = 64

_SUPPORTS = frozenset(kind for kind in Kind if kind.repeats)

RoundT = TypeVar('RoundT')


class Rounds(ABC, Generic[RoundT]):
    """
    One robot's part in one agreement.

    :param me: place of this robot.
    :param proposer: whose value it is about; names the agreement.
    :param voice: says what is to be said; what it said before a reboot is taken up by `_recall`.
    :param round_type: makes what is known of a round.
    :ivar decision: 0 or 1 once decided.
    :ivar over: whether all honest robots are sure to decide, and nobody needs this one any more.
    :ivar round: the round under way, from 0.
    :ivar refused_shares: how many shares of robots were no shares of the coin.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        me: int,
        proposer: int,
        voice: Voice,
        round_type: type[RoundT],
    ) -> None:
        self._thresholds = thresholds
        self._me = me
        self._proposer = proposer
        self._voice = voice
        self._round_type = round_type
        self._rounds: dict[int, RoundT] = {}
        self._ended = [0, 0]
        # Whether the rule of a round has decided here: but for support, all is said.
        self._through = False
        self.decision: int | None = None
        self.over = False
        self.proposed = False
        self.round = 0
        self.refused_shares = 0

    def _recall(self) -> None:
        """Take up what was said before a reboot; the last step of making one."""
        for kind, round_, value in tuple(self._voice.votes(self._proposer)):
            self._note(self._me, kind, round_, value)
            if kind is Kind.END:
                self.decision = value
        self._advance()

    # -- what comes in ----------------------------------------------------------------------------

    def propose(self, side: int) -> None:
        """Give this robot's input; only the first one counts."""
        if self.proposed:
            return
        self.proposed = True
        if not self.over and self.round == 0:
            self._begin(side)
            self._advance()

    def receive(self, sender: int, kind: Kind, round_: int, value: int) -> bool:
        """
        Take in what another robot said.

        :returns: False where it contradicts what that robot said before.
        """
        if self.over or round_ > self.round + ROUNDS_AHEAD:
            return True
        if not self._note(sender, kind, round_, value):
            return False
        if kind is Kind.END or (round_ == self.round and not self._through):
            self._advance()
        elif kind in _SUPPORTS and round_ <= self.round:
            # Somebody may still be in that round, and needs the support of all.
            self._support_again(round_, kind)
        return True

    @abstractmethod
    def receive_share(self, sender: int, round_: int, share: bytes) -> None:
        """Take in a share of a coin."""

    # -- what was heard -------------------------------------------------------------------------

    def _at(self, round_: int) -> RoundT:
        at = self._rounds.get(round_)
        if at is None:
            at = self._rounds[round_] = self._round_type()
        return at

    def _note(self, sender: int, kind: Kind, round_: int, value: int) -> bool:
        """Note what a robot said; returns False where it said something else before."""
        bit = 1 << sender
        if kind is not Kind.END:
            return self._note_word(round_, kind, value, bit)
        if value > 1 or self._ended[1 - value] & bit:
            return False
        self._ended[value] |= bit
        return True

    @abstractmethod
    def _note_word(self, round_: int, kind: Kind, value: int, bit: int) -> bool:
        """Note a word in a round; returns False where that robot said something else before."""

    def _say(self, kind: Kind, round_: int, value: int) -> int:
        """Say something, or what stands in its slot already; returns what was said."""
        said = self._voice.vote(kind, self._proposer, round_, value)
        self._note(self._me, kind, round_, said)
        return said

    # -- the rules ------------------------------------------------------------------------------

    @abstractmethod
    def _begin(self, side: int) -> None:
        """Enter a round with a side."""

    @abstractmethod
    def _support_again(self, round_: int, kind: Kind) -> None:
        """Support, in a round that has been entered, what an honest robot supports."""

    @abstractmethod
    def _advance(self) -> None:
        """Go as far as what was heard allows."""

    def _hear_the_end(self) -> None:
        """Decide what an honest robot has decided; it is over once all are sure to hear of it."""
        honest = self._thresholds.honest
        # Where nobody lies, whoever says END says it to all, and one is enough for each of them.
        sure = self._thresholds.honest_majority if self._thresholds.lies else honest
        for side in (0, 1):
            ended = self._ended[side].bit_count()
            if self.decision is None and ended >= honest:
                self._end(side)
                ended = self._ended[side].bit_count()
            if ended >= sure:
                self.over = True
                self._rounds.clear()

    def _decide(self, side: int) -> None:
        """Decide by the rule of this round."""
        self._through = True
        self._end(side)
        self._hear_the_end()

    def _end(self, side: int) -> None:
        """Decide, and say so."""
        self.decision = self._say(Kind.END, 0, side)
