"""
Agreement on one bit, with liars, by a common coin: Mostefaoui, Moumen, Raynal (PODC 2014).

A round: every robot supports its side (SUPPORT, 'BVAL' in the paper). A side that f + 1 support is
supported by all, so that what only liars want gets nowhere; one that 2f + 1 support is *possible*.
Each robot holds to the first possible side (AUX) and waits for n - f robots that hold to possible
ones. Where it sees one side only and the coin shows the same, that side is decided; it goes on with
the one side that it saw, or else with the coin's.

**CONF.** As published, one liar that controls the order of messages holds the robots for ever: it
looks at the coin while one of them has not fixed yet what it saw, and makes it see the other side
(MacBrough 2018; Tholoniat and Gramoli, FRIDA 2019). So before anybody gives a share of the coin,
all say what they saw (CONF) and wait for n - f such words; by then it is settled which single side
anybody can still come to see. The expected number of random rounds is 2. In rounds whose coin is
fixed (coin.py) there is no secret to keep, and CONF is left out.

How it ends, and what is left to do after it, is in `rounds.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from swarm_consensus.protocols.agreement.coin import fixed_coin
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.rounds import ROUNDS_AHEAD, Rounds
from swarm_consensus.protocols.agreement.voice import Voice

BOTH = 3


class RoundCoin(Protocol):
    """The coins of one agreement."""

    threshold: int

    def share(self, round_: int) -> bytes:
        """Return this robot's share of the coin of a round."""

    def valid(self, round_: int, sender: int, share: bytes) -> bool:
        """Return whether that is the share of a robot."""

    def value(self, round_: int, shares: dict[int, bytes]) -> int:
        """Return the side that the coin shows, from at least `threshold` valid shares."""


class _Round:
    """What is known of one round; sets of robots are bit masks."""

    __slots__ = ('aux', 'conf', 'possible', 'refused', 'saw', 'shares', 'support', 'valid')

    def __init__(self) -> None:
        self.support = [0, 0]
        self.possible = 0  # 1: side 0, 2: side 1
        self.aux = [0, 0]
        self.saw = 0  # sides that n - f robots hold to, once that is known
        self.conf = [0, 0, 0, 0]  # by what they saw
        self.shares: dict[int, bytes] = {}
        self.valid: dict[int, bytes] = {}
        self.refused = 0


class BinaryAgreement(Rounds[_Round]):
    """
    One robot's part in one agreement.

    :param confirm: test seam: False leaves CONF out, as the published version does.
    :param fixed: test seam: the rule of the fixed coins.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        me: int,
        proposer: int,
        voice: Voice,
        coin: RoundCoin,
        *,
        confirm: bool = True,
        fixed: Callable[[int], int | None] = fixed_coin,
    ) -> None:
        super().__init__(thresholds, me, proposer, voice, _Round)
        self._coin = coin
        self._confirm = confirm
        self._fixed = fixed
        self._recall()

    def receive_share(self, sender: int, round_: int, share: bytes) -> None:
        """Take in a share of a coin; it is checked when the coin is needed."""
        if self.over or not self.round <= round_ <= self.round + ROUNDS_AHEAD:
            return
        at = self._at(round_)
        if sender not in at.valid and not at.refused >> sender & 1:
            at.shares.setdefault(sender, share)
            if round_ == self.round:
                self._advance()

    def _note_word(self, round_: int, kind: Kind, value: int, bit: int) -> bool:
        at = self._at(round_)
        if kind is Kind.SUPPORT and value <= 1:
            at.support[value] |= bit
        elif kind is Kind.AUX and value <= 1:
            if at.aux[1 - value] & bit:
                return False
            at.aux[value] |= bit
        elif kind is Kind.CONF and 1 <= value <= BOTH:
            if any(at.conf[saw] & bit for saw in (1, 2, 3) if saw != value):
                return False
            at.conf[value] |= bit
        else:
            # No robot of this variant says such a thing.
            return False
        return True

    # -- the rules ------------------------------------------------------------------------------

    def _begin(self, side: int) -> None:
        self._say(Kind.SUPPORT, self.round, side)

    def _support_again(self, round_: int, kind: Kind) -> None:
        self._relay(round_, self._rounds[round_])

    def _relay(self, round_: int, at: _Round) -> None:
        """Support what an honest robot supports."""
        for side in (0, 1):
            if (
                not at.support[side] >> self._me & 1
                and (at.support[side] | self._ended[side]).bit_count() >= self._thresholds.honest
            ):
                self._say(Kind.SUPPORT, round_, side)

    def _advance(self) -> None:
        self._hear_the_end()
        while not (self._through or self.over):
            at = self._at(self.round)
            self._relay(self.round, at)
            self._look(at)
            if not at.saw:
                return
            coin = self._fixed(self.round)
            saw = at.saw
            if coin is None:
                if self._confirm:
                    saw = self._confirmed(at)
                    if not saw:
                        return
                coin = self._throw(at)
                if coin is None:
                    return
            if saw == BOTH:
                side = coin
            else:
                side = saw >> 1
                if side == coin:
                    self._decide(side)
                    return
            self.round += 1
            self._begin(side)

    def _look(self, at: _Round) -> None:
        """Find out which sides are possible, and which are held to."""
        for side in (0, 1):
            supporters = (at.support[side] | self._ended[side]).bit_count()
            if supporters >= self._thresholds.honest_majority:
                at.possible |= 1 << side
                if not (at.aux[0] | at.aux[1]) >> self._me & 1:
                    self._say(Kind.AUX, self.round, side)
        if at.saw:
            return
        spoke = at.aux[0] | at.aux[1]
        held = [
            (at.aux[side] | self._ended[side] & ~spoke) if at.possible >> side & 1 else 0
            for side in (0, 1)
        ]
        at.saw = self._enough(held[0], held[1], 0)

    def _confirmed(self, at: _Round) -> int:
        """Say what was seen; return what n - f robots saw, all sides of it together, or 0."""
        if not (at.conf[1] | at.conf[2] | at.conf[3]) >> self._me & 1:
            self._say(Kind.CONF, self.round, at.saw)
        spoke = at.conf[1] | at.conf[2] | at.conf[3]
        alone = [
            (at.conf[1 << side] | self._ended[side] & ~spoke) if at.possible >> side & 1 else 0
            for side in (0, 1)
        ]
        return self._enough(alone[0], alone[1], at.conf[BOTH] if at.possible == BOTH else 0)

    def _enough(self, zero: int, one: int, both: int) -> int:
        """Return the sides that n - f robots stand for, one alone where that is enough; else 0."""
        heard = self._thresholds.heard
        if zero.bit_count() >= heard:
            return 1
        if one.bit_count() >= heard:
            return 2
        return BOTH if (zero | one | both).bit_count() >= heard else 0

    def _throw(self, at: _Round) -> int | None:
        """Give our share of the coin; return the side that it shows, once enough have done so."""
        share = self._coin.share(self.round)
        self._voice.share(self._proposer, self.round, share)
        at.valid[self._me] = share
        while len(at.valid) < self._coin.threshold and at.shares:
            sender = next(iter(at.shares))
            share = at.shares.pop(sender)
            if self._coin.valid(self.round, sender, share):
                at.valid[sender] = share
            else:
                at.refused |= 1 << sender
                self.refused_shares += 1
        if len(at.valid) < self._coin.threshold:
            return None
        return self._coin.value(self.round, at.valid)
