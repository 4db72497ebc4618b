"""Who hears whom, and which robots are together; from what the robots say of each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

from swarm_consensus.views.values import Hearing, Link

# hears[a] holds the robots whose frames a receives. Who is no key is not heard here: what it hears
# is not known.
Hears = Mapping[str, Collection[str]]


def links(robots: Collection[str], hears: Hears) -> tuple[Link, ...]:
    """
    Return the links that are known of: those with an end that is heard here.

    Where one end is silent, what the other one hears says it alone.
    """
    found = []
    for first, second in combinations(sorted(robots), 2):
        ways = [
            other in hears[one]
            for one, other in ((first, second), (second, first))
            if one in hears
        ]
        if ways:
            hearing = Hearing.BOTH if all(ways) else Hearing.ONE_WAY if any(ways) else Hearing.NONE
            found.append(Link(first, second, hearing))
    return tuple(found)


def parts(
    robots: Collection[str], hears: Hears
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """
    Return which robots are together, and who is out of reach.

    A link that works one way does not join: what is said over it cannot be answered.

    :returns: (parts, out of reach); largest part first, in each the order of the names.
    """
    part_of = {robot: {robot} for robot in robots}
    for link in links(robots, hears):
        if link.hearing is Hearing.BOTH and part_of[link.first] is not part_of[link.second]:
            joined = part_of[link.first] | part_of[link.second]
            for robot in joined:
                part_of[robot] = joined
    distinct = {id(part): tuple(sorted(part)) for part in part_of.values()}.values()
    seen = [part for part in distinct if any(robot in hears for robot in part)]
    unseen = sorted(robot for part in distinct if part not in seen for robot in part)
    return tuple(sorted(seen, key=lambda part: (-len(part), part))), tuple(unseen)
