"""
Seventh floor: proposals, from the robot where they are made to the log, and their end.

The leader appends; any other robot forwards to the leader, which answers with the place in the
log that it gave. The origin watches its own log: a proposal is committed when its entry is
committed at that place, and is forwarded again when another entry is, or when a new leader's
first commit shows that its place is gone. So every proposal ends by what the origin itself sees,
or at its deadline.

What is forwarded again may stand in the log twice, if the first one had arrived after all. The
leader recognises repetitions as long as it leads and remembers; over changes of leader it is the
state machine that applies a request once, by the origin and request id inside the data.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.config import ENTRY_OVERHEAD_BYTES, NUMBER_MAX, RaftConfig
from swarm_consensus.protocols.raft.deadlines import Deadlines
from swarm_consensus.protocols.raft.effects import Outcome, ProposalResult, Refusal, Send
from swarm_consensus.protocols.raft.entry import Entry, EntryKind, Restored
from swarm_consensus.protocols.raft.log import UNAVAILABLE
from swarm_consensus.protocols.raft.messages import Message, ProposalForward, ProposalReply
from swarm_consensus.protocols.raft.reads import Reads
from swarm_consensus.protocols.raft.status import Drop, Role

_LEADER = Role.LEADER
_COMMAND = EntryKind.COMMAND
_COMMITTED = Outcome.COMMITTED


class _Proposal:
    """
    A proposal of this robot that has not ended.

    :ivar deadline: tick at which it ends.
    :ivar index: its place in the log, given by the leader of `term`; 0: none known.
    :ivar tries: how often it went to a leader's log, or on its way there.
    :ivar sent_at: tick when it was last forwarded.
    """

    __slots__ = ('data', 'deadline', 'index', 'request_id', 'sent_at', 'term', 'tries')

    def __init__(self, request_id: str, data: bytes, deadline: int) -> None:
        self.request_id = request_id
        self.data = data
        self.deadline = deadline
        self.index = 0
        self.term = 0
        self.tries = 0
        self.sent_at = 0


class Proposals(Reads):
    """
    Proposals on their way. A proposal of this robot is in one of `_held`, `_forwarded`, `_placed`.

    :ivar _proposals: proposals of this robot that have not ended, by request id.
    :ivar _proposal_bytes: size of their data.
    :ivar _proposal_due: the same by their deadlines.
    :ivar _held: wait for a leader, in the order in which they were made.
    :ivar _forwarded: went to the leader, which has not answered; longest ago first.
    :ivar _placed: have a place in the log, by index.
    :ivar _displaced: some of `_placed` have a place of an older term, which may be gone.
    :ivar _uncommitted: leader: size of the entries behind the commit index.
    :ivar _remembered: leader: (index, term) that forwarded proposals got, by (origin, id).
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._proposals: dict[str, _Proposal] = {}
        self._proposal_bytes = 0
        self._proposal_due: Deadlines[_Proposal] = Deadlines()
        self._held: list[_Proposal] = []
        self._forwarded: dict[str, _Proposal] = {}
        self._placed: dict[int, _Proposal] = {}
        self._displaced = False
        self._uncommitted = 0
        self._remembered: dict[tuple[str, str], tuple[int, int]] = {}
        self._results: list[ProposalResult] = []
        super().__init__(config, restored, random)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {
            ProposalForward: self._on_proposal_forward,
            ProposalReply: self._on_proposal_reply,
        }

    def _on_new_term(self) -> None:
        self._displaced = bool(self._placed)
        super()._on_new_term()

    def _on_leader_known(self) -> None:
        # Whether the last leader took them in is not known: ask the new one.
        self._held.extend(self._forwarded.values())
        self._forwarded.clear()
        super()._on_leader_known()

    def _become_leader(self) -> None:
        super()._become_leader()
        log = self._log
        behind = log.slice(log.commit + 1, log.last_index)
        self._uncommitted = sum(len(entry.data) + ENTRY_OVERHEAD_BYTES for entry in behind)

    # -- from this robot ------------------------------------------------------------------------

    @property
    def under_way(self) -> KeysView[str]:
        """Request ids of this robot's proposals that have not ended, as they are at any time."""
        return self._proposals.keys()

    def _propose(self, request_id: str, data: bytes, deadline: int) -> None:
        """Begin a proposal."""
        if request_id in self._proposals:
            return
        self._dirty = True
        config = self._config
        size = len(data)
        at_once = self._role is _LEADER and not self._held and not self._transferring
        under_way = self._uncommitted if at_once else self._proposal_bytes
        if size > config.entry_bytes_max:
            self._refuse(request_id, Refusal.TOO_LARGE)
            return
        if not self._has_room(under_way, size) or len(self._proposals) >= config.proposals_max:
            self._refuse(request_id, Refusal.OVERLOADED)
            return
        proposal = _Proposal(request_id, data, deadline)
        self._proposals[request_id] = proposal
        self._proposal_bytes += size
        self._proposal_due.add(deadline, request_id, proposal)
        if at_once:
            self._place_own(proposal)
        else:
            self._held.append(proposal)

    def _refuse(self, request_id: str, reason: Refusal) -> None:
        self._results.append(ProposalResult(request_id, Outcome.REFUSED, reason=reason))

    def _place_own(self, proposal: _Proposal) -> None:
        """Append a proposal of this leader."""
        proposal.tries += 1
        index = self._append_own(_COMMAND, proposal.data)
        self._uncommitted += len(proposal.data) + ENTRY_OVERHEAD_BYTES
        if self._displaced:
            self._place(proposal, index, self._term)
            return
        proposal.index = index
        proposal.term = self._term
        self._placed[index] = proposal

    def _is_under_way(self, proposal: _Proposal) -> bool:
        return self._proposals.get(proposal.request_id) is proposal

    def _end(self, proposal: _Proposal, outcome: Outcome, reason: Refusal = Refusal.NONE) -> None:
        """End a proposal that is under way and was taken out of where it waited."""
        request_id = proposal.request_id
        del self._proposals[request_id]
        self._proposal_due.remove(proposal.deadline, request_id)
        self._proposal_bytes -= len(proposal.data)
        self._results.append(
            ProposalResult(request_id, outcome, proposal.index, proposal.term, reason)
        )
        self._dirty = True

    def _withdraw(self, proposal: _Proposal) -> None:
        """Take a proposal out of where it waits; what is held is sorted out later."""
        self._forwarded.pop(proposal.request_id, None)
        if self._placed.get(proposal.index) is proposal:
            del self._placed[proposal.index]

    def _settle(self, request_id: str, index: int, term: int) -> None:
        """End a proposal of which the state machine says that it is committed."""
        proposal = self._proposals.get(request_id)
        if proposal is not None:
            self._withdraw(proposal)
            proposal.index, proposal.term = index, term
            self._end(proposal, _COMMITTED)

    def _tick_proposals(self) -> None:
        """End the proposals whose deadline has come, and forward again what got no answer."""
        due = self._proposal_due.at(self._now)
        for proposal in due:
            self._withdraw(proposal)
            if proposal.tries:
                self._end(proposal, Outcome.UNKNOWN)
            elif self._transferring:
                self._end(proposal, Outcome.REFUSED, Refusal.TRANSFERRING)
            else:
                self._end(proposal, Outcome.REFUSED, Refusal.NO_QUORUM)
        if due:
            self._held = list(filter(self._is_under_way, self._held))
        if self._forwarded and self._leader and not self._paused:
            self._hold_unanswered()
        if self._held and self._leader:
            # It may be heard again.
            self._dirty = True

    def _pause(self, appends: bool, pieces: bool) -> None:
        if self._paused and not appends:
            # Only now the leader can have been asked.
            for proposal in self._forwarded.values():
                proposal.sent_at = self._now
        super()._pause(appends, pieces)

    def _hold_unanswered(self) -> None:
        again = []
        for proposal in self._forwarded.values():
            if self._now - proposal.sent_at < self._retry_ticks:
                break
            again.append(proposal)
        for proposal in again:
            del self._forwarded[proposal.request_id]
            self._hold(proposal)

    def _hold(self, proposal: _Proposal) -> None:
        """Let a proposal go to the leader anew."""
        proposal.index = proposal.term = 0
        self._held.append(proposal)
        self._dirty = True

    def _flush_proposals(self) -> None:
        """
        Append what is held, or send it to the leader, unless that is about to change.

        A leader that is not heard any more is not asked either. It may be gone, and of what never
        left this robot it is sure that it failed.
        """
        if self._transferring or not self._hears_leader:
            return
        if self._paused and self._role is not _LEADER:
            return
        held = [proposal for proposal in self._held if self._is_under_way(proposal)]
        self._held = []
        if self._role is not _LEADER:
            self._forward(held)
            return
        for proposal in held:
            if self._has_room(self._uncommitted, len(proposal.data)):
                self._place_own(proposal)
            elif proposal.tries:
                # An earlier try may be in the log, so it cannot be refused: wait for room.
                self._held.append(proposal)
            else:
                self._end(proposal, Outcome.REFUSED, Refusal.OVERLOADED)

    def _has_room(self, under_way: int, size: int) -> bool:
        """Return whether so much more may be taken in beside what is under way."""
        return not under_way or under_way + size <= self._config.uncommitted_bytes_max

    def _forward(self, held: list[_Proposal]) -> None:
        """Send proposals to the leader, as many to a message as fit in an append."""
        batch: list[_Proposal] = []
        room = self._append_room
        for proposal in held:
            proposal.tries += 1
            proposal.sent_at = self._now
            self._forwarded[proposal.request_id] = proposal
            room -= len(proposal.data) + len(proposal.request_id) + ENTRY_OVERHEAD_BYTES
            if room < 0 and batch:
                self._send_forward(batch)
                batch = []
                room = self._append_room - len(proposal.data)
            batch.append(proposal)
        if batch:
            self._send_forward(batch)

    def _send_forward(self, batch: list[_Proposal]) -> None:
        message = ProposalForward(
            self._robot,
            tuple([proposal.request_id for proposal in batch]),
            tuple([proposal.data for proposal in batch]),
        )
        self._send_now.append(Send((self._leader,), message))

    # -- the way through the log ------------------------------------------------------------------

    def _place(self, proposal: _Proposal, index: int, term: int) -> None:
        """Watch a place in the log for a proposal, or judge at once what it has become."""
        proposal.index, proposal.term = index, term
        log = self._log
        if index <= log.commit:
            entry = log.entry(index)
            if entry is not None:
                self._judge(proposal, entry)
            # Else it is under a snapshot: the state machine may settle it, or its deadline.
        elif term < self._term and log.term(log.commit) == self._term:
            self._hold(proposal)
        else:
            other = self._placed.get(index)
            if other is None or other.term < term:
                self._placed[index] = proposal
                self._displaced = self._displaced or term < self._term
            else:
                other = proposal
            if other is not None:
                self._ask_again(other)

    def _ask_again(self, proposal: _Proposal) -> None:
        """
        Let a proposal whose place another one claims too go to the leader anew, but not at once.

        A leader remembers places of its earlier terms. Until the log shows which claim is void it
        would give the same answer again, as fast as the network goes.
        """
        if self._role is _LEADER:
            self._hold(proposal)
            return
        proposal.index = proposal.term = 0
        proposal.sent_at = self._now
        self._forwarded[proposal.request_id] = proposal

    def _judge(self, proposal: _Proposal, entry: Entry) -> None:
        """End a proposal if the committed entry at its place is its own, else try again."""
        if entry.term == proposal.term and entry.data == proposal.data:
            self._end(proposal, _COMMITTED)
        else:
            self._hold(proposal)

    def _on_committed(self, entries: list[Entry]) -> None:
        if self._role is _LEADER:
            self._uncommitted -= ENTRY_OVERHEAD_BYTES * len(entries)
            for entry in entries:
                self._uncommitted -= len(entry.data)
        if self._placed:
            take = self._placed.pop
            for entry in entries:
                proposal = take(entry.index, None)
                if proposal is not None:
                    self._judge(proposal, entry)
            if self._displaced and entries[-1].term == self._term:
                self._replace_displaced()
        super()._on_committed(entries)

    def _on_installed(self, index: int) -> None:
        # What stood in these places was not seen: the state machine may settle the proposals.
        for place in [place for place in self._placed if place <= index]:
            del self._placed[place]
        super()._on_installed(index)

    def _replace_displaced(self) -> None:
        """
        Try again what had a place behind the commit index in an older term.

        An entry of this term is committed, so no later log has an entry of an older term behind
        it: those places are gone.
        """
        self._displaced = False
        for proposal in [p for p in self._placed.values() if p.term < self._term]:
            del self._placed[proposal.index]
            self._hold(proposal)

    # -- messages ---------------------------------------------------------------------------------

    def _on_proposal_forward(self, message: ProposalForward) -> None:
        origin, ids = message.origin, message.request_ids
        if not self._is_peer(origin):
            return
        if len(ids) != len(message.data):
            self._drop(Drop.MALFORMED)
            return
        self._dirty = True
        if self._role is not _LEADER:
            self._answer(origin, self._term, list(ids), [], Refusal.NOT_LEADER)
            return
        accepted: dict[int, tuple[list[str], list[int]]] = {}
        refused: dict[Refusal, list[str]] = {}
        for request_id, data in zip(ids, message.data, strict=True):
            place = self._take_in(origin, request_id, data)
            if isinstance(place, Refusal):
                refused.setdefault(place, []).append(request_id)
            else:
                index, term = place
                names, indexes = accepted.setdefault(term, ([], []))
                names.append(request_id)
                indexes.append(index)
        for term, (names, indexes) in accepted.items():
            self._answer(origin, term, names, indexes, Refusal.NONE)
        for reason, names in refused.items():
            self._answer(origin, self._term, names, [], reason)

    def _take_in(self, origin: str, request_id: str, data: bytes) -> tuple[int, int] | Refusal:
        """Append a forwarded proposal; returns its place (index, term), or why not."""
        key = (origin, request_id)
        place = self._remembered.get(key)
        if place is not None:
            term = self._log.term(place[0])
            # What this leader appended and has no more in memory is committed.
            if term == place[1] or (term == UNAVAILABLE and place[1] == self._term):
                return place
        if self._transferring:
            return Refusal.TRANSFERRING
        if len(data) > self._config.entry_bytes_max:
            return Refusal.TOO_LARGE
        if not self._has_room(self._uncommitted, len(data)):
            return Refusal.OVERLOADED
        place = (self._append_own(_COMMAND, data), self._term)
        self._uncommitted += len(data) + ENTRY_OVERHEAD_BYTES
        self._remembered[key] = place
        if len(self._remembered) > self._config.proposals_max:
            del self._remembered[next(iter(self._remembered))]
        return place

    def _answer(
        self, origin: str, term: int, ids: list[str], indexes: list[int], reason: Refusal
    ) -> None:
        reply = ProposalReply(term, self._robot, tuple(ids), tuple(indexes), int(reason))
        # A place in a term that is not durable yet may be given again after a crash.
        out = self._out if self._role is _LEADER else self._send_now
        out.append(Send((origin,), reply))

    def _on_proposal_reply(self, message: ProposalReply) -> None:
        if not self._is_peer(message.leader):
            return
        if message.reason == Refusal.NONE:
            self._on_accepted(message)
        elif message.reason in (Refusal.OVERLOADED, Refusal.TOO_LARGE):
            self._on_refused(message)
        elif message.reason not in (Refusal.NOT_LEADER, Refusal.TRANSFERRING):
            self._drop(Drop.OUT_OF_RANGE)
        # Not the leader (yet, any more, or for long): the proposals go again when a leader comes
        # forward, or after retry_ticks.

    def _on_accepted(self, message: ProposalReply) -> None:
        if len(message.indexes) != len(message.request_ids):
            self._drop(Drop.MALFORMED)
            return
        if not self._is_term(message.term):
            return
        for request_id, index in zip(message.request_ids, message.indexes, strict=True):
            if not 0 < index <= NUMBER_MAX:
                self._drop(Drop.OUT_OF_RANGE)
                continue
            # Whoever is not in here has ended, or was sent again and waits for a later answer.
            proposal = self._forwarded.pop(request_id, None)
            if proposal is not None:
                self._place(proposal, index, message.term)

    def _on_refused(self, message: ProposalReply) -> None:
        for request_id in message.request_ids:
            proposal = self._forwarded.get(request_id)
            if proposal is None or proposal.tries > 1:
                # An earlier try may be in the log, so it is not sure that it never will be.
                continue
            del self._forwarded[request_id]
            self._end(proposal, Outcome.REFUSED, Refusal(message.reason))
