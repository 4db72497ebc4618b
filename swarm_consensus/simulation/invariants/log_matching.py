"""
If two logs have an entry with the same index and term, they are equal up to it (Raft paper, 5.3).

It is enough to hold, of each entry that is ever written, that index and term fix its content and
the term of the entry before it: the rest follows by induction.
"""

from __future__ import annotations

from swarm_consensus.protocols.raft import Entry, Persist
from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class LogMatching(Invariant):
    """Every entry ever written, with the term of the one before it."""

    name = 'log matching'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._known: dict[tuple[int, int], tuple[Entry, int]] = {}

    def wrote(self, robot: RobotFacts, persist: Persist) -> None:
        """Hold that the entries are those that others have under the same index and term."""
        if not persist.entries:
            return
        index = persist.entries[0].index
        before = robot.term_at(index - 1)
        mark = None if persist.snapshot is None else persist.snapshot.mark
        if mark is not None and mark.index == index - 1:
            before = mark.term
        if before < 0:
            self.broken(f'{robot.name} writes {persist.entries[0]} and has none before it')
        for entry in persist.entries:
            known, known_before = self._known.setdefault(
                (entry.index, entry.term), (entry, before)
            )
            if known is not entry and known != entry:
                self.broken(f'{robot.name} writes {entry}, another robot {known}')
            if known_before != before:
                self.broken(
                    f'{robot.name} writes {entry} behind one of term {before}, another robot '
                    f'behind one of term {known_before}'
                )
            before = entry.term
