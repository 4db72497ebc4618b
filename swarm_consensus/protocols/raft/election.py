"""
Second floor: elections with pre-vote (thesis 3.4, 9.6) and the vote (3.6.1).

A robot that stops hearing its leader first asks whether it could win, which changes no term
anywhere; only a majority of yes makes it raise the term and ask for votes. Whoever still hears a
leader answers neither question (6.2), so a robot that was cut off cannot disturb the others.

Of two candidates with equal logs the one of higher rank is to lead: it refuses the other its
vote. The rule for liveness is that of NuRaft and SOFAJRaft: what a voter asks of a candidate
falls with each round that elects nobody, and is back in full once a leader is known.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.config import NUMBER_MAX, RANK_DECAY_ROUNDS, RaftConfig
from swarm_consensus.protocols.raft.core import Core
from swarm_consensus.protocols.raft.effects import Send
from swarm_consensus.protocols.raft.entry import Restored
from swarm_consensus.protocols.raft.messages import Message, VoteReply, VoteRequest
from swarm_consensus.protocols.raft.quorum import Tally, halves, tally
from swarm_consensus.protocols.raft.status import Drop, Role


class Election(Core):
    """
    Elections.

    :ivar _votes: answers to this robot's campaign, its own among them.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._votes: dict[str, bool] = {}
        super().__init__(config, restored, random)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {
            VoteRequest: self._on_vote_request,
            VoteReply: self._on_vote_reply,
        }

    @property
    def _may_campaign(self) -> bool:
        """
        Whether this robot is, or may yet be, a voter, and has kept its promises.

        Its log may be the only one with the change that takes its vote: then the others cannot
        be elected, and it leads until that is committed (thesis 4.2.2). Its own vote does not
        count there.
        """
        return not self._lost and any(
            self._robot in membership.voters or self._robot in membership.outgoing
            for membership in self._memberships.last_two(self._log.commit)
        )

    def _tick_election(self) -> None:
        """Campaign when the leader has been silent for too long."""
        if self._now - self._timer >= self._timeout and self._may_campaign:
            self._campaign(pre=True)

    def _campaign(self, pre: bool, transfer: bool = False) -> None:
        """Ask the voters; without `pre` in a new term, voting for itself first."""
        if pre:
            self._enter(self._term, Role.PRE_CANDIDATE)
        else:
            self._enter(self._term + 1, Role.CANDIDATE)
            self._vote = self._robot
            self._hard_state_changed = True
        self._votes = {self._robot: True}
        if tally(self._membership, self._votes) is Tally.WON:
            self._won()
            return
        voters = dict.fromkeys(voter for half in halves(self._membership) for voter in half)
        request = VoteRequest(
            self._term + 1 if pre else self._term,
            self._robot,
            self._log.last_index,
            self._log.last_term,
            pre,
            transfer,
            self._config.priority,
        )
        send = Send(tuple(voter for voter in voters if voter != self._robot), request)
        # The vote for itself must outlive a crash, or this robot could vote twice in a term.
        (self._send_now if pre else self._send_after).append(send)

    def _won(self) -> None:
        if self._role is Role.PRE_CANDIDATE:
            self._campaign(pre=False)
        else:
            self._become_leader()

    def _become_leader(self) -> None:
        """Lead the term. The floors above add what a leader does."""
        self._enter(self._term, Role.LEADER)
        self._set_leader(self._robot)

    # -- messages -----------------------------------------------------------------------------

    def _on_vote_request(self, message: VoteRequest) -> None:
        term, candidate = message.term, message.candidate
        if not self._is_peer(candidate) or not self._is_term(term):
            return
        if (
            not 0 <= message.last_term <= term
            or not 0 <= message.last_index <= NUMBER_MAX
            or not 0 <= message.priority <= NUMBER_MAX
        ):
            self._drop(Drop.OUT_OF_RANGE)
            return
        if term >= self._term and self._keeps_promise and not message.transfer:
            self._drop(Drop.LEADER_HEARD)
            return
        if term > self._term:
            if self._hears_leader and not message.transfer:
                self._drop(Drop.LEADER_HEARD)
                return
            if not message.pre:
                self._become_follower(term, '')
        if term >= self._term and self._would_vote(message):
            if not message.pre:
                self._vote = candidate
                self._hard_state_changed = True
                self._timer = self._now
            # The term of the question, not our own: we may be behind, and would seem stale.
            reply = VoteReply(term, self._robot, True, message.pre)
        else:
            # Our term frees a candidate that is behind.
            reply = VoteReply(self._term, self._robot, False, message.pre)
        self._send_after.append(Send((candidate,), reply))
        self._dirty = True

    def _would_vote(self, message: VoteRequest) -> bool:
        """Return whether the vote of the term is free for this candidate, and it is fit."""
        if self._lost:
            # It may have voted in this term, or have acknowledged more than its log shows.
            return False
        log = self._log
        if not log.up_to_date(message.last_index, message.last_term):
            return False
        if message.term == self._term:
            if self._vote == message.candidate:
                return True
            if self._vote or self._leader:
                return False
        # A learner votes too when it is asked: the candidate may know of a promotion that it
        # does not know of yet.
        if message.transfer:
            # The leader wants just this one.
            return True
        longer = (message.last_term, message.last_index) > (log.last_term, log.last_index)
        return longer or message.priority >= self._rank

    @property
    def _rank(self) -> int:
        """What this robot asks of a candidate whose log equals its own."""
        rank = self._config.priority
        if not rank or not self._may_campaign:
            # Who cannot lead has no reason to wait for better than what there is.
            return 0
        if self._leader:
            return rank
        rounds = (self._now - self._orphaned_at) // (2 * self._config.election_ticks)
        return rank * max(0, RANK_DECAY_ROUNDS - rounds) // RANK_DECAY_ROUNDS

    def _on_vote_reply(self, message: VoteReply) -> None:
        term = message.term
        # A voter that has seen no term yet can refuse for its rank, or for the log that it lost.
        first = term == 0 and not message.granted
        if not self._is_peer(message.voter) or not (first or self._is_term(term)):
            return
        if message.pre and message.granted:
            asked = self._role is Role.PRE_CANDIDATE and term == self._term + 1
        elif term > self._term and not message.granted:
            self._become_follower(term, '')
            return
        else:
            role = Role.PRE_CANDIDATE if message.pre else Role.CANDIDATE
            asked = self._role is role and term == self._term
        if not asked:
            self._drop(Drop.STALE if term <= self._term else Drop.UNASKED)
            return
        self._votes.setdefault(message.voter, message.granted)
        result = tally(self._membership, self._votes)
        if result is Tally.WON:
            self._won()
        elif result is Tally.LOST:
            self._become_follower(self._term, '')
