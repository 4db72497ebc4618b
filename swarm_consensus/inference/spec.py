"""
What a user declares about a model and its input: one frozen value, checked as a whole.

The names of the fields are those of inference_node's parameters, so that every error can say
which parameter to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
import math
from typing import Any

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.protocols.values import value


class InputKind(Enum):
    """Which message the sensor sends."""

    IMAGE = 'image'
    COMPRESSED_IMAGE = 'compressed_image'
    LASER_SCAN = 'laser_scan'
    TENSOR = 'tensor'

    @property
    def is_picture(self) -> bool:
        """Whether the data is a picture."""
        return self in (InputKind.IMAGE, InputKind.COMPRESSED_IMAGE)


class Layout(Enum):
    """Order of the axes that a model wants a picture in."""

    NCHW = 'nchw'
    NHWC = 'nhwc'
    FLAT = 'flat'  # all pixels in one axis: row by row, the colours of a pixel side by side


class Color(Enum):
    """Colour channels that a model wants, in order."""

    RGB = 'rgb'
    BGR = 'bgr'
    GRAY = 'gray'

    @property
    def channels(self) -> int:
        """Return the number of channels."""
        return 1 if self is Color.GRAY else 3


class Resize(Enum):
    """How a pixel between pixels is found; both with half-pixel centres, without antialiasing."""

    NEAREST = 'nearest'
    BILINEAR = 'bilinear'


class Fit(Enum):
    """What becomes of a picture whose sides do not have the model's proportion."""

    STRETCH = 'stretch'
    CROP = 'crop'  # the largest centred part with the right proportion


class ScanFill(Enum):
    """What stands in for a range that is not a number."""

    RANGE_MAX = 'range_max'
    RANGE_MIN = 'range_min'
    ZERO = 'zero'


class OutputKind(Enum):
    """What the numbers that a model answers with are."""

    LOGITS = 'logits'
    PROBABILITIES = 'probabilities'
    LOG_PROBABILITIES = 'log_probabilities'


@value
class Spec:
    """
    All that is declared about one model.

    :param input: message that the sensor sends.
    :param model: path of the ONNX file.
    :param model_hash: SHA-256 that the file must have, hex; empty: any.
    :param labels: what the model's outputs stand for, in order.
    :param output: name of the output tensor; empty where the model has one only.
    :param prior: how often each label was seen in training; empty: all alike. Sums to 1 or is
        normalised to.
    :param input_width: of the picture, px; 0: as the model says. Needed where it does not.
    :param input_height: see `input_width`.
    :param input_length: of scan or tensor; 0: as the model says.
    :param crop: part of the picture that is looked at, as fractions of its size: left, top,
        right, bottom; empty: all.
    :param scale: factor before mean and std; 0: 1/255 for 8-bit and 1/65535 for 16-bit pixels,
        1 for everything else and for models that take uint8.
    :param mean: subtracted after scaling, one for all or one a channel; empty: 0.
    :param std: divided by after that, one for all or one a channel; empty: 1.
    :param nan_value: stands in for pixels of a float picture that are not finite.
    :param scan_nan: stands in for ranges that are not a number.
    :param scan_range_max: ranges are clipped to it, m; 0: to the range_max of the message.
    :param image_pixels_max: larger pictures are refused before they are decoded.
    """

    input: InputKind
    model: str
    labels: tuple[str, ...]
    model_hash: str = ''
    output: str = ''
    output_kind: OutputKind = OutputKind.LOGITS
    prior: tuple[float, ...] = ()
    layout: Layout = Layout.NCHW
    color: Color = Color.RGB
    input_width: int = 0
    input_height: int = 0
    input_length: int = 0
    resize: Resize = Resize.BILINEAR
    fit: Fit = Fit.STRETCH
    crop: tuple[float, ...] = ()
    scale: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    nan_value: float = 0.0
    scan_nan: ScanFill = ScanFill.RANGE_MAX
    scan_range_max: float = 0.0
    image_pixels_max: int = 16_777_216
    providers: tuple[str, ...] = ('CPUExecutionProvider',)
    threads_intra: int = 1
    threads_inter: int = 1
    spin: bool = False
    warm_up_runs: int = 3

    def __post_init__(self) -> None:
        _check_labels(self.labels)
        if self.model_hash and not _is_sha256(self.model_hash):
            raise ModelError(
                f'model_hash is {self.model_hash!r}: give the 64 hexadecimal digits that '
                f'`sha256sum {self.model}` prints, or leave it empty'
            )
        if self.prior:
            if len(self.prior) != len(self.labels):
                raise ModelError(
                    f'prior has {len(self.prior)} values for {len(self.labels)} labels: give one '
                    'for each label, in the same order, or leave it empty'
                )
            if not all(math.isfinite(p) and p > 0 for p in self.prior):
                raise ModelError('prior has a value that is not above 0: the log of it is needed')
        if self.input.is_picture:
            self._check_picture()
        else:
            for name in ('mean', 'std'):
                if len(getattr(self, name)) > 1:
                    raise ModelError(
                        f'{name} has {len(getattr(self, name))} values: give one, because '
                        f'{self.input.value} has no channels'
                    )
        if not all(math.isfinite(s) and s > 0 for s in self.std):
            raise ModelError('std has a value that is not above 0: it is divided by')
        if not self.providers:
            raise ModelError("providers is empty: give at least 'CPUExecutionProvider'")

    def _check_picture(self) -> None:
        channels = self.color.channels
        for name in ('mean', 'std'):
            count = len(getattr(self, name))
            if count not in (0, 1, channels):
                raise ModelError(
                    f'{name} has {count} values, but color {self.color.value!r} has {channels}: '
                    'give one for all channels or one for each'
                )
        if self.crop:
            if len(self.crop) != 4:
                raise ModelError(
                    f'crop has {len(self.crop)} values: give left, top, right, bottom as '
                    'fractions of the picture, or leave it empty'
                )
            left, top, right, bottom = self.crop
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                raise ModelError(
                    f'crop is {list(self.crop)}: left must be below right and top below bottom, '
                    'all between 0 and 1'
                )


def spec_from(values: Mapping[str, Any]) -> Spec:
    """
    Make a Spec from parameter values; names that it does not know are left alone.

    :raises ModelError: with the name of the parameter to change.
    """
    arguments: dict[str, Any] = {}
    for field in fields(Spec):
        if field.name not in values:
            continue
        value = values[field.name]
        enum = _ENUMS.get(field.name)
        if enum is not None:
            try:
                value = enum(value)
            except ValueError:
                allowed = ', '.join(repr(member.value) for member in enum)
                raise ModelError(f'{field.name} is {value!r}: choose one of {allowed}') from None
        elif isinstance(value, list):
            value = tuple(value)
        arguments[field.name] = value
    return Spec(**arguments)


_ENUMS: dict[str, type[Enum]] = {
    'input': InputKind,
    'output_kind': OutputKind,
    'layout': Layout,
    'color': Color,
    'resize': Resize,
    'fit': Fit,
    'scan_nan': ScanFill,
}


def _check_labels(labels: tuple[str, ...]) -> None:
    if len(labels) < 2:
        raise ModelError(
            f'labels has {len(labels)} entries: give the answers that the model can give, in the '
            'order of its outputs, at least 2'
        )
    seen = set()
    for label in labels:
        if not label:
            raise ModelError('labels has an empty entry: every answer needs a name')
        if label in seen:
            raise ModelError(f'labels has {label!r} twice: every answer needs a name of its own')
        seen.add(label)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(digit in '0123456789abcdefABCDEF' for digit in text)
