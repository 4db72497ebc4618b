"""The world that the parameters of sim_node describe, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from swarm_consensus.composition.simulation_parameters import SIMULATION_PARAMETERS
from swarm_consensus.composition.value_check import check_value
from swarm_consensus.sim.settings import arena_from, namespaces_from
from swarm_consensus.simulation.embedded.arena import Arena, draw
from swarm_consensus.simulation.embedded.radio import ShadowedRadio


def values(**given: Any) -> dict[str, Any]:
    return {p.name: p.default for p in SIMULATION_PARAMETERS} | {'robots': ['a', 'b']} | given


def test_robots_begin_where_they_are_told_to_and_objects_leave_room() -> None:
    arena = arena_from(values(starts=[1.0, 1.0, 0.5, 8.0, 1.5, -1.0]))
    assert arena.starts == {'a': (1.0, 1.0, 0.5), 'b': (8.0, 1.5, -1.0)}
    assert len(arena.things) == 8
    assert arena_from(values()) == arena_from(values())
    assert arena_from(values(seed=2)).starts != arena_from(values()).starts


@pytest.mark.parametrize('range_m', [2.0, 4.0, 8.0])
def test_robots_whose_places_are_drawn_begin_as_one_swarm(range_m: float) -> None:
    """Each hears another, and through those all the others, for every seed."""
    names = [f'r{number}' for number in range(8)]
    parted_elsewhere = 0
    for seed in range(30):
        given = values(seed=seed, robots=names, radio_range=range_m)
        assert parts(arena_from(given), range_m) == 1
        parted_elsewhere += parts(draw(seed, tuple(names), 8), range_m) > 1
    if range_m < 8.0:
        assert parted_elsewhere, 'places anywhere would have done as well'


def test_a_radio_that_reaches_nobody_parts_all_of_them() -> None:
    arena = arena_from(values(robots=['a', 'b', 'c'], radio_range=0.0))
    assert parts(arena, 0.0) == 3


def parts(arena: Arena, range_m: float) -> int:
    """Count the groups that do not hear each other."""
    radio = ShadowedRadio(arena, range_m)
    radio.move({name: (x, y) for name, (x, y, _) in arena.starts.items()})
    hears = [[(one, other) in radio.links for one in arena.starts] for other in arena.starts]
    return int(connected_components(np.asarray(hears))[0])


def test_namespaces_are_the_names_unless_given() -> None:
    assert namespaces_from(values()) == {'a': '/a', 'b': '/b'}
    assert namespaces_from(values(namespaces=['/t/a', '/b'])) == {'a': '/t/a', 'b': '/b'}


@pytest.mark.parametrize(
    ('given', 'why'),
    [
        ({'robots': []}, 'robots, objects, starts: the area takes 1 to 20 robots, not 0'),
        ({'robots': ['a', 'a']}, 'robots: each name may be there once'),
        ({'robots': ['a/b']}, 'robots is "a/b", but must be'),
        ({'starts': [1.0, 2.0]}, 'starts has 2 numbers; give x, y and yaw of each of 2 robots'),
        ({'starts': [1.0, 1.0, 0.0, 9.99, 4.0, 0.0]}, 'b begins at 9.99, 4, within 0.2 m of a'),
        ({'starts': [1.0, 1.0, 0.0, -1.0, 4.0, 0.0]}, 'b begins at -1, 4, outside the area'),
        ({'starts': [1.0, 1.0, 0.0, 1.2, 1.0, 0.0]}, 'b begins within 0.4 m of a'),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_the_reason(
    given: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        arena_from(values(**given))


@pytest.mark.parametrize(
    ('namespaces', 'why'),
    [
        (['/a'], 'namespaces has 1 entries for 2 robots'),
        (['/a', 'b'], '"b" must begin with /'),
        (['/a', '/b c'], 'namespaces is "/b c", but must be'),
        (['/a', '/a'], 'two robots cannot share one'),
    ],
)
def test_namespaces_that_are_none_are_refused(namespaces: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        namespaces_from(values(namespaces=namespaces))


def test_declarations_fit_themselves() -> None:
    for parameter in SIMULATION_PARAMETERS:
        assert parameter.description.endswith('.') and parameter.description[0].isupper()
        if not parameter.required:
            assert check_value(parameter, parameter.default) == parameter.default
