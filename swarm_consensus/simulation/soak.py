"""Many seeds on many cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import multiprocessing

from swarm_consensus.simulation.storm import run_seed

# Seeds that a process gets at once: handing over costs less than a run, but not nothing.
CHUNK = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a seed came to.

    :param error: what broke; '' where nothing did.
    :param committed: entries, and so on: for totals.
    """

    seed: int
    error: str
    committed: int = 0
    crashes: int = 0
    operations: int = 0
    steps: int = 0


def outcome_of(seed: int) -> Outcome:
    """Run a seed."""
    report, error, _ = run_seed(seed)
    if report is None:
        return Outcome(seed, f'{type(error).__name__}: {error}')
    return Outcome(
        seed, '', report.committed, report.crashes, report.operations, report.steps
    )


@contextmanager
def soak(first: int, count: int, jobs: int) -> Iterator[Iterator[Outcome]]:
    """
    Run the seeds `first` to `first + count - 1`.

    :param jobs: processes.
    :returns: a context with the outcomes, in the order in which they end; the processes are gone
        behind it.
    """
    with multiprocessing.get_context('spawn').Pool(jobs) as pool:
        yield pool.imap_unordered(outcome_of, range(first, first + count), CHUNK)
