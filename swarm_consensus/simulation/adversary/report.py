"""What is said of a seed: how it went, or what broke and how to replay it."""

from __future__ import annotations

from swarm_consensus.simulation import failures
from swarm_consensus.simulation.adversary.arena import Report, run_seed


def command(seed: int) -> str:
    """Return the command that replays a seed."""
    return f'swarm simulate --agreed --seed {seed} --trace'


def description(report: Report) -> str:
    """Return what is worth knowing of a run that held."""
    plan = report.plan
    liars = ', '.join(f'{robot} {name}' for robot, name in plan.liars.items())
    kind = 'that may lie' if plan.lies else 'that may crash'
    return (
        f'seed {report.seed}: held. {plan.robots} robots, {plan.faults} {kind}, '
        f'{"common" if plan.common else "local"} coin, {plan.epochs} epochs\n'
        f'network: {plan.style}{", word by word" if plan.apart else ""}; '
        f'liars: {liars or "none"}\n'
        f'{report.steps} steps, at most {report.rounds} rounds; {report.reboots} reboots, '
        f'{report.crashed} crashed for good, {report.dropped} messages did not decode, '
        f'{report.accused} contradictions seen\n'
        f'trace: {report.digest}'
    )


def failure_text(seed: int, error: Exception) -> str:
    """Return all that is worth reading about a failure."""
    return failures.failure_text(seed, error, run_seed, command(seed))
