"""
How soon, and for how many bytes, all robots have what a centre makes of the same evidence.

Robots on a graph believe something weak each, so that together they are neither sure nor undecided,
and it counts how many rounds pass until no robot's probability of any label is further than 0.001
from that of the centre. The protocols are the real ones, their messages are weighed by the real
codec, and everything is drawn from one seed.
"""

from __future__ import annotations

from collections.abc import Iterable
import math
from random import Random

import numpy as np

from swarm_consensus.decision.averages import bounded, components, pooled, width
from swarm_consensus.decision.fusion import Floats, fuse
from swarm_consensus.protocols.fusion.averaging import sums_of
from swarm_consensus.protocols.fusion.messages import Hello
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.fusion.spanner import partners
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.evidence import BODIES, Evidence
from swarm_consensus.simulation.fusion.averages import Averages
from swarm_consensus.simulation.fusion.flows import Flows
from swarm_consensus.simulation.fusion.graphs import GRAPHS, Graph, cut
from swarm_consensus.simulation.fusion.radio import RadioFaults
from swarm_consensus.simulation.fusion.relays import Relays

LABELS = 3
RULE = 'log_linear'
NEAR = 0.001
# Natural-log likelihood by which all robots together differ between labels, about.
EVIDENCE = 1.5
# Under a moving partition: rounds for which the swarm is in two, and then whole again.
CUT_ROUNDS, WHOLE_ROUNDS = 8, 8
# Of consensus_node: seconds of a tick, and ticks between two rounds or hellos.
TICK_S = 0.02
ROUND_TICKS = 10
ROUND_S = ROUND_TICKS * TICK_S


@value
class Case:
    """
    What is run.

    :param graph: a key of GRAPHS.
    :param loss: share of the messages that each in range does not get.
    :param moving: whether the swarm is cut in two, half of the time, each time elsewhere.
    :param rounds_max: after how many it is given up.
    :param real_max: averaging: after how many rounds of the protocol itself the same sums are done
        in numpy (flows.py), from where they can be, a thousandth of what theory lets expect at a
        time.
    """

    graph: str
    robots: int
    loss: float = 0.0
    moving: bool = False
    seed: int = 1
    rounds_max: int = 2000
    real_max: int = 2000


@value
class Found:
    """
    What came out.

    :param rounds: until all were near; None: not within those allowed.
    :param theory: rounds to expect without loss: averaging, by the spectrum of the graph; exact,
        the most hops between two robots.
    :param bytes_s: bytes that a robot sends in a second.
    """

    rounds: int | None
    theory: float
    bytes_s: float


class MovingCut:
    """A graph that is cut in two, half of the time, each time elsewhere."""

    def __init__(self, graph: Graph, random: Random) -> None:
        self._graph = graph
        self._random = random
        self._place = 0

    def before(self, step: int) -> int:
        """Return before which robot a round, to be asked for each, is cut; 0: it is not."""
        into = step % (CUT_ROUNDS + WHOLE_ROUNDS)
        if into == 0:
            self._place = self._random.randrange(1, len(self._graph))
        return self._place if into < CUT_ROUNDS else 0

    def at(self, step: int) -> Graph:
        """Return who hears whom in a round; to be asked for each."""
        place = self.before(step)
        if not place:
            return self._graph
        return cut(self._graph, [robot < place for robot in range(len(self._graph))])


def evidence(robots: int, random: Random) -> list[Floats]:
    """Return what each robot believes."""
    scale = EVIDENCE / math.sqrt(robots)
    return [
        bounded([random.gauss(0.0, scale) for _ in range(LABELS)]) for _ in range(robots)
    ]


def central(rows: list[Floats]) -> Floats:
    """Return what a centre makes of it."""
    return fuse(RULE, np.array(rows), np.ones(len(rows)))


# -- averaging ------------------------------------------------------------------------------------

# Hellos are rarer here than the rounds, which changes nothing but the time that a run takes.
HELLO_ROUNDS, SILENT_ROUNDS = 10, 60
SETTLE_ROUNDS = 45
# Partners that a robot serves in a round.
SERVED = 8


def average(case: Case) -> Found:
    """Run the averaging mode."""
    random = Random(case.seed)
    graph = GRAPHS[case.graph](case.robots, random)
    swarm = Averages(
        graph,
        width(RULE, LABELS),
        case.seed,
        RadioFaults(loss=case.loss),
        hello_ticks=HELLO_ROUNDS,
        near_ticks=SILENT_ROUNDS,
        shares_max=SERVED,
        weigh=True,
    )
    for _ in range(SETTLE_ROUNDS):
        swarm.step()
    theory = expected_rounds(graph)
    rows = evidence(case.robots, random)
    truth = central(rows)
    for robot, row in enumerate(rows):
        swarm.put(robot, components(RULE, tuple(row), 1.0))
    before = swarm.weight()
    moving = MovingCut(graph, random)
    rounds = None
    step = 0
    while rounds is None and step < min(case.rounds_max, case.real_max):
        if case.moving:
            swarm.radio.graph = moving.at(step)
        swarm.step()
        step += 1
        if near((protocol.sums() for protocol in swarm.averages), truth):
            rounds = step
    after = swarm.weight()
    shares = (after.shares - before.shares) / case.robots / step
    hello = after.hellos / max(1, after.hello_count)
    if rounds is None and step < case.rounds_max:
        rounds = _flow(case, swarm, moving, step, theory, truth)
    return Found(rounds, theory, (shares + hello) / ROUND_S)


def _flow(
    case: Case,
    swarm: Averages,
    moving: MovingCut,
    step: int,
    theory: float,
    truth: Floats,
) -> int | None:
    """Go on from a step in numpy; returns the rounds until all are near, or None."""
    flows = Flows(swarm, SERVED)
    random = np.random.default_rng(case.seed)
    everything = np.ones(len(flows.targets), dtype=np.bool_)
    pace = max(1, round(theory / 1000))
    while step < case.rounds_max:
        arrive = everything
        if case.loss:
            arrive = random.random(len(everything)) >= case.loss
        place = moving.before(step) if case.moving else 0
        if place:
            arrive = arrive & ((flows.sources < place) == (flows.targets < place))
        flows.step(arrive)
        step += 1
        if step % pace == 0 and near(map(sums_of, flows.mass), truth):
            return step
    return None


def near(everybody: Iterable[Floats | None], truth: Floats) -> bool:
    """
    Return whether every robot is near the truth.

    :param everybody: the sums as they seem to each robot.
    """
    for sums in everybody:
        found = None if sums is None else pooled(RULE, sums[:-1], LABELS)
        if found is None or float(np.abs(found[0] - truth).max()) > NEAR:
            return False
    return True


def expected_rounds(graph: Graph) -> float:
    """
    Return how many rounds the second eigenvalue of the averaging matrix lets expect without loss.

    A robot keeps one part of d + 1 and gives the others to its d partners; what is wrong shrinks by
    that eigenvalue in each round, and has to shrink from 1 to NEAR / robots, as the sum of what all
    believe is wrong by as many times more as there are robots.
    """
    robots = len(graph)
    links: Graph = [set() for _ in graph]
    size = robots // 8 + 1
    masks = [sum(1 << other for other in near).to_bytes(size, 'little') for near in graph]
    names = [f'{robot:04}' for robot in range(robots)]
    for robot, near in enumerate(graph):
        known = Neighbours(names[robot], names, 1, 1)
        for other in near:
            known.greeted(names[other], Hello(known.roster, 1, 1, masks[other]), 0)
        for name in partners(known, SERVED):
            links[robot].add(int(name))
            links[int(name)].add(robot)
    matrix = np.zeros((robots, robots))
    for robot, others in enumerate(links):
        for place in (robot, *others):
            matrix[place, robot] = 1.0 / (len(others) + 1)
    second = float(np.sort(np.abs(np.linalg.eigvals(matrix)))[-2])
    return math.log(robots / NEAR) / -math.log(second)


# -- exact ----------------------------------------------------------------------------------------

# Each robot says something new once in so many seconds, while bytes are counted.
RENEW_S = 1.0
COUNTED_S = 3.0


def relay(case: Case) -> Found:
    """Run the exact mode; a round is a tick, in which a message gets one hop further."""
    random = Random(case.seed)
    graph = GRAPHS[case.graph](case.robots, random)
    swarm = Relays(graph, case.seed, RadioFaults(loss=case.loss), hello_ticks=ROUND_TICKS)
    for _ in range(3 * ROUND_TICKS):
        swarm.step()
    rows = evidence(case.robots, random)
    for robot, row in enumerate(rows):
        swarm.say(robot, BODIES.encode(Evidence(1, tuple(row.tolist()), 1.0, 0)))
    moving = MovingCut(graph, random)
    rounds = None
    step = 0
    while rounds is None and step < case.rounds_max:
        if case.moving:
            swarm.radio.graph = moving.at(step)
        swarm.step()
        step += 1
        if swarm.agree():
            rounds = step
    # Who holds the same items fuses them to the same numbers, bit by bit.
    before = sum(swarm.bytes)
    ticks = round(COUNTED_S / TICK_S)
    period = round(RENEW_S / TICK_S)
    for tick in range(ticks):
        if case.moving:
            swarm.radio.graph = moving.at(step + tick)
        for robot in range(tick % period, case.robots, period):
            row = rows[robot]
            swarm.say(robot, BODIES.encode(Evidence(1, tuple(row.tolist()), 1.0, 0)))
        swarm.step()
    bytes_s = (sum(swarm.bytes) - before) / case.robots / COUNTED_S
    return Found(rounds, float(eccentricity(graph)), bytes_s)


def eccentricity(graph: Graph) -> int:
    """Return the most hops between two robots."""
    most = 0
    for start in range(len(graph)):
        reached, edge, hops = {start}, {start}, 0
        while edge:
            edge = {other for each in edge for other in graph[each]} - reached
            reached |= edge
            hops += bool(edge)
        most = max(most, hops)
    return most
