"""Decodes JPEG and PNG, with the size checked before a pixel of it is unpacked."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from swarm_consensus.inference.errors import FrameError
from swarm_consensus.inference.pixels import Buffer, Pixels, pixels_of
from swarm_consensus.inference.spec import Color

FORMATS = ('JPEG', 'PNG')


def decode(data: Buffer, pixels_max: int) -> Pixels:
    """
    Decode a compressed picture to 8-bit gray, 16-bit gray or RGB.

    :param data: the bytes of a JPEG or PNG file.
    :param pixels_max: larger pictures are refused unread: a few bytes can claim any size.
    :raises FrameError: another format, broken, truncated or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > pixels_max:
                raise FrameError(
                    f'a picture of {width} x {height} pixels is more than image_pixels_max '
                    f'{pixels_max}'
                )
            if image.mode in ('I;16', 'I;16B', 'I'):
                # Pillow's names for 16-bit gray PNG.
                return pixels_of(np.asarray(image).astype(np.uint16), Color.GRAY)
            if image.mode in ('1', 'L', 'LA'):
                return pixels_of(np.asarray(image.convert('L')), Color.GRAY)
            return pixels_of(np.asarray(image.convert('RGB')), Color.RGB)
    except FrameError:
        raise
    except Exception as error:
        # Pillow's decoders raise many kinds of errors on what is no picture; each means the same.
        raise FrameError(f'no JPEG or PNG that can be decoded: {error}') from error
