"""The embedded world: what is drawn, who hears whom, and what wheels, lidars and cameras do."""

from __future__ import annotations

from collections.abc import Iterator
import itertools
import math

import numpy as np
import pytest

from swarm_consensus.simulation.embedded import physics as physics_module
from swarm_consensus.simulation.embedded.arena import (
    APART_M,
    FROM_WALL_M,
    LABELS,
    Arena,
    Thing,
    Wall,
    draw,
    rooms,
)
from swarm_consensus.simulation.embedded.odometry import WheelOdometry
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS, Physics
from swarm_consensus.simulation.embedded.radio import ShadowedRadio

needs_mujoco = pytest.mark.skipif(
    bool(physics_module.missing()), reason=physics_module.missing() or 'MuJoCo is there'
)
NAMES = ('a', 'b')


# -- the arena ------------------------------------------------------------------------------------


def test_an_arena_is_the_matter_of_its_seed() -> None:
    assert draw(3, NAMES, 8) == draw(3, NAMES, 8)
    assert draw(3, NAMES, 8) != draw(4, NAMES, 8)


@pytest.mark.parametrize('seed', range(10))
def test_things_stand_apart_and_all_classes_come(seed: int) -> None:
    arena = draw(seed, tuple(f'r{n}' for n in range(10)), 8)
    assert {thing.label for thing in arena.things} == set(LABELS)
    places = np.asarray([(thing.x_m, thing.y_m) for thing in arena.things])
    assert arena.wall_distance(places).min() >= FROM_WALL_M
    for one, other in itertools.combinations(places, 2):
        assert math.dist(one, other) >= APART_M
    assert len(arena.starts) == 10


@pytest.mark.parametrize(
    ('robots', 'objects', 'message'),
    [(0, 8, '1 to 20 robots'), (21, 8, '1 to 20 robots'), (2, 0, '1 to 12'), (2, 13, '1 to 12')],
)
def test_what_there_is_no_room_for_is_refused(robots: int, objects: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(1, tuple(f'r{n}' for n in range(robots)), objects)


def test_distance_to_walls_and_walls_between() -> None:
    arena = Arena((Wall(1.0, 1.0, 2.0, 3.0),), (), {})
    points = np.asarray([(0.0, 2.0), (1.5, 2.0), (5.0, 7.0), (1.5, 0.5)])
    assert arena.wall_distance(points) == pytest.approx([1.0, 0.0, 5.0, 0.5])
    assert arena.walls_between((0.0, 2.0), (3.0, 2.0)) == 1
    assert arena.walls_between((0.0, 0.0), (3.0, 0.0)) == 0
    assert arena.walls_between((1.5, 0.0), (1.5, 4.0)) == 1
    assert arena.walls_between((0.5, 0.0), (0.5, 4.0)) == 0
    assert arena.walls_between((0.0, 0.0), (0.5, 0.5)) == 0


# -- the radio ------------------------------------------------------------------------------------


def test_the_radio_reaches_less_far_through_walls() -> None:
    arena = Arena((Wall(2.0, 0.0, 2.1, 1.0),), (), {})
    radio = ShadowedRadio(arena, range_m=5.0, wall_m=2.0)
    assert not radio.reach('a', 'b')
    radio.move({'a': (0.0, 0.5), 'b': (4.0, 0.5), 'c': (0.0, 2.0)})
    # 4 m and a wall; 4.3 m past the end of the wall.
    assert not radio.reach('a', 'b') and not radio.reach('b', 'a')
    assert radio.reach('b', 'c') and radio.reach('c', 'a')
    assert radio.path_m((0.0, 0.5), (4.0, 0.5)) == pytest.approx(6.0)
    radio.move({'a': (0.0, 0.5), 'b': (2.5, 0.5), 'c': (0.0, 9.0)})
    assert radio.links == {('a', 'b'), ('b', 'a')}


# -- the bodies -----------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def world() -> Iterator[Physics]:
    arena = Arena(
        rooms(),
        (Thing('crate', 3.0, 2.0, 0.0, (1.0, 0.1, 0.1)),),
        {'a': (1.5, 2.0, 0.0), 'b': (8.0, 6.0, math.pi / 2)},
    )
    with Physics(arena) as physics:
        yield physics


@needs_mujoco
def test_a_robot_drives_as_it_is_told(world: Physics) -> None:
    world.place('b', 8.0, 5.0, math.pi / 2)
    world.drive('b', 0.4, 0.0)
    world.run(2.5)
    x_m, y_m, yaw = world.pose('b')
    assert (x_m, y_m) == (pytest.approx(8.0, abs=0.05), pytest.approx(6.0, abs=0.1))
    assert yaw == pytest.approx(math.pi / 2, abs=0.05)
    world.drive('b', 0.0, 1.0)
    world.run(1.0)
    turned = math.remainder(world.pose('b')[2] - yaw, math.tau)
    # Wheels slip a little while they turn a robot on the spot.
    assert turned == pytest.approx(1.0, abs=0.2)
    world.drive('b', 0.0, 0.0)


@needs_mujoco
def test_a_robot_does_not_go_through_a_wall(world: Physics) -> None:
    world.place('b', 8.0, 7.2, math.pi / 2)
    world.drive('b', 0.5, 0.0)
    world.run(3.0)
    assert world.pose('b')[1] < 7.9
    world.drive('b', 0.0, 0.0)


@needs_mujoco
def test_the_lidar_sees_things_walls_and_robots(world: Physics) -> None:
    world.place('a', 1.5, 2.0, 0.0)
    world.place('b', 1.5, 3.0, 0.0)
    scan = world.scan('a')
    assert scan.shape == (RAYS,)
    # The crate ahead, the robot to the left, the walls behind and to the right.
    assert scan[0] == pytest.approx(1.5 - 0.19, abs=0.02)
    assert scan[90] == pytest.approx(1.0 - 0.11, abs=0.03)
    assert scan[180] == pytest.approx(1.4, abs=0.02)
    assert scan[270] == pytest.approx(1.9, abs=0.02)
    world.place('a', 1.5, 2.0, math.pi / 2)
    assert world.scan('a')[270] == pytest.approx(1.5 - 0.19, abs=0.02)
    world.place('a', 6.0, 4.0, math.pi / 2)
    assert world.scan('a').max() == LIDAR_RANGE_M


@needs_mujoco
def test_the_camera_sees_a_thing_where_it_is(world: Physics) -> None:
    """A red crate ahead is in the middle; to the left of it the robot sees it on its right."""
    world.place('b', 8.0, 6.0, 0.0)
    for yaw, where in ((0.0, 0.5), (0.3, 0.78), (-0.3, 0.22)):
        world.place('a', 1.5, 2.0, yaw)
        picture = world.look('a').astype(np.int64)
        height, width = picture.shape[:2]
        assert (width, height) == world.picture_size
        red = (picture[..., 0] > 2 * picture[..., 1]) & (picture[..., 0] > 60)
        assert red.sum() > 20
        assert np.nonzero(red)[1].mean() / width == pytest.approx(where, abs=0.06)


@needs_mujoco
def test_two_worlds_of_one_seed_go_the_same_way() -> None:
    ends = []
    for _ in range(2):
        with Physics(draw(7, NAMES, 4)) as physics:
            physics.drive('a', 0.4, 0.8)
            physics.drive('b', 0.3, -0.5)
            physics.run(3.0)
            picture = physics.look('a')
            ends.append((physics.pose('a'), physics.pose('b'), picture.tobytes()))
            assert physics.time_s == pytest.approx(3.0)
    assert ends[0] == ends[1]


@needs_mujoco
def test_wheels_tell_a_robot_about_where_it_went(world: Physics) -> None:
    world.place('b', 8.0, 5.0, math.pi / 2)
    world.run(0.5)
    odometry = WheelOdometry(*world.wheels('b'), world.time_s)
    for _ in range(60):
        world.drive('b', 0.4, 0.3)
        world.run(0.05)
        odometry.update(*world.wheels('b'), world.time_s)
    x_m, y_m, yaw = world.pose('b')
    # It began at 8, 5, looking up.
    assert (8.0 - odometry.y_m, 5.0 + odometry.x_m) == pytest.approx((x_m, y_m), abs=0.05)
    turned = math.remainder(yaw - math.pi / 2, math.tau)
    assert odometry.yaw == pytest.approx(turned, abs=0.1)
    assert odometry.speed_mps == pytest.approx(0.4, abs=0.05)
    world.drive('b', 0.0, 0.0)
