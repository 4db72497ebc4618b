"""Belief fusion on radio graphs: how soon and for how much all have what a centre has, reduced."""

from __future__ import annotations

import pytest

from swarm_consensus.simulation.fusion.experiment import CUT_ROUNDS, Case, average, relay
from swarm_consensus.simulation.fusion.graphs import GRAPHS


@pytest.mark.parametrize('graph', sorted(GRAPHS))
@pytest.mark.parametrize(
    ('loss', 'moving'), [(0.0, False), (0.1, False), (0.3, False), (0.0, True)]
)
def test_every_robot_averages_to_what_a_centre_has(graph: str, loss: float, moving: bool) -> None:
    """Not later than the spectrum of the graph lets expect, and the trouble explains."""
    found = average(Case(graph, 20, loss, moving, seed=3, rounds_max=3000))
    assert found.rounds is not None, (graph, loss, moving)
    # Mass that a lost message held comes with the next one; half of the rounds there is a cut.
    allowed = found.theory / (1.0 - loss) * (3.0 if moving else 1.3) + 2 * CUT_ROUNDS
    assert found.rounds <= allowed, found


@pytest.mark.parametrize('graph', sorted(GRAPHS))
@pytest.mark.parametrize(
    ('loss', 'moving'), [(0.0, False), (0.1, False), (0.3, False), (0.0, True)]
)
def test_every_item_reaches_every_robot(graph: str, loss: float, moving: bool) -> None:
    """Without trouble after the most hops between two robots, and a little for random waits."""
    found = relay(Case(graph, 20, loss, moving, seed=3, rounds_max=1000))
    assert found.rounds is not None, (graph, loss, moving)
    if not loss and not moving:
        assert found.theory <= found.rounds <= 3 * found.theory + 2, found
    else:
        # What is lost is found by the next hellos.
        assert found.rounds <= 400, found


def test_rounds_hardly_grow_and_bytes_do_not_where_the_graph_mixes_fast() -> None:
    """All in reach of all: four times as many robots."""
    small, large = (average(Case('full', robots, seed=1)) for robots in (40, 160))
    assert small.rounds is not None and large.rounds is not None
    assert large.rounds <= 1.5 * small.rounds
    assert large.bytes_s <= 1.15 * small.bytes_s


def test_on_a_ring_rounds_grow_with_the_square_of_the_robots() -> None:
    """As diffusion does: twice as many robots, four times as many rounds, and some for the log."""
    small, large = (average(Case('ring', robots, seed=1)) for robots in (10, 20))
    assert small.rounds is not None and large.rounds is not None
    assert 2.5 <= large.rounds / small.rounds <= 7.0
    assert 3.0 <= large.theory / small.theory <= 5.5


def test_one_seed_is_one_run() -> None:
    """To the byte."""
    case = Case('geometric', 15, 0.2, seed=5)
    assert average(case) == average(case)
    assert relay(case) == relay(case)
