"""
A picture as it lies in memory, described and not copied.

`Pixels` says where in a flat buffer each channel of each pixel is, so that whoever resizes can
gather exactly the numbers that are needed. Dimensions come from a message and are checked here
before anything is read.
"""

from __future__ import annotations

from array import array
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.inference.errors import FrameError
from swarm_consensus.inference.spec import Color
from swarm_consensus.protocols.values import value

Buffer = Union[bytes, bytearray, memoryview, 'array[int]']

# encoding -> (item type, items a pixel, colour order of the first items; None: unknown).
# Names are those of sensor_msgs/image_encodings.hpp.
ENCODINGS: dict[str, tuple[str, int, Color | None]] = {
    'mono8': ('u1', 1, Color.GRAY),
    '8UC1': ('u1', 1, Color.GRAY),
    'rgb8': ('u1', 3, Color.RGB),
    'bgr8': ('u1', 3, Color.BGR),
    'rgba8': ('u1', 4, Color.RGB),
    'bgra8': ('u1', 4, Color.BGR),
    '8UC3': ('u1', 3, None),
    'mono16': ('u2', 1, Color.GRAY),
    '16UC1': ('u2', 1, Color.GRAY),
    '32FC1': ('f4', 1, Color.GRAY),
}


@value
class Geometry:
    """
    Where the channels of a picture lie; equal geometry means that a plan can be used again.

    :param row: items from one row to the next, padding included.
    :param pixel: items from one pixel to the next.
    :param color: colour order of the first items of a pixel; None: whatever the model wants.
    :param dtype: numpy name of an item, with byte order.
    """

    height: int
    width: int
    row: int
    pixel: int
    color: Color | None
    dtype: str


@value
class Pixels:
    """
    A picture in memory.

    :param items: shape (n,), every item that the geometry reaches is in it.
    """

    geometry: Geometry
    items: NDArray[Any]


def view_pixels(
    data: Buffer,
    *,
    encoding: str,
    height: int,
    width: int,
    step: int,
    is_bigendian: bool,
    pixels_max: int,
) -> Pixels:
    """
    Describe the data of a sensor_msgs/Image without a copy.

    :param data: bytes of the picture; must live as long as the result.
    :param step: bytes from one row to the next.
    :raises FrameError: unknown encoding, no pixels, too many, or too few bytes.
    """
    known = ENCODINGS.get(encoding)
    if known is None:
        raise FrameError(
            f'encoding {encoding!r} is none of {", ".join(ENCODINGS)}; convert the picture before'
        )
    kind, pixel, color = known
    itemsize = int(kind[1])
    if height < 1 or width < 1:
        raise FrameError(f'a picture of {width} x {height} pixels')
    if height * width > pixels_max:
        raise FrameError(
            f'a picture of {width} x {height} pixels is more than image_pixels_max {pixels_max}'
        )
    row_bytes = width * pixel * itemsize
    if step < row_bytes:
        raise FrameError(f'step is {step}, but a row of {width} {encoding} pixels is {row_bytes}')
    flat = np.frombuffer(data, np.uint8)
    needed = step * (height - 1) + row_bytes  # the padding of the last row may be left away
    if flat.size < needed:
        raise FrameError(f'{flat.size} bytes of data where {needed} are needed')
    if step % itemsize:
        # Rows that start off the item's grid cannot be indexed in items: pack them.
        rows = np.ndarray((height, row_bytes), np.uint8, flat, strides=(step, 1))
        flat, step = np.ascontiguousarray(rows).reshape(-1), row_bytes
        needed = row_bytes * height
    order = '>' if is_bigendian else '<'
    dtype = np.dtype(kind if itemsize == 1 else order + kind)
    items = flat[:needed].view(dtype)
    geometry = Geometry(height, width, step // itemsize, pixel, color, dtype.str)
    return Pixels(geometry, items)


def pixels_of(array: NDArray[Any], color: Color) -> Pixels:
    """
    Describe an array that somebody decoded.

    :param array: shape (height, width) or (height, width, channels), uint8 or uint16.
    """
    array = np.ascontiguousarray(array)
    height, width = array.shape[:2]
    pixel = 1 if array.ndim == 2 else array.shape[2]
    geometry = Geometry(height, width, width * pixel, pixel, color, array.dtype.str)
    return Pixels(geometry, array.reshape(-1))
