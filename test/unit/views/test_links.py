"""Who is together, from what robots say of whom they hear."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest

from swarm_consensus.views.links import links, parts
from swarm_consensus.views.values import Hearing, Link

ROBOTS = ('a', 'b', 'c', 'd')


def test_a_link_is_what_both_ends_say() -> None:
    hears = {'a': {'b', 'c'}, 'b': {'a'}, 'c': set()}
    assert links(('a', 'b', 'c'), hears) == (
        Link('a', 'b', Hearing.BOTH),
        Link('a', 'c', Hearing.ONE_WAY),
        Link('b', 'c', Hearing.NONE),
    )


def test_of_a_silent_robot_what_others_hear_counts_and_between_two_nothing_is_known() -> None:
    found = links(ROBOTS, {'a': {'b', 'c'}, 'b': {'a'}})
    assert Link('a', 'c', Hearing.BOTH) in found
    assert Link('b', 'c', Hearing.NONE) in found
    assert not [link for link in found if (link.first, link.second) == ('c', 'd')]


def test_who_is_heard_by_nobody_is_out_of_reach_and_not_a_part() -> None:
    assert parts(ROBOTS, {'a': {'b'}, 'b': {'a'}}) == ((('a', 'b'),), ('c', 'd'))


def test_a_robot_that_is_heard_and_hears_nobody_is_a_part_of_its_own() -> None:
    assert parts(('a', 'b', 'c'), {'a': {'b'}, 'b': {'a'}, 'c': set()}) == (
        (('a', 'b'), ('c',)),
        (),
    )


def test_what_goes_one_way_does_not_join() -> None:
    assert parts(('a', 'b'), {'a': {'b'}, 'b': set()})[0] == (('a',), ('b',))


def test_through_others_they_are_together() -> None:
    hears = {'a': {'b'}, 'b': {'a', 'c'}, 'c': {'b', 'd'}, 'd': {'c'}}
    assert parts(ROBOTS, hears) == ((ROBOTS,), ())


@pytest.mark.parametrize('seed', range(50))
def test_parts_are_the_classes_of_who_reaches_whom(seed: int) -> None:
    """Against a slow twin that walks from each robot over all links."""
    random = Random(seed)
    robots = [f'r{number}' for number in range(random.randint(1, 12))]
    hears: dict[str, set[str]] = {
        robot: set() for robot in robots if random.random() < 0.8
    }
    for one, other in combinations(robots, 2):
        for a, b in ((one, other), (other, one)):
            if a in hears and random.random() < 0.25:
                hears[a].add(b)

    def joined(a: str, b: str) -> bool:
        known = [y in hears[x] for x, y in ((a, b), (b, a)) if x in hears]
        return bool(known) and all(known)

    def reach(start: str) -> tuple[str, ...]:
        seen, edge = {start}, [start]
        while edge:
            here = edge.pop()
            new = {other for other in robots if other not in seen and joined(here, other)}
            seen |= new
            edge += new
        return tuple(sorted(seen))

    expected = {reach(robot) for robot in robots}
    found, out_of_reach = parts(robots, hears)
    assert set(found) == {part for part in expected if {*part} & hears.keys()}
    assert sorted(out_of_reach) == sorted(
        robot for part in expected if not {*part} & hears.keys() for robot in part
    )
    assert [len(part) for part in found] == sorted((len(part) for part in found), reverse=True)
