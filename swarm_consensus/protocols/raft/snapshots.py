"""
Fourth floor: the state in place of the log, kept here and sent to who was away for long (thesis 5).

The caller hands in its state at an entry that it has applied; the log up to there may then go. A
follower that needs what is gone is sent the state in pieces, to be installed when all have come.
A snapshot that is being sent is sent to its end although there is a newer one, as long as the log
in memory goes on from it: a robot on a slow link would else never get to the end of any.

The pieces travel in the lowest class of traffic, so entries and heartbeats overtake them, and what
a follower needs may reach it on another way meanwhile. Whatever it accepts ends the sending. They
leave with the ticks: followers whose answers come within a tick stay together and share them all.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.changes import is_sound
from swarm_consensus.protocols.raft.chunks import DIGEST_BYTES, Incoming, Source
from swarm_consensus.protocols.raft.config import (
    NUMBER_MAX,
    TRAILING_FACTOR_SENDING,
    RaftConfig,
)
from swarm_consensus.protocols.raft.effects import Send
from swarm_consensus.protocols.raft.entry import Restored, Snapshot, SnapshotMark
from swarm_consensus.protocols.raft.errors import ConfigError, InvariantError
from swarm_consensus.protocols.raft.messages import (
    HeartbeatReply,
    Message,
    SnapshotChunk,
    SnapshotReply,
)
from swarm_consensus.protocols.raft.progress import Flow, Progress
from swarm_consensus.protocols.raft.replication import Replication
from swarm_consensus.protocols.raft.status import Drop


class Snapshots(Replication):
    """
    Snapshots, one's own and those on their way.

    :ivar _install: a leader's snapshot that waits to be handed out.
    :ivar _source: leader: the snapshot that followers are being sent, all the same one; None where
        nobody is.
    :ivar _pieces_due: leader: with the next tick there may be pieces to send; `_pieces_now`: it has
        come.
    :ivar _incoming: follower: the snapshot that it is being sent.
    :ivar _pieces_ack: follower: answer that is due, how much of `_incoming` has come.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._install: Snapshot | None = None
        self._source: Source | None = None
        self._pieces_due = False
        self._pieces_now = False
        self._incoming: Incoming | None = None
        self._pieces_ack: SnapshotReply | None = None
        super().__init__(config, restored, random)
        if restored.snapshot is not None:
            self._check_size(len(restored.snapshot.data))

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {
            SnapshotChunk: self._on_chunk,
            SnapshotReply: self._on_snapshot_reply,
        }

    def _on_new_term(self) -> None:
        self._source = None
        self._pieces_due = self._pieces_now = False
        self._pieces_ack = None
        super()._on_new_term()

    def _become_leader(self) -> None:
        super()._become_leader()
        self._incoming = None

    def _check_size(self, size: int) -> None:
        if size > self._config.snapshot_bytes_max:
            raise ConfigError(
                f'the state has {size} bytes, more than snapshot_bytes_max '
                f'({self._config.snapshot_bytes_max}); raise it at every robot, or keep less state'
            )

    # -- this robot's own -----------------------------------------------------------------------

    def _compact(self, index: int, data: bytes) -> None:
        """Let the state after the entry at `index` stand in place of the log up to there."""
        self._check_size(len(data))
        log = self._log
        if index > log.handed:
            raise InvariantError(
                'a snapshot stands at an entry that was handed out', index=index, handed=log.handed
            )
        if index == log.snapshot_index:
            return
        if index < log.snapshot_index:
            if self._install is not None:
                # A leader's newer one stands here already, and the caller does not know yet.
                return
            raise InvariantError(
                'a snapshot is not older than the one before',
                index=index,
                snapshot_index=log.snapshot_index,
            )
        mark = SnapshotMark(index, log.term(index), self._memberships.at(index))
        log.compact(Snapshot(mark, data), self._first_to_keep(index))
        self._memberships.compact(index)
        self._dirty = True
        # What is being sent may not do any more.
        self._pieces_due = self._source is not None

    def _first_to_keep(self, index: int) -> int:
        """Return from where on entries stay in memory, for a snapshot at `index`."""
        trailing = self._config.trailing_entries
        first = index + 1 - trailing
        source = self._source
        if source is None or not any(self._is_receiving(p) for p in self._followers):
            return first
        # Else the followers would need another snapshot after this one, and so on.
        return max(min(first, source.index + 1), index + 1 - TRAILING_FACTOR_SENDING * trailing)

    def _is_receiving(self, p: Progress) -> bool:
        return p.flow is Flow.SNAPSHOT and self._now - p.heard < self._config.election_ticks

    # -- sending --------------------------------------------------------------------------------

    def _on_compacted(self, group: list[Progress]) -> None:
        self._point_at_source(group)
        self._pieces_due = True

    def _point_at_source(self, group: list[Progress]) -> Source:
        """Have followers be sent the one that is being sent, or the latest if that would not do."""
        source, snapshot = self._source, self._log.snapshot
        if source is None or source.index < self._log.base_index:
            if snapshot is None:
                raise InvariantError('what is no more in the log is under a snapshot')
            # The log in memory does not go on from the older one.
            source = self._source = Source(snapshot)
        for p in group:
            if p.flow is not Flow.SNAPSHOT or p.outgoing is None or p.outgoing.source is not source:
                p.send_snapshot(source)
        return source

    def _tick_leader(self) -> None:
        super()._tick_leader()
        if self._pieces_due:
            self._pieces_due = False
            self._pieces_now = self._dirty = True

    def _flush_pieces_leader(self) -> None:
        """Send what there is to send of a snapshot on its way, or see that it is needed no more."""
        self._pieces_now = False
        receivers = self._receivers()
        if receivers:
            self._send_pieces(self._point_at_source(receivers), receivers)
        else:
            self._source = None

    def _receivers(self) -> list[Progress]:
        """Return who is being sent a snapshot; what the others were sent is forgotten."""
        receivers = []
        for p in self._followers:
            if p.flow is Flow.SNAPSHOT:
                receivers.append(p)
            else:
                p.outgoing = None
        return receivers

    def _send_pieces(self, source: Source, receivers: list[Progress]) -> None:
        """Send each follower what its window allows; those at the same place share a piece."""
        size = self._config.snapshot_chunk_bytes
        groups: dict[int, list[Progress]] = {}
        while True:
            for p in receivers:
                if p.outgoing is not None and p.outgoing.wants(size):
                    groups.setdefault(p.outgoing.sent, []).append(p)
            if not groups:
                return
            offset = min(groups)
            receivers = groups.pop(offset)
            self._send_piece(source, offset, receivers)

    def _send_piece(self, source: Source, offset: int, group: list[Progress]) -> None:
        data = source.data[offset : offset + self._config.snapshot_chunk_bytes]
        mark = source.mark
        piece = SnapshotChunk(
            self._term,
            self._robot,
            mark.index,
            mark.term,
            mark.membership,
            len(source.data),
            source.digest,
            offset,
            data,
        )
        self._out.append(Send(self._names(group), piece))
        for p in group:
            if p.outgoing is not None:
                p.outgoing.piece_sent(len(data))

    def _on_snapshot_reply(self, message: SnapshotReply) -> None:
        p = self._answering(message.term, message.follower, message.index)
        if p is None:
            return
        outgoing = p.outgoing
        if p.flow is not Flow.SNAPSHOT or outgoing is None:
            self._drop(Drop.STALE)
            return
        source = outgoing.source
        if (message.index, message.digest) != (source.index, source.digest):
            self._drop(Drop.STALE)
        elif not 0 <= message.received <= len(source.data):
            self._drop(Drop.OUT_OF_RANGE)
        else:
            outgoing.answered(message.received, self._config.snapshot_window)
            self._pieces_due = True

    def _on_heartbeat_reply(self, message: HeartbeatReply) -> None:
        super()._on_heartbeat_reply(message)
        if self._source is not None:
            # It may have shown that pieces were lost, or that nobody needs any more of them.
            self._pieces_due = True

    # -- receiving ------------------------------------------------------------------------------

    def _on_chunk(self, message: SnapshotChunk) -> None:
        if not self._is_sane(message):
            return
        if not self._follow(message.term, message.leader, message.index):
            return
        self._dirty = True
        log, index = self._log, message.index
        if index <= log.commit or log.term(index) == message.index_term:
            # It is here already; what a leader has under a snapshot is committed.
            self._incoming = None
            self._reach(index)
        elif index <= self._matched or message.index_term < log.term(log.commit):
            # This very leader had the log otherwise.
            self._drop(Drop.MALFORMED)
        elif message.size > self._config.snapshot_bytes_max:
            self._drop(Drop.TOO_LARGE)
        else:
            self._take_piece(message)

    def _is_sane(self, message: SnapshotChunk) -> bool:
        """Return whether an honest leader could have sent this; counts the drop if not."""
        if not 0 < message.index <= NUMBER_MAX or not 0 <= message.size <= NUMBER_MAX:
            self._drop(Drop.OUT_OF_RANGE)
            return False
        end = message.offset + len(message.data)
        if (
            0 < message.index_term <= message.term
            and len(message.digest) == DIGEST_BYTES
            and 0 <= message.offset <= end <= message.size
            and (message.data or not message.size)
        ):
            return True
        self._drop(Drop.MALFORMED)
        return False

    def _reach(self, index: int) -> None:
        """Commit up to `index`, where this log is known to be the leader's, and tell it."""
        commit = self._log.commit
        self._matched = max(self._matched, index, commit)
        self._leader_commit = max(self._leader_commit, index)
        self._follow_commit()
        self._ack = True

    def _take_piece(self, message: SnapshotChunk) -> None:
        incoming = self._incoming
        if incoming is None or not incoming.same(message):
            newer = incoming is None or message.term > incoming.term
            if not newer and incoming is not None and message.index <= incoming.mark.index:
                # Of one that this leader does not send any more; or no leader sends it.
                self._drop(Drop.STALE)
                return
            if not is_sound(message.membership):
                self._drop(Drop.MALFORMED)
                return
            incoming = self._incoming = Incoming(message, self._config.snapshot_window)
        incoming.term = message.term
        incoming.take(message.offset, message.data)
        received = incoming.received
        if incoming.complete:
            self._incoming = None
            snapshot = incoming.snapshot()
            if snapshot is not None:
                self._pieces_ack = None
                self._install_snapshot(snapshot)
                return
            self._drop(Drop.MALFORMED)
            received = 0
        self._pieces_ack = SnapshotReply(
            self._term, self._robot, message.index, message.digest, received
        )

    def _install_snapshot(self, snapshot: Snapshot) -> None:
        """Put a leader's snapshot in place of the log."""
        mark = snapshot.mark
        self._log.install(snapshot)
        self._memberships.reset(mark.index, mark.membership)
        self._take_membership()
        self._install = snapshot
        self._on_installed(mark.index)
        self._reach(mark.index)

    def _on_installed(self, index: int) -> None:
        """Hear that the log up to `index` is gone, and what was committed was not seen."""

    def _take_install(self) -> Snapshot | None:
        """Return the snapshot that is to replace the caller's state, once."""
        install, self._install = self._install, None
        return install

    def _flush_pieces_follower(self) -> None:
        """Answer once for all the pieces that came."""
        if self._incoming is not None and self._incoming.mark.index <= self._log.commit:
            # The entries came by themselves.
            self._incoming = self._pieces_ack = None
        if self._pieces_ack is not None:
            self._send_after.append(Send((self._leader,), self._pieces_ack))
            self._pieces_ack = None
