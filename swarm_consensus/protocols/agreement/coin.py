"""
Coins: the chance that ends what no rule can decide (Fischer, Lynch, Paterson 1985).

A *common* coin shows all robots the same side, and nobody knows it before f + 1 robots have given
their shares, so the liars cannot arrange themselves against it. It needs keys (`swarm keys`). A
*local* coin is each robot's own.

The first two rounds use no chance at all: their coin is 1, then 0, for everybody. What nearly all
robots want from the start is then decided in one or two rounds without a single share. Known
beforehand, such a round cannot be relied on to end anything, so every third round is random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

FIXED = (1, 0, None)


def fixed_coin(round_: int) -> int | None:
    """Return the side that the coin of a round shows by rule; None: it is thrown."""
    return FIXED[round_ % len(FIXED)]


class CommonCoin(Protocol):
    """
    A coin that the robots throw together; made from keys (transport/threshold_coin.py).

    :ivar threshold: how many robots' shares show the side: f + 1.
    """

    threshold: int

    def share(self, name: bytes) -> bytes:
        """Return this robot's share of the coin of a name; always the same one."""

    def valid(self, name: bytes, robot: str, share: bytes) -> bool:
        """Return whether that is the share of a robot. Never raises on what a peer sent."""

    def value(self, name: bytes, shares: Mapping[str, bytes]) -> int:
        """
        Return the side, 0 or 1; the same from any shares.

        :param shares: at least `threshold` valid ones, by robot.
        """


def coin_name(subject: str, epoch: int, proposer: int, round_: int) -> bytes:
    """
    Return the name of one coin; every agreement and round has its own.

    Two agreements with one coin would tell each other's secret.
    """
    text = subject.encode()
    numbers = b''.join(number.to_bytes(8, 'big') for number in (epoch, proposer, round_))
    return len(text).to_bytes(4, 'big') + text + numbers
