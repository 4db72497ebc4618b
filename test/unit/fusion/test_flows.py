"""An average that goes on in numpy is that of the protocol, to the last bit."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray
import pytest

from swarm_consensus.protocols.fusion.averaging import sums_of
from swarm_consensus.protocols.fusion.messages import Shares
from swarm_consensus.simulation.fusion.averages import Averages
from swarm_consensus.simulation.fusion.experiment import Case, average
from swarm_consensus.simulation.fusion.flows import Flows
from swarm_consensus.simulation.fusion.graphs import cut, full, grid, ring
from swarm_consensus.simulation.fusion.radio import RadioFaults

SERVED = 8
WIDTH = 4


def settled(graph: str, robots: int, loss: float) -> Averages:
    """Robots whose links stand, each with something that it has just put in."""
    random = Random(robots)
    make = {'ring': ring, 'grid': grid, 'full': full}[graph]
    swarm = Averages(make(robots, random), WIDTH, 7, RadioFaults(loss=loss), shares_max=SERVED)
    for _ in range(60):
        swarm.step()
    for robot in range(robots):
        swarm.put(robot, np.array([random.gauss(0.0, 1.0) for _ in range(WIDTH)]))
    return swarm


def arriving(swarm: Averages, flows: Flows) -> NDArray[np.bool_]:
    """Which flows the messages tell of that come in the next round."""
    coming = {(r, s) for r, s, message in swarm.radio.arriving() if isinstance(message, Shares)}
    pairs = zip(flows.targets.tolist(), flows.sources.tolist(), strict=True)
    return np.array([pair in coming for pair in pairs])


@pytest.mark.parametrize(('graph', 'robots'), [('ring', 12), ('grid', 14), ('full', 6)])
@pytest.mark.parametrize('loss', [0.0, 0.3])
def test_it_goes_on_as_the_protocol_does(graph: str, robots: int, loss: float) -> None:
    """Over losses and a cut, in each round, from where it took over in the midst of it."""
    swarm = settled(graph, robots, loss)
    for _ in range(5):
        swarm.step()
    flows = Flows(swarm, SERVED)
    whole = swarm.radio.graph
    for number in range(60):
        if number % 20 == 0:
            swarm.radio.graph = cut(whole, [robot < 4 for robot in range(robots)])
        if number % 20 == 8:
            swarm.radio.graph = whole
        swarm.step()
        flows.step(arriving(swarm, flows))
        for robot, protocol in enumerate(swarm.averages):
            assert (flows.mass[robot] == protocol.mass).all(), (number, robot)
    # Mass did flow, and all of it is near its end.
    truth = swarm.truth(set(range(robots)))
    for row in flows.mass:
        sums = sums_of(row)
        assert sums is not None and np.abs(sums - truth).max() < 1.0


def test_an_experiment_takes_the_same_rounds_either_way() -> None:
    """Where all arrives there is nothing to draw."""
    real = average(Case('ring', 20, rounds_max=3000, real_max=3000))
    flowed = average(Case('ring', 20, rounds_max=3000, real_max=100))
    assert real.rounds is not None and real.rounds > 100
    assert real.rounds == flowed.rounds


@pytest.mark.parametrize('moving', [False, True])
def test_an_experiment_in_bad_weather_takes_about_the_same_rounds(moving: bool) -> None:
    """Other messages are lost, and the swarm is cut elsewhere."""
    weather = {'loss': 0.0 if moving else 0.3, 'moving': moving}
    real = average(Case('ring', 20, **weather, real_max=3000))  # type: ignore[arg-type]
    flowed = average(Case('ring', 20, **weather, real_max=60))  # type: ignore[arg-type]
    assert real.rounds is not None and flowed.rounds is not None
    assert 0.7 <= flowed.rounds / real.rounds <= 1.4


def test_what_does_not_stand_yet_is_refused() -> None:
    """Robots alone, several roots, half a link, and partners that are served in turn."""
    random = Random(1)
    fresh = Averages(ring(6, random), WIDTH, 1, RadioFaults())
    with pytest.raises(ValueError, match='no partners'):
        Flows(fresh, SERVED)
    swarm = settled('ring', 6, 0.0)
    Flows(swarm, SERVED)
    next(iter(swarm.averages[3].links.values())).open = False
    with pytest.raises(ValueError, match='not open at both ends'):
        Flows(swarm, SERVED)
    with pytest.raises(ValueError, match='more than 4'):
        Flows(settled('full', 8, 0.0), 4)
    # On a long ring word of the root takes as many rounds as there are robots on the way.
    young = Averages(ring(200, random), WIDTH, 1, RadioFaults(), shares_max=SERVED)
    for _ in range(40):
        young.step()
    with pytest.raises(ValueError, match='different roots'):
        Flows(young, SERVED)
