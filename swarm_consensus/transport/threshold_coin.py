"""
The common coin: Cachin, Kursawe and Shoup, "Random oracles in Constantinople" (2000), section 4.3.

Every coin has a name, and the name a point of the group. A robot's share is that point times its
share of the secret, with a proof that it is (Chaum and Pedersen 1992). Of f + 1 shares anybody
makes the point times the secret itself, whose hash is the side; of f shares nobody can tell it.
Any f + 1 shares give the same side, and a robot has but one share of a coin, so nothing that liars
do or leave out moves it. Byte by byte in docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Mapping
import hashlib

from swarm_consensus.transport import curve
from swarm_consensus.transport.keys import Keys

# A point, and the challenge and the answer of its proof.
SHARE_BYTES = curve.POINT_BYTES + 2 * curve.SCALAR_BYTES

_TAG_POINT = b'swarm_consensus/coin/1/point'
_TAG_NONCE = b'swarm_consensus/coin/1/nonce'
_TAG_PROOF = b'swarm_consensus/coin/1/proof'
_TAG_VALUE = b'swarm_consensus/coin/1/value'
# Points of names that are kept, because several shares of one coin come one after another.
_POINTS_MAX = 256


class ThresholdCoin:
    """
    The coin of one robot: the port `protocols.agreement.coin.CommonCoin`.

    :ivar threshold: shares that show the side: f + 1.
    """

    def __init__(self, keys: Keys) -> None:
        self.threshold = keys.public.faults_max + 1
        self._robot = keys.robot
        self._secret = keys.coin_share
        self._places = keys.public.places
        self._share_points = keys.public.share_points
        self._points: dict[bytes, bytes] = {}

    def share(self, name: bytes) -> bytes:
        """Return this robot's share of the coin of a name, 96 bytes; always the same ones."""
        point = self._point(name)
        share = curve.times(point, self._secret)
        # Of a number that is used for two proofs the secret could be told. This one is made of the
        # secret and the name, so it needs no good source of chance on the robot.
        nonce = curve.hash_to_scalar(_TAG_NONCE, curve.scalar_bytes(self._secret), name)
        challenge = _challenge(
            name,
            self._share_points[self._robot],
            share,
            curve.base_times(nonce),
            curve.times(point, nonce),
        )
        answer = (nonce + challenge * self._secret) % curve.ORDER
        return share + curve.scalar_bytes(challenge) + curve.scalar_bytes(answer)

    def valid(self, name: bytes, robot: str, share: bytes) -> bool:
        """Return whether that is the share of a robot. Never raises on what a peer sent."""
        public = self._share_points.get(robot)
        if public is None or len(share) != SHARE_BYTES:
            return False
        point, proof = share[: curve.POINT_BYTES], share[curve.POINT_BYTES :]
        challenge = curve.scalar_from(proof[: curve.SCALAR_BYTES])
        answer = curve.scalar_from(proof[curve.SCALAR_BYTES :])
        if challenge is None or answer is None:
            return False
        try:
            base_part = curve.subtract(curve.base_times(answer), curve.times(public, challenge))
            name_part = curve.subtract(
                curve.times(self._point(name), answer), curve.times(point, challenge)
            )
        except curve.NotAPoint:
            return False
        return challenge == _challenge(name, public, point, base_part, name_part)

    def value(self, name: bytes, shares: Mapping[str, bytes]) -> int:
        """
        Return the side, 0 or 1; the same from any shares.

        :param shares: at least `threshold` ones by robot, each of them `valid`.
        :raises ValueError: there are too few, or bytes among them are no share at all.
        """
        if len(shares) < self.threshold:
            raise ValueError(
                f'{len(shares)} shares of the coin {name.hex()}; it takes {self.threshold}'
            )
        robots = sorted(shares)[: self.threshold]
        unknown = [robot for robot in robots if robot not in self._places]
        if unknown:
            raise ValueError(f'{", ".join(unknown)}: no robot of this swarm; use `valid` first')
        weights = curve.lagrange_at_zero([self._places[robot] for robot in robots])
        parts = [
            curve.times(shares[robot][: curve.POINT_BYTES], weight)
            for robot, weight in zip(robots, weights, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = curve.add(total, part)
        state = hashlib.blake2b(digest_size=32)
        for piece in (_TAG_VALUE, name, total):
            state.update(len(piece).to_bytes(4, 'big') + piece)
        return state.digest()[0] & 1

    def _point(self, name: bytes) -> bytes:
        point = self._points.get(name)
        if point is None:
            point = curve.hash_to_point(_TAG_POINT, name)
            if len(self._points) >= _POINTS_MAX:
                del self._points[next(iter(self._points))]
            self._points[name] = point
        return point


def _challenge(name: bytes, *points: bytes) -> int:
    """Return the challenge of a proof: made of all that it is about, so nobody can choose it."""
    return curve.hash_to_scalar(_TAG_PROOF, name, *points)
