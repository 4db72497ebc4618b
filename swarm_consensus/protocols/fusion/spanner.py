"""
With which of its neighbours a robot averages: few, and enough to hold the graph together.

Each edge has a random weight that both its ends know. An edge is left out where a third robot has
lighter edges to both its ends: of each triangle the heaviest (the rule of the relative
neighbourhood graph, Toussaint, 1980, with random weights for distances). The lightest spanning tree
never has such an edge, so what was connected stays so. Of n robots that all hear each other each
keeps about 0.9 sqrt(n), at random; on a grid, where there are no triangles, all. Where these are
fewer than a robot can serve at once, the lightest of its other edges are kept as well: the more
there are, the sooner an average comes to rest.
"""

from __future__ import annotations

from swarm_consensus.protocols.fusion.neighbours import Neighbours

_MASK = 2**64 - 1


def edge_weight(first: int, second: int) -> int:
    """Return the weight of an edge between two places, the same from both ends (splitmix64)."""
    low, high = (first, second) if first < second else (second, first)
    mixed = (low << 32 | high) * 0x9E3779B97F4A7C15 & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return mixed ^ mixed >> 31


def partners(neighbours: Neighbours, served: int) -> tuple[str, ...]:
    """
    Return the neighbours that an average goes through, sorted.

    :param served: how many a robot serves at once.
    """
    me = neighbours.places[neighbours.robot]
    hears = neighbours.hears()
    mutual = [place for place, mask in hears.items() if mask >> me & 1]
    mutual.sort(key=lambda place: edge_weight(me, place))
    kept: list[int] = []
    others: list[int] = []
    lighter = 0
    for place in mutual:
        closed = _closed(me, place, lighter & hears[place], hears)
        (others if closed else kept).append(place)
        lighter |= 1 << place
    kept += others[: max(0, served - len(kept))]
    return tuple(sorted(neighbours.robots[place] for place in kept))


def _closed(me: int, place: int, common: int, hears: dict[int, int]) -> bool:
    """
    Return whether a third robot makes a triangle whose heaviest edge is (me, place).

    :param common: robots with a lighter edge to me that `place` hears.
    """
    weight = edge_weight(me, place)
    while common:
        lowest = common & -common
        common ^= lowest
        third = lowest.bit_length() - 1
        if hears[third] >> place & 1 and edge_weight(third, place) < weight:
            return True
    return False
