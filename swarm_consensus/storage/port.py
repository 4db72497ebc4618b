"""The port that the runtime writes to, and what it gets back after a reboot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from swarm_consensus.protocols.raft import Entry, HardState, Persist, Restored, Snapshot


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    Everything that was durable when the robot went down.

    :param incarnation: number of the last boot; 0 before the first.
    :param hard_state: term and vote.
    :param entries: the log after the snapshot, without gaps.
    :param snapshot: the snapshot under the log, if any.
    """

    incarnation: int = 0
    hard_state: HardState = HardState()
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None

    @property
    def restored(self) -> Restored:
        """Return it in the form in which Raft takes it."""
        return Restored(self.hard_state, self.entries, self.snapshot)


class Storage(Protocol):
    """
    Durable vote and log of one robot.

    One caller at a time, always from the same thread. A call that raises StorageFull changed
    nothing and may be repeated; after any other StorageError only `close` is left.
    """

    def boot(self, now_ms: int) -> int:
        """
        Begin a boot.

        :param now_ms: milliseconds of the wall clock since 1970. It may be wrong: it only keeps
            the number growing where the folder was lost with the old disk.
        :returns: incarnation of this boot, larger than all before it and durable already.
        :raises StorageFull: no room.
        """

    def load(self) -> Recovered:
        """
        Return what is durable.

        :raises StorageDamaged: what is read is not what was written.
        """

    def write(self, persist: Persist) -> None:
        """
        Make a batch durable, all or nothing, with one sync; durable when this returns.

        :raises StorageFull: no room; nothing changed.
        :raises InvariantError: the entries leave a gap behind the stored log.
        """

    def close(self) -> None:
        """Release the folder; nothing else may be called afterwards. May be called twice."""
