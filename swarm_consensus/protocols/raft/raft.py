"""
The Raft machine of one robot, and how to drive it.

    raft = Raft(config, restored, random)
    loop:
        raft.tick() / raft.receive(message) / raft.propose(...) / raft.read(...)   # any number
        while (effects := raft.take_effects()) is not None:
            ...  # carry out, in the order written in effects.py
            raft.persisted(*effects.persist.end)  # once it is durable, if it has an end

Nothing happens but in these calls. Many inputs before one `take_effects` make fewer and larger
messages; after every input gives the lowest latency.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarm_consensus.protocols.raft.care import Care
from swarm_consensus.protocols.raft.effects import Effects
from swarm_consensus.protocols.raft.messages import Message
from swarm_consensus.protocols.raft.quorum import quorum_size
from swarm_consensus.protocols.raft.status import Drop, RaftStatus, Role


class Raft(Care):
    """
    Raft at one robot.

    :param config: settings.
    :param restored: what storage gave back; `Restored()` for a robot that never ran.
    :param random: source of election timeouts and read numbers. Its stream must differ from
        robot to robot and from boot to boot.
    :raises InvariantError: `restored` has gaps, or terms that fall.
    :raises ConfigError: the restored snapshot is larger than snapshot_bytes_max.
    """

    def tick(self) -> None:
        """Let one tick of time pass."""
        self._now += 1
        if self._role is Role.LEADER:
            self._tick_leader()
        else:
            self._tick_election()
        if self._target:
            self._tick_transfer()
        if self._proposal_due:
            self._tick_proposals()
        if self._read_due:
            self._tick_reads()
        if self._changes:
            self._tick_changes()

    def idle_ticks(self) -> int:
        """
        Return after how many ticks, at least 1, time alone could make something happen.

        Every tick must be given nonetheless; this says how many may be given at once.
        """
        waits = self._proposals or self._reads or self._changes or self._pieces_due
        if self._dirty or waits:
            return 1
        due = self._beat_at if self._role is Role.LEADER else self._timer + self._timeout
        if self._target:
            due = min(due, self._transfer_due)
        return max(1, due - self._now)

    def receive(self, message: Message) -> None:
        """Take in a peer's message. Never raises for what is in it: counts and drops."""
        handler = self._handlers.get(type(message))
        if handler is None:
            self._drop(Drop.MALFORMED)
        else:
            handler(message)

    def propose(self, request_id: str, data: bytes, deadline_ticks: int = 0) -> None:
        """
        Propose a command; a ProposalResult follows, at the deadline at the latest.

        :param request_id: unique over all robots and boots. While it is under way, proposing it
            again changes nothing: one result follows.
        :param deadline_ticks: ticks until it ends as UNKNOWN, or as NO_QUORUM where it never left
            this robot; 0: config.proposal_ticks.
        """
        self._propose(request_id, data, self._deadline(deadline_ticks))

    def settle(self, request_id: str, index: int, term: int) -> None:
        """
        Say that the state machine applied this proposal, which ends it as committed.

        Optional. It saves the origin of a forwarded proposal a retry where the leader's answer
        was lost. Unknown ids are ignored.
        """
        self._settle(request_id, index, term)

    def read(self, request_id: str, deadline_ticks: int = 0) -> None:
        """
        Ask for a linearizable read; a ReadResult follows, at the deadline at the latest.

        :param request_id: unique among the reads under way at this robot.
        :param deadline_ticks: ticks until it is refused; 0: config.proposal_ticks.
        """
        self._read(request_id, self._deadline(deadline_ticks))

    def transfer(self, target: str = '') -> None:
        """
        Hand leadership over, which only the leader can; a TransferResult follows.

        Until it does, proposals wait: those of this robot here, those of others where they were
        made. It takes election_ticks at most, and one round trip where the target is there and
        has the log.

        :param target: a voter; '' for the one with the longest log among those that are heard.
            This robot itself: end a transfer under way. The same again, or '': change nothing.
            Where its rank is below another's, it hands over in its turn (config.priority).
        """
        self._transfer(target)

    def change(
        self,
        request_id: str,
        voters: Iterable[str],
        learners: Iterable[str],
        deadline_ticks: int = 0,
    ) -> None:
        """
        Change who holds the log; a ChangeResult follows, at the deadline at the latest.

        Any robot may be asked; the leader does it, one change at a time. Who votes now and is to
        vote no more may become a learner or leave; a robot that is to vote must be a learner
        first, and should have caught up. While config.voters_max is set the leader changes voters
        by itself, too.

        :param request_id: unique over all robots and boots; while it is under way, asking it again
            changes nothing.
        :param voters: all robots that are to vote.
        :param learners: all others that are to hold the log.
        :param deadline_ticks: ticks until it ends as UNKNOWN, or as NOT_LEADER where it never left
            this robot; 0: config.proposal_ticks.
        """
        self._ask_change(request_id, voters, learners, self._deadline(deadline_ticks))

    def _deadline(self, deadline_ticks: int) -> int:
        return self._now + max(1, deadline_ticks or self._config.proposal_ticks)

    def pause(self, appends: bool, pieces: bool) -> None:
        """
        Say what was handed out to be sent and has not left yet; see config.append_target_bytes.

        While that is so no further appends and proposals are made to wait behind it, and what a
        follower has not got is not taken for lost.

        :param appends: messages of the log wait.
        :param pieces: pieces of a snapshot wait.
        """
        if (appends, pieces) != (self._paused, self._pieces_paused):
            self._pause(appends, pieces)

    def persisted(self, index: int, term: int) -> None:
        """
        Say that a `Persist` is durable, in the order of the batches.

        :param index: index of its `end`.
        :param term: term of its `end`.
        """
        self._persisted(index, term)

    def snapshot(self, index: int, data: bytes) -> None:
        """
        Hand in the state as it is with everything up to `index` applied, so that the log can go.

        It is made durable by the next batch; until then the log is. When to do it is the caller's
        choice. One of the present snapshot's index changes nothing, and so does an older one where
        a leader's snapshot waits to be handed out.

        :param index: an entry that was handed out as committed, or an installed snapshot's.
        :param data: the state; the same bytes at every robot that has applied the same.
        :raises InvariantError: `index` was not handed out, or is older than the present snapshot.
        :raises ConfigError: `data` is larger than snapshot_bytes_max; nothing was changed.
        """
        self._compact(index, data)

    def take_effects(self) -> Effects | None:
        """Return the next batch of work, or None when there is nothing to do."""
        if not self._dirty:
            return None
        self._dirty = False
        if self._changes and self._leader:
            self._flush_changes()
        if self._role is Role.LEADER:
            if self._held:
                self._flush_proposals()
            self._flush_reads_leader()
            self._flush_leader()
            if self._pieces_now:
                self._flush_pieces_leader()
        elif self._leader:
            if self._held:
                self._flush_proposals()
            self._flush_reads_follower()
            self._flush_follower()
            if self._incoming is not None or self._pieces_ack is not None:
                self._flush_pieces_follower()
        if self._reads_ready:
            self._release_reads()
        install = self._take_install() if self._install is not None else None
        persist = self._log.save(self._take_hard_state())
        committed = self._log.hand_out()
        send_now, send_after = self._send_now, self._send_after
        reads, results, transfers = self._read_results, self._results, self._transfer_results
        changes = self._change_results
        if not (
            send_now
            or persist
            or send_after
            or committed
            or reads
            or results
            or transfers
            or changes
        ):
            return None
        effects = Effects(
            tuple(send_now),
            persist,
            tuple(send_after),
            committed,
            tuple(reads),
            tuple(results),
            tuple(transfers),
            tuple(changes),
            install=install,
        )
        send_now.clear()
        send_after.clear()
        reads.clear()
        results.clear()
        transfers.clear()
        changes.clear()
        return effects

    def status(self) -> RaftStatus:
        """Return how Raft stands here."""
        log = self._log
        leads = self._role is Role.LEADER
        match = {p.robot: p.match for p in self._followers}
        if leads:
            match[self._robot] = log.persisted
        return RaftStatus(
            robot=self._robot,
            role=self._role,
            leader=self._leader,
            term=self._term,
            vote=self._vote,
            commit_index=log.commit,
            first_index=log.first_index,
            snapshot_index=log.snapshot_index,
            last_index=log.last_index,
            persisted_index=log.persisted,
            has_quorum=self._quorum_heard() if leads else self._hears_leader,
            quorum_size=quorum_size(self._membership),
            membership=self._membership,
            match=match,
            proposals=len(self._proposals),
            reads=len(self._reads),
            transfer=self._target if self._transferring else '',
            drops=dict(self._drops),
            changing=leads and bool(self._settling) or self._membership.joint,
            lost=self._lost,
        )

    @property
    def role(self) -> Role:
        """What this robot is in its term."""
        return self._role

    @property
    def leader(self) -> str:
        """Leader of the term; '' for none known."""
        return self._leader

    @property
    def term(self) -> int:
        """Latest term seen."""
        return self._term

    @property
    def commit_index(self) -> int:
        """Last entry known to be committed."""
        return self._log.commit
