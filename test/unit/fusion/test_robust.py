"""The robust mode: honest robots stay within what honest ones believe, and agree where they can."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from swarm_consensus.protocols.fusion.messages import Estimate, Hello
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.fusion.robust import ANCHOR, Robust, RobustConfig, trimmed
from swarm_consensus.protocols.fusion.robustness import is_robust
from swarm_consensus.simulation.fusion.graphs import Graph, arbitrary, full, ring

TOPIC = 'sign'
LABELS = 3

# What a liar says, given the round, who hears it and a source of luck.
Lie = Callable[[int, int, Random], list[float]]

LIES: dict[str, Lie] = {
    'low': lambda step, to, random: [-80.0, -80.0, -80.0],
    'high': lambda step, to, random: [0.0, 0.0, 0.0],
    'two-faced': lambda step, to, random: [-80.0, 0.0, -1.0] if to % 2 else [0.0, -80.0, -1.0],
    'random': lambda step, to, random: [random.uniform(-80.0, 0.0) for _ in range(LABELS)],
    'swinging': lambda step, to, random: [-80.0 * (step % 7 == 0)] * LABELS,
}


class Crowd:
    """Robots on a graph, some of whom lie; each message is lost with some probability."""

    def __init__(
        self, graph: Graph, liars: dict[int, Lie], f: int, seed: int, loss: float = 0.0
    ) -> None:
        self.random = Random(seed)
        self.graph, self.liars, self.loss = graph, liars, loss
        self.names = tuple(f'r{n:02}' for n in range(len(graph)))
        self.robots: list[Robust] = []
        self.inputs: dict[int, np.ndarray] = {}
        for robot, near in enumerate(graph):
            neighbours = Neighbours(self.names[robot], self.names, 10**6, 10**6)
            for other in sorted(near):
                neighbours.greeted(self.names[other], Hello(neighbours.roster, 1, 1, b''), 0)
            config = RobustConfig(TOPIC, 1, LABELS, f, 1, stale_ticks=20)
            self.robots.append(Robust(config, neighbours, Random(self.random.getrandbits(64))))
        self.steps = 0

    def believe(self, robot: int, values: np.ndarray) -> None:
        """Give an honest robot evidence."""
        self.inputs[robot] = values
        self.robots[robot].put(values)

    def step(self) -> None:
        """Let a round pass."""
        self.steps += 1
        said: dict[int, tuple[float, ...]] = {}
        for number, robot in enumerate(self.robots):
            robot.pass_time(1)
            effects = robot.take_effects()
            if effects is not None and number not in self.liars:
                message = effects.send[0].message
                assert isinstance(message, Estimate)
                said[number] = message.values
        for sender in range(len(self.robots)):
            for receiver in sorted(self.graph[sender]):
                if self.random.random() < self.loss:
                    continue
                values = said.get(sender)
                if sender in self.liars:
                    values = tuple(self.liars[sender](self.steps, receiver, self.random))
                if values is not None:
                    message = Estimate(TOPIC, 1, self.steps, values)
                    self.robots[receiver].receive(self.names[sender], message)

    @property
    def honest(self) -> list[int]:
        """The robots that do not lie."""
        return [n for n in range(len(self.robots)) if n not in self.liars]

    def estimates(self) -> np.ndarray:
        """What honest robots estimate, where they do."""
        found = [self.robots[n].values for n in self.honest]
        return np.array([values for values in found if values is not None])


def evidence(random: Random) -> np.ndarray:
    """A row: 0 for the best label."""
    values = np.array([random.uniform(-8.0, 0.0) for _ in range(LABELS)])
    return np.asarray(values - values.max())


@pytest.mark.parametrize('seed', range(1000))
def test_no_lies_move_honest_robots_out_of_what_honest_ones_believe(seed: int) -> None:
    """Any graph with no more than f liars around anybody; loss, lies of all kinds, new evidence."""
    random = Random(seed)
    robots = random.randint(3, 10)
    graph = arbitrary(robots, random)
    f = random.randint(0, 2)
    chosen = random.sample(range(robots), min(f, robots - 1))
    lie = LIES[random.choice(sorted(LIES))]
    crowd = Crowd(graph, dict.fromkeys(chosen, lie), f, seed, random.choice([0.0, 0.3]))
    rows = {robot: evidence(random) for robot in crowd.honest if random.random() < 0.9}
    for robot, row in rows.items():
        crowd.believe(robot, row)
    if not rows:
        return
    low = np.min(list(rows.values()), axis=0)
    high = np.max(list(rows.values()), axis=0)
    for _ in range(30):
        crowd.step()
        estimates = crowd.estimates()
        assert (estimates >= low - 1e-9).all() and (estimates <= high + 1e-9).all(), f'seed {seed}'


@pytest.mark.parametrize('lie', sorted(LIES))
@pytest.mark.parametrize('loss', [0.0, 0.3])
def test_on_a_graph_that_is_robust_honest_robots_agree(lie: str, loss: float) -> None:
    """Nine robots, two of them liars, which hear all but one another of their kind."""
    robots, f = 9, 2
    graph = full(robots, Random(1))
    hears = [sum(1 << other for other in near) for near in graph]
    assert is_robust(hears, 2 * f + 1)
    crowd = Crowd(graph, dict.fromkeys((0, 5), LIES[lie]), f, 1, loss)
    for robot in crowd.honest:
        crowd.believe(robot, evidence(crowd.random))
    rows = np.array([crowd.inputs[robot] for robot in crowd.honest])
    for _ in range(200):
        crowd.step()
    apart = np.ptp(crowd.estimates(), axis=0)
    assert (apart <= 4 * ANCHOR * np.ptp(rows, axis=0)).all(), apart


def test_on_a_graph_that_is_not_robust_a_liar_can_keep_robots_apart() -> None:
    """Two crowds that hear each other through one robot each: the warning is not for nothing."""
    half = full(4, Random(1))
    graph: Graph = [set(near) for near in half] + [{each + 4 for each in near} for near in half]
    graph[0].add(4)
    graph[4].add(0)
    hears = [sum(1 << other for other in near) for near in graph]
    assert not is_robust(hears, 3)
    crowd = Crowd(graph, {}, 1, 1)
    for robot in range(8):
        crowd.believe(robot, np.array([0.0, -6.0, -6.0] if robot < 4 else [-6.0, 0.0, -6.0]))
    for _ in range(300):
        crowd.step()
    assert np.ptp(crowd.estimates(), axis=0)[0] > 5.0


@pytest.mark.parametrize('seed', range(200))
def test_without_liars_it_is_the_mean_of_what_robots_believe(seed: int) -> None:
    """Nothing is trimmed, all hear each other: what a centre calculates, up to the mixing."""
    random = Random(seed)
    robots = random.randint(2, 12)
    crowd = Crowd(full(robots, random), {}, 0, seed)
    for robot in range(robots):
        crowd.believe(robot, evidence(random))
    rows = np.array(list(crowd.inputs.values()))
    for _ in range(400):
        crowd.step()
    # In the fixed point each is ANCHOR of its own evidence and the rest the mean of all.
    expected = ANCHOR * rows + (1.0 - ANCHOR) * rows.mean(axis=0)
    assert crowd.estimates() == pytest.approx(expected, abs=1e-4)


def test_what_a_robot_believed_leaves_with_it_and_new_evidence_comes_in() -> None:
    """By ANCHOR of it in a round."""
    crowd = Crowd(full(5, Random(1)), {}, 0, 1)
    for robot in range(5):
        crowd.believe(robot, np.array([0.0, -1.0, -9.0 if robot == 0 else -1.0]))
    for _ in range(200):
        crowd.step()
    assert crowd.estimates()[1][2] < -2.0
    # Robot 0 is heard no more.
    crowd.graph = [set()] + [near - {0} for near in crowd.graph[1:]]
    for _ in range(300):
        crowd.step()
    assert crowd.estimates()[1:, 2] == pytest.approx(-1.0, abs=0.01)
    for robot in range(1, 5):
        crowd.believe(robot, np.array([-4.0, 0.0, -4.0]))
    for _ in range(300):
        crowd.step()
    assert crowd.estimates()[1:, 0] == pytest.approx(-4.0, abs=0.01)


def test_a_robot_without_evidence_learns_from_more_than_twice_the_liars() -> None:
    """From 2f or fewer it cannot tell the honest ones."""
    for robots, known in ((4, True), (3, False)):
        crowd = Crowd(full(robots, Random(1)), {}, 1, 1)
        for robot in range(1, robots):
            crowd.believe(robot, np.array([0.0, -1.0, -2.0]))
        for _ in range(5):
            crowd.step()
        assert (crowd.robots[0].values is not None) == known
    crowd = Crowd(ring(6, Random(1)), {}, 1, 1)
    assert crowd.estimates().size == 0


@pytest.mark.parametrize('seed', range(300))
def test_trimming_is_what_the_rule_says(seed: int) -> None:
    """Written out the slow way, label by label."""
    random = Random(seed)
    robots, liars = random.randint(0, 7), random.randint(0, 3)
    own = np.array([random.randint(-3, 3) for _ in range(LABELS)], dtype=float)
    others = np.array(
        [[random.randint(-3, 3) for _ in range(LABELS)] for _ in range(robots)], dtype=float
    ).reshape(robots, LABELS)
    expected = []
    for label in range(LABELS):
        values = sorted(others[:, label])
        above = [value for value in values if value > own[label]]
        below = [value for value in values if value < own[label]]
        kept = [value for value in values if value == own[label]]
        kept += above[: max(0, len(above) - liars)] + below[liars:]
        expected.append((sum(kept) + own[label]) / (len(kept) + 1))
    assert trimmed(own, others, liars) == pytest.approx(expected), f'seed {seed}'


def test_what_does_not_fit_or_is_old_does_not_count() -> None:
    """Other labels, robots out of reach, and what was overtaken."""
    crowd = Crowd(full(3, Random(1)), {}, 0, 1)
    one = crowd.robots[0]
    one.put([0.0, -1.0, -2.0])
    one.receive('r01', Estimate(TOPIC, 1, 1, (0.0, -1.0)))
    assert one.dropped['WRONG_WIDTH'] == 1
    one.receive('r77', Estimate(TOPIC, 1, 1, (0.0, -80.0, -80.0)))
    one.receive('r01', Estimate(TOPIC, 1, 5, (0.0, -1.0, -2.0)))
    one.receive('r01', Estimate(TOPIC, 1, 4, (-80.0, 0.0, -80.0)))
    one.pass_time(1)
    one.take_effects()
    assert one.values == pytest.approx([0.0, -1.0, -2.0])


def test_settings_out_of_range_are_refused() -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match='above 0'):
        RobustConfig(TOPIC, 1, 0, 1)
