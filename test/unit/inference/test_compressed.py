"""JPEG and PNG: every mode is read, and what is broken, foreign or too large is refused."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
from PIL import Image
import pytest

from swarm_consensus.inference.compressed import decode
from swarm_consensus.inference.errors import FrameError
from swarm_consensus.inference.spec import Color

PIXELS_MAX = 100_000


def encoded(image: Image.Image, kind: str = 'PNG') -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def picture(shape, largest=256, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, largest, shape).astype(dtype)


@pytest.mark.parametrize(
    ('mode', 'color', 'dtype'),
    [
        ('RGB', Color.RGB, '|u1'),
        ('RGBA', Color.RGB, '|u1'),
        ('L', Color.GRAY, '|u1'),
        ('LA', Color.GRAY, '|u1'),
        ('1', Color.GRAY, '|u1'),
        ('P', Color.RGB, '|u1'),
    ],
)
def test_png_of_any_mode(mode, color, dtype):
    image = Image.fromarray(picture((20, 30, 3))).convert(mode)
    pixels = decode(encoded(image), PIXELS_MAX)
    assert (pixels.geometry.height, pixels.geometry.width) == (20, 30)
    assert (pixels.geometry.color, pixels.geometry.dtype) == (color, dtype)
    wanted = np.asarray(image.convert('RGB' if color is Color.RGB else 'L'))
    assert (pixels.items == wanted.reshape(-1)).all()


def test_png_of_16_bits_keeps_them():
    values = picture((6, 5), 65536, np.uint16)
    pixels = decode(encoded(Image.fromarray(values)), PIXELS_MAX)
    assert pixels.geometry.dtype in ('<u2', '>u2')
    assert (pixels.items == values.reshape(-1)).all()


@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
def test_jpeg_of_any_mode(mode):
    data = encoded(Image.new(mode, (16, 8)), 'JPEG')
    geometry = decode(data, PIXELS_MAX).geometry
    assert (geometry.height, geometry.width) == (8, 16)


def test_a_picture_over_the_limit_is_refused_before_it_is_unpacked():
    # A header that claims 60,000 x 60,000 pixels, 10 GB unpacked, in a few bytes.
    header = struct.pack('>IIBBBBB', 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b'IHDR' + header
    data = (
        b'\x89PNG\r\n\x1a\n'
        + struct.pack('>I', len(header))
        + chunk
        + struct.pack('>I', zlib.crc32(chunk))
    )
    with pytest.raises(FrameError):
        decode(data, PIXELS_MAX)
    with pytest.raises(FrameError, match='more than image_pixels_max 100'):
        decode(encoded(Image.new('L', (11, 10))), 100)


@pytest.mark.parametrize('kind', ['BMP', 'GIF', 'TIFF', 'PPM'])
def test_other_formats_are_refused(kind):
    with pytest.raises(FrameError, match='no JPEG or PNG'):
        decode(encoded(Image.new('RGB', (4, 4)), kind), PIXELS_MAX)


@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
def test_truncated_pictures_are_refused(kind):
    data = encoded(Image.fromarray(picture((40, 40, 3))), kind)
    for length in (0, 1, 8, 20, len(data) // 2):
        with pytest.raises(FrameError):
            decode(data[:length], PIXELS_MAX)


@pytest.mark.parametrize('seed', range(200))
def test_damage_never_raises_anything_else(seed):
    dice = random.Random(seed)
    data = bytearray(encoded(Image.new('RGB', (24, 24), 'red'), dice.choice(['PNG', 'JPEG'])))
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    try:
        decode(bytes(data), PIXELS_MAX)
    except FrameError:
        pass  # the only answer allowed besides a picture
