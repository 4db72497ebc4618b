"""The last words of the demonstration: a short table, and a plot as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table

from swarm_consensus.demo.score import share, wilson
from swarm_consensus.demo.show import Outcome
from swarm_consensus.demo.views import view_of

# Beyond this the swarm would not be as good as a centre with the same evidence.
CENTRAL_GAP_MAX = 0.005


def rows(outcome: Outcome) -> list[tuple[str, str, str]]:
    """Return (what, value, remark) for every line of the closing table."""
    score = outcome.score
    result = []
    for index, robot in enumerate(score.robots):
        counts = score.robot(robot)
        result.append((f'{robot} alone', f'{share(counts):.1%}', view_of(index).describe()))
    right, shown = score.swarm
    gap = share(score.swarm) - share(score.central)
    result.append(('central fusion', f'{share(score.central):.1%}', 'of the same evidence'))
    result.append(
        ('the swarm', f'{share(score.swarm):.1%}', f'{right} of {shown}; {gap:+.1%} to central')
    )
    latencies = np.asarray(score.latencies) * 1e3
    if len(latencies):
        result.append(
            (
                'sign to decision',
                f'{np.percentile(latencies, 50):.0f} ms',
                f'p99 {np.percentile(latencies, 99):.0f} ms, on all robots',
            )
        )
    if outcome.killed is not None:
        back = 'not back' if outcome.returned is None else f'back at sign {outcome.returned[0]}'
        result.append(
            (
                'leader killed',
                f'{outcome.failover:.2f} s',
                f'longest decision after it; {outcome.killed[1]} at sign {outcome.killed[0]}, '
                f'{back}',
            )
        )
    result.append(('log', f'{len(outcome.log)} decisions', f'digest {outcome.digest}'))
    return result


def table(outcome: Outcome) -> Table:
    """Return the closing table."""
    result = Table(title='What came of it', title_justify='left')
    for name, justify in (('', 'left'), ('', 'right'), ('', 'left')):
        result.add_column(name, justify=justify)  # type: ignore[arg-type]
    result.show_header = False
    for line in rows(outcome):
        result.add_row(*line)
    return result


def plot(outcome: Outcome, path: Path) -> None:
    """
    Draw accuracies with their confidence intervals, and the latency of each sign.

    :param path: of the PNG.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    score = outcome.score
    names = [*score.robots, 'central', 'swarm']
    counts = [score.robot(robot) for robot in score.robots] + [score.central, score.swarm]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    values = np.array([share(c) for c in counts])
    bounds = np.array([wilson(c) for c in counts])
    # Rounding can put a bound on the wrong side of a share of exactly 0 or 1.
    errors = np.maximum(0.0, np.stack([values - bounds[:, 0], bounds[:, 1] - values]))
    colors = ['#8da0cb'] * len(score.robots) + ['#a6a6a6', '#1b9e77']
    left.bar(names, values * 100, yerr=errors * 100, color=colors, capsize=3)
    left.set_ylim(0, 100)
    left.set_ylabel('right, % (bars: 95 % confidence)')
    left.set_title('Who reads the signs')
    left.tick_params(axis='x', rotation=30)
    decided = [sign for sign in score.signs if sign.decided]
    right.semilogy([s.number for s in decided], [s.latency * 1e3 for s in decided], '.', ms=4)
    right.axhline(100, color='#d95f02', lw=0.8, ls=':', label='100 ms')
    for event, text, color in (
        (outcome.killed, 'leader killed -9', '#d62728'),
        (outcome.returned, 'back', '#2ca02c'),
    ):
        if event is not None:
            right.axvline(event[0] - 0.5, color=color, lw=1.2, label=f'{text}: {event[1]}')
    right.set_xlabel('sign')
    right.set_ylabel('sign shown to decision on all robots, ms')
    right.set_title('How long it took')
    right.set_ylim(top=right.get_ylim()[1] * 4)  # room for the legend
    right.legend(fontsize=8, loc='upper left')
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
