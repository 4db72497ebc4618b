"""
What Raft wants done: made durable, sent, applied, and those told who wait for it.

The order is that of protocols/raft/effects.py. Nothing of the log happens while the disk is full.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.decision.replicated import Applied, ReplicatedState
from swarm_consensus.decision.replicated import Outcome as StateOutcome
from swarm_consensus.decision.types import (
    AnyCommand,
    Decision,
    Level,
    Status,
    TimeCommand,
    no_answer,
)
from swarm_consensus.protocols.keyvalue import Event
from swarm_consensus.protocols.raft import (
    Effects,
    Entry,
    EntryKind,
    Outcome,
    ProposalResult,
    Raft,
    Refusal,
    Role,
    Snapshot,
)
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.desk import Desk, decision_of
from swarm_consensus.runtime.events import DecisionMade, Notice, Output
from swarm_consensus.runtime.handover import Handover
from swarm_consensus.runtime.keyvalue_desk import KeyValueDesk
from swarm_consensus.runtime.lease_clock import LeaseClock
from swarm_consensus.runtime.membership import Changes
from swarm_consensus.runtime.missions import MissionWork
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.raft_settings import SNAPSHOT_BYTES_MAX
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Requests
from swarm_consensus.runtime.snapshots import encode_state, restore_state
from swarm_consensus.runtime.tasks import TaskWork
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.storage import Storage, StorageFull
from swarm_consensus.transport.errors import MalformedError
from swarm_consensus.transport.frame import TrafficClass

# To look a member up in its Enum takes as long as the rest of the line, and each entry passes here.
_COMMAND = EntryKind.COMMAND
_COMMITTED = Outcome.COMMITTED

REFUSALS = {
    Refusal.OVERLOADED: 'OVERLOADED: too many proposals are under way; try again later',
    Refusal.TOO_LARGE: 'the value is too large',
    Refusal.TRANSFERRING: 'leadership is being handed over; try again',
    Refusal.NOT_LEADER: 'the robot that was asked does not lead; try again',
    Refusal.NO_QUORUM: 'no leader with a quorum was found in time',
    Refusal.TIMEOUT: 'no answer from the leader in time',
}


class LogWork:
    """
    The work of one robot on its log.

    :param deciding: hears what was decided.
    :param desk: answers reads.
    :param requests: those that wait for decisions and reads.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        *,
        raft: Raft,
        state: ReplicatedState,
        storage: Storage,
        post: Post,
        deciding: Deciding,
        desk: Desk,
        requests: Requests,
        keyvalue: KeyValueDesk,
        missions: MissionWork,
        handover: Handover,
        changes: Changes,
        request_ids: RequestIds,
        lease_clock: LeaseClock,
        tasks: TaskWork,
    ) -> None:
        self._config = config
        self._raft = raft
        self._state = state
        self._storage = storage
        self._post = post
        self._deciding = deciding
        self._desk = desk
        self._requests = requests
        self._keyvalue = keyvalue
        self._missions = missions
        self._handover = handover
        self._changes = changes
        self._request_ids = request_ids
        self._lease_clock = lease_clock
        self._tasks = tasks
        self._hearers = (keyvalue.hearer, *missions.hearers, *tasks.hearers)
        # Views of what is waited for there, as it is at any time: mostly nobody waits for an entry,
        # so it costs less to look than to call.
        self._under_way = raft.under_way
        self._in_flight = deciding.in_flight
        self._asked = requests.proposals
        self._commands = keyvalue.commands
        # Work whose write found the disk full: nothing else of the log happens before it.
        self._held: Effects | None = None
        self._missed_ticks = 0
        # A lease of the leader ends by its ticks, so none may be left out.
        self._leases = config.clock_drift_percent >= 0
        # Data applied since the latest snapshot.
        self._applied_bytes = 0

    @property
    def held(self) -> bool:
        """Return whether the disk is full and the log stands still."""
        return self._held is not None

    def pass_time(self, ticks: int, ticks_max: int) -> None:
        """
        Let ticks pass for Raft.

        :param ticks_max: most that may pass at once. After a stall (a suspended laptop, a blocked
            disk) the messages that came meanwhile are still unread: letting all the time pass
            would call an election for nothing. Leases end by ticks, so with them all pass.
        """
        if self._held is not None:
            self._missed_ticks += ticks
            return
        for _ in range(ticks if self._leases else min(ticks, ticks_max)):
            self._raft.tick()

    def _let_missed_time_pass(self) -> None:
        """Give Raft the ticks of a full disk, where leases end by them; else an election waits."""
        missed, self._missed_ticks = self._missed_ticks, 0
        if self._leases:
            for _ in range(missed):
                self._raft.tick()

    def move_time(self, now_ns: int) -> bool:
        """Move committed time, where this robot leads; returns whether it did."""
        leases = self._state.keyvalue.leases
        term = self._raft.term if self._raft.role is Role.LEADER else 0
        clock = self._lease_clock
        needed = (
            len(leases) > 0 or self._state.missions.alarms.any or self._state.tasks.needs_time
        )
        elapsed_ms = clock.poll(now_ns, term, needed, leases.time_index)
        if not elapsed_ms or self._held is not None:
            return False
        request_id = self._request_ids.new_read()
        command = TimeCommand(request_id, leases.time_index, elapsed_ms)
        clock.proposed(request_id, now_ns, elapsed_ms)
        self._raft.propose(request_id, COMMANDS.encode(command))
        return True

    def carry_out(self, now_ns: int, outputs: list[Output]) -> None:
        """Carry out what Raft wants, in the order that protocols/raft/effects.py asks for."""
        post = self._post
        while True:
            if post.budgeted:
                self._raft.pause(post.waits(TrafficClass.LOG), post.waits(TrafficClass.BULK))
            effects = self._held or self._raft.take_effects()
            if effects is None:
                return
            if self._held is None:
                for send in effects.send_now:
                    self._post.offer_raft(send)
            if effects.persist is not None:
                # A leader's appends travel while its own disk works.
                self._post.send()
                try:
                    self._storage.write(effects.persist)
                except StorageFull as error:
                    if self._held is None:
                        outputs.append(Notice(f'the log has stopped: {error}', warning=True))
                    self._held = effects
                    return
                if self._held is not None:
                    outputs.append(Notice('there is room on the disk; the log goes on'))
                    self._held = None
                    self._let_missed_time_pass()
                if effects.persist.end is not None:
                    self._raft.persisted(*effects.persist.end)
            for send in effects.send_after:
                self._post.offer(send.message, send.to)
            if effects.send_after:
                # Who waits for the answer need not wait until all is applied here.
                self._post.send()
            if effects.install is not None:
                self._install(effects.install, now_ns, outputs)
            if effects.committed:
                self._apply_all(effects.committed, now_ns, outputs)
            for read in effects.reads:
                for desk in (self._requests, self._keyvalue):
                    if read.reason is Refusal.NONE:
                        desk.read_confirmed(read.request_id, read.index)
                    else:
                        status, reason = _status(read.reason), REFUSALS[read.reason]
                        desk.read_failed(read.request_id, status, reason, outputs)
            for result in effects.proposals:
                self._proposal_ended(result, now_ns, outputs)
            for change in effects.changes:
                self._changes.ended(change, outputs)
            for transfer in effects.transfers:
                self._handover.ended(transfer, outputs)
            self._requests.applied(self._state.index, self._desk.answer_read, outputs)
            self._keyvalue.caught_up(outputs)

    def _take_snapshot(self, outputs: list[Output]) -> None:
        """Put the state in the place of the log."""
        self._applied_bytes = 0
        data = encode_state(self._state)
        if len(data) > SNAPSHOT_BYTES_MAX:
            outputs.append(
                Notice(
                    f'the state has {len(data)} bytes, a snapshot may have {SNAPSHOT_BYTES_MAX}: '
                    'the log grows on; remove keys, or make subjects fewer',
                    warning=True,
                )
            )
            return
        self._raft.snapshot(self._state.index, data)

    def _install(self, snapshot: Snapshot, now_ns: int, outputs: list[Output]) -> None:
        """Take over the state that another robot sent, and tell what came with it."""
        before = dict(self._state.ledger.in_force)
        restore_state(self._state, snapshot.data)
        self._applied_bytes = 0
        waiting = dict.fromkeys((*self._asked, *self._request_ids.open))
        for request_ids, _ in self._hearers:
            waiting.update(dict.fromkeys(request_ids))
        for request_id in waiting:
            outcome = self._state.outcome(request_id)
            if outcome is not None:
                self._raft.settle(request_id, self._state.index, self._state.term)
                self._settled(request_id, outcome, now_ns, outputs)
        self._keyvalue.installed(outputs)
        self._missions.installed(outputs)
        self._tasks.installed(now_ns, outputs)
        for subject, decision in self._state.ledger.in_force.items():
            if before.get(subject) != decision:
                self._decided(decision, now_ns, outputs)

    # -- apply --------------------------------------------------------------------------------

    def _apply_all(
        self, entries: Sequence[Entry], now_ns: int, outputs: list[Output]
    ) -> None:
        """Apply entries, and take the snapshots that are due between them."""
        # At the same entries on all robots: a robot that is sent one can then go on with the
        # pieces of another leader.
        every, bytes_max = self._config.snapshot_entries, self._config.snapshot_log_bytes
        events: list[Event] = []
        for entry in entries:
            self._applied_bytes += len(entry.data)
            self._apply(entry, now_ns, events, outputs)
            if entry.index % every == 0 or self._applied_bytes >= bytes_max:
                self._take_snapshot(outputs)
        if events:
            self._keyvalue.changed(events, outputs)

    def _apply(
        self, entry: Entry, now_ns: int, events: list[Event], outputs: list[Output]
    ) -> None:
        """
        Apply an entry.

        :param events: takes in the changes of keys.
        """
        command = self._command(entry, outputs)
        applied = self._state.apply(entry.index, entry.term, entry.data, command)
        if applied is None:
            return
        request_id, outcome = applied.request_id, applied.outcome
        if request_id in self._under_way:
            self._raft.settle(request_id, entry.index, entry.term)
        if applied.events:
            events += applied.events
        if outcome is None:
            self._time_moved(entry, applied, now_ns)
        else:
            for waited_for, hear in self._hearers:
                if request_id in waited_for:
                    hear(request_id, outcome, outputs)
        if applied.tasks:
            self._tasks.changed(applied.tasks, outputs)
        if outcome is None:
            return
        if applied.fresh and isinstance(outcome, Decision):
            outcome = self._decided(outcome, now_ns, outputs)
        self._settled(request_id, outcome, now_ns, outputs)

    def _time_moved(self, entry: Entry, applied: Applied, now_ns: int) -> None:
        """Take note that an entry was about committed time."""
        self._tasks.time_moved(now_ns)
        if applied.fresh:
            self._lease_clock.applied(applied.request_id, entry.index, entry.term)

    def _decided(self, decision: Decision, now_ns: int, outputs: list[Output]) -> Decision:
        """Tell of a decision from the log; returns it with the latency as seen here."""
        decision = self._deciding.applied(decision, now_ns)
        outputs.append(DecisionMade(decision))
        self._requests.decided(decision, outputs)
        return decision

    def _settled(
        self, request_id: str, outcome: StateOutcome, now_ns: int, outputs: list[Output]
    ) -> None:
        """Answer whoever waits for a request that has had its effect, if any."""
        if request_id in self._in_flight:
            self._deciding.settled(request_id)
        if request_id in self._asked:
            self._requests.proposal_ended(request_id, decision_of(outcome), now_ns, outputs)

    def _command(self, entry: Entry, outputs: list[Output]) -> AnyCommand | None:
        if entry.kind is not _COMMAND:
            return None
        if self._commands:
            known = self._commands.get(entry.data)
            if known is not None:
                return known
        try:
            return COMMANDS.decode(entry.data)
        except MalformedError as error:
            # A newer version wrote it, or a broken leader did: every robot passes over it alike.
            outputs.append(Notice(f'log entry {entry.index} is unreadable: {error}', warning=True))
            return None

    def _proposal_ended(
        self, result: ProposalResult, now_ns: int, outputs: list[Output]
    ) -> None:
        self._request_ids.ended(result.request_id)
        self._lease_clock.ended(result.request_id)
        if result.outcome is _COMMITTED:
            # Answered when its entry was applied, which was before this.
            return
        if result.outcome is Outcome.UNKNOWN:
            status = Status.UNKNOWN
            reason = 'the deadline passed before the outcome was known; it may yet be decided'
        else:
            status, reason = _status(result.reason), REFUSALS[result.reason]
        failure = no_answer('', Level.COMMITTED, status, reason)
        self._requests.proposal_ended(result.request_id, failure, now_ns, outputs)
        self._keyvalue.ended(result.request_id, status, reason, outputs)
        self._missions.ended(result.request_id, status, reason, outputs)
        self._tasks.ended(result.request_id, status, reason, outputs)
        if status is Status.UNKNOWN and not self._raft.status().has_quorum:
            status = Status.NO_QUORUM
        told = self._deciding.failed(result.request_id, status, reason, now_ns)
        if told is not None:
            outputs.append(DecisionMade(told))


def _status(reason: Refusal) -> Status:
    return Status.NO_QUORUM if reason in (Refusal.NO_QUORUM, Refusal.TIMEOUT) else Status.REFUSED
