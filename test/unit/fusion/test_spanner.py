"""The partners of an average: few, the same from both ends, and enough to hold a graph together."""

from __future__ import annotations

from random import Random

import pytest

from swarm_consensus.protocols.fusion.messages import Hello
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.fusion.spanner import partners
from swarm_consensus.simulation.fusion.graphs import (
    Graph,
    arbitrary,
    connected,
    full,
    geometric,
    grid,
    ring,
)


def chosen(graph: Graph, served: int = 0) -> Graph:
    """The partners that each robot chooses when it knows whom its neighbours hear."""
    names = [f'r{n:03}' for n in range(len(graph))]
    links: Graph = []
    for robot, near in enumerate(graph):
        known = Neighbours(names[robot], names, 1, 1)
        for other in sorted(near):
            mask = sum(1 << each for each in graph[other])
            hello = Hello(known.roster, 1, 1, mask.to_bytes(len(graph) // 8 + 1, 'little'))
            known.greeted(names[other], hello, 0)
        links.append({names.index(name) for name in partners(known, served)})
    return links


@pytest.mark.parametrize('seed', range(300))
def test_what_is_connected_stays_connected(seed: int) -> None:
    """With as few partners as there may be; and who chooses is chosen."""
    random = Random(seed)
    robots = random.randint(2, 30)
    graph = random.choice([arbitrary, full, geometric, grid, ring])(robots, random)
    links = chosen(graph)
    assert connected(links)
    for robot, others in enumerate(links):
        assert others <= graph[robot]
        assert all(robot in links[other] for other in others)


def test_a_bridge_between_two_crowds_is_never_left_out() -> None:
    """Though each robot in a crowd has many others to choose."""
    for seed in range(30):
        half = full(20, Random(seed))
        graph: Graph = [set(near) for near in half] + [{e + 20 for e in near} for near in half]
        bridge = Random(seed).randrange(20)
        graph[bridge].add(39)
        graph[39].add(bridge)
        assert 39 in chosen(graph)[bridge]


def test_where_all_hear_each_other_partners_are_few_and_as_many_as_can_be_served() -> None:
    """About 0.9 sqrt(n), and no fewer than a robot serves at once."""
    graph = full(100, Random(1))
    few = [len(others) for others in chosen(graph)]
    assert 6.0 < sum(few) / 100 < 13.0
    served = [len(others) for others in chosen(graph, 8)]
    assert min(served) == 8


def test_robots_that_do_not_hear_back_are_no_partners() -> None:
    """Mass that flows one way only would never come back."""
    graph: Graph = [{1, 2}, {0}, set()]
    assert chosen(graph, 8) == [{1}, {0}, set()]
