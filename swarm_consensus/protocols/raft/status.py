"""How Raft stands at one robot, for diagnostics: a value copied out, never a live view."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum

from swarm_consensus.protocols.raft.entry import Membership
from swarm_consensus.protocols.values import value


class Role(IntEnum):
    """What a robot is in its term; the numbers are those of SwarmStatus.msg."""

    FOLLOWER = 1
    PRE_CANDIDATE = 2
    CANDIDATE = 3
    LEADER = 4


class Drop(Enum):
    """Why a message of a peer was dropped."""

    STRANGER = 'stranger'  # the sender is not a member
    OWN_NAME = 'own_name'  # the sender bears this robot's name
    STALE = 'stale'  # late: of a term, a campaign or a question that is over
    OUT_OF_RANGE = 'out_of_range'  # a number that no honest robot sends
    MALFORMED = 'malformed'  # entries with gaps, falling terms, lists that do not fit
    SECOND_LEADER = 'second_leader'  # another leader in a term that has one
    BELOW_COMMIT = 'below_commit'  # would overwrite what is committed
    UNASKED = 'unasked'  # an answer to nothing that was asked, or for another role
    LEADER_HEARD = 'leader_heard'  # a vote request while the leader is heard
    TOO_LARGE = 'too_large'  # a snapshot above snapshot_bytes_max
    OVERLOADED = 'overloaded'  # more than this robot takes on at once


@value
class RaftStatus:
    """
    How Raft stands at one robot.

    :param robot: this robot.
    :param role: its role.
    :param leader: leader of the term; '' for none known.
    :param term: latest term seen.
    :param vote: who got this robot's vote in that term; '' for none.
    :param commit_index: last entry known to be committed.
    :param first_index: first entry of the log in memory here.
    :param snapshot_index: last entry that this robot's latest snapshot covers; 0 for none.
    :param last_index: end of the log here.
    :param persisted_index: end of the durable log here.
    :param has_quorum: in contact with a quorum: leads with one, or hears a leader.
    :param quorum_size: voters needed to commit (of the larger half while joint).
    :param membership: who holds the log.
    :param match: at the leader: log known to be durable at each robot; else empty.
    :param proposals: proposals of this robot under way.
    :param reads: reads of this robot under way.
    :param transfer: robot that this one is handing its leadership to, so that proposals wait; ''
        for none.
    :param drops: messages of peers that were dropped since start, by reason; only those above 0.
    :param changing: a change of membership is under way, or, at the leader, not possible yet.
    :param lost: token of the loss of this robot's log; '' for none (HardState.lost).
    """

    robot: str
    role: Role
    leader: str
    term: int
    vote: str
    commit_index: int
    first_index: int
    snapshot_index: int
    last_index: int
    persisted_index: int
    has_quorum: bool
    quorum_size: int
    membership: Membership
    match: Mapping[str, int]
    proposals: int
    reads: int
    transfer: str
    drops: Mapping[Drop, int]
    changing: bool = False
    lost: str = ''
