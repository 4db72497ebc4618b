"""
Third floor: the leader's log becomes everybody's log (thesis 3.5, 3.6, 10.2).

The leader sends nothing while it takes in; `_flush_leader` looks at once at all that changed and
makes the fewest messages of it: followers that need the same entries share one append. A commit
index that moved goes out with the entries, or at once by a heartbeat that wants no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.changes import (
    TOKEN_BYTES_MAX,
    decode_membership,
    robot_of,
)
from swarm_consensus.protocols.raft.config import (
    ENTRY_OVERHEAD_BYTES,
    NUMBER_MAX,
    RaftConfig,
)
from swarm_consensus.protocols.raft.effects import Send
from swarm_consensus.protocols.raft.election import Election
from swarm_consensus.protocols.raft.entry import Entry, EntryKind, Membership, Restored
from swarm_consensus.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    Message,
)
from swarm_consensus.protocols.raft.progress import Flow, Progress
from swarm_consensus.protocols.raft.quorum import Tally, halves, has_quorum, reached, tally
from swarm_consensus.protocols.raft.status import Drop, Role

_PROBE = Flow.PROBE
_REPLICATE = Flow.REPLICATE
_LEADER = Role.LEADER
_CONFIG = EntryKind.CONFIG

# Stands in for a voter that lost its log: it never acknowledges anything.
_NOBODY = Progress('', 1, 0)


class Replication(Election):
    """
    The log on its way.

    At the leader:

    :ivar _progress: each follower's, by name; empty unless leading. A robot that a change removes
        is one until the change is committed, so that it hears of it.
    :ivar _groups: the progress of each voter, a group for each half. None stands for the leader,
        whose match is what its own disk holds.
    :ivar _term_start: place of the entry that opened the term; 0 unless leading. Once it is
        committed, everything that older terms committed is known to be.
    :ivar _round: heartbeat rounds begun in this term.
    :ivar _out: where messages to followers go: `_send_now`, or `_send_after` while it is not sure
        that the term itself is durable.
    :ivar _round_wanted: a heartbeat round is due, and `_beat` that it is one of the regular ones,
        whose answers show what got lost.
    :ivar _flush: entries, probes or a commit index wait to be sent.
    :ivar _paused: appends that were made have not left this robot yet; `_pieces_paused`: pieces of
        a snapshot have not.

    At a follower:

    :ivar _matched: the log is known to be equal to the leader's up to here.
    :ivar _leader_commit: commit index that the leader of the term told.
    :ivar _ack: an acknowledgement of `_matched` is due.
    :ivar _pong: heartbeat round to be answered; 0 for none.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._progress: dict[str, Progress] = {}
        self._followers: tuple[Progress, ...] = ()
        self._follower_names: tuple[str, ...] = ()
        self._groups: tuple[tuple[Progress | None, ...], ...] = ()
        self._term_start = 0
        self._out: list[Send] = []
        self._round = 0
        self._round_wanted = False
        self._beat = False
        self._beat_at = 0
        self._flush = False
        self._matched = 0
        self._leader_commit = 0
        self._ack = False
        self._pong = 0
        self._paused = self._pieces_paused = False
        self._append_room = config.append_target_bytes or config.append_bytes_max
        # Entries that fit in an append, were they empty.
        self._entries_max = max(1, self._append_room // ENTRY_OVERHEAD_BYTES)
        super().__init__(config, restored, random)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {
            AppendEntries: self._on_append,
            AppendReply: self._on_append_reply,
            Heartbeat: self._on_heartbeat,
            HeartbeatReply: self._on_heartbeat_reply,
        }

    def _on_new_term(self) -> None:
        self._progress = {}
        self._followers = self._follower_names = self._groups = ()
        self._term_start = self._round = 0
        self._round_wanted = self._beat = self._flush = False
        self._matched = self._leader_commit = 0
        self._ack = False
        self._pong = 0
        super()._on_new_term()

    # -- leading ------------------------------------------------------------------------------

    def _become_leader(self) -> None:
        super()._become_leader()
        self._follow_all()
        self._beat_at = self._now + self._config.heartbeat_ticks
        # An entry of its own lets the leader commit at once what older terms left (thesis 6.4).
        self._term_start = self._append_own(EntryKind.NOOP, b'')
        # Voters answered a question that left after the term was durable. One that is a quorum
        # by itself asked nobody: what it says of the term must wait for its disk.
        alone = tally(self._membership, {self._robot: True}) is Tally.WON
        self._out = self._send_after if alone else self._send_now

    def _take_membership(self) -> None:
        super()._take_membership()
        if self._role is _LEADER:
            self._follow_all()

    def _follow_all(self) -> None:
        """Keep track of each other member; of a new one's log nothing is known."""
        committed = self._memberships.at(self._log.commit)
        names = dict.fromkeys(self._membership.robots + committed.robots)
        names.pop(self._robot, None)
        next_index = self._log.last_index + 1
        known = self._progress
        self._progress = {
            name: known.get(name) or Progress(name, next_index, self._now) for name in names
        }
        self._followers = tuple(self._progress.values())
        self._follower_names = tuple(names)
        self._group_voters()

    def _group_voters(self) -> None:
        self._groups = tuple(
            tuple(self._counted(voter) for voter in half) for half in halves(self._membership)
        )

    def _counted(self, voter: str) -> Progress | None:
        if voter == self._robot:
            return None
        p = self._progress[voter]
        return _NOBODY if p.lost else p

    def _append_own(self, kind: EntryKind, data: bytes) -> int:
        """Append an entry of this term; returns its index."""
        index = self._log.last_index + 1
        self._log.append(Entry(index, self._term, kind, data))
        self._flush = self._dirty = True
        return index

    def _tick_leader(self) -> None:
        if self._now < self._beat_at:
            return
        if not self._quorum_heard():
            # CheckQuorum: whoever cannot commit must not seem to lead (thesis 6.2).
            self._become_follower(self._term, '')
            return
        self._beat_at = self._now + self._config.heartbeat_ticks
        self._round_wanted = self._beat = self._dirty = True

    def _quorum_heard(self) -> bool:
        """Return whether a quorum, this robot included, was heard within the election timeout."""
        since = self._now - self._config.election_ticks
        heard = {p.robot for p in self._followers if p.heard > since and not p.lost}
        heard.add(self._robot)
        return has_quorum(self._membership, heard)

    def _reached(self, of_follower: Callable[[Progress], int], own: int) -> int:
        """Return what a quorum has reached: in each half a majority."""
        return min(
            reached([own if p is None else of_follower(p) for p in group]) for group in self._groups
        )

    def _advance_commit(self) -> None:
        """Commit what a quorum holds durably, if it is of this term (thesis 3.6.2)."""
        log = self._log
        own, index = log.persisted, NUMBER_MAX
        for group in self._groups:
            half = sorted([own if p is None else p.match for p in group])[(len(group) - 1) // 2]
            if half < index:
                index = half
        # Terms never fall along the log: from _term_start on, all entries are of this term.
        if index > log.commit and index >= self._term_start:
            self._commit_to(index)

    def _persisted(self, index: int, term: int) -> None:
        if self._log.saved(index, term) and self._role is _LEADER:
            if self._log.persisted >= self._term_start:
                self._out = self._send_now
            self._advance_commit()

    # -- sending ------------------------------------------------------------------------------

    def _flush_leader(self) -> None:
        """Make messages of all that waits for the followers."""
        if self._flush and not self._paused:
            self._flush = False
            if self._beat and self._config.append_target_bytes:
                # The round that is about to begin may overtake these appends.
                self._mark(self._round + 1)
            self._send_appends()
        if self._round_wanted:
            self._round_wanted = False
            self._begin_round()
            return
        commit = self._log.commit
        behind = [
            p
            for p in self._followers
            if p.sent_commit < commit and p.flow is _REPLICATE and p.sent_commit < p.next - 1
        ]
        if behind:
            self._out.append(
                Send(self._names(behind), Heartbeat(self._term, self._robot, commit, 0))
            )
            for p in behind:
                p.sent_commit = commit

    def _begin_round(self) -> None:
        """Send a heartbeat that everybody answers; it carries the commit index, too."""
        self._round += 1
        commit = self._log.commit
        if self._followers:
            heartbeat = Heartbeat(self._term, self._robot, commit, self._round)
            self._out.append(Send(self._follower_names, heartbeat))
        for p in self._followers:
            p.sent_commit = commit
        if self._beat:
            self._beat = False
            self._mark(self._round)
        # Where this robot alone is a quorum, nobody needs to answer.
        self._on_round_answered()

    def _mark(self, round_: int) -> None:
        """Have the answers to a round show what got lost of all that has left this robot."""
        for p in self._followers:
            if not (self._pieces_paused if p.flow is Flow.SNAPSHOT else self._paused):
                p.mark(round_)

    def _pause(self, appends: bool, pieces: bool) -> None:
        """Take note of what is held back, and go on with what is not any more."""
        resumed = self._paused and not appends
        self._paused, self._pieces_paused = appends, pieces
        if resumed:
            self._flush = self._dirty = True
            if self._role is _LEADER:
                self._mark(self._round + 1)

    def _names(self, group: list[Progress]) -> tuple[str, ...]:
        if len(group) == len(self._followers):
            return self._follower_names
        return tuple([p.robot for p in group])

    def _send_appends(self) -> None:
        """Send each follower what it may get; those with equal next share one message."""
        last, base = self._log.last_index, self._log.base_index
        window = self._config.inflight_appends_max
        groups: dict[int, list[Progress]] = {}
        for p in self._followers:
            if p.flow is _REPLICATE:
                wants = p.next <= last and len(p.inflight) < window
            else:
                wants = p.flow is _PROBE and not p.probing
            if wants:
                groups.setdefault(p.next, []).append(p)
        while groups:
            first = min(groups)
            group = groups.pop(first)
            if first <= base:
                self._on_compacted(group)
                continue
            end = self._send_append(first, group)
            for p in group:
                # A group that went ahead may meet one that was there already.
                if p.flow is _REPLICATE and end < last and len(p.inflight) < window:
                    groups.setdefault(p.next, []).append(p)

    def _on_compacted(self, group: list[Progress]) -> None:
        """Hear that followers need entries that are no more in memory."""

    def _send_append(self, first: int, group: list[Progress]) -> int:
        """Send a group the entries from `first` that fit in one append; returns its end."""
        log = self._log
        entries = log.slice(first, min(log.last_index, first - 1 + self._entries_max))
        room = self._append_room
        for count, entry in enumerate(entries):
            room -= len(entry.data) + ENTRY_OVERHEAD_BYTES
            if room < 0 and count:
                del entries[count:]
                break
        message = AppendEntries(
            self._term, self._robot, first - 1, log.term(first - 1), tuple(entries), log.commit
        )
        self._out.append(Send(self._names(group), message))
        end = first - 1 + len(entries)
        for p in group:
            p.sent(end, log.commit)
        return end

    def _flush_follower(self) -> None:
        """Answer the leader, once for all that came."""
        if self._ack:
            self._ack = False
            reply = AppendReply(self._term, self._robot, False, self._matched, lost=self._lost)
            self._send_after.append(Send((self._leader,), reply))
        if self._pong:
            pong = HeartbeatReply(
                self._term,
                self._robot,
                self._pong,
                self._matched,
                self._config.priority,
                self._lost,
            )
            self._pong = 0
            self._send_after.append(Send((self._leader,), pong))

    # -- following ----------------------------------------------------------------------------

    def _follow(self, term: int, leader: str, index: int) -> bool:
        """
        Take note of a leader that spoke; returns whether it is the one to listen to.

        :param index: what to name in the answer to a leader whose term is over.
        """
        if term == self._term and leader == self._leader and leader != self._robot:
            self._timer = self._now
            return True
        if not self._is_peer(leader) or not self._is_term(term):
            return False
        if term < self._term:
            # It may be a robot that is alone with an old term: our answer frees it.
            self._drop(Drop.STALE)
            reply = AppendReply(self._term, self._robot, True, index)
            self._send_after.append(Send((leader,), reply))
            self._dirty = True
            return False
        if term == self._term and self._leader:
            self._drop(Drop.SECOND_LEADER)
            return False
        self._become_follower(term, leader)
        return True

    def _on_append(self, message: AppendEntries) -> None:
        prev, entries = message.prev_index, message.entries
        index, term = prev, message.prev_term
        memberships: dict[int, Membership] | None = None
        if not 0 <= prev <= NUMBER_MAX or not 0 <= term or not 0 <= message.commit <= NUMBER_MAX:
            self._drop(Drop.OUT_OF_RANGE)
            return
        for entry in entries:
            index += 1
            if entry.index != index or entry.term < term or not entry.term:
                self._drop(Drop.MALFORMED)
                return
            term = entry.term
            if entry.kind is _CONFIG:
                membership = decode_membership(entry.data)
                if membership is None:
                    self._drop(Drop.MALFORMED)
                    return
                memberships = {**(memberships or {}), index: membership}
        if term > message.term:
            self._drop(Drop.MALFORMED)
            return
        if not self._follow(message.term, message.leader, prev):
            return
        self._dirty = True
        log = self._log
        if prev < log.commit:
            # What is committed is equal at the leader; look only at what lies behind.
            entries = entries[log.commit - prev :]
            index = max(index, log.commit)
        elif log.term(prev) != message.prev_term:
            self._reject(prev, message.prev_term)
            return
        if entries:
            first = log.merge(entries)
            if memberships is not None or 0 < first <= self._memberships.latest_index:
                self._merge_memberships(first, memberships or {})
        if index > self._matched:
            self._matched = index
        self._ack = True
        if message.commit > self._leader_commit:
            self._leader_commit = message.commit
        self._follow_commit()

    def _merge_memberships(self, first: int, memberships: dict[int, Membership]) -> None:
        """Put in force what the entries from `first` on set, and no more what they cut off."""
        if not first:
            return
        self._memberships.truncate(first)
        for index, membership in memberships.items():
            if index >= first:
                self._memberships.append(index, membership)
        self._take_membership()

    def _reject(self, prev: int, prev_term: int) -> None:
        """Say that the log has no such entry, and the last place that could match."""
        log = self._log
        # What is committed does match.
        hint = max(log.last_index_of_term(min(prev, log.last_index), prev_term), log.commit)
        hint_term = max(log.term(hint), 0)
        reply = AppendReply(self._term, self._robot, True, prev, hint, hint_term, lost=self._lost)
        self._send_after.append(Send((self._leader,), reply))

    def _follow_commit(self) -> None:
        """Commit what the leader has committed and this log is known to share."""
        index = min(self._leader_commit, self._matched)
        if index > self._log.commit:
            self._commit_to(index)

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if not 0 <= message.commit <= NUMBER_MAX or not 0 <= message.round <= NUMBER_MAX:
            self._drop(Drop.OUT_OF_RANGE)
            return
        if not self._follow(message.term, message.leader, 0):
            return
        if message.round > self._pong:
            self._pong = message.round
            self._dirty = True
        if message.commit > self._leader_commit:
            self._leader_commit = message.commit
            self._follow_commit()

    # -- answers ------------------------------------------------------------------------------

    def _answering(self, term: int, follower: str, index: int) -> Progress | None:
        """Return the progress of a follower whose answer counts, else count the drop."""
        p = self._progress.get(follower)
        if p is not None and term == self._term:
            if 0 <= index <= self._log.last_index:
                p.heard = self._now
                return p
            self._drop(Drop.OUT_OF_RANGE)
            return None
        if not self._is_peer(follower) or not self._is_term(term):
            return None
        if term > self._term:
            self._become_follower(term, '')
        else:
            self._drop(Drop.STALE if term < self._term else Drop.UNASKED)
        return None

    def _on_append_reply(self, message: AppendReply) -> None:
        index = message.index
        p = self._answering(message.term, message.follower, index)
        if p is None:
            return
        if message.lost != p.lost and not self._note_loss(p, message.lost):
            return
        if message.rejected:
            log = self._log
            hint = message.hint_index
            guess = hint + 1
            if hint >= log.base_index:
                # Else no entry that could match is here: no need to look for it.
                guess = log.last_index_of_term(hint, message.hint_term) + 1
            # Logs with an entry in common are equal up to it (Log Matching, paper 5.3).
            gap = hint > 0 and log.term(hint) == message.hint_term
            if p.rejected(index, guess, gap):
                self._flush = self._dirty = True
            return
        self._accept(p, index)

    def _note_loss(self, p: Progress, token: str, round_: int = 0) -> bool:
        """
        Take note that a follower has lost its log, or is well again; see `Changes`.

        :param token: what its answer says now.
        :param round_: heartbeat round that it answers; 0: none.
        :returns: whether the answer is about the log that it has now.
        """
        if token:
            if robot_of(token) != p.robot or len(token) > TOKEN_BYTES_MAX:
                self._drop(Drop.MALFORMED)
                return False
            p.lost_log(token, self._round)
            self._flush = self._dirty = True
        elif round_ > p.lost_round:
            # It answers what was asked after it had said that it was lost.
            p.lost = ''
        else:
            self._drop(Drop.STALE)
            return False
        self._group_voters()
        return True

    def _accept(self, p: Progress, index: int) -> None:
        moved = index > p.match
        p.accepted(index)
        if p.next <= self._log.last_index:
            # The window opened, or a probe found the match.
            self._flush = self._dirty = True
        if moved and index > self._log.commit:
            self._advance_commit()
        if p.sent_commit < self._log.commit:
            self._dirty = True

    def _on_heartbeat_reply(self, message: HeartbeatReply) -> None:
        p = self._answering(message.term, message.follower, message.match)
        if p is None:
            return
        if not 0 <= message.round <= self._round or not 0 <= message.priority <= NUMBER_MAX:
            self._drop(Drop.OUT_OF_RANGE)
            return
        if message.lost != p.lost and not self._note_loss(p, message.lost, message.round):
            return
        p.priority = message.priority
        if message.match > p.match:
            self._accept(p, message.match)
        if p.answered(message.round, message.match):
            self._flush = self._dirty = True
        self._on_round_answered()

    def _on_round_answered(self) -> None:
        """Hear that a follower answered a heartbeat round."""
