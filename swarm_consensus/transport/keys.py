"""
The keys of a swarm as values: what all know, and what one robot holds.

They are made for the whole swarm at once (dealing.py) and kept in files (key_files.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
import hashlib

from swarm_consensus.transport import curve
from swarm_consensus.transport.signing import PUBLIC_KEY_BYTES, Signer

_TAG = b'swarm_consensus/keys/1'


@dataclass(frozen=True)
class PublicKeys:
    """
    What everybody may know of the keys of a swarm.

    :param swarm: its name.
    :param robots: public key of each robot, for its frames.
    :param faults_max: f: any f + 1 robots throw the coin together, and f of them know nothing.
    :param commitments: the base point times each coefficient of the polynomial whose value at 0
        is the secret of the coin; faults_max + 1 points (Feldman 1987).
    :raises ValueError: keys that do not go together; says which.
    """

    swarm: str
    robots: Mapping[str, bytes]
    faults_max: int
    commitments: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.robots:
            raise ValueError('there is no robot')
        if not 0 <= self.faults_max < len(self.robots):
            raise ValueError(
                f'faults_max is {self.faults_max}; with {len(self.robots)} robots it must be in '
                f'0..{len(self.robots) - 1}'
            )
        if len(self.commitments) != self.faults_max + 1:
            raise ValueError(
                f'there are {len(self.commitments)} commitments; faults_max {self.faults_max} '
                f'needs {self.faults_max + 1}'
            )
        owner: dict[bytes, str] = {}
        for robot, key in self.robots.items():
            if not curve.is_point(key):
                raise ValueError(f"the key of robot '{robot}' is no public key of Ed25519")
            if key in owner:
                raise ValueError(f"robots '{owner[key]}' and '{robot}' have the same key")
            owner[key] = robot
        for number, point in enumerate(self.commitments):
            if not curve.is_point(point):
                raise ValueError(f'commitment {number} is no point of the group')

    @cached_property
    def places(self) -> dict[str, int]:
        """Return where the polynomial of the coin gives the share of each robot, from 1."""
        return {robot: place for place, robot in enumerate(sorted(self.robots), start=1)}

    @cached_property
    def share_points(self) -> dict[str, bytes]:
        """Return the base point times the share of each robot."""
        return {robot: self._point(place) for robot, place in self.places.items()}

    @cached_property
    def digest(self) -> bytes:
        """Return 32 bytes that are the same only for equal keys."""
        state = hashlib.blake2b(digest_size=32)
        parts = [_TAG, self.swarm.encode(), self.faults_max.to_bytes(4, 'big')]
        for robot in sorted(self.robots):
            parts += [robot.encode(), self.robots[robot]]
        parts += self.commitments
        for part in parts:
            state.update(len(part).to_bytes(4, 'big') + part)
        return state.digest()

    def _point(self, place: int) -> bytes:
        # Horner's scheme, on points.
        total = self.commitments[-1]
        for commitment in reversed(self.commitments[:-1]):
            total = curve.add(curve.times(total, place), commitment)
        return total


@dataclass(frozen=True)
class Keys:
    """
    What one robot of a swarm holds.

    :param robot: its name.
    :param public: of the whole swarm.
    :param signing_key: private key of this robot for its frames, 32 bytes.
    :param coin_share: of this robot of the secret of the coin, 1..curve.ORDER-1.
    :raises ValueError: secrets that do not belong to the public keys; says which, never what.
    """

    robot: str
    public: PublicKeys
    signing_key: bytes = field(repr=False)
    coin_share: int = field(repr=False)

    def __post_init__(self) -> None:
        own = self.public.robots.get(self.robot)
        if own is None:
            raise ValueError(f"there is no public key of robot '{self.robot}'")
        if len(self.signing_key) != PUBLIC_KEY_BYTES or Signer(self.signing_key).public_key != own:
            raise ValueError(f"the signing key is not that of robot '{self.robot}'")
        if not 0 < self.coin_share < curve.ORDER or (
            curve.base_times(self.coin_share) != self.public.share_points[self.robot]
        ):
            raise ValueError(f"the share of the coin is not that of robot '{self.robot}'")
