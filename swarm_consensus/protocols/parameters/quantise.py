"""
Updates of parameters in fewer bytes, and what is lost by it kept for the next one.

With error feedback the error of one update goes into the next, so that the sum of what the others
get stays within one step of the sum of what was meant (Seide et al., Interspeech 2014, section 3;
Karimireddy et al., ICML 2019, algorithm 2). It is the update that is rounded, the difference from
the parameters in force, and not the parameters: its numbers are small and so is the step.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.parameters.architecture import Vector
from swarm_consensus.protocols.parameters.errors import ParametersError

# Numbers that share a scale in INT8: one outlier makes the step of its block coarse, not of all.
BLOCK = 256
LEVELS = 127
INT8_MAX = np.float32(3e38)


class Encoding(Enum):
    """How an update goes over the radio; little endian. The numbers stand in manifests."""

    FLOAT32 = 1
    FLOAT16 = 2
    INT8 = 3  # a float32 scale for each BLOCK numbers, all scales first, then a byte a number

    def size(self, count: int) -> int:
        """Return the bytes of `count` numbers."""
        if self is Encoding.INT8:
            return 4 * -(-count // BLOCK) + count
        return count * (4 if self is Encoding.FLOAT32 else 2)


def encode(update: Vector, encoding: Encoding) -> bytes:
    """
    Return an update in an encoding; what does not fit is cut to its bounds.

    :param update: shape (count,), finite.
    """
    if encoding is Encoding.FLOAT32:
        return update.astype('<f4').tobytes()
    if encoding is Encoding.FLOAT16:
        largest = np.finfo(np.float16).max
        halves: NDArray[np.float16] = np.clip(update, -largest, largest).astype('<f2')
        return halves.tobytes()
    # Below the largest float32, so that a scale that was rounded up times LEVELS still is one.
    blocks = _blocks(np.clip(update, -INT8_MAX, INT8_MAX))
    scales: Vector = (np.abs(blocks).max(axis=1) / np.float32(LEVELS)).astype('<f4')
    # Where the numbers are so small that a step has no float32, nothing of them is sent.
    steps = np.where(scales > 0, scales, np.float32(1))[:, None]
    levels: NDArray[np.int8] = np.clip(np.rint(blocks / steps), -LEVELS, LEVELS).astype(np.int8)
    levels[scales == 0] = 0
    return scales.tobytes() + levels.reshape(-1)[: update.size].tobytes()


def decode(data: bytes, encoding: Encoding, count: int) -> Vector:
    """
    Return the update that was encoded, the same in every bit on every robot.

    :returns: shape (count,), finite.
    :raises ParametersError: the bytes are not what the encoding says.
    """
    if len(data) != encoding.size(count):
        raise ParametersError(
            f'{len(data)} bytes, and {count} numbers as {encoding.name} are {encoding.size(count)}'
        )
    vector: Vector
    if encoding is Encoding.FLOAT32:
        vector = np.frombuffer(data, '<f4').astype(np.float32)
    elif encoding is Encoding.FLOAT16:
        vector = np.frombuffer(data, '<f2').astype(np.float32)
    else:
        scales = np.frombuffer(data, '<f4', -(-count // BLOCK)).astype(np.float32)
        levels = np.frombuffer(data, np.int8, offset=scales.nbytes).astype(np.float32)
        with np.errstate(over='ignore', invalid='ignore'):
            vector = (_blocks(levels) * scales[:, None]).reshape(-1)[:count]
    if not np.isfinite(vector).all():
        raise ParametersError('the update holds a number that is not finite')
    return vector


def _blocks(vector: Vector) -> Vector:
    """Return a vector as rows of BLOCK numbers, the last filled up with zeros."""
    rows = -(-vector.size // BLOCK)
    padded = np.zeros(rows * BLOCK, np.float32)
    padded[: vector.size] = vector
    return padded.reshape(rows, BLOCK)


class ErrorFeedback:
    """
    What of this robot's updates has not reached the others yet.

    The error of an update counts only once that update is part of the parameters in force. One
    that a newer one took the place of, or that no merge took, has reached nobody, and neither has
    its error.

    :param count: numbers in an update.
    """

    def __init__(self, count: int) -> None:
        self._residual: NDArray[np.float32] = np.zeros(count, np.float32)
        self._open: tuple[int, Vector] | None = None

    @property
    def residual(self) -> Vector:
        """Return the error that goes into the next update, shape (count,)."""
        return self._residual

    def compress(self, version: int, update: Vector, encoding: Encoding) -> bytes:
        """
        Encode an update, with what is left of those before.

        :param version: of the contribution that it becomes.
        :param update: shape (count,).
        """
        wanted = (update + self._residual).astype(np.float32)
        data = encode(wanted, encoding)
        self._open = version, wanted - decode(data, encoding, wanted.size)
        return data

    def applied(self, version: int) -> None:
        """Take note that the update of a version is part of the parameters in force."""
        if self._open is not None and self._open[0] == version:
            self._residual = self._open[1]
            self._open = None
