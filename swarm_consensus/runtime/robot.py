"""
One robot: frames, beliefs and requests in; frames, durable log and decisions out.

Every step has the same order: take in, step the protocols, make durable, send, apply, publish.
What may leave before the disk has it, and what may not, is written in protocols/raft/effects.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random

from swarm_consensus.decision.replicated import Outcome as StateOutcome
from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.decision.types import (
    AnyCommand,
    Contribution,
    Decision,
    Level,
    Status,
    TimeCommand,
    no_answer,
)
from swarm_consensus.protocols.raft import (
    AppendEntries,
    Effects,
    Entry,
    EntryKind,
    Heartbeat,
    Outcome,
    ProposalResult,
    Raft,
    RaftConfig,
    Refusal,
    Restored,
    Role,
    Send,
    Snapshot,
)
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.desk import Desk, decision_of
from swarm_consensus.runtime.events import (
    KEY_VALUE_INPUTS,
    BeliefSeen,
    BeliefUnreadable,
    ChangeAsked,
    DecideAsked,
    DecideCancelled,
    DecisionMade,
    FrameArrived,
    FrameUnreadable,
    Input,
    NameTaken,
    Notice,
    Output,
    ProposeAsked,
    ReadAsked,
    TransferAsked,
    Tuned,
)
from swarm_consensus.runtime.handover import Handover, HandoverReply, HandoverRequest
from swarm_consensus.runtime.keyvalue_desk import KeyValueDesk
from swarm_consensus.runtime.lease_clock import LeaseClock
from swarm_consensus.runtime.members import Members, NameInUse, Presence
from swarm_consensus.runtime.membership import Changes, begin
from swarm_consensus.runtime.ports import Clock, Transport
from swarm_consensus.runtime.reporting import Reporter
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Requests
from swarm_consensus.runtime.snapshots import encode_state, restore_state
from swarm_consensus.runtime.wire import COMMANDS, MESSAGES, traffic_class
from swarm_consensus.storage import Storage, StorageFull
from swarm_consensus.transport.errors import MalformedError
from swarm_consensus.transport.frame import FrameCounters
from swarm_consensus.transport.guard import Contact, Guard, Receipt, Verdict
from swarm_consensus.transport.hashes import swarm_hash
from swarm_consensus.transport.outbox import Outbox

# Bytes of a frame that are kept free beside the entries of an append.
FRAME_OVERHEAD_BYTES = 1_000
# What a command holds beside its value: names, ids, voters.
COMMAND_OVERHEAD_BYTES = 8_000
# Largest state that travels to a robot that was away; it is held in memory as a whole.
SNAPSHOT_BYTES_MAX = 64 << 20

REFUSALS = {
    Refusal.OVERLOADED: 'too many proposals are under way; try again later',
    Refusal.TOO_LARGE: 'the value is too large',
    Refusal.TRANSFERRING: 'leadership is being handed over; try again',
    Refusal.NOT_LEADER: 'the robot that was asked does not lead; try again',
    Refusal.NO_QUORUM: 'no leader with a quorum was found in time',
    Refusal.TIMEOUT: 'no answer from the leader in time',
}


class RobotRuntime:
    """
    The runtime of one robot.

    :param storage: opened for this robot and swarm; the runtime closes it.
    :param incarnation: number of this boot, from the storage.
    :param restored: what the storage gave back.
    :param random: seeded differently at every robot and boot.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        *,
        clock: Clock,
        transport: Transport,
        storage: Storage,
        incarnation: int,
        restored: Restored,
        random: Random,
    ) -> None:
        now_ns = clock.now_ns()
        self._config = config
        self._clock = clock
        self._transport = transport
        self._storage = storage
        self._incarnation = incarnation
        nonce = random.getrandbits(63)
        self._counters = FrameCounters()
        swarm = swarm_hash(config.swarm)
        self._outbox: Outbox[object] = Outbox(
            robot=config.robot,
            swarm=swarm,
            incarnation=incarnation,
            nonce=nonce,
            codec=MESSAGES,
            frame_bytes_max=config.frame_bytes_max,
            counters=self._counters,
        )
        self._guard: Guard[object] = Guard(
            robot=config.robot,
            nonce=nonce,
            swarm=swarm,
            robots=config.robots,
            codec=MESSAGES,
            frame_bytes_max=config.frame_bytes_max,
            counters=self._counters,
        )
        restored = begin(config, storage, incarnation, restored)
        self._raft = Raft(_raft_config(config), restored, random)
        self._state = ReplicatedState()
        if restored.snapshot is not None and restored.snapshot.mark.index:
            restore_state(self._state, restored.snapshot.data)
        # Data applied since the latest snapshot.
        self._applied_bytes = 0
        self._request_ids = RequestIds(config.robot, incarnation)
        self._members = Members(config, incarnation, nonce, now_ns)
        self._deciding = Deciding(config, self._state, incarnation, self._request_ids)
        self._requests = Requests()
        self._desk = Desk(
            config,
            raft=self._raft,
            state=self._state,
            deciding=self._deciding,
            requests=self._requests,
            request_ids=self._request_ids,
        )
        self._keyvalue = KeyValueDesk(config, self._raft, self._state, self._request_ids)
        self._lease_clock = LeaseClock(config.time_period_ns)
        self._handover = Handover(config, self._raft, self._request_ids.new_read, self._offer)
        self._changes = Changes(config, self._raft, self._request_ids.new_read)
        self._reporter = Reporter(config, incarnation)
        self._origin_ns = now_ns
        self._ticks_done = 0
        self._planned_ticks = 1
        self._touched: set[str] = set()
        self._others = len(config.robots) - 1
        # Requests that came while the name is still being probed for.
        self._early: list[Input] = []
        # A commit index on its way to the followers, in a message of its own unless an append that
        # leaves soon tells it: that halves the messages of a robot that proposes one by one.
        self._notice: Send | None = None
        # Work whose write found the disk full: nothing else of the log happens before it.
        self._held: Effects | None = None
        self._missed_ticks = 0
        # A lease of the leader ends by its ticks, so none may be left out.
        self._leases = config.clock_drift_percent >= 0
        self._stopped = False

    # -- the loop -----------------------------------------------------------------------------

    def step(self, inputs: Sequence[Input]) -> list[Output]:
        """
        Take inputs in and do everything that is due; returns what is to be told.

        Followers hear what was committed with what comes next, or by `flush`.
        """
        outputs: list[Output] = []
        if self._stopped:
            return outputs
        now_ns = self._clock.now_ns()
        notice = self._notice
        ticked = self._tick(now_ns)
        for item in inputs:
            self._take(item, now_ns, outputs)
            if self._stopped:
                return outputs
        if ticked:
            self._on_tick(now_ns, outputs)
        if self._handover.any:
            self._handover.step(now_ns, outputs)
        if not self._members.probing:
            self._judge(self._deciding.open if ticked else self._touched, now_ns, outputs)
            self._work(now_ns, outputs)
            if self._move_time(now_ns):
                self._work(now_ns, outputs)
        self._touched.clear()
        if notice is not None and notice is self._notice:
            # Other work goes on and on, and no append came: it has waited long enough.
            self.flush()
        self._flush()
        if ticked:
            has_quorum = self._raft.status().has_quorum
            self._requests.expire(now_ns, has_quorum, self._deciding.level, outputs)
            self._keyvalue.expire(now_ns, has_quorum, outputs)
        self._reporter.report(
            outputs,
            now_ns,
            ticked,
            raft=self._raft,
            state=self._state,
            members=self._members,
            counters=self._counters,
            dropped=self._deciding.dropped,
        )
        return outputs

    def sleep_ns(self) -> int:
        """Return how long nothing is due unless an input comes."""
        if self._stopped:
            return SECOND
        now_ns = self._clock.now_ns()
        self._planned_ticks = self._idle_ticks(now_ns)
        wake_ns = self._origin_ns + (self._ticks_done + self._planned_ticks) * self._config.tick_ns
        return max(0, wake_ns - now_ns)

    def _idle_ticks(self, now_ns: int) -> int:
        """Return after how many ticks, at least 1, something could be due by time alone."""
        if (
            self._members.probing
            or self._held is not None
            or self._deciding.open
            or self._requests.any
            or self._keyvalue.any
            or self._handover.any
        ):
            return 1
        due_ns = min(self._members.presence_due_ns, self._reporter.due_ns)
        if self._lease_clock.due_ns is not None:
            due_ns = min(due_ns, self._lease_clock.due_ns)
        due_ns -= now_ns
        return max(1, min(self._raft.idle_ticks(), -(-due_ns // self._config.tick_ns)))

    def close(self) -> None:
        """Release the storage; nothing else may be called afterwards."""
        self._stopped = True
        self._storage.close()

    def _tick(self, now_ns: int) -> bool:
        due = (now_ns - self._origin_ns) // self._config.tick_ns
        passed = due - self._ticks_done
        if passed <= 0:
            return False
        self._ticks_done = due
        if self._members.probing:
            return True
        if self._held is not None:
            self._missed_ticks += passed
            return True
        if not self._leases:
            # After a stall (a suspended laptop, a blocked disk) the messages that came meanwhile
            # are still unread: letting all the time pass at once would call an election for
            # nothing.
            passed = min(passed, self._planned_ticks + self._config.heartbeat_ticks)
        for _ in range(passed):
            self._raft.tick()
        return True

    def _let_missed_time_pass(self) -> None:
        """Give Raft the ticks of a full disk, where leases end by them; else an election waits."""
        missed, self._missed_ticks = self._missed_ticks, 0
        if self._leases:
            for _ in range(missed):
                self._raft.tick()

    def _on_tick(self, now_ns: int, outputs: list[Output]) -> None:
        if self._members.probe_ended(now_ns):
            early, self._early = self._early, []
            for item in early:
                self._take(item, now_ns, outputs)
        presence = self._members.presence_due(now_ns)
        if presence is not None:
            # A probe is for namesakes only. To the others it would be a later boot of the robot
            # that bears the name, and they would take no more of its frames.
            self._offer(presence, (self._config.robot,) if presence.probing else ())
        for contribution in self._deciding.resend(now_ns):
            self._offer(contribution, key=contribution.subject)

    # -- take in ------------------------------------------------------------------------------

    def _take(self, item: Input, now_ns: int, outputs: list[Output]) -> None:
        if isinstance(item, FrameArrived):
            self._frame(item, now_ns, outputs)
        elif isinstance(item, FrameUnreadable):
            self._guard.unreadable(item.size)
        elif isinstance(item, BeliefUnreadable):
            self._deciding.dropped['UNREADABLE'] += 1
        elif isinstance(item, Tuned):
            self._deciding.weight = item.weight
            self._deciding.belief_resend_ns = item.belief_resend_ns
            self._reporter.period_ns = item.status_period_ns
        elif self._members.probing:
            if not isinstance(item, BeliefSeen):
                self._early.append(item)
        elif isinstance(item, BeliefSeen):
            self._belief(item, now_ns)
        elif isinstance(item, ProposeAsked):
            self._desk.propose(item, now_ns, self._held is not None, outputs)
        elif isinstance(item, ReadAsked):
            self._desk.read(item, now_ns, outputs)
        elif isinstance(item, DecideAsked):
            if self._desk.decide(item, now_ns, outputs):
                self._touched.add(item.subject)
        elif isinstance(item, DecideCancelled):
            self._requests.cancel_decide(item.key)
        elif isinstance(item, KEY_VALUE_INPUTS):
            self._keyvalue.ask(item, now_ns, self._held is not None, outputs)
        elif isinstance(item, ChangeAsked):
            self._changes.ask(item, outputs)
        elif isinstance(item, TransferAsked):
            self._handover.ask(item, now_ns, outputs)

    def _frame(self, frame: FrameArrived, now_ns: int, outputs: list[Output]) -> None:
        receipt = self._guard.receive(frame.header, frame.batch)
        if receipt.verdict is Verdict.IMPOSTOR:
            self._impostor(frame, receipt, now_ns, outputs)
        elif receipt.verdict is Verdict.NOT_FOR_US:
            self._members.contact(now_ns)
            if frame.header.to == frame.header.sender:
                self._members.probe_heard(frame.header, now_ns)
        if receipt.verdict is not Verdict.ACCEPTED:
            return
        self._members.contact(now_ns)
        in_use = self._members.name_in_use(frame.header, now_ns)
        if in_use is not None and not self._members.probing:
            self._offer(in_use, (receipt.sender,))
        if self._members.heard(receipt.sender, frame.header.incarnation, now_ns):
            outputs.append(Notice(f'{receipt.sender} is there'))
        elif receipt.contact is Contact.REBOOTED:
            outputs.append(Notice(f'{receipt.sender} has rebooted', warning=True))
        for message in receipt.messages:
            if isinstance(message, NameInUse):
                if self._members.told_in_use(message):
                    self._give_way(message.incarnation, outputs)
            elif not self._members.probing and self._held is None:
                self._message(receipt.sender, message, now_ns, outputs)

    def _message(
        self, sender: str, message: object, now_ns: int, outputs: list[Output]
    ) -> None:
        if isinstance(message, Presence):
            return
        if isinstance(message, Contribution):
            # Evidence is told by the robot that has it; nobody speaks for another.
            if message.robot != sender:
                self._deciding.dropped['FORGED'] += 1
            elif self._deciding.offer(message, now_ns):
                self._touched.add(message.subject)
        elif getattr(message, 'sender', sender) != sender:
            self._deciding.dropped['FORGED'] += 1
        elif isinstance(message, HandoverRequest):
            self._handover.requested(message)
        elif isinstance(message, HandoverReply):
            self._handover.replied(message, outputs)
        else:
            self._raft.receive(message)  # type: ignore[arg-type]

    def _impostor(
        self, frame: FrameArrived, receipt: Receipt[object], now_ns: int, outputs: list[Output]
    ) -> None:
        if not receipt.claims:
            # Noise: only somebody who speaks our language can have been given our name.
            return
        presence = next((m for m in receipt.claims if isinstance(m, Presence)), None)
        if self._members.impostor(frame.header, presence, now_ns):
            self._give_way(frame.header.incarnation, outputs)

    def _give_way(self, their_incarnation: int, outputs: list[Output]) -> None:
        self._stopped = True
        reason = (
            f"another robot named '{self._config.robot}' is in swarm '{self._config.swarm}' "
            f'(its boot {their_incarnation}, ours {self._incarnation}); '
            'give each robot its own name in swarm.yaml'
        )
        outputs.append(NameTaken(reason))

    def _belief(self, belief: BeliefSeen, now_ns: int) -> None:
        contribution = self._deciding.own_belief(
            belief.subject, belief.labels_hash, belief.log_likelihood, belief.age_ns, now_ns
        )
        if contribution is not None:
            self._touched.add(belief.subject)
            self._offer(contribution, key=belief.subject)

    # -- step the protocols ----------------------------------------------------------------------

    def _judge(self, subjects: Collection[str], now_ns: int, outputs: list[Output]) -> None:
        alive = self._members.alive(now_ns)
        leads = self._raft.leader == self._config.robot
        proposals, decisions = self._deciding.evaluate(subjects, now_ns, alive, leads)
        for command in proposals:
            ticks = max(1, self._config.proposal_timeout_ns // self._config.tick_ns)
            self._raft.propose(command.request_id, COMMANDS.encode(command), ticks)
        for decision in decisions:
            outputs.append(DecisionMade(decision))
            self._requests.decided(decision, outputs)
        waited_for = self._requests.waited_for()
        if waited_for:
            has_quorum = self._raft.status().has_quorum
            for subject in waited_for.intersection(subjects):
                view = self._deciding.view(subject, now_ns)
                self._requests.progress(subject, view, has_quorum, outputs)

    def _move_time(self, now_ns: int) -> bool:
        """Move the time of the leases, where this robot leads; returns whether it did."""
        leases = self._state.keyvalue.leases
        term = self._raft.term if self._raft.role is Role.LEADER else 0
        clock = self._lease_clock
        elapsed_ms = clock.poll(now_ns, term, len(leases) > 0, leases.time_index)
        if not elapsed_ms or self._held is not None:
            return False
        request_id = self._request_ids.new_read()
        command = TimeCommand(request_id, leases.time_index, elapsed_ms)
        clock.proposed(request_id, now_ns, elapsed_ms)
        self._raft.propose(request_id, COMMANDS.encode(command))
        return True

    def _work(self, now_ns: int, outputs: list[Output]) -> None:
        """Carry out what Raft wants, in the order that protocols/raft/effects.py asks for."""
        while True:
            effects = self._held or self._raft.take_effects()
            if effects is None:
                return
            if self._held is None:
                for send in effects.send_now:
                    self._send(send)
            if effects.persist is not None:
                # A leader's appends travel while its own disk works.
                self._flush()
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
                self._offer(send.message, send.to)
            if effects.send_after:
                # Who waits for the answer need not wait until all is applied here.
                self._flush()
            if effects.install is not None:
                self._install(effects.install, now_ns, outputs)
            for entry in effects.committed:
                self._apply(entry, now_ns, outputs)
                if self._snapshot_due:
                    self._take_snapshot(outputs)
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

    @property
    def _snapshot_due(self) -> bool:
        # At the same entries on all robots: a robot that is sent one can then go on with the
        # pieces of another leader.
        return (
            self._state.index % self._config.snapshot_entries == 0
            or self._applied_bytes >= self._config.snapshot_log_bytes
        )

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
        waiting = self._requests.proposals + self._keyvalue.changes + self._request_ids.open
        for request_id in dict.fromkeys(waiting):
            outcome = self._state.outcome(request_id)
            if outcome is not None:
                self._raft.settle(request_id, self._state.index, self._state.term)
                self._settled(request_id, outcome, now_ns, outputs)
        self._keyvalue.installed(outputs)
        for subject, decision in self._state.ledger.in_force.items():
            if before.get(subject) != decision:
                self._decided(decision, now_ns, outputs)

    def _offer(self, message: object, to: tuple[str, ...] = (), key: str = '') -> None:
        if len(to) == self._others > 1:
            # All the others: their names would take more room than many a message.
            to = ()
        outcome = self._outbox.offer(message, to, traffic_class(message), key or None)
        if not outcome.taken:
            # The protocols send again what was not heard; people find the count in diagnostics.
            self._deciding.dropped[f'NOT_SENT_{outcome.name}'] += 1

    def _send(self, send: Send) -> None:
        """Queue a message of Raft; what tells of commits and nothing else waits for company."""
        message, notice = send.message, self._notice
        if isinstance(message, Heartbeat) and not message.round:
            if notice is not None and notice.to != send.to:
                self._offer(notice.message, notice.to)
            self._notice = send
            return
        if notice is not None and isinstance(message, AppendEntries):
            # The index that the notice tells was reached before this append was made.
            if set(notice.to).issubset(send.to):
                self._notice = None
        self._offer(message, send.to)

    def flush(self) -> None:
        """Send what waited for more to go with it; to be called before the thread sleeps."""
        notice, self._notice = self._notice, None
        if notice is not None and not self._stopped:
            self._offer(notice.message, notice.to)
            self._flush()

    def _flush(self) -> None:
        frames = self._outbox.flush()
        if frames:
            self._transport.send(frames)

    # -- apply --------------------------------------------------------------------------------

    def _apply(self, entry: Entry, now_ns: int, outputs: list[Output]) -> None:
        self._applied_bytes += len(entry.data)
        command = self._command(entry, outputs)
        applied = self._state.apply(entry.index, entry.term, entry.data, command)
        if applied is None:
            return
        self._raft.settle(applied.request_id, entry.index, entry.term)
        self._keyvalue.applied(applied, outputs)
        if applied.outcome is None:
            self._deciding.settled(applied.request_id)
            if applied.fresh:
                self._lease_clock.applied(applied.request_id, entry.index, entry.term)
            return
        outcome = applied.outcome
        if applied.fresh and isinstance(outcome, Decision):
            outcome = self._decided(outcome, now_ns, outputs)
        self._settled(applied.request_id, outcome, now_ns, outputs)

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
        self._deciding.settled(request_id)
        if self._requests.waits(request_id):
            self._requests.proposal_ended(request_id, decision_of(outcome), now_ns, outputs)

    def _command(self, entry: Entry, outputs: list[Output]) -> AnyCommand | None:
        if entry.kind is not EntryKind.COMMAND:
            return None
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
        if result.outcome is Outcome.COMMITTED:
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
        if status is Status.UNKNOWN and not self._raft.status().has_quorum:
            status = Status.NO_QUORUM
        told = self._deciding.failed(result.request_id, status, reason, now_ns)
        if told is not None:
            outputs.append(DecisionMade(told))


def _status(reason: Refusal) -> Status:
    return Status.NO_QUORUM if reason in (Refusal.NO_QUORUM, Refusal.TIMEOUT) else Status.REFUSED


def _raft_config(config: RuntimeConfig) -> RaftConfig:
    return RaftConfig(
        robot=config.robot,
        voters=config.robots,
        election_ticks=config.election_ticks,
        heartbeat_ticks=config.heartbeat_ticks,
        append_bytes_max=config.frame_bytes_max - FRAME_OVERHEAD_BYTES,
        # The rest is for the membership, which each piece of a snapshot names.
        snapshot_chunk_bytes=config.frame_bytes_max // 2,
        entry_bytes_max=config.value_bytes_max + COMMAND_OVERHEAD_BYTES,
        proposal_ticks=max(1, config.proposal_timeout_ns // config.tick_ns),
        robots=config.robots,
        priority=config.priority,
        voters_max=config.voters_max,
        replace_ticks=config.replace_ns // config.tick_ns,
        clock_drift_percent=config.clock_drift_percent,
        trailing_entries=config.trailing_entries,
        snapshot_bytes_max=SNAPSHOT_BYTES_MAX,
    )
