"""
Who hears whom: graphs of robots 0..n-1, as the set of the neighbours of each.

All are undirected and connected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import math
from random import Random

Graph = list[set[int]]


def ring(robots: int, random: Random) -> Graph:
    """Return a ring; of two robots, a line."""
    graph: Graph = [set() for _ in range(robots)]
    for each in range(robots):
        _join(graph, each, (each + 1) % robots)
    return graph


def grid(robots: int, random: Random) -> Graph:
    """Return a grid that is as square as it can be, its last row filled as far as there are any."""
    width = math.ceil(math.sqrt(robots))
    graph: Graph = [set() for _ in range(robots)]
    for each in range(robots):
        if (each + 1) % width and each + 1 < robots:
            _join(graph, each, each + 1)
        if each + width < robots:
            _join(graph, each, each + width)
    return graph


def geometric(robots: int, random: Random) -> Graph:
    """
    Return robots at random in a square, of whom those within radio range hear each other.

    The range is 1.5 times that from which on such a graph is connected for a large number of robots
    (Gupta and Kumar, 1998), so that each hears ten or fifteen others; places are drawn again until
    it is. Robots are numbered from left to right, so that neighbouring numbers are near each other.
    """
    reach = 1.5 * math.sqrt(math.log(max(robots, 2)) / (math.pi * robots))
    while True:
        places = sorted((random.random(), random.random()) for _ in range(robots))
        graph: Graph = [set() for _ in range(robots)]
        for first, (x, y) in enumerate(places):
            for second in range(first + 1, robots):
                if places[second][0] - x > reach:
                    break
                if math.dist((x, y), places[second]) <= reach:
                    _join(graph, first, second)
        if connected(graph):
            return graph


def full(robots: int, random: Random) -> Graph:
    """Return the graph in which all hear each other."""
    everybody = set(range(robots))
    return [everybody - {each} for each in range(robots)]


GRAPHS: dict[str, Callable[[int, Random], Graph]] = {
    'ring': ring,
    'grid': grid,
    'geometric': geometric,
    'full': full,
}


def arbitrary(robots: int, random: Random) -> Graph:
    """Return a random tree with a random number of further edges."""
    graph: Graph = [set() for _ in range(robots)]
    for each in range(1, robots):
        _join(graph, each, random.randrange(each))
    for _ in range(random.randrange(2 * robots)):
        _join(graph, random.randrange(robots), random.randrange(robots))
    return graph


def _join(graph: Graph, first: int, second: int) -> None:
    if first != second:
        graph[first].add(second)
        graph[second].add(first)


def cut(graph: Graph, side: Sequence[bool]) -> Graph:
    """Return a graph without the edges between the two sides."""
    return [
        {other for other in near if side[other] == side[each]} for each, near in enumerate(graph)
    ]


def parts(graph: Graph) -> list[set[int]]:
    """Return the connected parts of a graph."""
    left = set(range(len(graph)))
    found: list[set[int]] = []
    while left:
        part = {left.pop()}
        edge = list(part)
        while edge:
            for other in graph[edge.pop()] & left:
                left.discard(other)
                part.add(other)
                edge.append(other)
        found.append(part)
    return found


def connected(graph: Graph) -> bool:
    """Return whether every robot can be reached from every other."""
    return len(parts(graph)) <= 1
