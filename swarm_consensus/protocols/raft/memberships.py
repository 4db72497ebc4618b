"""
Who held the log from where on: the memberships of one log, each by the entry that set it.

A membership is in force from the moment its entry is appended (thesis 4.1), so one that is cut
off with the log falls back to the one before, and a snapshot needs the one in force at its own
index, which may not be the latest.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from swarm_consensus.protocols.raft.entry import Membership
from swarm_consensus.protocols.raft.errors import InvariantError

_index_of = itemgetter(0)


class Memberships:
    """
    The memberships along a log; there is always one.

    :param index: place from which the first one holds: a snapshot's, or 0.
    :param membership: what holds from there.
    """

    def __init__(self, index: int, membership: Membership) -> None:
        self._history: list[tuple[int, Membership]] = [(index, membership)]

    @property
    def latest(self) -> Membership:
        """The one in force at the end of the log."""
        return self._history[-1][1]

    @property
    def latest_index(self) -> int:
        """Entry that set the latest one; a snapshot's index, or 0, where none behind it did."""
        return self._history[-1][0]

    def append(self, index: int, membership: Membership) -> None:
        """
        Take in the membership that an entry at the end of the log sets.

        :raises InvariantError: it is not behind the latest.
        """
        if index <= self.latest_index:
            raise InvariantError(
                'a membership is set behind the one before it', at=index, latest=self.latest_index
            )
        self._history.append((index, membership))

    def at(self, index: int) -> Membership:
        """
        Return the membership in force once the entry at `index` is appended.

        :raises InvariantError: that far back nothing is known.
        """
        place = bisect_right(self._history, index, key=_index_of)
        if not place:
            raise InvariantError(
                'the membership there is forgotten', index=index, first=self._history[0][0]
            )
        return self._history[place - 1][1]

    def last_two(self, index: int) -> tuple[Membership, ...]:
        """Return the latest, and where an entry behind `index` set it also the one before."""
        return tuple(entry[1] for entry in self._history[-2 if self.latest_index > index else -1 :])

    def truncate(self, first: int) -> bool:
        """
        Forget what the entries from `first` on set, since they are cut off.

        :returns: whether another membership is in force now.
        :raises InvariantError: nothing would be left: a snapshot is never cut off.
        """
        place = bisect_right(self._history, first - 1, key=_index_of)
        if not place:
            raise InvariantError(
                'the first membership is never cut off', cut=first, first=self._history[0][0]
            )
        changed = place < len(self._history)
        del self._history[place:]
        return changed

    def compact(self, to: int) -> None:
        """Forget what was over at `to`; the membership in force there stays, and all behind."""
        place = bisect_right(self._history, to, key=_index_of)
        if place > 1:
            del self._history[: place - 1]

    def reset(self, index: int, membership: Membership) -> None:
        """Forget all for a snapshot that stands at `index`, with no log behind it."""
        self._history = [(index, membership)]
