"""The port that the runtime writes to, and what it gets back after a reboot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import Entry, HardState, Persist, Restored, Snapshot
from swarm_consensus.protocols.values import value


@value
class Recovered:
    """
    Everything that was durable when the robot went down.

    :param incarnation: number of the last boot; 0 before the first.
    :param hard_state: term and vote.
    :param entries: the log after the snapshot, without gaps.
    :param snapshot: the snapshot under the log, if any.
    :param records: what was said in agreements, sorted by key.
    :param records_lost: records were lost; so it stays until RECORDS_LOST_KEY is removed
        (protocols/agreement/records.py).
    """

    incarnation: int = 0
    hard_state: HardState = HardState()
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None
    records: tuple[Record, ...] = ()
    records_lost: bool = False

    @property
    def restored(self) -> Restored:
        """Return it in the form in which Raft takes it."""
        return Restored(self.hard_state, self.entries, self.snapshot)


class Storage(Protocol):
    """
    Durable vote, log and records of one robot.

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

    def write(self, persist: Persist, records: Sequence[Record] = ()) -> None:
        """
        Make a batch durable, all or nothing, with one sync; durable when this returns.

        :param records: to write or remove with it; of several of one key the last counts.
        :raises StorageFull: no room; nothing changed.
        :raises InvariantError: the entries leave a gap behind the stored log.
        :raises ValueError: a key that UTF-8 cannot hold; nothing changed.
        """

    def write_records(self, records: Sequence[Record]) -> None:
        """
        Write and remove records alone, as `write` does; nothing where there are none.

        :raises StorageFull: no room; nothing changed.
        :raises ValueError: a key that UTF-8 cannot hold; nothing changed.
        """

    def close(self) -> None:
        """Release the folder; nothing else may be called afterwards. May be called twice."""
