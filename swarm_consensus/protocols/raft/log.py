"""
The log of one robot: entries in memory, and how far they are committed, handed out and durable.

Holds always: first_index - 1 <= handed <= commit <= last_index, and persisted <= last_index.
Entries up to `commit` never change. Indexes count from 1; the entry before the first one is the
snapshot's, (0, 0) where there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from operator import attrgetter

from swarm_consensus.protocols.raft.effects import Persist
from swarm_consensus.protocols.raft.entry import Entry, HardState, Restored
from swarm_consensus.protocols.raft.errors import InvariantError

UNAVAILABLE = -1  # the term of an entry that is not here

_term_of = attrgetter('term')


class _Write:
    """A `Persist` with entries that is not durable yet, and how much of it still stands."""

    __slots__ = ('index', 'term', 'valid_to')

    def __init__(self, index: int, term: int) -> None:
        self.index = index
        self.term = term
        self.valid_to = index


class RaftLog:
    """
    The log.

    :param restored: what storage gave back.
    :raises InvariantError: it has gaps, or terms that fall or exceed the durable term.

    Attributes, to be read by the protocol and changed only here:

    :ivar last_index: end of the log.
    :ivar commit: last committed entry known.
    :ivar handed: last entry handed out to be applied.
    :ivar persisted: last entry that is durable here, and not overwritten since.
    """

    def __init__(self, restored: Restored) -> None:
        mark = None if restored.snapshot is None else restored.snapshot.mark
        self.snapshot_index = 0 if mark is None else mark.index
        self.snapshot_term = 0 if mark is None else mark.term
        self._entries: list[Entry] = list(restored.entries)
        self._check(restored)
        self.last_index = self.snapshot_index + len(self._entries)
        if restored.applied > self.last_index:
            raise InvariantError(
                'more is applied than the log holds',
                applied=restored.applied,
                last_index=self.last_index,
            )
        self.commit = max(self.snapshot_index, restored.applied)
        self.handed = self.commit
        self.persisted = self.last_index
        self._unsaved = self.last_index + 1
        self._writes: deque[_Write] = deque()

    def _check(self, restored: Restored) -> None:
        index, term = self.snapshot_index, self.snapshot_term
        for entry in restored.entries:
            if entry.index != index + 1 or entry.term < max(term, 1):
                raise InvariantError(
                    'restored entries do not follow', after=(index, term), entry=entry
                )
            index, term = entry.index, entry.term
        if term > restored.hard_state.term:
            raise InvariantError(
                'restored log is of a later term than the vote',
                log_term=term,
                hard_state=restored.hard_state,
            )

    # -- reading ----------------------------------------------------------------------------

    @property
    def first_index(self) -> int:
        """First entry that is held in memory."""
        return self.snapshot_index + 1

    @property
    def last_term(self) -> int:
        """Term of the last entry."""
        return self._entries[-1].term if self._entries else self.snapshot_term

    def term(self, index: int) -> int:
        """Return the term of an entry, or UNAVAILABLE where it is not here (yet, or any more)."""
        place = index - self.snapshot_index
        if 0 < place <= len(self._entries):
            return self._entries[place - 1].term
        return self.snapshot_term if place == 0 else UNAVAILABLE

    def entry(self, index: int) -> Entry | None:
        """Return an entry, or None where it is not here."""
        place = index - self.snapshot_index
        return self._entries[place - 1] if 0 < place <= len(self._entries) else None

    def slice(self, first: int, last: int) -> list[Entry]:
        """Return entries first..last, both included; they must be here."""
        offset = self.snapshot_index
        return self._entries[first - 1 - offset : last - offset]

    def up_to_date(self, index: int, term: int) -> bool:
        """Return whether a log that ends at (index, term) is no older than this (thesis 3.6.1)."""
        last_term = self.last_term
        return term > last_term or (term == last_term and index >= self.last_index)

    def last_index_of_term(self, index: int, term: int) -> int:
        """
        Return the last place up to `index` whose term is at most `term`.

        Terms never fall along a log, so no place after it, up to `index`, can match an entry of
        a log that is at `term` there: whole terms are skipped at once (thesis 3.5). Not below
        the snapshot.
        """
        high = max(0, min(index, self.last_index) - self.snapshot_index)
        return self.snapshot_index + bisect_right(self._entries, term, 0, high, key=_term_of)

    # -- growing ----------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Append one entry at the end (the leader's own)."""
        self._entries.append(entry)
        self.last_index = entry.index

    def merge(self, entries: tuple[Entry, ...]) -> None:
        """
        Take in entries of a leader that follow a matching one; behind the commit index only.

        Entries that are here already stay, and so does what follows them: only a real conflict
        cuts the log (thesis 3.5, append that is late or repeated).

        :param entries: without gaps, the first at most one behind the end; not empty.
        :raises InvariantError: a conflict at or below the commit index.
        """
        first = entries[0].index
        if first <= self.last_index:
            skip = self._agreeing(entries)
            if skip == len(entries):
                return
            entries = entries[skip:]
            first = entries[0].index
            if first <= self.last_index:
                self._truncate(first)
        self._entries.extend(entries)
        self.last_index = entries[-1].index

    def _agreeing(self, entries: tuple[Entry, ...]) -> int:
        """Return how many of the entries are here already."""
        first = entries[0].index
        overlap = min(self.last_index - first + 1, len(entries))
        if self.term(first + overlap - 1) == entries[overlap - 1].term:
            # Two logs with an entry in common have all before it in common.
            return overlap
        for count, entry in enumerate(entries):
            if self.term(entry.index) != entry.term:
                return count
        return len(entries)

    def _truncate(self, first: int) -> None:
        """Cut off the log from `first` on."""
        if first <= self.commit:
            raise InvariantError(
                'a committed entry would be overwritten', first=first, commit=self.commit
            )
        del self._entries[first - 1 - self.snapshot_index :]
        self.last_index = first - 1
        self.persisted = min(self.persisted, first - 1)
        self._unsaved = min(self._unsaved, first)
        for write in self._writes:
            write.valid_to = min(write.valid_to, first - 1)

    # -- committing and saving --------------------------------------------------------------

    def commit_to(self, index: int) -> list[Entry]:
        """
        Move the commit index forward.

        :returns: the entries that are committed by it.
        :raises InvariantError: it would go back, or beyond the log.
        """
        before = self.commit
        if not before < index <= self.last_index:
            raise InvariantError(
                'the commit index moves forward within the log',
                commit=before,
                to=index,
                last_index=self.last_index,
            )
        self.commit = index
        return self.slice(before + 1, index)

    def hand_out(self) -> tuple[Entry, ...]:
        """Return the committed entries that were not handed out before."""
        if self.handed == self.commit:
            return ()
        entries = tuple(self.slice(self.handed + 1, self.commit))
        self.handed = self.commit
        return entries

    def save(self, hard_state: HardState | None) -> Persist | None:
        """Return what is new and must become durable, or None."""
        last = self.last_index
        if self._unsaved > last:
            return None if hard_state is None else Persist(hard_state)
        entries = tuple(self.slice(self._unsaved, last))
        self._unsaved = last + 1
        self._writes.append(_Write(last, entries[-1].term))
        return Persist(hard_state, entries)

    def saved(self, index: int, term: int) -> bool:
        """
        Take note that a write is durable; writes end in the order in which they were handed out.

        What was overwritten after it had been handed out does not count, even if the very same
        entry has come back since: its own write is still on the way.

        :returns: whether more of the log is durable now. False also for a write nobody knows.
        """
        writes = self._writes
        known = -1
        for place, write in enumerate(writes):
            if write.index == index and write.term == term:
                known = place
                break
        valid_to = 0
        for _ in range(known + 1):
            valid_to = max(valid_to, writes.popleft().valid_to)
        if valid_to <= self.persisted:
            return False
        self.persisted = valid_to
        return True
