"""
What the parameters of a model look like: an ordered list of tensors, and one hash of it.

Between robots the parameters of a model are one vector of float32, the tensors one after another
in the order of the architecture, each in row-major order. Robots whose models have the same
architecture mean the same number by the same place of the vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import hashlib
import json
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swarm_consensus.protocols.parameters.blobs import cut
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.values import value

Vector = NDArray[np.float32]

# Types of tensors whose values are exchanged; those of float64 are rounded to float32 on the way.
DTYPES = ('float16', 'float32', 'float64')
TENSORS_MAX = 4096
NAME_CHARACTERS_MAX = 1024
RANK_MAX = 16
# Keeps the vector of one model at 64 MiB.
PARAMETERS_MAX = 1 << 24


@value
class Tensor:
    """
    One tensor of a model.

    :param shape: () for a single number.
    :param dtype: as the model holds it, of `DTYPES`.
    :raises ParametersError: a name, shape or dtype that cannot be exchanged.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = 'float32'

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= NAME_CHARACTERS_MAX:
            raise ParametersError(
                f'a tensor has a name of {len(self.name)} characters: 1 to {NAME_CHARACTERS_MAX} '
                'can be exchanged'
            )
        if self.dtype not in DTYPES:
            raise ParametersError(
                f'tensor {self.name!r} is {self.dtype}: one of {", ".join(DTYPES)} can be exchanged'
            )
        if len(self.shape) > RANK_MAX or not all(0 < side <= PARAMETERS_MAX for side in self.shape):
            raise ParametersError(
                f'tensor {self.name!r} has shape {list(self.shape)}: at most {RANK_MAX} axes, none '
                f'of them empty or longer than {PARAMETERS_MAX}'
            )

    @property
    def count(self) -> int:
        """Return how many numbers it holds."""
        return math.prod(self.shape)


class Architecture:
    """
    The tensors of a model, in order.

    :ivar hash: SHA-256 of names, types and shapes, hex; equal exactly where these are.
    :ivar count: numbers in all tensors together.
    :raises ParametersError: no tensor, too many, two of one name, or too many numbers.
    """

    __slots__ = ('count', 'hash', 'tensors')

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tuple(tensors)
        if not 0 < len(self.tensors) <= TENSORS_MAX:
            raise ParametersError(
                f'the model has {len(self.tensors)} tensors of floating point: 1 to {TENSORS_MAX} '
                'can be exchanged'
            )
        if len({tensor.name for tensor in self.tensors}) < len(self.tensors):
            raise ParametersError('the model has two tensors of one name')
        self.count = sum(tensor.count for tensor in self.tensors)
        if self.count > PARAMETERS_MAX:
            raise ParametersError(
                f'the model has {self.count} parameters: at most {PARAMETERS_MAX} can be exchanged'
            )
        # JSON in its only form without blanks: a list of lists has no two readings.
        rows = [[tensor.name, tensor.dtype, list(tensor.shape)] for tensor in self.tensors]
        text = json.dumps(rows, ensure_ascii=True, separators=(',', ':'))
        self.hash = hashlib.sha256(b'swarm_consensus/architecture/1' + text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self.tensors == other.tensors

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f'Architecture({len(self.tensors)} tensors, {self.count} parameters, {self.hash})'

    def flatten(self, arrays: Mapping[str, ArrayLike], base: Vector | None = None) -> Vector:
        """
        Put arrays into one vector.

        :param arrays: one for each tensor, of its shape.
        :param base: shape (count,), where tensors without an array are taken from; None: each
            tensor needs an array.
        :returns: shape (count,).
        :raises ParametersError: a missing or unknown name, another shape, a number that is not
            finite or not within float32.
        """
        unknown = sorted(set(arrays) - {tensor.name for tensor in self.tensors})
        if unknown:
            raise ParametersError(
                f'the model has no tensor {unknown[0]!r}; it has '
                f'{", ".join(repr(tensor.name) for tensor in self.tensors[:8])}'
            )
        vector: Vector = np.empty(self.count, np.float32)
        at = 0
        for tensor in self.tensors:
            place = slice(at, at + tensor.count)
            at += tensor.count
            if tensor.name in arrays:
                vector[place] = _values(tensor, arrays[tensor.name])
            elif base is not None:
                vector[place] = base[place]
            else:
                raise ParametersError(
                    f'no array for tensor {tensor.name!r} of shape {list(tensor.shape)}'
                )
        return vector

    def split(self, vector: Vector) -> dict[str, NDArray[Any]]:
        """
        Return the tensors of a vector by their names, each with its own shape and type.

        :raises ParametersError: the vector has another length.
        """
        self.check(vector)
        arrays: dict[str, NDArray[Any]] = {}
        at = 0
        for tensor in self.tensors:
            values = vector[at : at + tensor.count].reshape(tensor.shape)
            if tensor.dtype == 'float16':
                largest = np.finfo(np.float16).max
                values = np.clip(values, -largest, largest)
            arrays[tensor.name] = values.astype(tensor.dtype)
            at += tensor.count
        return arrays

    def check(self, vector: Vector) -> None:
        """
        Check that a vector may stand for parameters of this architecture.

        :raises ParametersError: another length, or a number that is not finite.
        """
        if vector.shape != (self.count,):
            raise ParametersError(
                f'{vector.size} numbers, and the architecture {self.hash[:12]} has {self.count}'
            )
        if not np.isfinite(vector).all():
            raise ParametersError('the parameters hold a number that is not finite')


def _values(tensor: Tensor, array: ArrayLike) -> Vector:
    values = np.asarray(array)
    if values.shape != tensor.shape:
        raise ParametersError(
            f'the array for tensor {tensor.name!r} has shape {list(values.shape)}, and the model '
            f'has {list(tensor.shape)}'
        )
    if values.dtype.kind not in 'fiu':
        raise ParametersError(f'the array for tensor {tensor.name!r} is of {values.dtype}')
    with np.errstate(over='ignore'):
        single = values.astype(np.float32).reshape(-1)
    if not np.isfinite(single).all():
        raise ParametersError(
            f'the array for tensor {tensor.name!r} holds a number that is not finite as float32'
        )
    return single


def to_bytes(vector: Vector) -> bytes:
    """Return the canonical form of a vector: float32, little endian, one after another."""
    return np.ascontiguousarray(vector, '<f4').tobytes()


def from_bytes(data: bytes) -> Vector:
    """
    Return the vector of a canonical form.

    :raises ParametersError: it is no whole number of float32.
    """
    if len(data) % 4:
        raise ParametersError(f'{len(data)} bytes are no vector of float32')
    return np.frombuffer(data, '<f4').astype(np.float32)


def digest(vector: Vector) -> str:
    """Return the name of parameters: the root of the blob of their canonical form, hex."""
    return cut(to_bytes(vector))[0].root.hex()
