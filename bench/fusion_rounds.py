"""
Belief fusion in the simulation: rounds until every robot has what a centre makes of the evidence.

Rings, grids, robots at random in radio range, and all in reach of all; with 0, 10 and 30 % of the
messages lost, and cut in two half of the time, each time elsewhere. Until every robot's probability
of every label is within 0.001 of the centre's. The protocols are the real ones, and bytes are those
of the real codec, without the headers of frames. It takes the better part of an hour of two cores.

The averaging mode counts rounds of `belief_resend`, the exact mode ticks, in each of which a
message gets one hop further; the exact mode is for some hundreds of robots. On a ring or grid of a
thousand averaging takes up to a million rounds: the protocol itself begins, until links stand and
evidence flows, and numpy goes on with the same sums, to the last bit (simulation/fusion/flows.py).
The plot is build/fusion_rounds.png.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from random import Random
import sys
import time
from typing import Any

import numpy as np

from bench.rows import row
from swarm_consensus.decision.fusion import fuse
from swarm_consensus.simulation.fusion.experiment import (
    ROUND_TICKS,
    Case,
    Found,
    average,
    relay,
)
from swarm_consensus.simulation.fusion.graphs import GRAPHS, full
from swarm_consensus.simulation.fusion.radio import RadioFaults
from swarm_consensus.simulation.fusion.relays import Relays

PLOT = Path('build/fusion_rounds.png')
AVERAGED, RELAYED = (10, 100, 1000), (10, 100, 300)
# Loss, and whether the swarm is cut in two now and then.
TROUBLES = {'no loss': (0.0, False), '10 % loss': (0.1, False), '30 % loss': (0.3, False),
            'a moving partition': (0.0, True)}  # fmt: skip
LARGE, MEDIUM = 1000, 100
ROUNDS_MAX = 10_000_000
# After how many rounds of the protocol itself numpy goes on: by then word of the root has come
# around half a ring, whatever the weather. Robots at random have too many partners for that.
REAL_MAX, LARGE_REAL_MAX = 20_000, {'ring': 1500, 'grid': 1500}
GROWTH_MAX, BYTES_MAX = 2.0, 1.25
CROWD, CPU_MS_MAX = 100, 2.0

Key = tuple[str, str, int, str]


def rows() -> list[dict[str, Any]]:
    """Measure, draw, and return the rows."""
    found = measure()
    draw(found)
    made: list[dict[str, Any]] = []
    for (mode, graph, robots, trouble), each in found.items():
        name = f'{mode}, {graph}, {robots} robots, {trouble}'
        unit = 'rounds' if mode == 'averaging' else 'ticks'
        assert each.rounds is not None, f'{name}: no end after {ROUNDS_MAX} {unit}'
        made.append(row(f'{name}: {unit}', each.rounds, unit))
        if trouble == 'no loss':
            made.append(row(f'{name}: {unit} that theory lets expect', each.theory, unit))
        made.append(row(f'{name}: a robot sends', each.bytes_s, 'bytes/s'))
    name = f'exact, {CROWD} robots in reach of all: CPU of a robot in a round'
    made.append(row(name, cpu_ms(), 'ms', goal=CPU_MS_MAX))
    large, small = (found['averaging', 'full', n, 'no loss'] for n in (LARGE, MEDIUM))
    assert large.rounds is not None and small.rounds is not None
    growth = large.rounds / small.rounds
    name = 'averaging, all in reach: rounds of 1,000 to those of 100 robots'
    made.append(row(name, growth, 'times', goal=GROWTH_MAX))
    share = large.bytes_s / small.bytes_s
    name = 'averaging, all in reach: bytes of 1,000 to those of 100 robots'
    made.append(row(name, share, 'times', goal=BYTES_MAX))
    return made


def cpu_ms() -> float:
    """
    Return the CPU that a robot of a crowd takes for 0.2 s of the exact mode.

    Each robot says something new once a second, and hears all others; without codec and radio, but
    with what it takes to fuse what it holds.
    """
    random = Random(1)
    swarm = Relays(full(CROWD, random), 1, RadioFaults(), hello_ticks=ROUND_TICKS)
    bodies = [bytes(random.getrandbits(8) for _ in range(50)) for _ in range(CROWD)]
    evidence = np.log(np.array([[random.uniform(0.1, 1.0) for _ in range(3)] for _ in bodies]))
    for robot, body in enumerate(bodies):
        swarm.say(robot, body)
    for _ in range(5 * ROUND_TICKS):
        swarm.step()
    rounds = 5
    spent = 0.0
    for tick in range(rounds * ROUND_TICKS):
        for robot in range(tick % 50, CROWD, 50):
            swarm.say(robot, bodies[robot])
        began = time.process_time()
        swarm.step()
        spent += time.process_time() - began
    began = time.process_time()
    for _ in range(rounds):
        fuse('log_linear', evidence, np.ones(CROWD))
    fused = time.process_time() - began
    return (spent / CROWD + fused) / rounds * 1e3


def measure() -> dict[Key, Found]:
    """Run every case, the largest first, on all cores."""
    cases = [
        (mode, graph, robots, trouble)
        for mode, sizes in (('averaging', AVERAGED), ('exact', RELAYED))
        for graph in GRAPHS
        for robots in sizes
        for trouble in TROUBLES
    ]
    longest_first = sorted(cases, key=lambda case: -case[2])
    found: dict[Key, Found] = {}
    with multiprocessing.get_context('spawn').Pool() as pool:
        for case, each in pool.imap_unordered(run, longest_first):
            found[case] = each
            print(f'  {len(found)} of {len(cases)}: {", ".join(map(str, case))}', file=sys.stderr)
    return {case: found[case] for case in cases}


def run(key: Key) -> tuple[Key, Found]:
    """Run a case."""
    mode, graph, robots, trouble = key
    loss, moving = TROUBLES[trouble]
    real = LARGE_REAL_MAX.get(graph, REAL_MAX) if robots == LARGE else REAL_MAX
    case = Case(graph, robots, loss, moving, 1, ROUNDS_MAX, real)
    return key, average(case) if mode == 'averaging' else relay(case)


def draw(found: dict[Key, Found]) -> None:
    """Draw rounds and bytes by the size of the swarm."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 2, figsize=(13, 10))
    colours = dict(zip(GRAPHS, ('tab:blue', 'tab:orange', 'tab:green', 'tab:red'), strict=True))
    styles = dict(zip(TROUBLES, ('-o', '--s', ':^', '-.x'), strict=True))
    for column, (mode, sizes) in enumerate((('averaging', AVERAGED), ('exact', RELAYED))):
        rounds, sent = panels[0][column], panels[1][column]
        for graph, colour in colours.items():
            for trouble, style in styles.items():
                keys = [(mode, graph, robots, trouble) for robots in sizes]
                cases = [(key[2], found[key]) for key in keys]
                drawn = [(n, each.rounds) for n, each in cases]
                label = f'{graph}, {trouble}'
                rounds.plot(*_columns(drawn), style, color=colour, markersize=4, label=label)
                weighed = [(n, each.bytes_s) for n, each in cases]
                sent.plot(*_columns(weighed), style, color=colour, markersize=4, label=label)
            theory = [(n, found[mode, graph, n, 'no loss'].theory) for n in sizes]
            rounds.plot(*_columns(theory), color=colour, linewidth=6, alpha=0.15)
        unit = 'rounds of 0.2 s' if mode == 'averaging' else 'ticks of 20 ms'
        rounds.set(title=f'{mode}: {unit} until all are within 0.001 (wide: theory)', ylabel=unit)
        sent.set(title=f'{mode}: what a robot sends', ylabel='bytes a second')
        for axes in (rounds, sent):
            axes.set(xlabel='robots', xscale='log', yscale='log')
            if axes is sent and mode == 'averaging':
                axes.set(yscale='linear', ylim=(0, None))
            axes.set_xticks(sizes, [str(n) for n in sizes])
            axes.minorticks_off()
            axes.grid(alpha=0.3)
        rounds.legend(fontsize=6, ncols=2)
    figure.suptitle('Belief fusion on radio graphs')
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    pyplot.close(figure)


def _columns(pairs: list[tuple[int, Any]]) -> tuple[list[int], list[Any]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
