"""
Who has contributed what: small manifests, of which every robot keeps the newest of each robot.

A contribution is known by its robot and version, and a robot counts its versions up. So the state
of all contributions is a map of registers in which the larger version stays; its join is
commutative, associative and idempotent, and robots that have heard the same manifests in any
order hold the same state. Were a robot to say two things under one version, the one with the
larger bytes stays, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
import math
import struct

from swarm_consensus.protocols.parameters.architecture import Architecture
from swarm_consensus.protocols.parameters.blobs import HASH_BYTES, Blob
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.quantise import Encoding
from swarm_consensus.protocols.values import value

ROBOTS_MAX = 256
ROBOT_BYTES_MAX = 256
WEIGHT_MAX = 1e9
VERSION_MAX = 2**63 - 1

# Length of the robot's name, then fields of fixed length behind it; big endian.
_HEAD = struct.Struct('>BH')
_BODY = struct.Struct('>Q32s32sdBI32s')
_FORM = 1


@value
class Manifest:
    """
    What a robot says of its contribution.

    :param version: counts this robot's contributions to the model, from 1.
    :param base: name of the parameters that the update starts from (`architecture.digest`).
    :param architecture: hash of the architecture, its 32 bytes.
    :param weight: of the update in a weighted mean, above 0; how many examples are behind it, for
        instance.
    :param encoding: of the update.
    :param update: the difference from the base, encoded.
    :raises ParametersError: a field out of its bounds.
    """

    robot: str
    version: int
    base: bytes
    architecture: bytes
    weight: float
    encoding: Encoding
    update: Blob

    def __post_init__(self) -> None:
        if not 0 < len(self.robot.encode()) <= ROBOT_BYTES_MAX:
            raise ParametersError('the robot of a contribution has no name, or too long a one')
        if not 0 < self.version <= VERSION_MAX:
            raise ParametersError(f'version {self.version} of a contribution of {self.robot}')
        if not (0.0 < self.weight <= WEIGHT_MAX and math.isfinite(self.weight)):
            raise ParametersError(
                f'weight {self.weight} of a contribution of {self.robot}: above 0 and at most '
                f'{WEIGHT_MAX:g} is wanted'
            )
        if len(self.base) != HASH_BYTES or len(self.architecture) != HASH_BYTES:
            raise ParametersError(f'a hash in a contribution of {self.robot} has no 32 bytes')

    def encoded(self) -> bytes:
        """Return the manifest as bytes; the only form that it has."""
        name = self.robot.encode()
        return (
            _HEAD.pack(_FORM, len(name))
            + name
            + _BODY.pack(
                self.version,
                self.base,
                self.architecture,
                self.weight,
                self.encoding.value,
                self.update.size,
                self.update.root,
            )
        )

    def objection(self, architecture: Architecture) -> str:
        """Return why the contribution does not fit an architecture; '' where it does."""
        if self.architecture.hex() != architecture.hash:
            return (
                f'it is for the architecture {self.architecture.hex()[:12]}, and this robot has '
                f'{architecture.hash[:12]}'
            )
        size = self.encoding.size(architecture.count)
        if self.update.size != size:
            return (
                f'its update has {self.update.size} bytes, and {architecture.count} numbers as '
                f'{self.encoding.name} are {size}'
            )
        return ''


def manifest_from(data: bytes) -> Manifest:
    """
    Return the manifest in bytes that a peer sent.

    :raises ParametersError: they are none.
    """
    if len(data) < _HEAD.size:
        raise ParametersError(f'{len(data)} bytes are no manifest')
    form, length = _HEAD.unpack_from(data)
    if form != _FORM or len(data) != _HEAD.size + length + _BODY.size:
        raise ParametersError(f'{len(data)} bytes of form {form} are no manifest')
    version, base, architecture, weight, encoding, size, root = _BODY.unpack_from(
        data, _HEAD.size + length
    )
    try:
        robot = data[_HEAD.size : _HEAD.size + length].decode()
        return Manifest(
            robot, version, base, architecture, weight, Encoding(encoding), Blob(size, root)
        )
    except ValueError as error:
        # A ParametersError is one, as are names that are no UTF-8 and unknown encodings.
        raise ParametersError(f'no manifest: {error}') from error


class Contributions:
    """The newest contribution of each robot to one model."""

    def __init__(self) -> None:
        self._newest: dict[str, Manifest] = {}

    def __len__(self) -> int:
        return len(self._newest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contributions) and self._newest == other._newest

    def __iter__(self) -> Iterator[Manifest]:
        """Return the manifests in the order of their robots."""
        return iter([self._newest[robot] for robot in sorted(self._newest)])

    def get(self, robot: str) -> Manifest | None:
        """Return the newest contribution of a robot."""
        return self._newest.get(robot)

    def join(self, manifest: Manifest) -> bool:
        """
        Take a manifest in; returns whether it changed anything.

        One of a robot beyond ROBOTS_MAX changes nothing.
        """
        before = self._newest.get(manifest.robot)
        if before is None:
            if len(self._newest) >= ROBOTS_MAX:
                return False
        elif (manifest.version, manifest.encoded()) <= (before.version, before.encoded()):
            return False
        self._newest[manifest.robot] = manifest
        return True
