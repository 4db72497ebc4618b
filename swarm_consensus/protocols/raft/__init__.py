"""
Raft without I/O: elections, a replicated log, snapshots, linearizable reads, leadership transfer.

After Diego Ongaro, "Consensus: Bridging Theory and Practice" (Stanford, 2014), with pre-vote and
check-quorum. `raft.py` has the machine and how to drive it, `effects.py` what it wants done and
in which order, `messages.py` what goes between robots.
"""

from swarm_consensus.protocols.raft.config import RaftConfig
from swarm_consensus.protocols.raft.effects import (
    ChangeEnd,
    ChangeResult,
    Effects,
    Outcome,
    Persist,
    ProposalResult,
    ReadResult,
    Refusal,
    Send,
    TransferEnd,
    TransferResult,
)
from swarm_consensus.protocols.raft.entry import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    Restored,
    Snapshot,
    SnapshotMark,
)
from swarm_consensus.protocols.raft.errors import ConfigError, InvariantError
from swarm_consensus.protocols.raft.messages import (
    BULK_TYPES,
    ELECTION_TYPES,
    MESSAGE_TYPES,
    AppendEntries,
    AppendReply,
    ChangeReply,
    ChangeRequest,
    Heartbeat,
    HeartbeatReply,
    Message,
    ProposalForward,
    ProposalReply,
    ReadReply,
    ReadRequest,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)
from swarm_consensus.protocols.raft.raft import Raft
from swarm_consensus.protocols.raft.status import Drop, RaftStatus, Role

__all__ = [
    'BULK_TYPES',
    'ELECTION_TYPES',
    'MESSAGE_TYPES',
    'AppendEntries',
    'AppendReply',
    'ChangeEnd',
    'ChangeReply',
    'ChangeRequest',
    'ChangeResult',
    'ConfigError',
    'Drop',
    'Effects',
    'Entry',
    'EntryKind',
    'HardState',
    'Heartbeat',
    'HeartbeatReply',
    'InvariantError',
    'Membership',
    'Message',
    'Outcome',
    'Persist',
    'ProposalForward',
    'ProposalReply',
    'ProposalResult',
    'Raft',
    'RaftConfig',
    'RaftStatus',
    'ReadReply',
    'ReadRequest',
    'ReadResult',
    'Refusal',
    'Restored',
    'Role',
    'Send',
    'Snapshot',
    'SnapshotChunk',
    'SnapshotMark',
    'SnapshotReply',
    'TimeoutNow',
    'TransferEnd',
    'TransferResult',
    'VoteReply',
    'VoteRequest',
]
