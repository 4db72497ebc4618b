"""
Drives one robot to a place: around the walls of the map, and around what its lidar sees.

The way is the shortest on a grid of the map (Dijkstra, 1959, by scipy). Step by step the robot
takes the free direction that is nearest to it, as the vector field histogram does (Borenstein and
Koren, 1991), with the lidar's points themselves in place of a histogram.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from swarm_consensus.simulation.embedded.arena import HEIGHT_M, WIDTH_M, Arena
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS

CELL_M, CLEAR_M = 0.2, 0.32
SPEED_MPS = 0.45
# How far ahead on its way a robot aims, and looks for what is in it, in a lane wider than itself.
AHEAD_M, LOOK_M, HALF_WIDTH_M = 0.8, 0.6, 0.24
STOP_M = 0.34
MEETING_M = 1.0
_ANGLES = np.arange(RAYS) * (math.tau / RAYS)
# Directions to try, from straight on to the sides and back.
_TURNS = sorted((n * math.pi / 18 for n in range(-15, 16)), key=abs)

Pose = tuple[float, float, float]


class Map:
    """The walls as a grid that robots drive on; the same for all of them."""

    def __init__(self, arena: Arena) -> None:
        self.columns, self.rows = round(WIDTH_M / CELL_M), round(HEIGHT_M / CELL_M)
        x, y = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        self._centres = (np.stack([x.reshape(-1), y.reshape(-1)], axis=1) + 0.5) * CELL_M
        self.free = arena.wall_distance(self._centres) > CLEAR_M
        self._graph = self._linked()
        self._ways: dict[int, tuple[NDArray[np.float64], NDArray[np.int32]]] = {}

    def _linked(self) -> coo_matrix:
        index = np.arange(self.columns * self.rows).reshape(self.rows, self.columns)
        pairs = []
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            one = index[: self.rows - down, max(0, -right) : self.columns - max(0, right)]
            other = index[down:, max(0, right) : self.columns + min(0, right)]
            pairs.append(np.stack([one.reshape(-1), other.reshape(-1)], axis=1))
        links = np.concatenate(pairs)
        links = links[self.free[links].all(axis=1)]
        lengths = np.linalg.norm(self._centres[links[:, 0]] - self._centres[links[:, 1]], axis=1)
        size = self.columns * self.rows
        return coo_matrix((lengths, (links[:, 0], links[:, 1])), shape=(size, size)).tocsr()

    def cell(self, x_m: float, y_m: float) -> int:
        """Return the free cell nearest to a place."""
        apart = np.hypot(self._centres[:, 0] - x_m, self._centres[:, 1] - y_m)
        apart[~self.free] = np.inf
        return int(apart.argmin())

    def aim(self, x_m: float, y_m: float, to_x_m: float, to_y_m: float) -> tuple[float, float]:
        """Return where to drive to now on the way to a place: AHEAD_M on, or the place itself."""
        goal, here = self.cell(to_x_m, to_y_m), self.cell(x_m, y_m)
        if goal not in self._ways:
            self._ways[goal] = dijkstra(
                self._graph, directed=False, indices=goal, return_predecessors=True
            )
        distances, previous = self._ways[goal]
        if not math.isfinite(distances[here]):
            return to_x_m, to_y_m
        left_m = distances[here] - AHEAD_M
        while distances[here] > max(left_m, 0.0) and here != goal:
            here = int(previous[here])
        return (to_x_m, to_y_m) if here == goal else tuple(map(float, self._centres[here]))

    def meeting_place(self, number: int, count: int) -> tuple[float, float]:
        """Return a place of one of so many robots around the middle, where rooms meet."""
        angle = math.tau * number / count
        x_m = WIDTH_M / 2 + MEETING_M * math.cos(angle)
        y_m = HEIGHT_M / 2 + MEETING_M * math.sin(angle)
        centre = self._centres[self.cell(x_m, y_m)]
        return float(centre[0]), float(centre[1])

    def viewpoints(self, apart_m: float) -> list[tuple[float, float]]:
        """Return free places from which all of the area is seen, about so far from each other."""
        places = []
        columns, rows = math.ceil(WIDTH_M / apart_m), math.ceil(HEIGHT_M / apart_m)
        for row in range(rows):
            for column in range(columns):
                x_m, y_m = (column + 0.5) * WIDTH_M / columns, (row + 0.5) * HEIGHT_M / rows
                centre = self._centres[self.cell(x_m, y_m)]
                places.append((float(centre[0]), float(centre[1])))
        return places


def steer(pose: Pose, aim: tuple[float, float], scan: NDArray[np.float64]) -> tuple[float, float]:
    """
    Return speed in m/s and turn in rad/s of a robot that is to go to `aim` and hit nothing.

    :param scan: of its lidar, shape (RAYS,), in m.
    """
    bearing = math.remainder(math.atan2(aim[1] - pose[1], aim[0] - pose[0]) - pose[2], math.tau)
    near = scan < min(LIDAR_RANGE_M, LOOK_M + HALF_WIDTH_M)
    x, y = scan[near] * np.cos(_ANGLES[near]), scan[near] * np.sin(_ANGLES[near])
    way_m = math.dist(aim, pose[:2])
    for turn in _TURNS:
        if _free(x, y, bearing + turn, min(LOOK_M, max(way_m, STOP_M))):
            heading = math.remainder(bearing + turn, math.tau)
            break
    else:
        return 0.0, 1.0
    ahead = max(0.0, math.cos(heading)) ** 2
    if not _free(x, y, 0.0, STOP_M):
        ahead = 0.0
    return SPEED_MPS * ahead * min(1.0, 0.3 + way_m), max(-1.8, min(1.8, 2.5 * heading))


def _free(x: NDArray[np.float64], y: NDArray[np.float64], way: float, to_m: float) -> bool:
    """Return whether no point is in the lane of a direction."""
    along = x * math.cos(way) + y * math.sin(way)
    across = -x * math.sin(way) + y * math.cos(way)
    return not bool(((along > 0.0) & (along < to_m) & (np.abs(across) < HALF_WIDTH_M)).any())
