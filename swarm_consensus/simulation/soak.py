"""Many seeds on many cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
import multiprocessing

from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.adversary import arena
from swarm_consensus.simulation.storm import run_seed

# Seeds that a process gets at once: handing over costs less than a run, but not nothing.
CHUNK = 8


@value
class Outcome:
    """
    What a seed came to.

    :param error: what broke; '' where nothing did.
    :param totals: what is worth adding up over many seeds, by its name.
    """

    seed: int
    error: str
    totals: dict[str, int] = field(default_factory=dict)


def outcome_of(seed: int) -> Outcome:
    """Run a seed of the storm."""
    report, error, _ = run_seed(seed)
    if report is None:
        return Outcome(seed, f'{type(error).__name__}: {error}')
    totals = {
        'entries committed': report.committed,
        'operations of clients': report.operations,
        'crashes': report.crashes,
        'steps of robots': report.steps,
    }
    return Outcome(seed, '', totals)


def agreed_outcome_of(seed: int) -> Outcome:
    """Run a seed of the agreement against its adversary."""
    report, error, _ = arena.run_seed(seed)
    if report is None:
        return Outcome(seed, f'{type(error).__name__}: {error}')
    totals = {
        'epochs agreed': report.plan.epochs,
        'robots that lied': len(report.plan.liars),
        'reboots': report.reboots,
        'messages delivered': report.steps,
    }
    return Outcome(seed, '', totals)


@contextmanager
def soak(
    first: int, count: int, jobs: int, run: Callable[[int], Outcome] = outcome_of
) -> Iterator[Iterator[Outcome]]:
    """
    Run the seeds `first` to `first + count - 1`.

    :param jobs: processes.
    :param run: runs a seed; a function of a module.
    :returns: a context with the outcomes, in the order in which they end; the processes are gone
        behind it.
    """
    with multiprocessing.get_context('spawn').Pool(jobs) as pool:
        yield pool.imap_unordered(run, range(first, first + count), CHUNK)
