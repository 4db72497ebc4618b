"""What a robot's camera makes of a sign: each has its own weaknesses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from swarm_consensus.protocols.values import value

Image = NDArray[np.uint8]
SIDE = 16  # pixels, of the camera's picture


@value
class View:
    """
    How a camera sees.

    :param noise: standard deviation of the pixel noise, 1 is the range from dark to bright.
    :param occlusion: side of a square that hides a part of the picture, as a share of its side.
    :param blur: standard deviation of the blur, pixels.
    :param shift: largest shift in each direction, pixels.
    """

    noise: float
    occlusion: float
    blur: float
    shift: int

    def describe(self) -> str:
        """Return it in words."""
        return (
            f'noise {self.noise:.2f}, occlusion {self.occlusion:.0%}, '
            f'blur {self.blur:.1f} px, shift {self.shift} px'
        )


# One for each robot in turn; none is good.
ROBOT_VIEWS = (
    View(noise=0.50, occlusion=0.20, blur=0.4, shift=1),
    View(noise=0.25, occlusion=0.48, blur=0.5, shift=1),
    View(noise=0.26, occlusion=0.25, blur=1.6, shift=1),
    View(noise=0.32, occlusion=0.30, blur=0.5, shift=2),
    View(noise=0.34, occlusion=0.36, blur=0.8, shift=1),
)


def view_of(robot: int) -> View:
    """Return the view of the n-th robot, from 0."""
    return ROBOT_VIEWS[robot % len(ROBOT_VIEWS)]


def look(sign: NDArray[np.float64], view: View, random: np.random.Generator) -> Image:
    """
    Take a picture of a sign.

    :param sign: shape (8, 8), 0..1.
    :returns: shape (SIDE, SIDE), 0..255.
    """
    picture = np.clip(ndimage.zoom(sign, SIDE / 8, order=1), 0.0, 1.0)
    shift = random.integers(-view.shift, view.shift, 2, endpoint=True)
    picture = ndimage.shift(picture, shift, order=0)
    if view.blur > 0:
        picture = ndimage.gaussian_filter(picture, view.blur)
    side = round(view.occlusion * SIDE)
    if side:
        row, column = random.integers(0, SIDE - side, 2, endpoint=True)
        picture[row : row + side, column : column + side] = random.uniform(0.2, 0.8)
    picture = picture + random.normal(0.0, view.noise, picture.shape)
    return np.asarray(np.clip(picture * 255.0, 0.0, 255.0), dtype=np.uint8)


def any_view(random: np.random.Generator) -> View:
    """Return a view as some robot might have it, for training."""
    return View(
        noise=random.uniform(0.2, 0.5),
        occlusion=random.uniform(0.15, 0.5),
        blur=random.uniform(0.3, 1.6),
        shift=int(random.integers(1, 2, endpoint=True)),
    )
