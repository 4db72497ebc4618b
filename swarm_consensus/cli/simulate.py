"""Run random swarms under faults on virtual time; a seed is a run, and always the same one."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
import os
import sys
from typing import Any

from swarm_consensus.protocols.values import value
from swarm_consensus.simulation import report as storm_report
from swarm_consensus.simulation.adversary import arena
from swarm_consensus.simulation.adversary import report as agreed_report
from swarm_consensus.simulation.soak import Outcome, agreed_outcome_of, outcome_of, soak
from swarm_consensus.simulation.storm import run_seed

TRACE_LINES_MAX = 10_000_000


@value
class _Kind:
    """What is simulated: how a seed of it is run, and what is said of it."""

    run_seed: Callable[[int, int], tuple[Any, Exception | None, Any]]
    outcome_of: Callable[[int], Outcome]
    description: Callable[[Any], str]
    failure_text: Callable[[int, Exception], str]
    command: Callable[[int], str]


_STORM = _Kind(
    run_seed,
    outcome_of,
    storm_report.description,
    storm_report.failure_text,
    storm_report.command,
)
_AGREED = _Kind(
    arena.run_seed,
    agreed_outcome_of,
    agreed_report.description,
    agreed_report.failure_text,
    agreed_report.command,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        '--agreed',
        action='store_true',
        help='the leaderless agreement against an adversary, instead of the log under faults',
    )
    parser.add_argument('--seed', type=int, help='run this seed alone')
    parser.add_argument(
        '--trace', action='store_true', help='with --seed: print all that happens in it'
    )
    parser.add_argument('--seeds', type=int, default=300, help='how many seeds to run (300)')
    parser.add_argument('--base', type=int, default=1, help='the first of them (1)')
    parser.add_argument(
        '--jobs', type=int, default=os.cpu_count() or 1, help='processes that run them (all cores)'
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    kind = _AGREED if arguments.agreed else _STORM
    if arguments.seed is None:
        return _many(kind, arguments.base, arguments.seeds, arguments.jobs)
    report, error, trace = kind.run_seed(
        arguments.seed, TRACE_LINES_MAX if arguments.trace else 0
    )
    if trace.lines:
        print('\n'.join(trace.lines))
    if report is not None:
        print(kind.description(report))
        return 0
    assert error is not None  # a run ends with the one or the other
    if arguments.trace:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
    else:
        print(kind.failure_text(arguments.seed, error), file=sys.stderr)
    return 1


def _many(kind: _Kind, first: int, count: int, jobs: int) -> int:
    """Run many seeds with a progress bar; returns the exit code."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    failed: list[Outcome] = []
    totals: Counter[str] = Counter()
    console = Console(stderr=True)
    with (
        soak(first, count, jobs, kind.outcome_of) as outcomes,
        Progress(
            'seeds', BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as progress,
    ):
        task = progress.add_task('seeds', total=count)
        for outcome in outcomes:
            progress.advance(task)
            totals.update(outcome.totals)
            if outcome.error:
                failed.append(outcome)
                # People read it while the others still run.
                text = f'seed {outcome.seed}: {outcome.error[:400]}'
                progress.console.print(text, markup=False, highlight=False)
    print(f'{count} seeds from {first}: {len(failed)} failed; {_listed(totals.items())}')
    for outcome in sorted(failed, key=lambda outcome: outcome.seed):
        print(f'replay: {kind.command(outcome.seed)}')
    return 1 if failed else 0


def _listed(totals: Iterable[tuple[str, int]]) -> str:
    return ', '.join(f'{total} {name}' for name, total in totals)
