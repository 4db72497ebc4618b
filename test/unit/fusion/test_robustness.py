"""Robustness of graphs against its definition, and never more of it than there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

import pytest

from swarm_consensus.protocols.fusion import robustness
from swarm_consensus.protocols.fusion.robustness import EXACT_MAX, is_robust
from swarm_consensus.simulation.fusion.graphs import Graph, arbitrary, full, ring


def masks(graph: Graph) -> list[int]:
    """A graph of sets as masks."""
    return [sum(1 << other for other in near) for near in graph]


def slow(hears: Sequence[int], r: int) -> bool:
    """The definition, pair of sets by pair of sets."""
    robots = len(hears)

    def reachable(inside: int) -> bool:
        return any(
            inside >> place & 1 and (hears[place] & ~inside).bit_count() >= r
            for place in range(robots)
        )

    for first in range(1, 1 << robots):
        rest = ~first & ((1 << robots) - 1)
        second = rest
        while second:
            if not reachable(first) and not reachable(second):
                return False
            second = (second - 1) & rest
    return True


def all_digraphs(robots: int) -> Iterator[list[int]]:
    """Every digraph of so many robots."""
    pairs = [(a, b) for a in range(robots) for b in range(robots) if a != b]
    for chosen in product((False, True), repeat=len(pairs)):
        hears = [0] * robots
        for (a, b), there in zip(pairs, chosen, strict=True):
            hears[a] |= there << b
        yield hears


@pytest.mark.parametrize('robots', [2, 3, 4])
def test_it_is_what_the_definition_says_on_every_graph(robots: int) -> None:
    """All digraphs of up to four robots."""
    for hears in all_digraphs(robots):
        for r in range(1, robots):
            expected = r <= -(-robots // 2) and slow(hears, r)
            assert is_robust(hears, r) == expected, (hears, r)


@pytest.mark.parametrize('seed', range(120))
def test_it_is_what_the_definition_says_on_random_graphs(seed: int) -> None:
    """Directed ones of up to nine robots, thin and dense."""
    random = Random(seed)
    robots = random.randint(4, 9)
    density = random.random()
    hears = [
        sum(1 << b for b in range(robots) if a != b and random.random() < density)
        for a in range(robots)
    ]
    for r in (1, 2, 3):
        expected = r <= -(-robots // 2) and slow(hears, r)
        assert is_robust(hears, r) == expected, (hears, r)


@pytest.mark.parametrize('seed', range(400))
def test_what_is_tried_on_large_graphs_never_says_more(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sufficient condition, on graphs whose robustness is known."""
    random = Random(seed)
    robots = random.randint(5, 14)
    density = random.uniform(0.3, 1.0)
    hears = [
        sum(1 << b for b in range(robots) if a != b and random.random() < density)
        for a in range(robots)
    ]
    if seed % 2:
        # Robots that hear each other, as mostly.
        hears = [
            sum(1 << b for b in range(robots) if hears[min(a, b)] >> max(a, b) & 1 and a != b)
            for a in range(robots)
        ]
    for r in (1, 2, 3, 5):
        truth = is_robust(hears, r)
        for way in (robustness._by_degree, robustness._by_growth, robustness._by_spectrum):
            if r <= -(-robots // 2):
                assert truth or not way(hears, r), (way.__name__, hears, r)
        monkeypatch.setattr(robustness, 'EXACT_MAX', 0)
        assert truth or not is_robust(hears, r), (hears, r)
        monkeypatch.setattr(robustness, 'EXACT_MAX', EXACT_MAX)


def test_known_graphs() -> None:
    """All hear each other: half of the robots. A ring: 1; only two chords make it more."""
    for robots in range(2, 13):
        best = -(-robots // 2)
        assert is_robust(masks(full(robots, Random(1))), best)
        assert not is_robust(masks(full(robots, Random(1))), best + 1)
    for robots in (5, 8, 12):
        assert is_robust(masks(ring(robots, Random(1))), 1)
        assert not is_robust(masks(ring(robots, Random(1))), 2)


def test_two_crowds_that_hardly_hear_each_other_bear_no_liar() -> None:
    """However large their degrees: each robot but one hears nobody of the other crowd."""
    half = full(8, Random(1))
    graph: Graph = [set(near) for near in half] + [{each + 8 for each in near} for near in half]
    graph[0].add(8)
    graph[8].add(0)
    assert is_robust(masks(graph), 1)
    assert not is_robust(masks(graph), 2)


def test_large_graphs_are_recognised() -> None:
    """Those that robots in reach of many others make, and not those that are thin."""
    assert is_robust(masks(full(300, Random(1))), 51)
    dense = geometric_in_reach(200, 0.35)
    assert is_robust(masks(dense), 3)
    assert not is_robust(masks(ring(100, Random(1))), 3)
    assert not is_robust(masks(arbitrary(60, Random(3))), 9)


def geometric_in_reach(robots: int, reach: float) -> Graph:
    """Robots at random in a square that hear those within a reach."""
    random = Random(5)
    places = [(random.random(), random.random()) for _ in range(robots)]
    return [
        {
            b
            for b in range(robots)
            if a != b
            and (places[a][0] - places[b][0]) ** 2 + (places[a][1] - places[b][1]) ** 2 < reach**2
        }
        for a in range(robots)
    ]


def test_a_robot_that_hears_nobody_is_outvoted_by_nobody() -> None:
    """One alone that hears none of a crowd, which hears it."""
    hears = masks(full(8, Random(1)))
    hears[3] = 0
    assert not is_robust(hears, 2)
