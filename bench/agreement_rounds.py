"""
What a leaderless decision costs: rounds, messages and bytes, for each strategy of the liars.

The robots of the simulation's adversary (simulation/adversary), f = (n - 1) / 3 of them liars, on a
network that delivers in random order; and beside them the adversary that follows the coin. Bytes
are those of the codec, without the headers of frames. A robot of the simulation speaks at every
message that it hears; a real one puts what it says within some milliseconds into one statement.

What is sent counts once however many hear it, as DDS multicasts; what is received counts at each.
The plot is build/agreement_rounds.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rows import row
from swarm_consensus.protocols.agreement.coin import FIXED
from swarm_consensus.protocols.agreement.messages import DIGEST_BYTES, Message, Piece, Statement
from swarm_consensus.simulation.adversary.arena import Arena
from swarm_consensus.simulation.adversary.checks import Check, Swarm
from swarm_consensus.simulation.adversary.follow_coin import COIN_FOLLOWER
from swarm_consensus.simulation.adversary.liars import LIARS
from swarm_consensus.simulation.adversary.plan import Plan
from swarm_consensus.simulation.adversary.trace import Trace
from swarm_consensus.simulation.adversary.words import CODEC, words

PLOT = Path('build/agreement_rounds.png')
NONE = 'none lies'
STRATEGIES = (NONE, *LIARS, COIN_FOLLOWER)
# Runs of each strategy for a size: spreads are small where robots are many.
SIZES = {4: 20, 7: 10, 10: 5, 13: 3}
BALLOT_BYTES = 100
# Old words are replayed in the epochs after the first one.
EPOCHS = {'replaying': 3}
KILOBYTE = 1000
LARGE_SIZES = (4, 7, 10)
# Echo, ready, support, aux and end: what a robot says about each of n values where all goes well.
WORDS_MIN = 5
# One round in three is random, and one in two of those leaves the robots with one side whatever the
# adversary does: 2 x 3 rounds on average. Of the next two, whose coins are 1 and 0, one decides.
ROUNDS_EXPECTED = 2 * len(FIXED) + 2


class Meter(Check):
    """Counts what honest robots say."""

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self.messages = self.received = self.words = 0
        self.sent_bytes = self.received_bytes = self.piece_bytes = 0

    def said(self, robot: int, receivers: tuple[int, ...], message: Message) -> None:
        """Count a message."""
        size = len(CODEC.encode(message))
        self.messages += 1
        self.received += len(receivers)
        self.sent_bytes += size
        self.received_bytes += size * len(receivers)
        if isinstance(message, Piece):
            self.piece_bytes += size
        if isinstance(message, Statement):
            self.words += sum(1 for _ in words(message)) * len(receivers)


@dataclass(slots=True)
class Cost:
    """
    Means of one decision.

    :param messages: that one honest robot sends.
    :param received: by all robots together.
    :param words: the same, were each word a message.
    """

    rounds: float = 0.0
    messages: float = 0.0
    received: float = 0.0
    words: float = 0.0
    sent_bytes: float = 0.0
    received_bytes: float = 0.0
    piece_bytes: float = 0.0


def rows() -> list[dict[str, Any]]:
    """Measure, draw, and return the rows."""
    costs = {
        (strategy, robots): cost(robots, strategy, BALLOT_BYTES, runs)
        for strategy in STRATEGIES
        for robots, runs in SIZES.items()
    }
    large = {robots: cost(robots, NONE, KILOBYTE, 3) for robots in LARGE_SIZES}
    draw(costs, large)
    made: list[dict[str, Any]] = []
    for (strategy, robots), each in costs.items():
        name = f'agreement, {robots} robots, liars: {strategy}'
        made += [
            row(f'{name}: rounds', each.rounds, 'rounds'),
            row(f'{name}: messages a robot sends', each.messages, 'messages'),
            row(f'{name}: sent by all', each.sent_bytes / 1e3, 'kB'),
            row(f'{name}: received by all', each.received_bytes / 1e3, 'kB'),
        ]
    for robots, each in large.items():
        name = f'agreement on 1 kB, {robots} robots'
        least, all_to_all = robots * KILOBYTE / 1e3, robots**2 * KILOBYTE / 1e3
        made += [
            row(f'{name}: values sent by all', each.piece_bytes / 1e3, 'kB', floor=least),
            row(f'{name}: all sent by all', each.sent_bytes / 1e3, 'kB', floor=least),
            row(f'{name}: received by all', each.received_bytes / 1e3, 'kB', floor=all_to_all),
        ]
    return made


def cost(robots: int, strategy: str, value_bytes: int, runs: int) -> Cost:
    """Return the means over some runs."""
    total = Cost()
    faults = (robots - 1) // 3
    for seed in range(1, runs + 1):
        plan = plan_of(robots, strategy, value_bytes)
        arena = Arena(seed, plan, Trace(), meters=(Meter,))
        report = arena.run()
        meter = arena.checks[-1]
        assert isinstance(meter, Meter)
        honest = robots - faults if plan.liars else robots
        decisions = runs * plan.epochs
        total.rounds += report.rounds / runs
        total.messages += meter.messages / honest / decisions
        total.received += meter.received / decisions
        total.words += meter.words / decisions
        total.sent_bytes += meter.sent_bytes / decisions
        total.received_bytes += meter.received_bytes / decisions
        total.piece_bytes += meter.piece_bytes / decisions
    return total


def plan_of(robots: int, strategy: str, value_bytes: int) -> Plan:
    """Return a run with nothing but one strategy in it."""
    faults = (robots - 1) // 3
    follows = strategy == COIN_FOLLOWER
    name = 'silent' if follows else strategy
    return Plan(
        robots=robots,
        faults=faults,
        lies=True,
        common=True,
        style=COIN_FOLLOWER if follows else 'random',
        liars={} if strategy == NONE else dict.fromkeys(range(faults), name),
        crashes={},
        restarts=0,
        restart_chance=0.0,
        loses=0.0,
        reach=1.0,
        epochs=EPOCHS.get(strategy, 1),
        apart=follows,
        value_bytes=(value_bytes,),
        piece_bytes=8192,
        tick_chance=0.0,
        tired_after=10**9,
    )


def draw(costs: dict[tuple[str, int], Cost], large: dict[int, Cost]) -> None:
    """Draw all of it beside the theory."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    sizes = tuple(SIZES)
    figure, panels = pyplot.subplots(2, 2, figsize=(13, 10))
    rounds, messages, sent, values = panels.flat
    for strategy in STRATEGIES:
        style = 'k-o' if strategy == NONE else '-o'
        for axes, what in (
            (rounds, [costs[strategy, n].rounds for n in sizes]),
            (messages, [costs[strategy, n].received for n in sizes]),
            (sent, [costs[strategy, n].sent_bytes / 1e3 for n in sizes]),
        ):
            axes.plot(sizes, what, style, markersize=4, label=strategy)
    bound = [float(ROUNDS_EXPECTED)] * len(sizes)
    _theory(rounds, sizes, bound, 'theory: one agreement, any adversary, at most')
    together = [costs[NONE, n].words for n in sizes]
    messages.plot(sizes, together, 'k:', label='none lies, each word a message')
    cubic = [float(WORDS_MIN * n**3) for n in sizes]
    _theory(messages, sizes, cubic, r'theory: $5\,n^3$ words')
    once = [_once(n, BALLOT_BYTES) for n in sizes]
    _theory(sent, sizes, once, r'theory: $n\,|v| + 2\,n^2$ hashes')
    rounds.set(title='rounds of the longest agreement', ylabel='rounds', ylim=(0, 13))
    messages.set(title='messages received by all robots together', yscale='log', xscale='log')
    sent.set(
        title=f'sent by all robots, values of {BALLOT_BYTES} bytes',
        ylabel='kB', yscale='log', xscale='log',
    )  # fmt: skip
    for label, drawn in (
        ('values sent', [large[n].piece_bytes / 1e3 for n in LARGE_SIZES]),
        ('all sent', [large[n].sent_bytes / 1e3 for n in LARGE_SIZES]),
        ('all received', [large[n].received_bytes / 1e3 for n in LARGE_SIZES]),
    ):
        values.plot(LARGE_SIZES, drawn, '-o', label=label)
    for what, label in (
        ([n * KILOBYTE / 1e3 for n in LARGE_SIZES], r'bound $n\,|v|$'),
        ([n**2 * KILOBYTE / 1e3 for n in LARGE_SIZES], r'bound $n^2\,|v|$'),
    ):
        _theory(values, LARGE_SIZES, what, label)
    for power, label in ((0, r'$n\,|v| + 2\,n^2$ hashes'), (1, r'$n^2\,|v| + 2\,n^3$ hashes')):
        what = [_once(n, KILOBYTE) * n**power for n in LARGE_SIZES]
        values.plot(LARGE_SIZES, what, ':', color='grey', label=f'theory: {label}')
    values.set(
        title='values of 1 kB, none lies', ylabel='kB', yscale='log', xscale='log'
    )
    for axes, places in ((rounds, sizes), (messages, sizes), (sent, sizes), (values, LARGE_SIZES)):
        axes.set(xlabel='robots')
        axes.set_xticks(places, [str(n) for n in places])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc='upper left', ncols=2 if axes is rounds else 1)
    figure.suptitle('One leaderless decision, f = (n - 1) / 3 liars, a common coin')
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    pyplot.close(figure)


def _once(robots: int, value_bytes: int) -> float:
    """Return the kB of all values, and of an echo and a ready of every robot for each of them."""
    return (robots * value_bytes + 2 * robots**2 * DIGEST_BYTES) / 1e3


def _theory(axes: Any, sizes: Sequence[int], values: Sequence[float], label: str) -> None:
    axes.plot(sizes, values, '--', color='grey', linewidth=1, label=label)
