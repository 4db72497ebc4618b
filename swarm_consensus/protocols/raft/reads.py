"""
Sixth floor: linearizable reads without the log (ReadIndex, thesis 6.4).

The leader notes its commit index, then has a quorum confirm by a heartbeat round that it still
leads; whoever has applied up to that index may answer. All reads that wait share one round. A
leader that has committed nothing of its own term does not know yet what is committed, so its
reads wait. A follower asks the leader for the index and waits until it has applied so far.

With leases (6.4.1) the leader needs no round of its own for a read where a quorum answered one
that began less than a lease ago: each robot of that quorum has promised, by answering, to elect
nobody for an election timeout from when it heard the leader, which was after the round began. A
robot that hears of a higher term, or is rebooted, still keeps the promise. A candidate that the
leader sent itself is exempt from it, so with the first word to campaign the leases of a term are
over, even if the transfer is aborted: the word may come late. A lease rests on bounded clocks,
a round on nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.config import NUMBER_MAX, RaftConfig
from swarm_consensus.protocols.raft.deadlines import Deadlines
from swarm_consensus.protocols.raft.effects import ReadResult, Refusal, Send
from swarm_consensus.protocols.raft.entry import Restored
from swarm_consensus.protocols.raft.messages import Message, ReadReply, ReadRequest
from swarm_consensus.protocols.raft.status import Drop, Role
from swarm_consensus.protocols.raft.transfer import Transfer


class _Read:
    """
    A read of this robot.

    :ivar deadline: tick at which it ends.
    :ivar asked: a leader was asked for the index.
    """

    __slots__ = ('asked', 'deadline', 'request_id')

    def __init__(self, request_id: str, deadline: int) -> None:
        self.request_id = request_id
        self.deadline = deadline
        self.asked = False


class _Round:
    """Reads that wait for a heartbeat round of this leader to be confirmed."""

    __slots__ = ('index', 'own', 'remote', 'round')

    def __init__(self, round_: int, index: int, own: list[_Read], remote: dict[str, int]) -> None:
        self.round = round_
        self.index = index
        self.own = own
        self.remote = remote


class Reads(Transfer):
    """
    Reads on their way.

    :ivar _reads: reads of this robot that have not ended, by request id.
    :ivar _read_due: the same by their deadlines.
    :ivar _reads_held: those that wait until a leader can be asked.
    :ivar _reads_asked: followers: those that the leader was asked for, by number, oldest first.
    :ivar _reads_asked_at: tick when the leader was last asked.
    :ivar _reads_ask: followers: ask (again) at the next occasion.
    :ivar _reads_ready: followers: index that must be committed here first, and the reads.
    :ivar _reads_remote: leader: newest number that each other robot asked for. Its answer serves
        all that the robot had asked for before, since those began before, too.
    :ivar _rounds: leader: rounds that were begun for reads, oldest first.
    :ivar _begun: leader, with leases: rounds that no quorum has answered, and the tick of each.
    :ivar _lease_until: leader: tick from which the lease is over; 0: there was none.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._reads: dict[str, _Read] = {}
        self._read_due: Deadlines[_Read] = Deadlines()
        self._reads_held: list[_Read] = []
        self._reads_asked: dict[int, list[_Read]] = {}
        self._reads_asked_at = 0
        self._reads_ask = False
        self._reads_ready: list[tuple[int, list[_Read]]] = []
        self._reads_remote: dict[str, int] = {}
        self._rounds: deque[_Round] = deque()
        self._lease_ticks = config.lease_ticks
        self._begun: deque[tuple[int, int]] = deque()
        self._lease_until = 0
        self._read_results: list[ReadResult] = []
        # The answer to a question of an earlier boot must not be taken for one to ours.
        self._read_number = random.getrandbits(40) << 20
        self._retry_ticks = config.retry_ticks or max(2, config.heartbeat_ticks * 3 // 2)
        super().__init__(config, restored, random)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {
            ReadRequest: self._on_read_request,
            ReadReply: self._on_read_reply,
        }

    def _on_new_term(self) -> None:
        for round_ in self._rounds:
            self._reads_held.extend(round_.own)
        self._rounds.clear()
        self._reads_remote = {}
        self._begun.clear()
        self._lease_until = 0
        super()._on_new_term()

    def _on_leader_known(self) -> None:
        if self._leader == self._robot:
            for reads in self._reads_asked.values():
                self._reads_held.extend(reads)
            self._reads_asked.clear()
        self._reads_ask = bool(self._reads_asked or self._reads_held)
        super()._on_leader_known()

    # -- at every robot -------------------------------------------------------------------------

    def _read(self, request_id: str, deadline: int) -> None:
        """Begin a read."""
        if request_id in self._reads:
            return
        self._dirty = True
        if len(self._reads) >= self._config.reads_max:
            self._read_results.append(ReadResult(request_id, 0, Refusal.OVERLOADED))
            return
        read = _Read(request_id, deadline)
        self._reads[request_id] = read
        self._read_due.add(deadline, request_id, read)
        self._reads_held.append(read)
        self._reads_ask = True

    def _tick_reads(self) -> None:
        """End the reads whose deadline has come, and ask again where no answer came."""
        due = self._read_due.at(self._now)
        for read in due:
            self._end_read(read, 0, Refusal.TIMEOUT if read.asked else Refusal.NO_QUORUM)
        if due:
            self._forget_ended_reads()
        if self._reads_asked and self._now - self._reads_asked_at >= self._retry_ticks:
            self._reads_ask = self._dirty = True

    def _is_open(self, read: _Read) -> bool:
        return self._reads.get(read.request_id) is read

    def _forget_ended_reads(self) -> None:
        self._reads_held = list(filter(self._is_open, self._reads_held))
        self._reads_asked = {
            number: reads
            for number, reads in self._reads_asked.items()
            if any(map(self._is_open, reads))
        }
        self._reads_ready = [
            (index, reads) for index, reads in self._reads_ready if any(map(self._is_open, reads))
        ]

    def _end_reads(self, index: int, reads: list[_Read]) -> None:
        """Answer reads, except those that have ended meanwhile."""
        for read in reads:
            if self._is_open(read):
                self._end_read(read, index)
        self._dirty = True

    def _end_read(self, read: _Read, index: int, reason: Refusal = Refusal.NONE) -> None:
        """End a read that is open."""
        del self._reads[read.request_id]
        self._read_due.remove(read.deadline, read.request_id)
        self._read_results.append(ReadResult(read.request_id, index, reason))
        self._dirty = True

    # -- at the leader --------------------------------------------------------------------------

    def _flush_reads_leader(self) -> None:
        """Have the next heartbeat round serve the reads that wait, if there may be any."""
        if not (self._reads_held or self._reads_remote) or self._log.commit < self._term_start:
            return
        for read in self._reads_held:
            read.asked = True
        if self._holds_lease:
            self._serve_reads(self._log.commit, self._reads_held, self._reads_remote)
            self._reads_held, self._reads_remote = [], {}
            return
        round_ = _Round(self._round + 1, self._log.commit, self._reads_held, self._reads_remote)
        self._rounds.append(round_)
        self._reads_held, self._reads_remote = [], {}
        self._round_wanted = True

    @property
    def _holds_lease(self) -> bool:
        return self._now < self._lease_until and not self._transferring and not self._urged

    def _serve_reads(self, index: int, own: list[_Read], remote: dict[str, int]) -> None:
        self._end_reads(index, own)
        for robot, number in remote.items():
            self._send_now.append(Send((robot,), ReadReply(self._robot, number, index)))

    def _begin_round(self) -> None:
        if self._lease_ticks:
            self._begun.append((self._round + 1, self._now))
        super()._begin_round()

    def _take_membership(self) -> None:
        # What others answered was asked of other voters.
        self._begun.clear()
        self._lease_until = 0
        super()._take_membership()

    def _on_round_answered(self) -> None:
        rounds, begun = self._rounds, self._begun
        if not rounds and not begun:
            return
        confirmed = self._reached(lambda p: p.round, self._round)
        while begun and begun[0][0] <= confirmed:
            self._lease_until = begun.popleft()[1] + self._lease_ticks
        while rounds and rounds[0].round <= confirmed:
            round_ = rounds.popleft()
            self._serve_reads(round_.index, round_.own, round_.remote)

    def _on_read_request(self, message: ReadRequest) -> None:
        if not self._is_peer(message.origin):
            return
        if not 0 < message.number <= NUMBER_MAX:
            self._drop(Drop.OUT_OF_RANGE)
        elif self._role is not Role.LEADER:
            # Its origin asks again when it knows a leader.
            self._drop(Drop.UNASKED)
        elif message.number > self._reads_remote.get(message.origin, 0):
            self._reads_remote[message.origin] = message.number
            self._dirty = True

    # -- at a follower --------------------------------------------------------------------------

    def _flush_reads_follower(self) -> None:
        """Ask the leader for the index of the reads that wait."""
        if not self._reads_ask or not self._leader:
            return
        self._reads_ask = False
        if self._reads_held:
            self._read_number += 1
            for read in self._reads_held:
                read.asked = True
            self._reads_asked[self._read_number] = self._reads_held
            self._reads_held = []
        if self._reads_asked:
            self._reads_asked_at = self._now
            # The newest number asks for the older ones again.
            request = ReadRequest(self._robot, self._read_number)
            self._send_now.append(Send((self._leader,), request))

    def _on_read_reply(self, message: ReadReply) -> None:
        if not self._is_peer(message.leader):
            return
        if not 0 <= message.index <= NUMBER_MAX:
            self._drop(Drop.OUT_OF_RANGE)
            return
        # A question that was repeated bears the newest number, whose own reads may have ended.
        answered = [number for number in self._reads_asked if number <= message.number]
        if message.number > self._read_number or not answered:
            self._drop(Drop.STALE)
            return
        for number in answered:
            self._reads_ready.append((message.index, self._reads_asked.pop(number)))
        self._dirty = True

    def _release_reads(self) -> None:
        """Answer the reads whose index is committed here by now."""
        waiting = []
        for index, reads in self._reads_ready:
            if index <= self._log.commit:
                self._end_reads(index, reads)
            else:
                waiting.append((index, reads))
        self._reads_ready = waiting
