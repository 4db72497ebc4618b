"""Robots read handwritten signs together; the leader is killed half-way and comes back."""

from __future__ import annotations

import argparse
from pathlib import Path
import signal
import sys
import time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('--robots', type=int, default=5, help='3 to 20 (default: 5)')
    parser.add_argument('--signs', type=int, default=200, help='8 or more (default: 200)')
    parser.add_argument(
        '--pace', type=float, default=0.1, help='pause between two signs, s (default: 0.1)'
    )
    parser.add_argument('--seed', type=int, default=1, help='of everything random (default: 1)')
    parser.add_argument(
        '--output',
        type=Path,
        default=Path('build/demo'),
        help='folder for model, swarm.yaml, logs and plot (default: build/demo)',
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 only if every robot holds the same log and nothing was lost."""
    if not 3 <= arguments.robots <= 20 or arguments.signs < 8 or arguments.pace < 0:
        print('the demo takes 3 to 20 robots, 8 or more signs, and no negative pace',
              file=sys.stderr)  # fmt: skip
        return 2
    try:
        import matplotlib  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        print(f"{error.name} is missing; install the extra: pip install '.[demo]'",
              file=sys.stderr)  # fmt: skip
        return 2
    from rich.console import Console

    from swarm_consensus.demo.display import Display
    from swarm_consensus.demo.report import plot, table
    from swarm_consensus.demo.show import Options, perform

    # Ended politely or not, the processes are ended by leaving the blocks that own them.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    console = Console()
    options = Options(
        robots=arguments.robots,
        signs=arguments.signs,
        pace=arguments.pace,
        seed=arguments.seed,
        output=arguments.output.resolve(),
    )
    try:
        with Display(console) as display:
            outcome = perform(options, display.say, display.watch)
    except RuntimeError as error:
        print(f'the demo failed: {error}', file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    picture = options.output / 'demo.png'
    plot(outcome, picture)
    console.print(table(outcome))
    console.print(f'plot: {picture}', highlight=False, soft_wrap=True)
    for fault in outcome.faults:
        console.print(f'FAULT: {fault}', highlight=False, style='red')
    if not outcome.faults:
        console.print(
            f'all {len(outcome.score.robots)} robots hold the same log, nothing that was decided '
            f'is lost ({time.monotonic() - began:.0f} s)',
            highlight=False,
        )
    return 1 if outcome.faults else 0
