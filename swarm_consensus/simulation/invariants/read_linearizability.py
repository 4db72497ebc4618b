"""
A linearizable read sees all that was committed before it began; every read sees a true state.

This finds a stale read in the moment in which it is answered. Whether all answers together fit
one order, which needs no look inside, the checker says at the end of the run
(simulation/linearizability.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.decision.types import Decision
from swarm_consensus.runtime.desk import READ_VALUE_BYTES_MAX
from swarm_consensus.simulation.facts import Facts
from swarm_consensus.simulation.invariants.invariant import Invariant
from swarm_consensus.simulation.oracle import KEY, Oracle
from swarm_consensus.simulation.register import UNDECIDED, Register


class ReadLinearizability(Invariant):
    """What was committed when each read began."""

    name = 'read linearizability'

    def __init__(self, facts: Facts, oracle: Oracle) -> None:
        super().__init__(facts)
        self._oracle = oracle
        self._begun: dict[int, int] = {}

    def begun(self, key: int) -> None:
        """Hear that a linearizable read begins."""
        self._begun[key] = len(self.facts.committed)

    def answered(
        self,
        key: int,
        subject: str,
        index: int,
        decisions: Sequence[Decision],
        history_from: int,
    ) -> None:
        """
        Hold that the answer is fresh where it must be, and shows the state at its index.

        :param index: entries applied when it was answered.
        :param history_from: where the log of decisions begins, for a read of it.
        """
        self._hold_fresh(key, subject, index)
        if subject:
            seen = [register_of(decision) for decision in decisions] or [UNDECIDED]
            expected = [self._oracle.register(subject, index)]
        else:
            seen = [register_of(decision) for decision in decisions]
            expected = [
                register
                for at, _, register in self._oracle.decisions()
                if history_from <= at <= index
            ]
            size = sum(len(decision.value) for decision in decisions)
            if size > READ_VALUE_BYTES_MAX // 2:
                # An answer ends where it would become too large.
                expected = expected[: len(seen)]
        if seen != expected:
            self.broken(f'read {key} of {subject!r} at {index} saw {seen} for {expected}')


    def ranged(self, key: int, name: str, index: int, seen: Register) -> None:
        """Hold that a read of a key is fresh, and shows the state at its index."""
        self._hold_fresh(key, name, index)
        expected = self._oracle.register(KEY + name, index)
        if seen != expected:
            self.broken(f'read {key} of key {name!r} at {index} saw {seen} for {expected}')

    def _hold_fresh(self, key: int, name: str, index: int) -> None:
        begun = self._begun.pop(key, 0)
        if index < begun:
            self.broken(f'read {key} of {name!r} saw {index} entries, {begun} were committed')


def register_of(decision: Decision) -> Register:
    """Return how a subject stands by a decision."""
    return decision.revision, decision.choice
