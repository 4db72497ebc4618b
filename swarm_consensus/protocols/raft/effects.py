"""
What one step of Raft wants done, as one immutable batch, and the order in which it must be done.

The caller takes the batches from `Raft.take_effects` and carries them out in the order in which
it got them. Within a batch:

1. `send_now` may leave at once, even before or while `persist` is written: a leader's appends
   travel while its own disk still works (thesis 10.2.1).
2. `persist` is written, after every earlier one. Once it is durable and has an `end`, the caller
   says so by `Raft.persisted(*end)`: once for each such batch, in order.
3. `send_after` may leave only once this `persist` and every earlier one is durable. What is in it
   is a promise (a vote, an acknowledgement, a candidacy) that must outlive a crash.
4. `install` replaces the state of the state machine, whatever that is; it stands in `persist` of
   this batch as well. Then `committed` is applied, in order. These entries are durable at a
   quorum; they were handed out in `persist` by this batch at the latest, so after step 2 they are
   durable here too.
5. `reads`, `proposals`, `transfers` and `changes` are answered, after `committed` is applied: their
   indexes are never above the last entry that was handed out as committed.

A caller that writes synchronously does just that and calls `persisted` after the write. One that
writes in the background goes on with later batches meanwhile, and holds back what waits for the
disk. A crash may lose any suffix of the writes that are not durable yet, never a part of one
`persist`.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from swarm_consensus.protocols.raft.entry import Entry, HardState, Snapshot
from swarm_consensus.protocols.raft.messages import Message
from swarm_consensus.protocols.values import value


@value
class Send:
    """
    One message, to send once whoever receives it: on DDS several receivers cost one frame.

    :param to: robots that it is for, never this one; () for every robot.
    :param message: what to send.
    """

    to: tuple[str, ...]
    message: Message


@value
class Persist:
    """
    What must become durable, all or nothing, in this order.

    :param hard_state: term and vote, where they changed.
    :param snapshot: replaces the stored snapshot and the log up to its mark. Where the stored log
        has the mark's entry, of the mark's term, what follows it stays; else the log is cut off
        whole. Never older than the stored snapshot.
    :param entries: log entries without gaps. The first may overwrite: whatever is stored at its
        index and behind is cut off first. Never more than one place behind the stored end.
    """

    hard_state: HardState | None = None
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None

    @property
    def end(self) -> tuple[int, int] | None:
        """Return (index, term) to say to `Raft.persisted` once this is durable; None: nothing."""
        if self.entries:
            return self.entries[-1].index, self.entries[-1].term
        if self.snapshot is not None:
            return self.snapshot.mark.index, self.snapshot.mark.term
        return None


class Outcome(Enum):
    """How a proposal ended."""

    COMMITTED = 'committed'
    REFUSED = 'refused'  # not in the log, and will not be
    UNKNOWN = 'unknown'  # the deadline passed; it may yet be committed


class Refusal(IntEnum):
    """Why a proposal or a read was not served; the numbers are on the wire."""

    NONE = 0
    NO_QUORUM = 1  # no leader was known until the deadline
    OVERLOADED = 2  # too much is under way; try again later
    TOO_LARGE = 3  # data above entry_bytes_max
    NOT_LEADER = 4  # between robots only: the one that was asked does not lead
    TRANSFERRING = 5  # leadership was being handed over until the deadline; try again
    TIMEOUT = 6  # a read that was not confirmed before its deadline


@value
class ProposalResult:
    """
    The end of a proposal; each proposal gets exactly one.

    :param request_id: which.
    :param outcome: how it ended.
    :param index: committed: place in the log. Unknown: place where the leader put it, or 0.
    :param term: term of that place.
    :param reason: refused: why.
    """

    request_id: str
    outcome: Outcome
    index: int = 0
    term: int = 0
    reason: Refusal = Refusal.NONE


@value
class ReadResult:
    """
    The end of a linearizable read; each read gets exactly one.

    :param request_id: which.
    :param index: where confirmed, the state with this entry applied, or a later one, answers it.
    :param reason: NONE where confirmed, else why not.
    """

    request_id: str
    index: int
    reason: Refusal = Refusal.NONE


class TransferEnd(Enum):
    """How a transfer of leadership ended."""

    DONE = 'done'  # the target leads
    NOT_LEADER = 'not_leader'  # this robot does not lead; ask the one that does
    NO_TARGET = 'no_target'  # not a voter; or none was named, and no other voter is heard
    REPLACED = 'replaced'  # a transfer to another robot was asked for meanwhile
    TIMEOUT = 'timeout'  # aborted after an election timeout, or no leader is known since
    OTHER_LEADER = 'other_leader'  # neither: a robot that is not the target was elected


@value
class TransferResult:
    """
    The end of a transfer of leadership; each gets exactly one.

    :param target: robot that was to lead; '' where none was named and none was found.
    :param end: how it ended. After TIMEOUT the target may yet campaign, so what leads is what
        the status says.
    :param asked: False where the leader began it itself, for the target's higher rank.
    """

    target: str
    end: TransferEnd
    asked: bool = True


class ChangeEnd(IntEnum):
    """How a change of membership ended; the numbers are on the wire."""

    DONE = 0  # committed, and the joint phase is over
    ILLEGAL = 1  # not a step from the membership in force; the reason says why
    BUSY = 2  # another change is under way; try again
    NOT_LEADER = 3  # no leader took it until the deadline; nothing was changed
    UNKNOWN = 4  # the deadline passed, or the leader changed; the status says what holds


@value
class ChangeResult:
    """
    The end of a change of membership; each gets exactly one.

    :param request_id: which.
    :param end: how it ended.
    :param reason: for people; '' where it is done.
    """

    request_id: str
    end: ChangeEnd
    reason: str = ''


@value
class Effects:
    """One batch of work; the order of carrying it out stands at the top of this module."""

    send_now: tuple[Send, ...] = ()
    persist: Persist | None = None
    send_after: tuple[Send, ...] = ()
    committed: tuple[Entry, ...] = ()
    reads: tuple[ReadResult, ...] = ()
    proposals: tuple[ProposalResult, ...] = ()
    transfers: tuple[TransferResult, ...] = ()
    changes: tuple[ChangeResult, ...] = ()
    install: Snapshot | None = None
