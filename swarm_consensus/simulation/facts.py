"""What is known of the swarm from outside, for the invariants: disks, and what was committed."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.raft import Entry, Persist, Restored, Role, Snapshot
from swarm_consensus.simulation.probe import Probe


class InvariantBroken(Exception):
    """
    A rule does not hold.

    :param rule: its name.
    :param text: who broke it, and how.
    """

    def __init__(self, rule: str, text: str) -> None:
        """Keep the rule; the message holds both."""
        self.rule = rule
        super().__init__(f'{rule}: {text}')


class RobotFacts:
    """
    One robot.

    :ivar probe: of the boot under way; None while it is down.
    :ivar leading: term in which it was seen to lead when last looked at; 0 for none. A robot that
        is a quorum by itself leads before its term is on its disk, and tells nobody until it is: a
        crash then leaves the term to others, so it does not count before.
    :ivar term_kept: term on its disk.
    :ivar commit: commit index when last looked at.
    :ivar applied: last entry applied when last looked at.
    :ivar last_index: end of the log on its disk.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.probe: Probe | None = None
        self.role = Role.FOLLOWER
        self.term = 0
        self.leading = 0
        self.term_kept = 0
        self.commit = 0
        self.applied = 0
        self.last_index = 0
        self._first_index = 1
        self._first_term = 0
        self._entries: list[Entry] = []
        self._lost = ''
        self._had: set[tuple[int, int]] = set()

    def boot(self, probe: Probe, restored: Restored) -> None:
        """Begin a boot from what the disk gave back."""
        self.probe = probe
        lost = restored.hard_state.lost
        if lost and lost != self._lost:
            # What it had when it was lost was there when commits rested on it.
            self._had.update((entry.index, entry.term) for entry in self._entries)
        self._lost = lost
        self.term_kept = restored.hard_state.term
        self._set_log(restored.entries, restored.snapshot)
        self.role, self.term, self.commit, self.applied = probe.look()
        self.leading = 0

    def crash(self) -> None:
        """End a boot."""
        self.probe = None
        self.role = Role.FOLLOWER
        self.leading = 0

    def _set_log(self, entries: Sequence[Entry], snapshot: Snapshot | None) -> None:
        mark = None if snapshot is None else snapshot.mark
        self._first_index = 1 if mark is None else mark.index + 1
        self._first_term = 0 if mark is None else mark.term
        self._entries = list(entries)
        self.last_index = self._first_index - 1 + len(self._entries)

    def write(self, persist: Persist) -> None:
        """Take a write of its disk in."""
        if persist.hard_state is not None:
            self.term_kept = persist.hard_state.term
        if persist.snapshot is not None:
            mark = persist.snapshot.mark
            if self.term_at(mark.index) != mark.term:
                self._set_log((), persist.snapshot)
            # Else what lies under the snapshot stays here, to be looked up.
        if persist.entries:
            del self._entries[persist.entries[0].index - self._first_index :]
            self._entries += persist.entries
            self.last_index = persist.entries[-1].index

    def entry(self, index: int) -> Entry | None:
        """Return an entry of the log on its disk; None where it is not there."""
        place = index - self._first_index
        return self._entries[place] if 0 <= place < len(self._entries) else None

    def holds(self, entry: Entry) -> bool:
        """Return whether an entry is on its disk, or was when the disk was damaged."""
        return self.term_at(entry.index) == entry.term or (entry.index, entry.term) in self._had

    def term_at(self, index: int) -> int:
        """Return the term of an entry on its disk; 0 at the start of the log, -1: not there."""
        place = index - self._first_index
        if 0 <= place < len(self._entries):
            return self._entries[place].term
        return self._first_term if place == -1 else -1


class Facts:
    """
    The swarm.

    :ivar committed: every entry that any robot was seen to apply, from index 1.
    :ivar committed_in: highest term that a robot was in when it was seen to apply the last one:
        the leaders of later terms must have them all.
    """

    def __init__(self) -> None:
        self.robots: dict[str, RobotFacts] = {}
        self.committed: list[Entry] = []
        self.committed_in = 0
