"""
Which messages make older ones useless that have not left yet.

Under a byte budget messages wait in the outbox, and the protocols say again what was not answered.
What is said again takes the place of what was to be said, so that repetitions never pile up. All
protocols here bear the loss of any message, so it is always safe; for it to be of use, the newer
message must say at least as much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swarm_consensus.protocols import crdt, raft
from swarm_consensus.protocols.agreement import messages as agreement
from swarm_consensus.runtime.accusations import Accusation
from swarm_consensus.runtime.members import Presence

# What a message is about, beside its type and its receivers; None: about nothing that comes again.
_ABOUT: dict[type[Any], Callable[[Any], object]] = {
    # Each counts on: a term, a round, a match, a number.
    Presence: lambda message: (),
    raft.HeartbeatReply: lambda message: (),
    raft.SnapshotReply: lambda message: (),
    raft.ReadRequest: lambda message: (),
    raft.ReadReply: lambda message: (),
    # One that wants an answer is never replaced by one that wants none.
    raft.Heartbeat: lambda message: message.round > 0,
    # Of rejections each is about another place.
    raft.AppendReply: lambda message: None if message.rejected else (),
    raft.AppendEntries: lambda message: message.prev_index,
    raft.SnapshotChunk: lambda message: (message.index, message.offset),
    raft.VoteRequest: lambda message: message.pre,
    agreement.Piece: lambda message: (
        message.subject, message.epoch, message.proposer, message.index
    ),
    agreement.PiecesWanted: lambda message: (message.subject, message.epoch, message.proposer),
    agreement.OutcomeWanted: lambda message: message.subject,
    agreement.OutcomeTold: lambda message: message.subject,
    agreement.StandingsWanted: lambda message: message.after,
    agreement.Standings: lambda message: message.after,
    Accusation: lambda message: message.first.sender,
    crdt.Digest: lambda message: (),
    crdt.Pull: lambda message: (),
}  # fmt: skip


def coalescing_key(message: object, to: tuple[str, ...]) -> object:
    """Return what a message has in common with those that it makes useless; None: with none."""
    kind = type(message)
    if isinstance(message, agreement.Statement):
        # All that was ever said in an epoch, where it is said again or to one that asked; else only
        # what is new.
        whole = message.again or len(to) == 1
        return (kind, to, message.subject, message.epoch, message.again) if whole else None
    about = _ABOUT.get(kind)
    if about is None:
        return None
    what = about(message)
    return None if what is None else (kind, to, what)
