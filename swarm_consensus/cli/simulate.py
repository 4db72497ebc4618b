"""Run random swarms under faults on virtual time; a seed is a run, and always the same one."""

from __future__ import annotations

import argparse
import os
import sys

from swarm_consensus.simulation.report import command, description, failure_text
from swarm_consensus.simulation.soak import Outcome, soak
from swarm_consensus.simulation.storm import run_seed

TRACE_LINES_MAX = 10_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
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
    if arguments.seed is None:
        return _many(arguments.base, arguments.seeds, arguments.jobs)
    report, error, trace = run_seed(
        arguments.seed, TRACE_LINES_MAX if arguments.trace else 0
    )
    if trace.lines:
        print('\n'.join(trace.lines))
    if report is not None:
        print(description(report))
        return 0
    assert error is not None  # a run ends with the one or the other
    if arguments.trace:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
    else:
        print(failure_text(arguments.seed, error), file=sys.stderr)
    return 1


def _many(first: int, count: int, jobs: int) -> int:
    """Run many seeds with a progress bar; returns the exit code."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    failed: list[Outcome] = []
    committed = crashes = operations = steps = 0
    console = Console(stderr=True)
    with (
        soak(first, count, jobs) as outcomes,
        Progress(
            'seeds', BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as progress,
    ):
        task = progress.add_task('seeds', total=count)
        for outcome in outcomes:
            progress.advance(task)
            committed += outcome.committed
            crashes += outcome.crashes
            operations += outcome.operations
            steps += outcome.steps
            if outcome.error:
                failed.append(outcome)
                # People read it while the others still run.
                text = f'seed {outcome.seed}: {outcome.error[:400]}'
                progress.console.print(text, markup=False, highlight=False)
    print(
        f'{count} seeds from {first}: {len(failed)} failed; {committed} entries committed, '
        f'{operations} operations of clients, {crashes} crashes, {steps} steps of robots'
    )
    for outcome in sorted(failed, key=lambda outcome: outcome.seed):
        print(f'replay: {command(outcome.seed)}')
    return 1 if failed else 0
