"""
The log of one robot: entries in memory, and how far they are committed, handed out and durable.

Holds always: base_index <= snapshot_index <= handed <= commit <= last_index, and persisted <=
last_index. Entries up to `commit` never change. Indexes count from 1.

The base is the place before the first entry in memory. After a reboot, and after another robot's
snapshot was installed, it is the snapshot's mark, and (0, 0) where there is none. A snapshot of
this robot's own leaves some entries in front of its mark in memory, so that a follower that is a
little behind needs no snapshot.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from operator import attrgetter

from swarm_consensus.protocols.raft.effects import Persist
from swarm_consensus.protocols.raft.entry import Entry, HardState, Restored, Snapshot
from swarm_consensus.protocols.raft.errors import InvariantError

UNAVAILABLE = -1  # the term of an entry that is not here

_term_of = attrgetter('term')


class _Write:
    """A `Persist` with an `end` that is not durable yet, and how much of it still stands."""

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

    :ivar base_index: place before the first entry in memory.
    :ivar snapshot: the latest one; None where there is none.
    :ivar snapshot_index: its mark's index; 0 where there is none.
    :ivar last_index: end of the log.
    :ivar commit: last committed entry known.
    :ivar handed: last entry handed out to be applied.
    :ivar persisted: last entry that is durable here, and not overwritten since.
    """

    def __init__(self, restored: Restored) -> None:
        # One that stands before the first entry holds the first membership, and no state.
        begun = restored.snapshot is not None and restored.snapshot.mark.index > 0
        self.snapshot = restored.snapshot if begun else None
        mark = None if restored.snapshot is None else restored.snapshot.mark
        self.snapshot_index = self.base_index = 0 if mark is None else mark.index
        self._base_term = 0 if mark is None else mark.term
        self._entries: list[Entry] = list(restored.entries)
        self._check(restored)
        self.last_index = self.base_index + len(self._entries)
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
        self._unsaved_snapshot = False
        self._writes: deque[_Write] = deque()

    def _check(self, restored: Restored) -> None:
        index, term = self.base_index, self._base_term
        if restored.snapshot is not None and (index < 0 or (index > 0) != (term > 0)):
            raise InvariantError('a snapshot stands at an entry', mark=restored.snapshot.mark)
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
        return self.base_index + 1

    @property
    def last_term(self) -> int:
        """Term of the last entry."""
        return self._entries[-1].term if self._entries else self._base_term

    def term(self, index: int) -> int:
        """Return the term of an entry, or UNAVAILABLE where it is not here (yet, or any more)."""
        place = index - self.base_index
        if 0 < place <= len(self._entries):
            return self._entries[place - 1].term
        return self._base_term if place == 0 else UNAVAILABLE

    def entry(self, index: int) -> Entry | None:
        """Return an entry, or None where it is not here."""
        place = index - self.base_index
        return self._entries[place - 1] if 0 < place <= len(self._entries) else None

    def slice(self, first: int, last: int) -> list[Entry]:
        """Return entries first..last, both included; they must be here."""
        offset = self.base_index
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
        the base.
        """
        high = max(0, min(index, self.last_index) - self.base_index)
        return self.base_index + bisect_right(self._entries, term, 0, high, key=_term_of)

    # -- growing ----------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Append one entry at the end (the leader's own)."""
        self._entries.append(entry)
        self.last_index = entry.index

    def merge(self, entries: tuple[Entry, ...]) -> int:
        """
        Take in entries of a leader that follow a matching one; behind the commit index only.

        Entries that are here already stay, and so does what follows them: only a real conflict
        cuts the log (thesis 3.5, append that is late or repeated).

        :param entries: without gaps, the first at most one behind the end; not empty.
        :returns: the first place that holds another entry than before; 0 where nothing was new.
        :raises InvariantError: a conflict at or below the commit index.
        """
        first = entries[0].index
        if first <= self.last_index:
            skip = self._agreeing(entries)
            if skip == len(entries):
                return 0
            entries = entries[skip:]
            first = entries[0].index
            if first <= self.last_index:
                self._truncate(first)
        self._entries.extend(entries)
        self.last_index = entries[-1].index
        return first

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
        del self._entries[first - 1 - self.base_index :]
        self.last_index = first - 1
        self._unsaved = min(self._unsaved, first)
        self._stands_to(first - 1)

    def _stands_to(self, index: int) -> None:
        """Take note that of all that was handed out for the disk, nothing behind `index` counts."""
        self.persisted = min(self.persisted, index)
        for write in self._writes:
            write.valid_to = min(write.valid_to, index)

    # -- snapshots --------------------------------------------------------------------------

    def compact(self, snapshot: Snapshot, first: int) -> None:
        """
        Let a snapshot of this robot's own state stand in place of the log up to its mark.

        :param first: entries from here on stay in memory, if they are still there.
        :raises InvariantError: the mark is not the log's, is not behind the snapshot that there
            is, or was not handed out to be applied.
        """
        mark = snapshot.mark
        fits = self.snapshot_index < mark.index <= self.handed
        if not fits or self.term(mark.index) != mark.term:
            raise InvariantError(
                'a snapshot stands at an entry that was handed out, behind the one before',
                mark=(mark.index, mark.term),
                handed=self.handed,
                snapshot_index=self.snapshot_index,
            )
        base = min(first - 1, mark.index)
        if base > self.base_index:
            self._base_term = self.term(base)
            del self._entries[: base - self.base_index]
            self.base_index = base
        self._take(snapshot)

    def install(self, snapshot: Snapshot) -> None:
        """
        Let a leader's snapshot stand in place of the log: what was here behind `commit` conflicts.

        Where the log has the mark's entry, of its term, there is nothing to install: it only
        needs to be committed up to there.

        :raises InvariantError: the log has the mark's entry, or is committed beyond it.
        """
        mark = snapshot.mark
        if mark.index <= self.commit or self.term(mark.index) == mark.term:
            raise InvariantError(
                'a snapshot is installed where the log does not reach it',
                mark=(mark.index, mark.term),
                commit=self.commit,
            )
        self._stands_to(self.commit)
        self._entries.clear()
        self.base_index = self.last_index = self.commit = self.handed = mark.index
        self._base_term = mark.term
        self._unsaved = mark.index + 1
        self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.snapshot_index = snapshot.mark.index
        self._unsaved_snapshot = True

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
            if self._unsaved_snapshot:
                return self._save_snapshot(hard_state, ())
            return None if hard_state is None else Persist(hard_state)
        entries = tuple(self.slice(self._unsaved, last))
        self._unsaved = last + 1
        if self._unsaved_snapshot:
            return self._save_snapshot(hard_state, entries)
        self._writes.append(_Write(last, entries[-1].term))
        return Persist(hard_state, entries)

    def _save_snapshot(self, hard_state: HardState | None, entries: tuple[Entry, ...]) -> Persist:
        self._unsaved_snapshot = False
        persist = Persist(hard_state, entries, self.snapshot)
        if persist.end is not None:
            self._writes.append(_Write(*persist.end))
        return persist

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
