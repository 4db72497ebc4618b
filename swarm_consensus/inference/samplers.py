"""
Ways to read the pixels that a model wants out of a picture in memory, each good at one case.

All give the same numbers: planes of shape (channels, height, width), or (height, width * channels)
where the model wants the channels last; long inner axes are what numpy is quick on. What they give
is theirs, valid until the next picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.values import value

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


class Sampler(Protocol):
    """Reads pictures of one geometry."""

    def planes(self, items: NDArray[Any]) -> NDArray[Any]:
        """
        Read a picture.

        :param items: flat, as long as the geometry says.
        :return: in the type of the items, or float32 where pixels were mixed.
        """


@value
class Window:
    """
    A part of the picture as it is, seen through a view: nothing is moved.

    :param first: item that the view begins with.
    :param strides: items from one element to the next along each axis.
    """

    shape: tuple[int, ...]
    first: int
    strides: tuple[int, ...]

    def planes(self, items: NDArray[Any]) -> NDArray[Any]:
        """See Sampler."""
        return np.ndarray(
            self.shape,
            items.dtype,
            buffer=items,
            offset=self.first * items.itemsize,
            strides=[stride * items.itemsize for stride in self.strides],
        )


class Nearest:
    """
    One pixel for each place, by a table that does crop, resize, colour order and layout at once.

    :param index: item index for each place, in the shape of the planes; all in range.
    """

    def __init__(self, index: Indices, dtype: np.dtype[Any]) -> None:
        self._index = index
        self._taken = np.empty(index.shape, dtype)

    def planes(self, items: NDArray[Any]) -> NDArray[Any]:
        """See Sampler."""
        # Every index is in range by construction; 'clip' keeps numpy from buffering the output.
        np.take(items, self._index, out=self._taken, mode='clip')
        return self._taken


class FourTaps:
    """
    Four pixels mixed into each place, read with one table: the pixel to the right lies a fixed
    number of items further on, and so does the row below, so the table is used on shifted views.
    Its cost does not depend on the size of the picture. (Mixing whole rows first was measured to
    be no quicker once the caches are full of a model.)

    :param index: as for Nearest, of the pixel on the upper left.
    :param taps: how many items each pixel lies further on, and its weight (broadcasts to the
        index); at least one.
    """

    def __init__(
        self, index: Indices, taps: Sequence[tuple[int, Floats]], dtype: np.dtype[Any]
    ) -> None:
        self._index = index
        self._taps = tuple(taps)
        self._taken = np.empty(index.shape, dtype)
        self._share = np.empty(index.shape, np.float32)
        self._total = np.empty(index.shape, np.float32)

    def planes(self, items: NDArray[Any]) -> NDArray[Any]:
        """See Sampler."""
        for number, (shift, weight) in enumerate(self._taps):
            share = self._share if number else self._total
            np.take(items[shift:], self._index, out=self._taken, mode='clip')
            np.copyto(share, self._taken)
            np.multiply(share, weight, out=share)
            if number:
                np.add(self._total, share, out=self._total)
        return self._total
