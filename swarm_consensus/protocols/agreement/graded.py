"""
Agreement on one bit by local coins, where there are no keys: after Ben-Or (PODC 1983).

A round has two halves. The first tries to settle on one side: what n - f robots hold to, or
*neither*. At most one side can come out of it. The second lets everybody learn what came out:

- n - f robots have the side: it is decided, and
- everybody who hears of it at all goes on with it;
- where all had neither, each throws its own coin.

Who decided a side leaves nobody without it, so the next round ends for all the others.

**With liars** (n >= 3f + 1) both halves pass through the filter of MMR14, section 3: what only
liars say never becomes *possible*, and a robot holds to possible things only. The second half has
three things to say, the two sides and 'neither', and is filtered like the first (the binary value
broadcast of the paper works for any number of values). So no signature is needed anywhere.

**Where robots only crash** (n >= 2f + 1) there is nothing to filter: a side that more than half of
all robots hold to comes out of the first half, and f + 1 words in the second decide it.

How it ends, and what is left to do after it, is in `rounds.py`.

Expected rounds: one, where all want the same. Else the robots have to throw alike, which takes up
to 2^(n - f) rounds against a network that reads every message and orders them at will, and a few on
any network that does not: the first two rounds' coins are the same at all robots (coin.py).
"""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.agreement.coin import fixed_coin
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.rounds import Rounds
from swarm_consensus.protocols.agreement.voice import Voice

NEITHER = 2


class _Half:
    """What is known of half a round; sets of robots are bit masks."""

    __slots__ = ('held', 'possible', 'support')

    def __init__(self, values: int) -> None:
        self.support = [0] * values
        self.possible = [False] * values
        self.held = [0] * values

    @property
    def spoke(self) -> int:
        """Who holds to anything."""
        spoke = 0
        for held in self.held:
            spoke |= held
        return spoke


class _Round:
    __slots__ = ('came_out', 'first', 'second')

    def __init__(self) -> None:
        self.first = _Half(2)
        self.came_out: int | None = None
        self.second = _Half(3)


_SUPPORTS = {Kind.SUPPORT: Kind.AUX, Kind.SUPPORT_GRADE: Kind.GRADE}
_FIRST = frozenset({Kind.SUPPORT, Kind.AUX})


class GradedAgreement(Rounds[_Round]):
    """
    One robot's part in one agreement.

    :param random: this robot's own coin.
    """

    def __init__(
        self, thresholds: Thresholds, me: int, proposer: int, voice: Voice, random: Random
    ) -> None:
        super().__init__(thresholds, me, proposer, voice, _Round)
        self._random = random
        self._recall()

    def receive_share(self, sender: int, round_: int, share: bytes) -> None:
        """Pass over a share: there is no common coin here."""

    def _note_word(self, round_: int, kind: Kind, value: int, bit: int) -> bool:
        if kind is Kind.CONF:
            return False
        at = self._at(round_)
        half = at.first if kind in _FIRST else at.second
        if value >= len(half.held):
            return False
        if kind in _SUPPORTS:
            half.support[value] |= bit
            return True
        if half.spoke & bit and not half.held[value] & bit:
            return False
        half.held[value] |= bit
        return True

    # -- the rules ------------------------------------------------------------------------------

    def _begin(self, side: int) -> None:
        self._say(Kind.SUPPORT if self._thresholds.lies else Kind.AUX, self.round, side)

    def _support_again(self, round_: int, kind: Kind) -> None:
        at = self._rounds[round_]
        self._relay(round_, kind, at.first if kind is Kind.SUPPORT else at.second)

    def _ended_for(self, value: int) -> int:
        return 0 if value == NEITHER else self._ended[value]

    def _relay(self, round_: int, kind: Kind, half: _Half) -> None:
        """Support what an honest robot supports."""
        for value in range(len(half.support)):
            supporters = half.support[value] | self._ended_for(value)
            if (
                not half.support[value] >> self._me & 1
                and supporters.bit_count() >= self._thresholds.honest
            ):
                self._say(kind, round_, value)

    def _filter(self, kind: Kind, half: _Half) -> None:
        """Let pass what honest robots support, and hold to the first thing that passes."""
        if not self._thresholds.lies:
            half.possible = [True] * len(half.possible)
            return
        self._relay(self.round, kind, half)
        for value in range(len(half.support)):
            supporters = half.support[value] | self._ended_for(value)
            if supporters.bit_count() >= self._thresholds.honest_majority:
                half.possible[value] = True
                if not half.spoke >> self._me & 1:
                    self._say(_SUPPORTS[kind], self.round, value)

    def _held(self, half: _Half) -> list[int]:
        """Return for each thing who holds to it, possible things only."""
        spoke = half.spoke
        return [
            held | self._ended_for(value) & ~spoke if half.possible[value] else 0
            for value, held in enumerate(half.held)
        ]

    def _advance(self) -> None:
        self._hear_the_end()
        while not (self._through or self.over):
            at = self._at(self.round)
            self._filter(Kind.SUPPORT, at.first)
            if at.came_out is None:
                at.came_out = self._first_half(at.first)
                if at.came_out is None:
                    return
                kind = Kind.SUPPORT_GRADE if self._thresholds.lies else Kind.GRADE
                self._say(kind, self.round, at.came_out)
            self._filter(Kind.SUPPORT_GRADE, at.second)
            if not self._second_half(at.second):
                return

    def _first_half(self, half: _Half) -> int | None:
        """Return what comes out of the first half, or None while too few have spoken."""
        zero, one = self._held(half)
        if (zero | one).bit_count() < self._thresholds.heard:
            return None
        if not half.spoke >> self._me & 1:
            # Without an input yet, where robots only crash (with liars, what passes the filter is
            # said). Others may count on our word: that of a robot that crashed reaches only some.
            return None
        needed = self._thresholds.heard if self._thresholds.lies else self._thresholds.majority
        if zero.bit_count() >= needed:
            return 0
        return 1 if one.bit_count() >= needed else NEITHER

    def _second_half(self, half: _Half) -> bool:
        """End the round if enough have spoken; returns whether it ended."""
        zero, one, neither = self._held(half)
        if (zero | one | neither).bit_count() < self._thresholds.heard:
            return False
        needed = self._thresholds.heard if self._thresholds.lies else self._thresholds.lasting
        for side, held in ((0, zero), (1, one)):
            if held.bit_count() >= needed:
                self._decide(side)
                return True
        if one:
            side = 1
        elif zero:
            side = 0
        else:
            coin = fixed_coin(self.round)
            side = self._random.getrandbits(1) if coin is None else coin
        self.round += 1
        self._begin(side)
        return True
