"""Where robots are drawn that say where they are, and that do not."""

from __future__ import annotations

import itertools
import math

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.views.picture import Picture
from swarm_consensus.views.places import circles, places
from swarm_consensus.views.values import Snapshot


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return math.dist(one, other)


@pytest.mark.parametrize('sizes', [(1,), (2,), (7,), (100,), (5, 1, 3), (1, 1, 1, 40)])
def test_nobody_stands_nearer_to_another_than_the_spacing(sizes: tuple[int, ...]) -> None:
    groups = [[f'{group}_{number}' for number in range(size)] for group, size in enumerate(sizes)]
    found = circles(groups, 2.0)
    assert len(found) == sum(sizes)
    nearest = [
        distance(one, other) for one, other in itertools.combinations(found.values(), 2)
    ]
    assert not nearest or min(nearest) == pytest.approx(2.0, abs=1e-9) or min(nearest) > 2.0


def test_a_group_is_a_circle_and_groups_do_not_mix() -> None:
    found = circles([['a', 'b', 'c'], ['d', 'e']], 1.0)
    assert found['a'][1] > 0 > max(found['b'][1], found['c'][1])
    assert max(found[robot][0] for robot in 'abc') + 2.0 <= min(found[robot][0] for robot in 'de')
    for ends in itertools.combinations('abc', 2):
        assert distance(found[ends[0]], found[ends[1]]) == pytest.approx(1.0)
    assert circles([], 1.0) == {}


@pytest.fixture
def snapshot() -> Snapshot:
    swarm = Swarm(5)
    swarm.elect()
    swarm.run(2.0)
    picture = Picture()
    # r4 and r5 were never heard here, and are known of from the others.
    for robot in ('r1', 'r2', 'r3'):
        picture.tell_status(swarm.status(robot).status, 0)
    return picture.look(0)


def test_who_says_where_it_is_stands_there_and_the_others_below(snapshot: Snapshot) -> None:
    known = {'r1': (3.0, -1.0, 0.5), 'r2': (7.0, 4.0, 0.0), 'stranger': (0.0, 0.0, 0.0)}
    found = places(snapshot, known, 2.0)
    assert set(found) == {'r1', 'r2', 'r3', 'r4', 'r5'}
    assert (found['r1'], found['r2']) == (known['r1'], known['r2'])
    assert max(found[robot][1] for robot in ('r3', 'r4', 'r5')) <= -1.0 - 2.0 * 2.0 + 1e-9


def test_where_all_are_known_there_is_no_circle_and_where_none_is_they_are_all(
    snapshot: Snapshot,
) -> None:
    known = {row.robot: (float(number), 0.0, 0.0) for number, row in enumerate(snapshot.robots)}
    assert places(snapshot, known, 2.0) == known
    groups = [list(part) for part in (*snapshot.parts, snapshot.out_of_reach) if part]
    assert places(snapshot, {}, 2.0) == circles(groups, 2.0)
    assert places(Picture().look(0), known, 2.0) == {}


def test_who_tells_only_how_far_it_has_come_has_begun_on_its_circle(snapshot: Snapshot) -> None:
    known = {'r1': (3.0, -1.0, 0.5)}
    still = places(snapshot, known, 2.0)
    # What is known counts more.
    moved = {'r1': (9.0, 9.0, 9.0), 'r2': (1.0, -2.0, 0.25)}
    found = places(snapshot, known, 2.0, moved)
    begun = still['r2']
    assert found['r2'] == pytest.approx((begun[0] + 1.0, begun[1] - 2.0, begun[2] + 0.25))
    assert {**found, 'r2': still['r2']} == still
