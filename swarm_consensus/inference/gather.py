"""
Which numbers of a picture in memory go where in the model's input: worked out once a geometry.

Crop, resize, colour order and layout together are one table of indices into the picture's flat
buffer. Nearest takes one number for each place. Bilinear takes four, from the same table: the
pixel to the right lies a fixed number of items further on, and so does the row below, so the
table is used on shifted views of the buffer. Nothing is moved that is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.inference.errors import FrameError
from swarm_consensus.inference.pixels import Geometry
from swarm_consensus.inference.spec import Color, Fit, Layout, Resize, Spec

# Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601, 2.5.1).
LUMA = {Color.RGB: (0.299, 0.587, 0.114), Color.BGR: (0.114, 0.587, 0.299)}


@dataclass(frozen=True, slots=True)
class Tap:
    """
    One of the numbers that are mixed into each place.

    :param shift: items by which it lies further on than the index says.
    :param weight: its share, broadcasts to the index.
    """

    shift: int
    weight: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Gather:
    """
    Where each number of the model's input comes from.

    :param index: item index of the first tap, shape (channels, height, width), or
        (height, width * channels) where the model wants the channels last: long inner axes are
        what numpy is quick on.
    :param taps: what is mixed into each place; () where the index alone is all.
    :param luma: weights by which three colour planes become one; () where nothing is mixed.
    :param window: where nothing is resized and the items lie evenly: the first item and the
        strides in items, by which a view takes the place of the table.
    """

    index: NDArray[np.intp]
    taps: tuple[Tap, ...]
    luma: tuple[float, ...]
    window: tuple[int, tuple[int, ...]] | None


def plan_gather(spec: Spec, geometry: Geometry, height: int, width: int) -> Gather:
    """
    Work out the table for pictures of one geometry.

    :param height: rows that the model wants.
    :param width: columns that the model wants.
    :raises FrameError: gray is wanted of a picture whose colour order nobody knows.
    """
    top, left, rows, columns = crop_window(spec, geometry.height, geometry.width, height, width)
    channels, luma = _channels(spec.color, geometry)
    channels_last = spec.layout is not Layout.NCHW and not luma
    if spec.resize is Resize.NEAREST or (rows, columns) == (height, width):
        y, x = _nearest(height, rows), _nearest(width, columns)
        taps: tuple[Tap, ...] = ()
    else:
        y, weight_y = _bilinear(height, rows)
        x, weight_x = _bilinear(width, columns)
        if channels_last:
            weight_x = np.repeat(weight_x, len(channels))
        taps = _corners(weight_y[:, None], weight_x, geometry)
    base = (y[:, None] + top) * geometry.row + (x + left) * geometry.pixel
    offsets = np.asarray(channels, np.intp)
    if channels_last:
        index = (base[:, :, None] + offsets).reshape(height, -1)
    else:
        index = base + offsets[:, None, None]
    window: tuple[int, tuple[int, ...]] | None = None
    if (rows, columns) == (height, width):
        first = top * geometry.row + left * geometry.pixel + channels[0]
        between = channels[1] - channels[0] if len(channels) > 1 else 1
        if not channels_last:
            window = (first, (between, geometry.row, geometry.pixel))
        elif geometry.pixel == len(channels) and between == 1:
            window = (first, (geometry.row, 1))
    return Gather(index, taps, luma, window)


def crop_window(
    spec: Spec, rows: int, columns: int, height: int, width: int
) -> tuple[int, int, int, int]:
    """
    Find the part of a picture that the model is to see, in whole pixels, at least one.

    :return: top, left, rows, columns.
    """
    top, left, bottom, right = 0, 0, rows, columns
    if spec.crop:
        left, right = _span(columns, spec.crop[0], spec.crop[2])
        top, bottom = _span(rows, spec.crop[1], spec.crop[3])
    rows, columns = bottom - top, right - left
    if spec.fit is Fit.CROP:
        fitting_rows = max(1, min(rows, round(columns * height / width)))
        fitting_columns = max(1, min(columns, round(rows * width / height)))
        top += (rows - fitting_rows) // 2
        left += (columns - fitting_columns) // 2
        rows, columns = fitting_rows, fitting_columns
    return top, left, rows, columns


def _span(size: int, low: float, high: float) -> tuple[int, int]:
    first = min(round(size * low), size - 1)
    return first, max(first + 1, round(size * high))


def _nearest(wanted: int, size: int) -> NDArray[np.intp]:
    centres = (np.arange(wanted) + 0.5) * size / wanted
    return np.minimum(centres.astype(np.intp), size - 1)


def _bilinear(wanted: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    # The last tap may weigh 1 on its neighbour, so that every tap has a neighbour to its right.
    first = np.minimum(centres.astype(np.intp), max(size - 2, 0))
    return first, (centres - first).astype(np.float32)


def _corners(
    weight_y: NDArray[np.float32], weight_x: NDArray[np.float32], geometry: Geometry
) -> tuple[Tap, ...]:
    """Return the four pixels around each place, without those that weigh nothing anywhere."""
    found = []
    for shift_y, share_y in ((0, 1 - weight_y), (geometry.row, weight_y)):
        for shift_x, share_x in ((0, 1 - weight_x), (geometry.pixel, weight_x)):
            weight = share_y * share_x
            # Where a side is one pixel long or not resized, its neighbour weighs nothing (and
            # may not even be there).
            if weight.any():
                found.append(Tap(shift_y + shift_x, weight))
    return tuple(found)


def _channels(wanted: Color, geometry: Geometry) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Offsets of the channels within a pixel, and the weights if they are to be mixed."""
    given = geometry.color
    if given is Color.GRAY:
        return (0,) * wanted.channels, ()
    if wanted is Color.GRAY:
        if given is None:
            raise FrameError(
                'encoding 8UC3 does not say which channel is which colour, and color gray needs '
                'to know: publish rgb8 or bgr8'
            )
        return (0, 1, 2), LUMA[given]
    if given is None or given is wanted:
        return (0, 1, 2), ()
    return (2, 1, 0), ()


def windowed(gather: Gather, items: NDArray[Any]) -> NDArray[Any]:
    """Return the view of the buffer that is the picture, in the shape of `index`."""
    assert gather.window is not None
    first, strides = gather.window
    return np.ndarray(
        gather.index.shape,
        items.dtype,
        buffer=items,
        offset=first * items.itemsize,
        strides=[stride * items.itemsize for stride in strides],
    )
