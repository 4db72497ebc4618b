"""
An ideal common coin: nobody can tell a side before an honest robot has given its share.

With f liars the first honest share is the (f + 1)-th, so from then on the adversary knows the side.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from swarm_consensus.protocols.agreement.errors import InvariantError

SHARE_BYTES = 16


class Mint:
    """
    The coins of one run.

    :param seed: decides the sides.
    :param threshold: shares that it takes, f + 1.
    """

    def __init__(self, seed: int, threshold: int) -> None:
        self._seed = seed
        self.threshold = threshold
        self._shown: set[bytes] = set()

    def share(self, robot: str, name: bytes) -> bytes:
        """Return the one valid share of a robot."""
        return self._hash(b'share/' + robot.encode() + b'/' + name, SHARE_BYTES)

    def side(self, name: bytes) -> int:
        """Return the side, for robots that have enough shares."""
        return self._hash(b'side/' + name, 1)[0] & 1

    def show(self, name: bytes) -> None:
        """Take note that an honest share has left its robot."""
        self._shown.add(name)

    def peek(self, name: bytes) -> int | None:
        """Return what the adversary knows of a coin: None as long as it is secret."""
        return self.side(name) if name in self._shown else None

    def _hash(self, data: bytes, size: int) -> bytes:
        return blake2b(data, digest_size=size, key=str(self._seed).encode()).digest()


class IdealCoin:
    """What one robot holds of it; a `protocols.agreement.coin.CommonCoin`."""

    def __init__(self, mint: Mint, robot: str) -> None:
        self._mint = mint
        self._robot = robot
        self.threshold = mint.threshold

    def share(self, name: bytes) -> bytes:
        """Return this robot's share."""
        return self._mint.share(self._robot, name)

    def valid(self, name: bytes, robot: str, share: bytes) -> bool:
        """Return whether that is the share of a robot."""
        return share == self._mint.share(robot, name)

    def value(self, name: bytes, shares: Mapping[str, bytes]) -> int:
        """
        Return the side.

        Shares that are none give any side, as points that do not fit together would.

        :raises InvariantError: there are too few shares.
        """
        if len(shares) < self.threshold:
            raise InvariantError(f'a coin of {self.threshold} shares was thrown of {len(shares)}')
        wrong = sorted(
            share for robot, share in shares.items() if not self.valid(name, robot, share)
        )
        if wrong:
            return blake2b(b''.join(wrong), digest_size=1).digest()[0] & 1
        return self._mint.side(name)
