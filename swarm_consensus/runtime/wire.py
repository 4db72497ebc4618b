"""
Which types travel, and under which number. Numbers never change their meaning (docs/wire.md).

1..31: Raft, in the order of its MESSAGE_TYPES. 32..47: evidence, from 33 on in the order of the
MESSAGE_TYPES of protocols/fusion. 48..63: membership, from 52 on that of SWIM in the order of its
MESSAGE_TYPES. 64..79: agreement, in the order of its MESSAGE_TYPES, then accusations. 96..103:
shared state, in the order of its MESSAGE_TYPES. 104..111: models. 112..127: allocation,
in the order of its MESSAGE_TYPES.
"""

from __future__ import annotations

from typing import Any

from swarm_consensus.decision.ballots import Ballot, Outcome
from swarm_consensus.decision.types import (
    AnyCommand,
    Command,
    Contribution,
    KeyValueCommand,
    MissionCommand,
    TaskCommand,
    TimeCommand,
)
from swarm_consensus.protocols import allocation, crdt, raft
from swarm_consensus.protocols.agreement import messages as agreement
from swarm_consensus.protocols.agreement.effects import KEPT_TYPES
from swarm_consensus.protocols.fusion import messages as fusion
from swarm_consensus.protocols.gossip.swim import messages as swim
from swarm_consensus.runtime.accusations import Accusation
from swarm_consensus.runtime.handover import HandoverReply, HandoverRequest
from swarm_consensus.runtime.members import NameInUse, Presence
from swarm_consensus.runtime.model_messages import MODEL_MESSAGES
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.frame import TrafficClass

RAFT_KINDS_FROM = 1
CONTRIBUTION_KIND = 32
FUSION_KINDS_FROM = 33
PRESENCE_KIND = 48
NAME_IN_USE_KIND = 49
HANDOVER_REQUEST_KIND = 50
HANDOVER_REPLY_KIND = 51
SWIM_KINDS_FROM = 52
AGREEMENT_KINDS_FROM = 64
ACCUSATION_KIND = 79
SHARED_KINDS_FROM = 96
MODEL_KINDS_FROM = 104
ALLOCATION_KINDS_FROM = 112

MESSAGE_KINDS: dict[int, type[Any]] = {
    **dict(enumerate(raft.MESSAGE_TYPES, start=RAFT_KINDS_FROM)),
    CONTRIBUTION_KIND: Contribution,
    **dict(enumerate(fusion.MESSAGE_TYPES, start=FUSION_KINDS_FROM)),
    PRESENCE_KIND: Presence,
    NAME_IN_USE_KIND: NameInUse,
    HANDOVER_REQUEST_KIND: HandoverRequest,
    HANDOVER_REPLY_KIND: HandoverReply,
    **dict(enumerate(swim.MESSAGE_TYPES, start=SWIM_KINDS_FROM)),
    **dict(enumerate(agreement.MESSAGE_TYPES, start=AGREEMENT_KINDS_FROM)),
    ACCUSATION_KIND: Accusation,
    **dict(enumerate(crdt.MESSAGE_TYPES, start=SHARED_KINDS_FROM)),
    **dict(enumerate(MODEL_MESSAGES, start=MODEL_KINDS_FROM)),
    **dict(enumerate(allocation.MESSAGE_TYPES, start=ALLOCATION_KINDS_FROM)),
}

# What stands in the data of COMMAND entries; on disk for years, so the same rule holds.
COMMAND_KINDS: dict[int, type[AnyCommand]] = {
    1: Command,
    2: KeyValueCommand,
    3: TimeCommand,
    4: MissionCommand,
    8: TaskCommand,
}

# What a robot keeps of what it said in agreements; on disk for years.
RECORD_KINDS: dict[int, type[Any]] = {
    **dict(enumerate(KEPT_TYPES, start=1)),
    ACCUSATION_KIND: Accusation,
}

# What only robots say to each other that swarm.yaml names: guests have no part in it.
NAMED_ONLY: frozenset[type[Any]] = frozenset(
    {
        *raft.MESSAGE_TYPES,
        HandoverRequest,
        HandoverReply,
        Accusation,
        *agreement.MESSAGE_TYPES,
        fusion.Shares,
        fusion.Estimate,
        *MODEL_MESSAGES,
        *allocation.MESSAGE_TYPES,
    }
)

MESSAGES: Codec[Any] = Codec(MESSAGE_KINDS)
COMMANDS: Codec[AnyCommand] = Codec(COMMAND_KINDS)
RECORDS: Codec[Any] = Codec(RECORD_KINDS)
# What robots put into an agreement, and what comes out: each the only message of its table.
BALLOTS: Codec[Ballot] = Codec({1: Ballot})
OUTCOMES: Codec[Outcome] = Codec({1: Outcome})

# Proofs have to hold two of these frames, and catching up is in no hurry.
_AGREEMENT = {agreement.Piece, agreement.PiecesWanted, agreement.Statement}
_BULK = (
    raft.BULK_TYPES
    | {Accusation, *agreement.MESSAGE_TYPES} - _AGREEMENT
    | {crdt.Pull, crdt.Dots, crdt.Pulled, swim.Roll}
    | {*MODEL_MESSAGES}
)
_BELIEF = {Contribution, *fusion.MESSAGE_TYPES, crdt.Delta, crdt.Digest}
_BELIEF |= {*allocation.MESSAGE_TYPES}
_URGENT = raft.ELECTION_TYPES | {Presence, NameInUse, HandoverRequest, HandoverReply}
_URGENT |= {*swim.MESSAGE_TYPES} - _BULK


def traffic_class(message: object) -> TrafficClass:
    """Return the class in which a message travels."""
    if type(message) in _URGENT:
        return TrafficClass.ELECTION
    if type(message) in _BULK:
        return TrafficClass.BULK
    if type(message) in _AGREEMENT:
        return TrafficClass.AGREEMENT
    return TrafficClass.BELIEF if type(message) in _BELIEF else TrafficClass.LOG
