"""
Floor of membership changes: by joint consensus (thesis 4.3), one at a time; `changes.py` has the
arithmetic.

The leader appends an entry that holds the joint membership; when that is committed, by old and new
voters, it appends the one that ends the joint phase, and when that is committed the change is
done. Each membership is in force at a robot from when its entry stands in the log there. A leader
begins a change only after a commit of its own term: before, an entry of an older leader may hold
a membership that it does not know to be void or not. A new leader that finds a joint membership
in its log ends it by itself.

A leader that is no voter any more leads until that is committed, and then goes, after it has told
the best of the voters to campaign at once.

A robot that lost its log
-------------------------
A voter that lost its log has lost promises: a vote that it gave, entries that it acknowledged. So
it never votes and what it acknowledges does not count: to the others it is a voter that is dead,
which costs them one failure and no safety. It can be healed by a change that makes it a learner,
naming the token of the loss (HardState.lost), and that a quorum commits without it. Why it may
then forget its loss, vote when it is asked, and be made a voter again:

Let Q be the robots that stored the joint entry of that change, of term T: a majority of the n old
voters, not counting the lost one, X. Any quorum of old voters that a candidate could gather with
an old vote of X has a majority less one of the n - 1 others, so it shares a robot G with Q that is
not X. Take the first leader after T without the joint entry. G acknowledged the entry before it
gave its vote, else its term would have refused the entry; so it voted for a log at least as up to
date as one with the entry, of no leader's between, as this one is the first: a log with the
entry. So from T on every leader has the entry, whatever X voted before its loss; and what was
committed by X's old acknowledgements is in those logs by the same count: it was stored by a
majority less one of the others, and the elections up to T were won without a new vote of X. Under
the membership that follows, X is no voter, and whoever still believes otherwise has a log without
the change, for which X, once it knows the change to be committed, does not vote. An older
membership in which X is no voter shows nothing of this kind, hence the token.

An old acknowledgement of X may reach a leader after it heard of the loss; what X sends without the
token does not count until X has answered, without it, a heartbeat that left later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.changes import begin, encode_membership, fault, finish, same
from swarm_consensus.protocols.raft.config import ENTRY_OVERHEAD_BYTES, RaftConfig
from swarm_consensus.protocols.raft.effects import ChangeEnd, ChangeResult, Send
from swarm_consensus.protocols.raft.entry import Entry, EntryKind, Membership, Restored
from swarm_consensus.protocols.raft.messages import (
    ChangeReply,
    ChangeRequest,
    Heartbeat,
    Message,
    TimeoutNow,
)
from swarm_consensus.protocols.raft.proposals import Proposals
from swarm_consensus.protocols.raft.quorum import majority
from swarm_consensus.protocols.raft.status import Drop, Role

# Changes of one robot that wait at once, and ends that a leader remembers for who asks again.
CHANGES_MAX = 16
ENDS_MAX = 1024

_Key = tuple[str, str]


class _Change:
    """
    A change that this robot was asked for and that has not ended.

    :ivar term: term of the leader that it went to; 0: it waits for one.
    """

    __slots__ = ('due', 'learners', 'request_id', 'sent_at', 'term', 'voters')

    def __init__(
        self, request_id: str, voters: tuple[str, ...], learners: tuple[str, ...], due: int
    ) -> None:
        self.request_id = request_id
        self.voters = voters
        self.learners = learners
        self.due = due
        self.term = 0
        self.sent_at = 0


class Changes(Proposals):
    """
    Changes of membership.

    :ivar _changes: changes that this robot was asked for and that have not ended, by request id.
    :ivar _change: leader: (origin, request id) of the change under way; None where there is none
        that anybody waits for.
    :ivar _change_ends: leader: how changes of this term ended, by (origin, request id).
    :ivar _settling: leader: entry to be committed before a membership can change (further): the
        latest that set one, or the one that opened the term; 0: none.
    :ivar _leaving: leader: that this robot is no voter is committed, so it goes.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._changes: dict[str, _Change] = {}
        self._change: _Key | None = None
        self._change_ends: dict[_Key, tuple[ChangeEnd, str]] = {}
        self._change_results: list[ChangeResult] = []
        self._settling = 0
        self._leaving = False
        super().__init__(config, restored, random)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {
            ChangeRequest: self._on_change_request,
            ChangeReply: self._on_change_reply,
        }

    def _on_new_term(self) -> None:
        self._change = None
        self._change_ends = {}
        self._settling = 0
        self._leaving = False
        super()._on_new_term()

    def _on_leader_known(self) -> None:
        for change in list(self._changes.values()):
            if change.term and change.term != self._term:
                # Whether the last leader took it in, and how far it came, is not known.
                self._end_change(change, ChangeEnd.UNKNOWN, 'the leader changed meanwhile')
        super()._on_leader_known()

    def _become_leader(self) -> None:
        super()._become_leader()
        self._settling = self._term_start

    # -- at every robot -------------------------------------------------------------------------

    def _ask_change(
        self, request_id: str, voters: Iterable[str], learners: Iterable[str], due: int
    ) -> None:
        """Begin to have a change made."""
        if request_id in self._changes:
            return
        self._dirty = True
        if len(self._changes) >= CHANGES_MAX:
            reason = f'{CHANGES_MAX} changes wait here already'
            self._change_results.append(ChangeResult(request_id, ChangeEnd.BUSY, reason))
            return
        self._changes[request_id] = _Change(request_id, tuple(voters), tuple(learners), due)

    def _end_change(self, change: _Change, end: ChangeEnd, reason: str) -> None:
        del self._changes[change.request_id]
        self._change_results.append(ChangeResult(change.request_id, end, reason))
        self._dirty = True

    def _tick_changes(self) -> None:
        """End the changes whose deadline has come, and send again what got no answer."""
        for change in list(self._changes.values()):
            if self._now >= change.due:
                if change.term:
                    reason = 'it was under way at the deadline'
                    self._end_change(change, ChangeEnd.UNKNOWN, reason)
                else:
                    reason = 'no leader could take it until the deadline'
                    self._end_change(change, ChangeEnd.NOT_LEADER, reason)
            elif self._now - change.sent_at >= self._retry_ticks:
                self._dirty = True

    def _flush_changes(self) -> None:
        """Take in the changes that wait, or send them to the leader."""
        for change in list(self._changes.values()):
            if self._role is Role.LEADER:
                self._take_own_change(change)
            elif not change.term or self._now - change.sent_at >= self._retry_ticks:
                change.term = self._term
                change.sent_at = self._now
                request = ChangeRequest(
                    self._term, self._robot, change.request_id, change.voters, change.learners
                )
                self._send_now.append(Send((self._leader,), request))

    def _take_own_change(self, change: _Change) -> None:
        if change.term or self._log.commit < self._term_start:
            return
        change.term = self._term
        key = (self._robot, change.request_id)
        self._answer_change(key, self._take_change(key, change.voters, change.learners))

    def _on_change_reply(self, message: ChangeReply) -> None:
        if not self._is_peer(message.leader):
            return
        change = self._changes.get(message.request_id)
        if message.end not in (ChangeEnd.DONE, ChangeEnd.ILLEGAL, ChangeEnd.BUSY):
            self._drop(Drop.OUT_OF_RANGE)
        elif change is None or not change.term or message.term != change.term:
            self._drop(Drop.STALE)
        elif message.term == self._term and message.leader != self._leader:
            self._drop(Drop.SECOND_LEADER)
        else:
            self._end_change(change, ChangeEnd(message.end), message.reason)

    # -- at the leader --------------------------------------------------------------------------

    def _on_change_request(self, message: ChangeRequest) -> None:
        if not self._is_peer(message.origin):
            return
        if self._role is not Role.LEADER or message.term != self._term:
            # Its origin learns of a leader of another term by itself.
            self._drop(Drop.UNASKED)
        elif self._log.commit >= self._term_start:
            # Else it asks again.
            key = (message.origin, message.request_id)
            self._answer_change(key, self._take_change(key, message.voters, message.learners))

    def _take_change(
        self, key: _Key, voters: Iterable[str], learners: Iterable[str]
    ) -> tuple[ChangeEnd, str] | None:
        """Begin a change, or say at once how it ends; None: it is under way."""
        known = self._change_ends.get(key)
        if known is not None or key == self._change:
            return known
        if self._settling or self._membership.joint:
            return ChangeEnd.BUSY, 'another change is under way'
        if self._transferring:
            return ChangeEnd.BUSY, f'leadership is being handed over to {self._target}'
        if same(self._membership, voters, learners):
            return ChangeEnd.DONE, ''
        reason = fault(self._membership, voters, learners) or self._unfit(tuple(voters))
        if reason:
            return ChangeEnd.ILLEGAL, reason
        self._change = key
        self._begin_change(voters, learners)
        return None

    def _unfit(self, voters: tuple[str, ...]) -> str:
        """Return why these voters could not commit anything now, for people; '' where they can."""
        since = self._now - self._config.election_ticks
        live = {p.robot for p in self._followers if p.heard > since and not p.lost}
        live.add(self._robot)
        heard = [voter for voter in voters if voter in live]
        if len(heard) < majority(len(voters)):
            names = ', '.join(heard) or 'none'
            return f'of {len(voters)} voters only these are there to commit anything: {names}'
        for voter in voters:
            p = self._progress.get(voter)
            if p is not None and p.lost and voter not in self._membership.voters:
                return f'{voter} lost its log and has not caught up as a learner yet'
        return ''

    def _begin_change(self, voters: Iterable[str], learners: Iterable[str]) -> None:
        """Append the membership that begins a legal change."""
        losses = [p.lost for p in self._followers if p.lost]
        self._set_membership(begin(self._membership, voters, learners, losses))

    def _set_membership(self, membership: Membership) -> None:
        data = encode_membership(membership)
        index = self._append_own(EntryKind.CONFIG, data)
        self._uncommitted += len(data) + ENTRY_OVERHEAD_BYTES
        self._memberships.append(index, membership)
        self._settling = index
        self._take_membership()

    def _answer_change(self, key: _Key, ended: tuple[ChangeEnd, str] | None) -> None:
        """Say how a change ended, now and to who asks again."""
        if ended is None:
            return
        end, reason = ended
        self._change_ends[key] = ended
        if len(self._change_ends) > ENDS_MAX:
            del self._change_ends[next(iter(self._change_ends))]
        origin, request_id = key
        if origin != self._robot:
            reply = ChangeReply(self._term, self._robot, request_id, int(end), reason)
            self._send_now.append(Send((origin,), reply))
            self._dirty = True
            return
        change = self._changes.get(request_id)
        if change is not None:
            self._end_change(change, end, reason)

    # -- as it is committed ---------------------------------------------------------------------

    def _on_committed(self, entries: list[Entry]) -> None:
        super()._on_committed(entries)
        if self._settling and self._log.commit >= self._settling:
            self._settle_membership()

    def _settle_membership(self) -> None:
        """Go on from a membership that is committed."""
        self._settling = 0
        if self._membership.joint:
            self._set_membership(finish(self._membership))
            return
        self._let_go()
        if self._change is not None:
            key, self._change = self._change, None
            self._answer_change(key, (ChangeEnd.DONE, ''))
        self._leaving = not self._is_voter
        # Changes that waited for the first commit of the term can go on.
        self._dirty = True

    def _let_go(self) -> None:
        """Stop looking after the robots that are no members any more, and tell them why."""
        gone = [name for name in self._follower_names if name not in self._membership.robots]
        if gone:
            farewell = Heartbeat(self._term, self._robot, self._log.commit, 0)
            self._out.append(Send(tuple(gone), farewell))
            self._follow_all()

    def _flush_leader(self) -> None:
        super()._flush_leader()
        if self._leaving:
            target = self._best_target()
            if target:
                self._out.append(Send((target,), TimeoutNow(self._term, self._robot)))
            self._become_follower(self._term, '')

    def _flush_follower(self) -> None:
        if self._lost:
            self._forget_loss()
        super()._flush_follower()

    def _forget_loss(self) -> None:
        """Be a learner like any other, if that is what the swarm has decided after the loss."""
        membership = self._memberships.at(self._log.commit)
        if (
            self._lost in membership.readmitted
            and self._robot not in membership.voters + membership.outgoing
        ):
            self._lost = ''
            self._hard_state_changed = True
