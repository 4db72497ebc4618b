"""What is said of a seed that failed: what broke, the last lines of its run, how to replay it."""

from __future__ import annotations

from swarm_consensus.simulation import failures
from swarm_consensus.simulation.storm import Report, run_seed

BEYOND_HELP = 'too many voters lost their logs, so that nobody may lead\n'


def command(seed: int) -> str:
    """Return the command that replays a seed."""
    return f'swarm simulate --seed {seed} --trace'


def description(report: Report) -> str:
    """Return what is worth knowing of a run that held."""
    outcomes = ', '.join(f'{count} {name}' for name, count in sorted(report.outcomes.items()))
    return (
        f'seed {report.seed}: held. {report.robots} robots, {report.crashes} crashes, '
        f'last term {report.term}, {report.committed} entries committed\n'
        f'troubles: {", ".join(report.troubles) or "none"}\n'
        f'clients: {outcomes}; {report.operations} operations in the history\n'
        f'{_shared(report)}{BEYOND_HELP if report.beyond_help else ""}trace: {report.digest}'
    )


def _shared(report: Report) -> str:
    if not report.shared:
        return ''
    return f'shared state: {report.shared} changes, settled to level {report.settled}\n'


def failure_text(seed: int, error: Exception) -> str:
    """Return all that is worth reading about a failure."""
    return failures.failure_text(seed, error, run_seed, command(seed))
