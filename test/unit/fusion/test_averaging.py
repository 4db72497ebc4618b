"""The averaging mode: mass is kept, and every robot ends with the sums over its part."""

from __future__ import annotations

from itertools import count
from random import Random

import numpy as np
import pytest

from swarm_consensus.protocols.fusion.averaging import UNIT, Averaging, AveragingConfig
from swarm_consensus.protocols.fusion.messages import Hello, Shares
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.simulation.fusion.averages import TICK_US, TOPIC, Averages
from swarm_consensus.simulation.fusion.graphs import (
    Graph,
    arbitrary,
    cut,
    full,
    geometric,
    grid,
    parts,
    ring,
)
from swarm_consensus.simulation.fusion.radio import RadioFaults

PERFECT = RadioFaults()
ROUGH = RadioFaults(loss=0.3, repeated=0.1, delay_max=3)
WIDTH = 3


class Ledger:
    """
    Holds the invariant of averaging.py over all robots, after every step.

    Flows are compared with all that the other end has ever held as flowed out in that session.
    """

    def __init__(self, swarm: Averages) -> None:
        self.swarm = swarm
        # By (sender, its boot, its session, receiver, its boot, its session): what had flowed.
        self.out: dict[tuple[object, ...], set[bytes]] = {}

    def _session(self, giver: int, taker: int, boot: int, session: int) -> tuple[object, ...]:
        link = self.swarm.averages[giver].links[self.swarm.names[taker]]
        return (giver, self.swarm.boots[giver], link.mine, taker, boot, session)

    def check(self) -> None:
        """Check all robots that run."""
        swarm = self.swarm
        for robot, average in enumerate(swarm.averages):
            for name, link in average.links.items():
                key = self._session(robot, swarm.places[name], *link.theirs)
                self.out.setdefault(key, {np.zeros_like(link.out).tobytes()}).add(
                    link.out.tobytes()
                )
        for robot, average in enumerate(swarm.averages):
            if not swarm.up[robot]:
                continue
            flowed = average.input.copy()
            for name, link in average.links.items():
                flowed += link.got - link.out
                giver = swarm.places[name]
                key = (giver, link.theirs[0], link.theirs[1], robot, swarm.boots[robot], link.mine)
                if link.got.any():
                    assert link.got.tobytes() in self.out[key], (robot, name)
            assert (average.mass == flowed).all(), robot

    def conserved(self, robots: set[int]) -> None:
        """See that the mass of robots whose links agree is what they put in, to the last unit."""
        averages = [self.swarm.averages[robot] for robot in robots]
        total = sum(average.mass for average in averages)
        for robot in robots:
            for name, link in self.swarm.averages[robot].links.items():
                other = self.swarm.averages[self.swarm.places[name]]
                back = other.links[self.swarm.names[robot]]
                # What is under way, or lost, is what one side gave and the other has not got.
                total = total + link.out - back.got
        assert (total == sum(average.input for average in averages)).all()


def random_vector(random: Random) -> np.ndarray:
    """An input."""
    return np.array([random.uniform(-5, 5) for _ in range(WIDTH)])


@pytest.mark.parametrize('seed', range(800))
def test_mass_is_kept_and_sums_come_out_over_random_histories(seed: int) -> None:
    """Loss, repetition, overtaking, splits, reboots, robots that are gone, changed inputs."""
    random = Random(seed)
    robots = random.randint(2, 9)
    graph = arbitrary(robots, random)
    faults = ROUGH if random.random() < 0.7 else PERFECT
    swarm = Averages(graph, WIDTH, seed, faults)
    ledger = Ledger(swarm)
    for _ in range(random.randint(1, 10)):
        what, robot = random.random(), random.randrange(robots)
        if what < 0.5:
            if swarm.up[robot]:
                swarm.put(robot, random_vector(random) if random.random() < 0.9 else None)
        elif what < 0.65:
            swarm.reboot(robot)
        elif what < 0.75:
            swarm.stop(robot)
        elif what < 0.9:
            swarm.radio.graph = cut(graph, [random.random() < 0.5 for _ in range(robots)])
        else:
            swarm.radio.graph = graph
        for _ in range(random.randint(0, 40)):
            swarm.step()
            ledger.check()
    # From here on nothing changes: each part has the sums over its own.
    there: Graph = [
        {other for other in near if swarm.up[other]} if swarm.up[robot] else set()
        for robot, near in enumerate(swarm.radio.graph)
    ]
    swarm.radio.graph = there
    found = [part for part in parts(there) if all(swarm.up[robot] for robot in part)]
    for step in range(2500):
        swarm.step()
        ledger.check()
        if step > 100 and step % 20 == 0 and all(swarm.error(part) < 1e-4 for part in found):
            break
    for part in found:
        ledger.conserved(part)
        assert swarm.error(part) < 1e-4, f'seed {seed}: {swarm.error(part)} in {part}'


@pytest.mark.parametrize('graph', [ring, grid, geometric, full])
@pytest.mark.parametrize('loss', [0.0, 0.1, 0.3])
def test_every_graph_gives_the_sums(graph: object, loss: float) -> None:
    """Twenty robots each."""
    everybody = set(range(20))
    swarm = Averages(graph(20, Random(3)), WIDTH, 3, RadioFaults(loss=loss))  # type: ignore[operator]
    for robot in everybody:
        swarm.put(robot, random_vector(swarm.random))
    for step in range(2000):
        swarm.step()
        if step > 20 and step % 10 == 0 and swarm.error(everybody) < 1e-4:
            break
    assert swarm.error(everybody) < 1e-4
    Ledger(swarm).conserved(everybody)


def test_a_message_has_a_constant_size() -> None:
    """However many partners there are."""
    sizes = {}
    for robots in (30, 120):
        swarm = Averages(
            full(robots, Random(1)), WIDTH, 1, PERFECT, hello_ticks=50, shares_max=4, weigh=True
        )
        for _ in range(60):
            swarm.step()
        before = swarm.weight().shares
        for _ in range(20):
            swarm.step()
        sizes[robots] = (swarm.weight().shares - before) / 20 / robots
    assert sizes[120] < 1.1 * sizes[30], sizes


def test_a_robot_that_is_gone_takes_its_mass_with_it() -> None:
    """Also the one that the count refers to."""
    swarm = Averages(full(6, Random(1)), WIDTH, 1, PERFECT)
    for robot in range(6):
        swarm.put(robot, np.full(WIDTH, 10.0**robot))
    for _ in range(80):
        swarm.step()
    assert swarm.error(set(range(6))) < 1e-3
    assert swarm.averages[5].root == 'r0000'
    swarm.stop(0)
    for _ in range(200):
        swarm.step()
    rest = {1, 2, 3, 4, 5}
    assert swarm.error(rest) < 1e-3
    assert swarm.averages[5].root == 'r0001'
    assert round(swarm.averages[5].sums()[-1]) == 5  # type: ignore[index]


def test_far_from_the_root_its_signs_are_rare_and_it_is_not_taken_for_gone() -> None:
    """On long ways signs that are held up become one: they come further and further apart."""
    swarm = Averages(ring(120, Random(1)), 1, 1, RadioFaults(loss=0.5), near_ticks=60)
    # All know each other and the root, and have seen how far apart its signs are.
    for _ in range(300):
        swarm.step()
    for _ in range(500):
        swarm.step()
        assert {protocol.root for protocol in swarm.averages} == {'r0000'}
    swarm.stop(0)
    for _ in range(1500):
        swarm.step()
        if {protocol.root for protocol in swarm.averages[1:]} == {'r0001'}:
            break
    assert {protocol.root for protocol in swarm.averages[1:]} == {'r0001'}


def test_the_oldest_age_is_known_everywhere_and_forgotten_when_it_is_gone() -> None:
    """It is the largest of this window of the root's signs of life, or of the one before."""
    swarm = Averages(ring(8, Random(1)), WIDTH, 1, PERFECT)
    for robot in range(8):
        swarm.put(robot, np.ones(WIDTH), age_us=1_000 * TICK_US if robot == 3 else 0)
    for _ in range(60):
        swarm.step()
    for average in swarm.averages:
        assert abs(average.oldest_us() / TICK_US - 1_060) <= 12
    swarm.put(3, np.ones(WIDTH))
    for _ in range(200):
        swarm.step()
    for average in swarm.averages:
        assert abs(average.oldest_us() / TICK_US - 260) <= 12


# -- one average ---------------------------------------------------------------------------------


def alone() -> Averaging:
    """Robot b among a, b and c, with a in reach."""
    neighbours = Neighbours('b', ('a', 'b', 'c'), 100, 200)
    neighbours.greeted('a', Hello(neighbours.roster, 7, 1, b'\x02'), 0)
    config = AveragingConfig(TOPIC, 5, 1, TICK_US, round_ticks=1)
    return Averaging(config, neighbours, Random(1), count(1))


def told(
    average: Averaging, flows: tuple[int, ...], sequence: int = 1, boot: int = 7, session: int = 1,
    mine: int | None = None, my_boot: int = 5, place: int = 1,
) -> Shares:  # fmt: skip
    """Shares of robot a for b."""
    known = average.links['a'].mine if mine is None and 'a' in average.links else (mine or 0)
    return Shares(
        TOPIC, Neighbours('b', ('a', 'b', 'c'), 1, 1).roster, boot, sequence, (0, boot, sequence),
        0, -1, ((place, session, my_boot, known, flows),),
    )  # fmt: skip


def opened() -> Averaging:
    """One with a link to a that is open."""
    average = alone()
    for _ in range(8):
        average.pass_time(1)
        average.take_effects()
    average.receive('a', told(average, (0, 0, 0)))
    assert average.links['a'].open
    return average


def test_what_is_told_again_or_late_changes_nothing() -> None:
    """Cumulative flows: the newest counts."""
    average = opened()
    average.receive('a', told(average, (5 * UNIT, 0, 0), 3))
    for sequence, flow in ((3, 5), (2, 4), (1, 99)):
        average.receive('a', told(average, (flow * UNIT, 0, 0), sequence))
    assert average.mass[0] == 5 * UNIT
    average.receive('a', told(average, (7 * UNIT, 0, 0), 4))
    assert average.mass[0] == 7 * UNIT


def test_what_is_told_in_another_session_does_not_count() -> None:
    """Neither with a session of ours that is over, nor with an older one of the partner."""
    average = opened()
    for stale in (
        told(average, (UNIT, 0, 0), 2, mine=average.links['a'].mine + 1),
        told(average, (UNIT, 0, 0), 2, my_boot=4),
        told(average, (UNIT, 0, 0), 2, boot=6, session=9),
        told(average, (UNIT, 0, 0), 2, session=0),
    ):
        average.receive('a', stale)
    assert average.mass[0] == 0


def test_a_partner_that_restarts_gets_back_what_it_gave_and_returns_what_it_got() -> None:
    """What had flowed in its boot before is undone on this side, too."""
    average = opened()
    average.put(np.array([8.0]))
    average.receive('a', told(average, (4 * UNIT, 0, 0), 2))
    average.pass_time(1)
    average.take_effects()
    assert average.mass[0] == 6 * UNIT
    average.receive('a', told(average, (0, 0, 0), 1, boot=8, mine=0))
    assert average.mass[0] == 8 * UNIT
    assert not average.links['a'].open


def test_shares_of_other_width_or_roster_are_counted_and_dropped() -> None:
    """Whose labels or robots are others cannot be averaged with."""
    average = opened()
    average.receive('a', told(average, (UNIT,), 2))
    assert average.dropped['WRONG_WIDTH'] == 1
    message = told(average, (UNIT, 0, 0), 3)
    other = Shares(
        message.topic, message.roster ^ 1, message.incarnation, message.sequence, message.root,
        message.epoch, message.oldest_us, message.shares,
    )  # fmt: skip
    average.receive('a', other)
    assert average.dropped['OTHER_ROSTER'] == 1
    assert average.mass[0] == 0


def test_flows_may_pass_the_end_of_their_numbers() -> None:
    """Only differences matter."""
    average = opened()
    average.receive('a', told(average, (2**63 - 1, 0, 0), 2))
    before = int(average.mass[0])
    average.receive('a', told(average, (-(2**63) + 9, 0, 0), 3))
    assert (int(average.mass[0]) - before) % 2**64 == 10


def test_settings_out_of_range_are_refused() -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match='width'):
        AveragingConfig(TOPIC, 1, 0, TICK_US)
    with pytest.raises(ValueError, match='above 0'):
        AveragingConfig(TOPIC, 1, 1, 0)
