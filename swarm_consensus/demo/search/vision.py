"""
From a lidar and a camera to beliefs: what stands there that no map has, and what it is.

The lidar tells where something is that is neither a wall of the map nor a robot; that part of the
picture goes through the model, as an inference node has it.
"""

from __future__ import annotations

from collections.abc import Collection
import math
import os
from pathlib import Path
import sys

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.inference.likelihood import LikelihoodRule
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.pixels import pixels_of
from swarm_consensus.inference.spec import Color, InputKind, OutputKind, Spec
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.embedded.arena import LABELS, Arena
from swarm_consensus.simulation.embedded.model import CAMERA_FOV_DEG, CAMERA_HEIGHT_M, MAST_M
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS

MODEL = 'objects.onnx'
# Found by calibration on views that training did not see (models/objects.md).
TEMPERATURE = 1.648
SIDE = 24
# What is cut out of the picture: so many metres, around the middle of things.
WINDOW_M, MIDDLE_M = 0.8, 0.25
# tan of how far the cameras look down (model.py).
PITCH_TAN = 0.12
SEEN_FROM_M, SEEN_TO_M, SEEN_ANGLE = 0.6, 4.0, 0.5
# Points so near to a wall are the wall's, and so near to a robot the robot's.
WALL_M, ROBOT_M = 0.15, 0.35
# Neighbouring points of one thing are nearer to each other than this; things are so large.
GAP_M, RADIUS_M, WIDTH_MAX_M, POINTS_MIN = 0.25, 0.2, 0.75, 4

Picture = NDArray[np.uint8]


@value
class Sighting:
    """
    Something that no map has, as one scan shows it.

    :param x_m: of its middle, and `y_m`, in the frame of the arena.
    :param distance_m: from the camera to its middle.
    :param bearing: of it from straight ahead, to the left, in rad.
    """

    x_m: float
    y_m: float
    distance_m: float
    bearing: float

    @property
    def in_view(self) -> bool:
        """Return whether it is where the camera sees it well."""
        return abs(self.bearing) <= SEEN_ANGLE and SEEN_FROM_M <= self.distance_m <= SEEN_TO_M


class Camera:
    """
    How poor the camera of one robot is: its gain and its noise.

    :param random: of the noise, and of how poor it is.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._gain = random.uniform(0.5, 1.2)
        self._noise = random.uniform(25.0, 60.0)

    def develop(self, picture: Picture) -> Picture:
        """Return a picture as this camera takes it."""
        noise = self._random.normal(0.0, self._noise, picture.shape)
        return np.clip(picture * self._gain + noise, 0.0, 255.0).astype(np.uint8)


def sightings(
    scan: NDArray[np.float64],
    pose: tuple[float, float, float],
    arena: Arena,
    robots: Collection[tuple[float, float]],
) -> list[Sighting]:
    """
    Return what a scan shows beside the walls of the map, and robots, known by their lights.

    :param scan: shape (RAYS,), in m.
    :param robots: where other robots are.
    """
    x_m, y_m, yaw = pose
    angles = yaw + np.arange(RAYS) * (math.tau / RAYS)
    points = np.stack([x_m + scan * np.cos(angles), y_m + scan * np.sin(angles)], axis=1)
    free = (scan < LIDAR_RANGE_M - 0.01) & (arena.wall_distance(points) > WALL_M)
    for other in robots:
        free &= np.hypot(points[:, 0] - other[0], points[:, 1] - other[1]) > ROBOT_M
    found = []
    for group in _groups(points, free):
        own = points[group]
        width_m = math.dist(own[0], own[-1])
        if len(group) < POINTS_MIN or width_m > WIDTH_MAX_M:
            continue
        middle = own.mean(axis=0)
        way = math.atan2(middle[1] - y_m, middle[0] - x_m)
        # The lidar sees the near side only.
        place = middle + RADIUS_M * 0.7 * np.asarray([math.cos(way), math.sin(way)])
        eye = x_m + MAST_M * math.cos(yaw), y_m + MAST_M * math.sin(yaw)
        to_m = math.dist(eye, place)
        bearing = math.atan2(place[1] - eye[1], place[0] - eye[0]) - yaw
        found.append(
            Sighting(float(place[0]), float(place[1]), to_m, math.remainder(bearing, math.tau))
        )
    return found


def _groups(points: NDArray[np.float64], free: NDArray[np.bool_]) -> list[list[int]]:
    """Return the indices of points that belong together, around the circle."""
    groups: list[list[int]] = []
    for index in range(len(points)):
        if not free[index]:
            continue
        last = groups[-1] if groups else None
        if last and index - last[-1] <= 2 and math.dist(points[index], points[last[-1]]) < GAP_M:
            last.append(index)
        else:
            groups.append([index])
    if len(groups) > 1 and groups[0][0] <= 1 and groups[-1][-1] >= len(points) - 2:
        if math.dist(points[groups[0][0]], points[groups[-1][-1]]) < GAP_M:
            groups[0] = groups.pop() + groups[0]
    return groups


def cut_out(picture: Picture, distance_m: float, bearing: float) -> Picture:
    """
    Return the part of a picture around something, shape (SIDE, SIDE, 3).

    :param distance_m: from the camera, > 0.
    :param bearing: from straight ahead to the left, in rad, less than a right angle.
    """
    height, width = picture.shape[:2]
    focal = height / 2.0 / math.tan(math.radians(CAMERA_FOV_DEG) / 2.0)
    ahead_m = distance_m * math.cos(bearing)
    column = width / 2.0 - focal * math.tan(bearing)
    below = math.atan2(CAMERA_HEIGHT_M - MIDDLE_M, ahead_m) - math.atan(PITCH_TAN)
    row = height / 2.0 + focal * math.tan(below)
    half = focal * WINDOW_M / ahead_m / 2.0
    steps = (np.arange(SIDE * 3) + 0.5) / (SIDE * 3) * 2.0 - 1.0
    rows = np.clip(np.floor(row + half * steps), 0, height - 1).astype(np.intp)
    columns = np.clip(np.floor(column + half * steps), 0, width - 1).astype(np.intp)
    fine = picture[rows[:, None], columns[None, :]].astype(np.float64)
    # The mean of nine places for each pixel: far things would be a matter of luck else.
    means = fine.reshape(SIDE, 3, SIDE, 3, 3).mean(axis=(1, 3))
    return np.asarray(np.round(means), np.uint8)


def model_path() -> Path:
    """
    Return where the model is: beside the package in a source tree, or where it is installed.

    :raises FileNotFoundError: in neither place.
    """
    prefixes = [sys.prefix, *os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
    places = [
        Path(__file__).resolve().parents[3] / 'models',
        *(Path(prefix) / 'share' / 'swarm_consensus' / 'models' for prefix in prefixes if prefix),
    ]
    for place in places:
        if (place / MODEL).is_file():
            return place / MODEL
    looked = ', '.join(map(str, places))
    raise FileNotFoundError(f'there is no {MODEL} in {looked}: install the package again')


class Classifier:
    """
    The model as every robot runs it, under onnxruntime.

    :param path: of the ONNX file; None: the one that comes with the package.
    :raises FileNotFoundError: there is none.
    """

    def __init__(self, path: Path | None = None, temperature: float = TEMPERATURE) -> None:
        self._model = Model(
            Spec(InputKind.IMAGE, str(path or model_path()), LABELS, color=Color.RGB)
        )
        self._rule = LikelihoodRule(OutputKind.LOGITS, temperature=temperature)

    def belief(self, part: Picture) -> NDArray[np.float64]:
        """
        Return log-likelihoods of LABELS.

        :param part: what `cut_out` returned.
        """
        self._model.preprocessor.write(pixels_of(part, Color.RGB))  # type: ignore[arg-type]
        return self._rule.apply(self._model.run()).astype(np.float64)
