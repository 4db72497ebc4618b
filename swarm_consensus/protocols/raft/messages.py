"""
What robots say to each other about the log.

Fields are int, str, bool, bytes, tuples of those, Entry or Membership, so that a codec can be
derived from the type hints. The place of a type in MESSAGE_TYPES gives its number on the wire: new
types go to the end. A receiver trusts types, and nothing else: every value is checked before it is
used.

Each message names its sender; `sender` reads it under one name, so that the loop can compare it
with the sender of the frame.
"""

from __future__ import annotations

from swarm_consensus.protocols.raft.entry import Entry, Membership
from swarm_consensus.protocols.values import value


@value
class VoteRequest:
    """
    A candidate asks for a vote; with `pre`, whether a vote would be given (thesis 9.6).

    :param term: term of the election; for a pre-vote the term that would follow.
    :param candidate: who asks.
    :param last_index: end of the candidate's log.
    :param last_term: term of that entry.
    :param pre: only asks; changes no state at the voter.
    :param transfer: the leader itself sent this candidate, so voters answer although they hear
        a leader (thesis 3.10).
    :param priority: the candidate's rank; a voter with an equal log and a higher rank refuses.
    """

    term: int
    candidate: str
    last_index: int
    last_term: int
    pre: bool
    transfer: bool = False
    priority: int = 0

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.candidate


@value
class VoteReply:
    """
    A voter's answer.

    :param term: the term asked about where granted, else the voter's own.
    :param voter: who answers.
    :param granted: yes or no.
    :param pre: answers a pre-vote.
    """

    term: int
    voter: str
    granted: bool
    pre: bool

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.voter


@value
class AppendEntries:
    """
    Entries that follow (prev_index, prev_term), the same message for every follower that needs it.

    :param term: the leader's term.
    :param leader: who leads.
    :param prev_index: place before the first entry.
    :param prev_term: term at that place.
    :param entries: what follows, without gaps; empty for a probe.
    :param commit: the leader's commit index.
    """

    term: int
    leader: str
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    commit: int

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@value
class AppendReply:
    """
    A follower's answer to an append, or to any leader of an older term.

    :param term: the follower's term.
    :param follower: who answers.
    :param rejected: the log has no entry (prev_index, prev_term).
    :param index: accepted: the log matches the leader's up to here, durably. Rejected: the
        prev_index that did not match.
    :param hint_index: rejected: the last place that could match.
    :param hint_term: rejected: the follower's term at that place.
    :param lost: HardState.lost of the follower: where it is not '', do not count it.
    """

    term: int
    follower: str
    rejected: bool
    index: int
    hint_index: int = 0
    hint_term: int = 0
    lost: str = ''

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.follower


@value
class Heartbeat:
    """
    The leader is there and this is committed; the same message for every follower.

    :param term: the leader's term.
    :param leader: who leads.
    :param commit: the leader's commit index; a follower goes only as far as its log is known to
        match the leader's.
    :param round: what the reply must repeat; counts up within a term. 0: no reply wanted.
    """

    term: int
    leader: str
    commit: int
    round: int

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@value
class HeartbeatReply:
    """
    A follower still follows.

    :param term: the follower's term.
    :param follower: who answers.
    :param round: round of the heartbeat that is answered, or a later one.
    :param match: the log matches the leader's up to here, durably.
    :param priority: the follower's rank, for the leader to hand over to a higher one.
    :param lost: HardState.lost of the follower: where it is not '', do not count it.
    """

    term: int
    follower: str
    round: int
    match: int
    priority: int = 0
    lost: str = ''

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.follower


@value
class ProposalForward:
    """
    Proposals on their way from the robot where they were made to the leader.

    :param origin: robot where they were made.
    :param request_ids: id of each.
    :param data: command of each, in the same order.
    """

    origin: str
    request_ids: tuple[str, ...]
    data: tuple[bytes, ...]

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.origin


@value
class ProposalReply:
    """
    Where the leader put forwarded proposals, or why it did not.

    An accepted proposal is not committed yet: its origin sees that in its own log.

    :param term: term in which they were appended.
    :param leader: who answers.
    :param request_ids: the proposals.
    :param indexes: place in the log of each, in the same order; empty where refused.
    :param reason: a Refusal; 0 where accepted.
    """

    term: int
    leader: str
    request_ids: tuple[str, ...]
    indexes: tuple[int, ...]
    reason: int = 0

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@value
class ReadRequest:
    """
    A follower asks how far it must have applied before it may answer reads.

    :param origin: who asks.
    :param number: what the reply repeats; never used twice by one robot, over reboots too.
    """

    origin: str
    number: int

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.origin


@value
class ReadReply:
    """
    The leader was confirmed by a quorum after it had got the request.

    :param leader: who answers.
    :param number: number of the request.
    :param index: reads may be answered once this is applied.
    """

    leader: str
    number: int
    index: int

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@value
class TimeoutNow:
    """
    The leader asks a follower whose log is as long as its own to campaign at once (thesis 3.10).

    :param term: the leader's term.
    :param leader: who leads, and hands over.
    """

    term: int
    leader: str

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@value
class SnapshotChunk:
    """
    A piece of a snapshot, for a follower that needs entries which the leader has no more.

    Equal states give equal bytes, so a follower goes on with the pieces of another leader where
    index and digest are the same.

    :param term: the leader's term.
    :param leader: who leads.
    :param index: last entry that the snapshot covers.
    :param index_term: term of that entry.
    :param membership: membership in force at that entry.
    :param size: bytes of the whole snapshot.
    :param digest: BLAKE2b of all of them, 16 bytes.
    :param offset: place of `data` among them.
    :param data: the piece; empty only where `size` is 0.
    """

    term: int
    leader: str
    index: int
    index_term: int
    membership: Membership
    size: int
    digest: bytes
    offset: int
    data: bytes

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@value
class SnapshotReply:
    """
    How much of a snapshot a follower has. That it is installed an AppendReply says.

    :param term: the follower's term.
    :param follower: who answers.
    :param index: the snapshot's.
    :param digest: the snapshot's.
    :param received: bytes from its beginning without gaps; the leader goes on from there.
    """

    term: int
    follower: str
    index: int
    digest: bytes
    received: int

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.follower


@value
class ChangeRequest:
    """
    A change of membership on its way from the robot where it was asked for to the leader.

    :param term: only its leader takes it in: one that comes late must not undo what came between.
    :param origin: where it was asked for.
    :param request_id: what the reply repeats.
    :param voters: robots that are to vote.
    :param learners: robots that are to hold the log and not vote.
    """

    term: int
    origin: str
    request_id: str
    voters: tuple[str, ...]
    learners: tuple[str, ...]

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.origin


@value
class ChangeReply:
    """
    How a change of membership ended, or why it was not begun.

    :param term: term of the request.
    :param leader: who answers.
    :param request_id: the change.
    :param end: a ChangeEnd.
    :param reason: for people; '' where it is done.
    """

    term: int
    leader: str
    request_id: str
    end: int
    reason: str = ''

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


Message = (
    VoteRequest
    | VoteReply
    | AppendEntries
    | AppendReply
    | Heartbeat
    | HeartbeatReply
    | ProposalForward
    | ProposalReply
    | ReadRequest
    | ReadReply
    | TimeoutNow
    | SnapshotChunk
    | SnapshotReply
    | ChangeRequest
    | ChangeReply
)

# Numbers on the wire follow from the place here: append only.
MESSAGE_TYPES: tuple[type[Message], ...] = (
    VoteRequest,
    VoteReply,
    AppendEntries,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    ProposalForward,
    ProposalReply,
    ReadRequest,
    ReadReply,
    TimeoutNow,
    SnapshotChunk,
    SnapshotReply,
    ChangeRequest,
    ChangeReply,
)

# What must go out first where the radio cannot carry everything: losing it costs an election.
ELECTION_TYPES: frozenset[type[Message]] = frozenset(
    {
        VoteRequest,
        VoteReply,
        Heartbeat,
        HeartbeatReply,
        TimeoutNow,
        ChangeRequest,
        ChangeReply,
    }
)

# What goes out last: pieces of state for robots that were away for long.
BULK_TYPES: frozenset[type[Message]] = frozenset({SnapshotChunk, SnapshotReply})
