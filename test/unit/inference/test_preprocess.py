"""Pre-processing against an obvious slow twin: one pixel at a time, in plain Python."""

from __future__ import annotations

from array import array
from collections import Counter
import math
import random

import numpy as np
import pytest

from swarm_consensus.inference.errors import FrameError, ModelError
from swarm_consensus.inference.gather import plan_gather
from swarm_consensus.inference.pixels import ENCODINGS, Pixels, view_pixels
from swarm_consensus.inference.preprocess import (
    PLANS_MAX,
    ImagePreprocessor,
    ScanPreprocessor,
    TensorPreprocessor,
)
from swarm_consensus.inference.samplers import FourTaps, Nearest, Window
from swarm_consensus.inference.spec import Color, Fit, InputKind, Layout, Resize, ScanFill, Spec

PIXELS_MAX = 1_000_000
LABELS = ('a', 'b')
FLOAT32 = np.dtype(np.float32)


def spec_of(**arguments) -> Spec:
    return Spec(
        input=arguments.pop('input', InputKind.IMAGE), model='m.onnx', labels=LABELS, **arguments
    )


class Picture:
    """A picture of random pixels in some encoding, as a message carries it."""

    def __init__(self, dice: random.Random, encoding: str, height: int, width: int, padding: int):
        kind, self.per_pixel, self.color = ENCODINGS[encoding]
        self.encoding, self.height, self.width = encoding, height, width
        self.big = dice.random() < 0.5 and kind != 'u1'
        dtype = np.dtype(kind).newbyteorder('>' if self.big else '<')
        shape = (height, width, self.per_pixel)
        if kind == 'f4':
            values = [dice.uniform(-5, 5) for _ in range(math.prod(shape))]
        else:
            largest = 255 if kind == 'u1' else 65535
            values = [dice.randint(0, largest) for _ in range(math.prod(shape))]
        self.values = np.array(values, np.float64).astype(kind).reshape(shape)
        row = width * self.per_pixel * dtype.itemsize
        self.step = row + padding
        lines = [self.values[y].astype(dtype).tobytes() + b'\xee' * padding for y in range(height)]
        self.data = array('B', b''.join(lines))
        self.auto_scale = {'u1': 1 / 255, 'u2': 1 / 65535, 'f4': 1.0}[kind]

    def view(self) -> Pixels:
        return view_pixels(
            self.data,
            encoding=self.encoding,
            height=self.height,
            width=self.width,
            step=self.step,
            is_bigendian=self.big,
            pixels_max=PIXELS_MAX,
        )

    def channels_of(self, y: int, x: int, wanted: Color) -> list[float]:
        """One pixel in the colours that the model wants."""
        pixel = [float(v) for v in self.values[y, x]]
        if self.color is Color.GRAY:
            return pixel * wanted.channels
        red, green, blue = pixel[:3] if self.color is not Color.BGR else pixel[2::-1]
        if wanted is Color.GRAY:
            return [0.299 * red + 0.587 * green + 0.114 * blue]
        if self.color is None:  # 8UC3: in the model's own order
            return pixel
        return [red, green, blue] if wanted is Color.RGB else [blue, green, red]


def slow_twin(spec: Spec, picture: Picture, height: int, width: int) -> np.ndarray:
    """What the model is to get, shape (height, width, channels)."""
    top, left, bottom, right = 0, 0, picture.height, picture.width
    if spec.crop:
        left = min(round(picture.width * spec.crop[0]), picture.width - 1)
        right = max(left + 1, round(picture.width * spec.crop[2]))
        top = min(round(picture.height * spec.crop[1]), picture.height - 1)
        bottom = max(top + 1, round(picture.height * spec.crop[3]))
    rows, columns = bottom - top, right - left
    if spec.fit is Fit.CROP:
        if columns * height > rows * width:
            kept = max(1, round(rows * width / height))
            left += (columns - kept) // 2
            columns = kept
        else:
            kept = max(1, min(rows, round(columns * height / width)))
            top += (rows - kept) // 2
            rows = kept
    result = np.zeros((height, width, spec.color.channels))
    for i in range(height):
        for j in range(width):
            y = (i + 0.5) * rows / height - 0.5
            x = (j + 0.5) * columns / width - 0.5
            if spec.resize is Resize.NEAREST:
                near_y = min(math.floor((i + 0.5) * rows / height), rows - 1)
                near_x = min(math.floor((j + 0.5) * columns / width), columns - 1)
                values = picture.channels_of(top + near_y, left + near_x, spec.color)
            else:
                y, x = min(max(y, 0.0), rows - 1.0), min(max(x, 0.0), columns - 1.0)
                y0, x0 = math.floor(y), math.floor(x)
                y1, x1 = min(y0 + 1, rows - 1), min(x0 + 1, columns - 1)
                corners = [
                    np.array(picture.channels_of(top + v, left + u, spec.color))
                    for v, u in ((y0, x0), (y0, x1), (y1, x0), (y1, x1))
                ]
                upper = corners[0] * (1 - (x - x0)) + corners[1] * (x - x0)
                lower = corners[2] * (1 - (x - x0)) + corners[3] * (x - x0)
                values = upper * (1 - (y - y0)) + lower * (y - y0)
            for c, pixel in enumerate(values):
                mean = spec.mean[c % len(spec.mean)] if spec.mean else 0.0
                std = spec.std[c % len(spec.std)] if spec.std else 1.0
                scale = spec.scale or picture.auto_scale
                result[i, j, c] = (pixel * scale - mean) / std
    return result


def in_layout(spec: Spec, picture: np.ndarray) -> np.ndarray:
    if spec.layout is Layout.NCHW:
        return picture.transpose(2, 0, 1)[None]
    return picture[None] if spec.layout is Layout.NHWC else picture.reshape(1, -1)


def random_case(dice: random.Random) -> tuple[Spec, Picture, int, int]:
    encoding = dice.choice(list(ENCODINGS))
    color = dice.choice(list(Color))
    if encoding == '8UC3' and color is Color.GRAY:
        color = Color.RGB  # refused, and tested as such below
    height, width = dice.randint(1, 7), dice.randint(1, 7)
    channels = color.channels
    crop = ()
    if dice.random() < 0.4:
        x, y = sorted(dice.sample(range(9), 2)), sorted(dice.sample(range(9), 2))
        crop = (x[0] / 8, y[0] / 8, x[1] / 8, y[1] / 8)
    normalised = dice.random() < 0.6
    spec = spec_of(
        layout=dice.choice(list(Layout)),
        color=color,
        resize=dice.choice(list(Resize)),
        fit=dice.choice(list(Fit)),
        crop=crop,
        scale=dice.choice([0.0, 0.0, 1.0, 0.01]),
        mean=tuple(dice.uniform(0, 1) for _ in range(dice.choice([1, channels])))
        if normalised
        else (),
        std=tuple(dice.uniform(0.2, 2) for _ in range(dice.choice([1, channels])))
        if normalised
        else (),
        input_height=height,
        input_width=width,
    )
    same_size = dice.random() < 0.25
    picture = Picture(
        dice,
        encoding,
        height if same_size else dice.randint(1, 12),
        width if same_size else dice.randint(1, 12),
        dice.choice([0, 0, 1, 4, 7]),
    )
    return spec, picture, height, width


def shape_for(spec: Spec, height: int, width: int) -> tuple[int, ...]:
    channels = spec.color.channels
    return {
        Layout.NCHW: (1, channels, height, width),
        Layout.NHWC: (1, height, width, channels),
        Layout.FLAT: (1, height * width * channels),
    }[spec.layout]


@pytest.mark.parametrize('seed', range(300))
def test_any_picture_becomes_what_the_slow_twin_says(seed):
    spec, picture, height, width = random_case(random.Random(seed))
    preprocessor = ImagePreprocessor(spec, shape_for(spec, height, width), FLOAT32)
    # Twice, and with another picture between: nothing of a frame may stay behind.
    other = Picture(random.Random(-seed - 1), picture.encoding, picture.height, picture.width, 0)
    for one in (picture, other, picture):
        preprocessor.write(one.view())
        wanted = in_layout(spec, slow_twin(spec, one, height, width))
        tolerance = 2e-5 * max(1.0, float(np.abs(wanted).max()))
        assert np.abs(preprocessor.buffer - wanted).max() <= tolerance, f'seed {seed}: {spec}'


def test_the_random_cases_go_through_every_sampler_often():
    used: Counter[type] = Counter()
    for seed in range(300):
        spec, picture, height, width = random_case(random.Random(seed))
        used[type(plan_gather(spec, picture.view().geometry, height, width).sampler)] += 1
    assert set(used) == {Window, Nearest, FourTaps}
    assert min(used.values()) >= 20, used


@pytest.mark.parametrize('kind', ['float16', 'float64'])
def test_other_float_types_hold_the_same_numbers(kind):
    spec = spec_of(mean=(0.5,), std=(0.25,))
    picture = Picture(random.Random(1), 'rgb8', 9, 11, 2)
    preprocessor = ImagePreprocessor(spec, (1, 3, 4, 5), np.dtype(kind))
    preprocessor.write(picture.view())
    assert preprocessor.buffer.dtype == kind
    wanted = in_layout(spec, slow_twin(spec, picture, 4, 5))
    assert np.allclose(preprocessor.buffer, wanted, atol=2e-3 if kind == 'float16' else 1e-5)


@pytest.mark.parametrize(('encoding', 'divisor'), [('rgb8', 1.0), ('mono16', 257.0)])
def test_a_model_of_bytes_gets_bytes(encoding, divisor):
    spec = spec_of(resize=Resize.NEAREST)
    picture = Picture(random.Random(2), encoding, 6, 6, 0)
    preprocessor = ImagePreprocessor(spec, (1, 3, 3, 3), np.dtype(np.uint8))
    preprocessor.write(picture.view())
    plain = slow_twin(spec_of(resize=Resize.NEAREST, scale=1.0), picture, 3, 3)
    wanted = np.rint(in_layout(spec, plain) / divisor)
    assert (preprocessor.buffer == wanted).all()


def test_a_model_of_bytes_refuses_normalisation():
    with pytest.raises(ModelError, match='set scale to 1 and leave mean and std empty'):
        ImagePreprocessor(spec_of(mean=(0.5,)), (1, 3, 4, 4), np.dtype(np.uint8))


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('side', [2, 3])
def test_pixels_that_are_not_finite_become_nan_value(side):
    values = np.array([[1.0, np.nan], [np.inf, -np.inf]], '<f4')
    pixels = view_pixels(
        values.tobytes(),
        encoding='32FC1',
        height=2,
        width=2,
        step=8,
        is_bigendian=False,
        pixels_max=PIXELS_MAX,
    )
    spec = spec_of(color=Color.GRAY, nan_value=7.0)
    preprocessor = ImagePreprocessor(spec, (1, 1, side, side), FLOAT32)
    preprocessor.write(pixels)
    assert np.isfinite(preprocessor.buffer).all()
    if side == 2:
        assert preprocessor.buffer.reshape(-1).tolist() == [1.0, 7.0, 7.0, 7.0]


def test_the_picture_is_not_copied_on_the_way_in():
    picture = Picture(random.Random(3), 'bgr8', 8, 8, 0)
    assert np.shares_memory(picture.view().items, np.frombuffer(picture.data, np.uint8))


def test_rows_off_the_grid_of_the_items_are_read_right():
    # 3 pixels of 2 bytes and 1 byte of padding: every second row begins at an odd address.
    spec = spec_of(color=Color.GRAY)
    picture = Picture(random.Random(4), 'mono16', 3, 3, 1)
    preprocessor = ImagePreprocessor(spec, (1, 1, 3, 3), FLOAT32)
    preprocessor.write(picture.view())
    assert np.allclose(preprocessor.buffer, in_layout(spec, slow_twin(spec, picture, 3, 3)))


def test_a_topic_of_ever_new_sizes_does_not_grow_the_store():
    preprocessor = ImagePreprocessor(spec_of(), (1, 3, 4, 4), FLOAT32)
    for width in range(1, 40):
        preprocessor.write(Picture(random.Random(width), 'rgb8', 3, width, 0).view())
        assert len(preprocessor._plans) <= PLANS_MAX


def test_gray_of_unknown_colours_is_refused():
    preprocessor = ImagePreprocessor(spec_of(color=Color.GRAY), (1, 1, 4, 4), FLOAT32)
    with pytest.raises(FrameError, match='publish rgb8 or bgr8'):
        preprocessor.write(Picture(random.Random(5), '8UC3', 4, 4, 0).view())


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'encoding': 'bayer_rggb8'}, "encoding 'bayer_rggb8' is none of mono8"),
        ({'height': 0}, '4 x 0 pixels'),
        ({'height': 2**32 - 1}, 'more than image_pixels_max'),
        ({'step': 11}, 'a row of 4 rgb8 pixels is 12'),
        ({'step': 13}, '48 bytes of data where 51 are needed'),
        ({'step': 2**32 - 1}, 'bytes of data where'),
        ({'data': b''}, '0 bytes of data where 48 are needed'),
    ],
)
def test_pictures_that_lie_about_themselves_are_refused(changes, said):
    arguments = {
        'data': bytes(48),
        'encoding': 'rgb8',
        'height': 4,
        'width': 4,
        'step': 12,
        'is_bigendian': False,
        'pixels_max': PIXELS_MAX,
    } | changes
    with pytest.raises(FrameError, match=said):
        view_pixels(arguments.pop('data'), **arguments)


# -- scans and tensors ----------------------------------------------------------------------------


def scan_twin(spec: Spec, ranges: list[float], low: float, high: float, count: int) -> list[float]:
    high = spec.scan_range_max or high
    fill = {ScanFill.RANGE_MAX: high, ScanFill.RANGE_MIN: low, ScanFill.ZERO: 0.0}[spec.scan_nan]
    clean = [fill if math.isnan(r) else min(max(r, low), high) for r in ranges]
    result = []
    for i in range(count):
        place = 0.0 if count == 1 else i * (len(clean) - 1) / (count - 1)
        if spec.resize is Resize.NEAREST:
            value = clean[round(place)]
        else:
            first = math.floor(place)
            second = min(first + 1, len(clean) - 1)
            value = clean[first] * (1 - (place - first)) + clean[second] * (place - first)
        mean = spec.mean[0] if spec.mean else 0.0
        std = spec.std[0] if spec.std else 1.0
        result.append((value * (spec.scale or 1.0) - mean) / std)
    return result


@pytest.mark.parametrize('seed', range(100))
def test_any_scan_becomes_what_the_slow_twin_says(seed):
    dice = random.Random(seed)
    spec = spec_of(
        input=InputKind.LASER_SCAN,
        resize=dice.choice(list(Resize)),
        scan_nan=dice.choice(list(ScanFill)),
        scan_range_max=dice.choice([0.0, 5.0]),
        scale=dice.choice([0.0, 0.5]),
        mean=dice.choice([(), (1.0,)]),
        std=dice.choice([(), (2.0,)]),
    )
    size = dice.randint(1, 20)
    ranges = [
        dice.choice([dice.uniform(-1, 20), dice.uniform(0, 8), math.nan, math.inf, -math.inf])
        for _ in range(size)
    ]
    count = dice.choice([size, dice.randint(1, 25)])
    preprocessor = ScanPreprocessor(spec, (1, count), FLOAT32)
    preprocessor.write(np.array(ranges, np.float32), 0.1, 8.0)
    wanted = scan_twin(spec, ranges, 0.1, 8.0, count)
    assert np.allclose(preprocessor.buffer, [wanted], atol=1e-5), f'seed {seed}: {spec} {ranges}'


def test_infinity_is_range_max_whatever_stands_in_for_nan():
    spec = spec_of(input=InputKind.LASER_SCAN, scan_nan=ScanFill.ZERO)
    preprocessor = ScanPreprocessor(spec, (1, 3), FLOAT32)
    preprocessor.write(np.array([np.inf, np.nan, -np.inf], np.float32), 0.5, 9.0)
    assert preprocessor.buffer.tolist() == [[9.0, 0.0, 0.5]]


@pytest.mark.parametrize('limits', [(0.0, 0.0), (0.1, math.inf), (math.nan, 5.0), (6.0, 5.0)])
def test_a_scan_without_limits_is_refused(limits):
    spec = spec_of(input=InputKind.LASER_SCAN)
    preprocessor = ScanPreprocessor(spec, (1, 3), FLOAT32)
    with pytest.raises(FrameError, match='set scan_range_max'):
        preprocessor.write(np.zeros(3, np.float32), *limits)


def test_a_scan_without_ranges_is_refused():
    preprocessor = ScanPreprocessor(spec_of(input=InputKind.LASER_SCAN), (1, 3), FLOAT32)
    with pytest.raises(FrameError, match='without ranges'):
        preprocessor.write(np.zeros(0, np.float32), 0.1, 8.0)


def test_a_tensor_is_normalised_and_shaped():
    spec = spec_of(input=InputKind.TENSOR, scale=2.0, mean=(1.0,), std=(0.5,))
    preprocessor = TensorPreprocessor(spec, (1, 2, 3), FLOAT32)
    preprocessor.write(np.arange(6, dtype=np.float32))
    assert preprocessor.buffer.tolist() == [[[-2.0, 2.0, 6.0], [10.0, 14.0, 18.0]]]


def test_a_tensor_of_another_length_is_refused():
    preprocessor = TensorPreprocessor(spec_of(input=InputKind.TENSOR), (1, 2, 3), FLOAT32)
    with pytest.raises(FrameError, match=r'5 values where the model takes 6 \(shape \[1, 2, 3\]\)'):
        preprocessor.write(np.zeros(5, np.float32))
