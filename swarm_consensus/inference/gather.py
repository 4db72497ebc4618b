"""
Which pixels of a picture in memory go where in the model's input: worked out once a geometry.

Crop, resize, colour order and layout together decide for one sampler, so that a picture is read
once and nothing is moved that is not needed.
"""

from __future__ import annotations

import numpy as np

from swarm_consensus.inference.errors import FrameError
from swarm_consensus.inference.pixels import Geometry
from swarm_consensus.inference.samplers import (
    Floats,
    FourTaps,
    Indices,
    Nearest,
    Sampler,
    Window,
)
from swarm_consensus.inference.spec import Color, Fit, Layout, Resize, Spec
from swarm_consensus.protocols.values import value

# Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601, 2.5.1).
LUMA = {Color.RGB: (0.299, 0.587, 0.114), Color.BGR: (0.114, 0.587, 0.299)}


@value
class Gather:
    """
    How pictures of one geometry are read.

    :param shape: of the planes that the sampler gives.
    :param luma: weights by which three colour planes become one; () where nothing is mixed.
    """

    sampler: Sampler
    shape: tuple[int, ...]
    luma: tuple[float, ...]


def plan_gather(spec: Spec, geometry: Geometry, height: int, width: int) -> Gather:
    """
    Choose the sampler for pictures of one geometry.

    :param height: rows that the model wants.
    :param width: columns that the model wants.
    :raises FrameError: gray is wanted of a picture whose colour order nobody knows.
    """
    channels, luma = _channels(spec.color, geometry)
    channels_last = spec.layout is not Layout.NCHW and not luma
    shape = (height, width * len(channels)) if channels_last else (len(channels), height, width)
    sampler = _choose(spec, geometry, channels, height, width, shape)
    return Gather(sampler, shape, luma)


def _choose(
    spec: Spec,
    geometry: Geometry,
    channels: tuple[int, ...],
    height: int,
    width: int,
    shape: tuple[int, ...],
) -> Sampler:
    top, left, rows, columns = crop_window(spec, geometry.height, geometry.width, height, width)
    dtype = np.dtype(geometry.dtype)
    if (rows, columns) == (height, width):
        first = top * geometry.row + left * geometry.pixel
        view = _view(shape, channels, first, geometry.row, geometry.pixel)
        if view is not None:
            return view
    if spec.resize is Resize.NEAREST or (rows, columns) == (height, width):
        y, x = _nearest(height, rows) + top, _nearest(width, columns) + left
        return Nearest(_table(geometry, channels, y, x, shape), dtype)
    y, weight_y = _bilinear(height, rows)
    x, weight_x = _bilinear(width, columns)
    if len(shape) == 2:
        weight_x = np.repeat(weight_x, len(channels))
    taps = _corners(weight_y[:, None], weight_x, geometry)
    return FourTaps(_table(geometry, channels, y + top, x + left, shape), taps, dtype)


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


def _nearest(wanted: int, size: int) -> Indices:
    centres = (np.arange(wanted) + 0.5) * size / wanted
    return np.minimum(centres.astype(np.intp), size - 1)


def _bilinear(wanted: int, size: int) -> tuple[Indices, Floats]:
    centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    # The last tap may weigh 1 on its neighbour, so that every tap has a neighbour to its right.
    first = np.minimum(centres.astype(np.intp), max(size - 2, 0))
    return first, (centres - first).astype(np.float32)


def _table(
    geometry: Geometry, channels: tuple[int, ...], y: Indices, x: Indices, shape: tuple[int, ...]
) -> Indices:
    """Item index for each place of the planes."""
    base = y[:, None] * geometry.row + x * geometry.pixel
    offsets = np.asarray(channels, np.intp)
    if len(shape) == 2:
        return (base[:, :, None] + offsets).reshape(shape)
    return base + offsets[:, None, None]


def _view(
    shape: tuple[int, ...], channels: tuple[int, ...], first: int, row: int, pixel: int
) -> Window | None:
    """Planes as a view of pixels that lie evenly; None where there is no such view."""
    between = channels[1] - channels[0] if len(channels) > 1 else 1
    if len(shape) == 3:
        return Window(shape, first + channels[0], (between, row, pixel))
    if pixel == len(channels) and between == 1:
        return Window(shape, first, (row, 1))
    return None


def _corners(
    weight_y: Floats, weight_x: Floats, geometry: Geometry
) -> tuple[tuple[int, Floats], ...]:
    """Return the four pixels around each place, without those that weigh nothing anywhere."""
    found = []
    for shift_y, share_y in ((0, 1 - weight_y), (geometry.row, weight_y)):
        for shift_x, share_x in ((0, 1 - weight_x), (geometry.pixel, weight_x)):
            weight = share_y * share_x
            # Where a side is one pixel long or not resized, its neighbour weighs nothing (and
            # may not even be there).
            if weight.any():
                found.append((shift_y + shift_x, weight))
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
