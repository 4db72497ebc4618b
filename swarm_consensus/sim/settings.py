"""The world that the parameters of sim_node describe; no ROS is needed to look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from swarm_consensus.composition.names import NameKind, name_problem
from swarm_consensus.composition.parameter import Value
from swarm_consensus.simulation.embedded.arena import START_APART_M, Arena, Place, draw, rooms
from swarm_consensus.simulation.embedded.radio import ShadowedRadio

# Of the range of the radio, for places that are drawn: the first metres part nobody.
CLOSE_BY = 0.75


def arena_from(values: Mapping[str, Value]) -> Arena:
    """
    Return the world that the parameters describe.

    :raises ValueError: they describe none, with what to change.
    """
    robots = cast('list[str]', values['robots'])
    for robot in robots:
        problem = name_problem(NameKind.ROBOT, robot, 'robots')
        if problem:
            raise ValueError(problem)
    if len(set(robots)) != len(robots):
        raise ValueError('robots: each name may be there once')
    starts = cast('list[float]', values['starts'])
    if len(starts) not in (0, 3 * len(robots)):
        raise ValueError(
            f'starts has {len(starts)} numbers; give x, y and yaw of each of {len(robots)} robots'
        )
    range_m, wall_m = cast(float, values['radio_range']), cast(float, values['radio_wall'])
    radio = ShadowedRadio(Arena(rooms(), (), {}), range_m, wall_m)

    def close_by(here: Place, there: Place) -> bool:
        return radio.path_m(here, there) <= CLOSE_BY * range_m

    try:
        return draw(
            cast(int, values['seed']),
            tuple(robots),
            cast(int, values['objects']),
            [(starts[n], starts[n + 1], starts[n + 2]) for n in range(0, len(starts), 3)],
            # With a radio that reaches no further than robots stand apart there is no such place.
            in_reach=close_by if CLOSE_BY * range_m > 2 * START_APART_M else None,
        )
    except ValueError as error:
        raise ValueError(f'robots, objects, starts: {error}') from None


def namespaces_from(values: Mapping[str, Value]) -> dict[str, str]:
    """
    Return the absolute namespace of each robot.

    :raises ValueError: they are none, with what to change.
    """
    robots = cast('list[str]', values['robots'])
    given = cast('list[str]', values['namespaces']) or [f'/{robot}' for robot in robots]
    if len(given) != len(robots):
        raise ValueError(f'namespaces has {len(given)} entries for {len(robots)} robots')
    for namespace in given:
        problem = name_problem(NameKind.PATH, namespace, 'namespaces')
        if problem or not namespace.startswith('/'):
            raise ValueError(problem or f'namespaces: "{namespace}" must begin with /')
    if len(set(given)) != len(given):
        raise ValueError('namespaces: two robots cannot share one')
    return dict(zip(robots, given, strict=True))
