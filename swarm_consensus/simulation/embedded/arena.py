"""
What is where: walls that robots know, objects that they do not, and where robots begin.

Everything is in metres in one frame, x to the right and y up as seen from above (REP-103), with the
origin in the lower left corner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import math
from random import Random

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.values import value

LABELS = ('crate', 'barrel', 'ball', 'cone')
WIDTH_M, HEIGHT_M = 10.0, 8.0
WALL_M = 0.1
# Objects stand so far from each other and from walls, or no robot could get between.
APART_M, FROM_WALL_M = 1.3, 0.7
START_APART_M, START_FROM_WALL_M = 0.7, 0.5
# The circle that a robot turns in, with some air.
ROBOT_M = 0.2
TRIES_MAX = 10_000

Place = tuple[float, float]
OBJECTS_MAX, ROBOTS_MAX = 12, 20


@value
class Wall:
    """A wall, as the rectangle that it stands on."""

    left_m: float
    bottom_m: float
    right_m: float
    top_m: float


@value
class Thing:
    """
    An object to find.

    :param label: one of LABELS.
    :param yaw: how it is turned, in rad.
    :param color: red, green, blue, 0..1; says nothing about the label.
    """

    label: str
    x_m: float
    y_m: float
    yaw: float
    color: tuple[float, float, float]


@value
class Arena:
    """
    A world before anything moves.

    :param starts: x, y in m and yaw in rad of each robot, by its name.
    """

    walls: tuple[Wall, ...]
    things: tuple[Thing, ...]
    starts: dict[str, tuple[float, float, float]]

    def wall_distance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Return how far points are from the nearest wall, in m; 0 within one.

        :param points: shape (n, 2).
        """
        nearest = np.full(len(points), np.inf)
        for wall in self.walls:
            across = np.maximum(wall.left_m - points[:, 0], points[:, 0] - wall.right_m)
            along = np.maximum(wall.bottom_m - points[:, 1], points[:, 1] - wall.top_m)
            outside = np.hypot(np.maximum(across, 0.0), np.maximum(along, 0.0))
            nearest = np.minimum(nearest, outside)
        return nearest

    def walls_between(self, a: Place, b: Place) -> int:
        """Return how many walls the line between two places goes through."""
        return sum(_crosses(a, b, wall) for wall in self.walls)


def rooms() -> tuple[Wall, ...]:
    """Return the walls: around the area, and between its four rooms, with doors."""
    w, h, t = WIDTH_M, HEIGHT_M, WALL_M
    outer = (Wall(0, 0, w, t), Wall(0, h - t, w, h), Wall(0, 0, t, h), Wall(w - t, 0, w, h))
    return (
        *outer,
        Wall(4.4, 0.0, 4.5, 2.2),
        Wall(5.6, 5.6, 5.7, 8.0),
        Wall(0.0, 4.6, 2.2, 4.7),
        Wall(7.6, 3.4, 10.0, 3.5),
        Wall(3.8, 4.6, 5.0, 4.7),
    )


def draw(
    seed: int,
    robots: tuple[str, ...],
    objects: int,
    starts: Sequence[tuple[float, float, float]] = (),
    *,
    in_reach: Callable[[Place, Place], bool] | None = None,
) -> Arena:
    """
    Draw where things are.

    :param starts: where the robots begin, x, y in m and yaw in rad of each; (): that is drawn, too.
    :param in_reach: whether a robot in one place reaches one in another; each robot whose start is
        drawn reaches one that was drawn before. None: they begin anywhere.
    :raises ValueError: more robots or objects than there is room for, or a start where none is.
    """
    if not 1 <= len(robots) <= ROBOTS_MAX:
        raise ValueError(f'the area takes 1 to {ROBOTS_MAX} robots, not {len(robots)}')
    if not 1 <= objects <= OBJECTS_MAX:
        raise ValueError(f'the area takes 1 to {OBJECTS_MAX} objects, not {objects}')
    random = Random(f'{seed}/arena')
    empty = Arena(rooms(), (), {})
    places = _checked(empty, robots, starts)
    things = []
    for number in range(objects):
        x_m, y_m = _place(random, empty, places, APART_M, FROM_WALL_M)
        places.append((x_m, y_m))
        # All classes come about as often, in any order.
        label = LABELS[number % len(LABELS)]
        color = (random.random(), random.random(), random.random())
        things.append(Thing(label, x_m, y_m, random.uniform(-math.pi, math.pi), color))
    if starts:
        return Arena(empty.walls, tuple(things), dict(zip(robots, starts, strict=True)))
    drawn: dict[str, tuple[float, float, float]] = {}

    def with_the_others(place: Place) -> bool:
        if in_reach is None or not drawn:
            return True
        return any(in_reach((x_m, y_m), place) for x_m, y_m, _ in drawn.values())

    for robot in robots:
        x_m, y_m = _place(
            random, empty, places, START_APART_M, START_FROM_WALL_M, with_the_others
        )
        places.append((x_m, y_m))
        drawn[robot] = (x_m, y_m, random.uniform(-math.pi, math.pi))
    return Arena(empty.walls, tuple(things), drawn)


def _checked(
    arena: Arena, robots: tuple[str, ...], starts: Sequence[tuple[float, float, float]]
) -> list[Place]:
    """Return where robots begin, if they can."""
    if not starts:
        return []
    if len(starts) != len(robots):
        raise ValueError(f'there are {len(robots)} robots, and {len(starts)} starts')
    places: list[Place] = []
    for robot, (x_m, y_m, _) in zip(robots, starts, strict=True):
        if not (0.0 < x_m < WIDTH_M and 0.0 < y_m < HEIGHT_M):
            raise ValueError(
                f'{robot} begins at {x_m:g}, {y_m:g}, outside the area of '
                f'{WIDTH_M:g} m x {HEIGHT_M:g} m'
            )
        if arena.wall_distance(np.asarray([(x_m, y_m)]))[0] < ROBOT_M:
            raise ValueError(f'{robot} begins at {x_m:g}, {y_m:g}, within {ROBOT_M:g} m of a wall')
        for other, place in zip(robots, places, strict=False):
            if math.dist(place, (x_m, y_m)) < 2 * ROBOT_M:
                raise ValueError(f'{robot} begins within {2 * ROBOT_M:g} m of {other}')
        places.append((x_m, y_m))
    return places


def _place(
    random: Random,
    arena: Arena,
    taken: list[Place],
    apart_m: float,
    from_wall_m: float,
    suits: Callable[[Place], bool] = lambda place: True,
) -> Place:
    for _ in range(TRIES_MAX):
        place = random.uniform(0.0, WIDTH_M), random.uniform(0.0, HEIGHT_M)
        if arena.wall_distance(np.asarray([place]))[0] < from_wall_m:
            continue
        if all(math.dist(place, other) >= apart_m for other in taken) and suits(place):
            return place
    raise ValueError(f'there is no room for {len(taken) + 1} robots and objects')


def _crosses(a: Place, b: Place, wall: Wall) -> bool:
    """Return whether a line meets a rectangle (Liang and Barsky, 1984)."""
    first, last = 0.0, 1.0
    for start, way, low, high in (
        (a[0], b[0] - a[0], wall.left_m, wall.right_m),
        (a[1], b[1] - a[1], wall.bottom_m, wall.top_m),
    ):
        if way == 0.0:
            if not low <= start <= high:
                return False
            continue
        enters, leaves = sorted(((low - start) / way, (high - start) / way))
        first, last = max(first, enters), min(last, leaves)
    return first <= last
