"""
From a frame of sensor data to the numbers that a model takes, written into one buffer for good.

A preprocessor owns the model's input buffer; each frame overwrites it in place. A value becomes
(value * scale - mean) / std, done as one multiplication and one addition.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.inference.errors import FrameError, ModelError
from swarm_consensus.inference.gather import Gather, plan_gather
from swarm_consensus.inference.pixels import Geometry, Pixels
from swarm_consensus.inference.shapes import picture_size
from swarm_consensus.inference.spec import Resize, ScanFill, Spec

Floats = NDArray[np.float32]

# A topic whose pictures change size all the time must not grow the store of tables.
PLANS_MAX = 4

# Pixels of these item types are brought to 0..1 where no scale is declared.
LARGEST_PIXEL = {'u1': 255.0, 'u2': 65535.0}


class ImagePreprocessor:
    """
    Crops, resizes, reorders and normalises pictures into `buffer`.

    :param shape: shape of the model's input, all numbers.
    :param dtype: type of the model's input: float32, float16, float64 or uint8.
    :raises ModelError: the shape is not the declared layout, or uint8 is to be normalised.
    """

    def __init__(self, spec: Spec, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.spec = spec
        self.buffer: NDArray[Any] = np.zeros(shape, dtype)
        self._height, self._width = picture_size(spec, shape)
        self._plans: dict[Geometry, _Plan] = {}
        if dtype == np.uint8 and (spec.scale not in (0.0, 1.0) or any(spec.mean) or _off(spec.std)):
            raise ModelError(
                'the model takes uint8 pixels, which cannot be normalised: set scale to 1 and '
                'leave mean and std empty'
            )

    def write(self, pixels: Pixels) -> None:
        """
        Fill `buffer` from a picture.

        :raises FrameError: the picture cannot become what the model takes.
        """
        plan = self._plans.get(pixels.geometry)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._make_plan(pixels.geometry)
            self._plans[pixels.geometry] = plan
        # A float picture may hold anything, and infinity times 0 is no news.
        with np.errstate(invalid='ignore', over='ignore'):
            plan.write(pixels.items)

    def _make_plan(self, geometry: Geometry) -> _Plan:
        gather = plan_gather(self.spec, geometry, self._height, self._width)
        dtype = np.dtype(geometry.dtype)
        scale = self.spec.scale or self._automatic_scale(dtype)
        factor, offset = affine(self.spec.mean, self.spec.std, scale)
        if factor.size > 1:
            if len(gather.shape) == 3:
                factor, offset = factor[:, None, None], offset[:, None, None]
            else:
                factor, offset = np.tile(factor, self._width), np.tile(offset, self._width)
        return _Plan(gather, dtype, factor, offset, self.spec.nan_value, self.buffer)

    def _automatic_scale(self, dtype: np.dtype[Any]) -> float:
        largest = LARGEST_PIXEL.get(dtype.str[1:], 1.0)
        if self.buffer.dtype != np.uint8:
            return 1.0 / largest
        # 8-bit pixels go into a uint8 model as they are, 16-bit ones with their upper half.
        return 255.0 / largest if dtype.kind == 'u' else 1.0


class _Plan:
    """Table and scratch space for pictures of one geometry."""

    def __init__(
        self,
        gather: Gather,
        dtype: np.dtype[Any],
        factor: Floats,
        offset: Floats,
        nan_value: float,
        buffer: NDArray[Any],
    ) -> None:
        self._sampler = gather.sampler
        self._luma = gather.luma
        self._factor = factor
        self._offset = offset
        self._nan_value = nan_value
        self._is_float = dtype.kind == 'f'
        self._shifted = bool(offset.any())
        self._target = buffer.reshape(gather.shape[1:] if gather.luma else gather.shape)
        # The numbers are worked out in the model's own buffer if it is float32.
        self._result = (
            self._target if buffer.dtype == np.float32 else np.empty(self._target.shape, np.float32)
        )
        if gather.luma:
            self._scratch = np.empty(self._target.shape, np.float32)

    def write(self, items: NDArray[Any]) -> None:
        planes, result = self._sampler.planes(items), self._result
        if self._luma:
            self._mix(planes)
            planes = result
        if self._is_float:
            value = self._nan_value
            np.copyto(result, planes)
            np.nan_to_num(result, copy=False, nan=value, posinf=value, neginf=value)
            planes = result
        # The pixels go through the factor on their way into the model. The type is said, as
        # numpy before 2 would take half precision for bytes.
        np.multiply(planes, self._factor, out=result, dtype=np.float32)
        if self._shifted:
            np.add(result, self._offset, out=result)
        if result is not self._target:
            if self._target.dtype == np.uint8:
                np.rint(result, out=result)
                np.clip(result, 0, 255, out=result)
            np.copyto(self._target, result, casting='unsafe')

    def _mix(self, planes: NDArray[Any]) -> None:
        # By hand and not by a matrix product: BLAS would wake its threads for so little.
        result, scratch = self._result, self._scratch
        for number, (plane, weight) in enumerate(zip(planes, self._luma, strict=True)):
            share = scratch if number else result
            np.multiply(plane, np.float32(weight), out=share, dtype=np.float32)
            if number:
                np.add(result, share, out=result)


class ScanPreprocessor:
    """
    Clips, fills, resamples and normalises the ranges of a laser scan into `buffer`.

    Infinity means by REP-117 that nothing was met (range_max), minus infinity that something was
    too close (range_min), nan that nothing is known (`scan_nan` of the spec).
    """

    def __init__(self, spec: Spec, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.spec = spec
        self.buffer: NDArray[Any] = np.zeros(shape, dtype)
        self._count = math.prod(shape)
        self._resampling: dict[int, tuple[NDArray[np.intp], Floats]] = {}
        self._factor, self._offset = affine(spec.mean, spec.std, spec.scale or 1.0)

    def write(self, ranges: NDArray[np.float32], range_min: float, range_max: float) -> None:
        """
        Fill `buffer` from a scan.

        :param ranges: shape (any,), m.
        :param range_min: shortest range that the sensor measures, m.
        :param range_max: longest range that the sensor measures, m; the spec may say another.
        :raises FrameError: no ranges, or no usable limits.
        """
        range_max = self.spec.scan_range_max or range_max
        if not (math.isfinite(range_min) and math.isfinite(range_max) and range_min < range_max):
            raise FrameError(
                f'range_min {range_min:g} and range_max {range_max:g} are no limits to clip to: '
                'set scan_range_max, or have the driver publish them'
            )
        if ranges.size == 0:
            raise FrameError('a scan without ranges')
        fill = {
            ScanFill.RANGE_MAX: range_max,
            ScanFill.RANGE_MIN: range_min,
            ScanFill.ZERO: 0.0,
        }[self.spec.scan_nan]
        clean = np.clip(ranges, range_min, range_max)
        clean[np.isnan(ranges)] = fill
        values = clean if clean.size == self._count else self._resample(clean)
        result = values * self._factor + self._offset
        np.copyto(self.buffer.reshape(-1), result, casting='unsafe')

    def _resample(self, ranges: Floats) -> Floats:
        """Bring a scan to the model's number of ranges, first on first and last on last."""
        if ranges.size not in self._resampling:
            places = np.linspace(0, ranges.size - 1, self._count)
            if self.spec.resize is Resize.NEAREST:
                places = np.rint(places)
            first = np.minimum(places.astype(np.intp), max(ranges.size - 2, 0))
            self._resampling = {ranges.size: (first, (places - first).astype(np.float32))}
        first, weight = self._resampling[ranges.size]
        following = np.minimum(first + 1, ranges.size - 1)
        return np.asarray(ranges[first] * (1 - weight) + ranges[following] * weight, np.float32)


class TensorPreprocessor:
    """Normalises a plain array of numbers into `buffer`; its length must be the model's."""

    def __init__(self, spec: Spec, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.buffer: NDArray[Any] = np.zeros(shape, dtype)
        self._factor, self._offset = affine(spec.mean, spec.std, spec.scale or 1.0)

    def write(self, values: NDArray[np.float32]) -> None:
        """
        Fill `buffer` from numbers in row-major order.

        :raises FrameError: another number of values than the model takes.
        """
        if values.size != self.buffer.size:
            raise FrameError(
                f'{values.size} values where the model takes {self.buffer.size} '
                f'(shape {list(self.buffer.shape)})'
            )
        result = values * self._factor + self._offset
        np.copyto(self.buffer.reshape(-1), result, casting='unsafe')


def affine(mean: Sequence[float], std: Sequence[float], scale: float) -> tuple[Floats, Floats]:
    """
    Turn (value * scale - mean) / std into value * factor + offset.

    :return: factor and offset, shape (1,) or (channels,).
    """
    means = np.asarray(mean or [0.0], np.float64)
    stds = np.asarray(std or [1.0], np.float64)
    means, stds = np.broadcast_arrays(means, stds)
    return (scale / stds).astype(np.float32), (-means / stds).astype(np.float32)


def _off(std: Sequence[float]) -> bool:
    return any(value != 1.0 for value in std)
