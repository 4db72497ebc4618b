"""
One robot: frames, beliefs and requests in; frames, durable log and decisions out.

Every step has the same order: take in, step the protocols, make durable, send, apply, publish.
What may leave before the disk has it, and what may not, is written in protocols/raft/effects.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import Any

from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.decision.types import Level
from swarm_consensus.missions import Registry
from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY, Record
from swarm_consensus.protocols.raft import Raft, Restored, Role
from swarm_consensus.protocols.tasks import TaskBook
from swarm_consensus.runtime.agreed_work import AgreedWork
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.desk import Desk
from swarm_consensus.runtime.events import (
    KEY_VALUE_INPUTS,
    MODEL_INPUTS,
    SHARED_INPUTS,
    TASK_INPUTS,
    BeliefSeen,
    BeliefsRefused,
    BeliefUnreadable,
    ChangeAsked,
    DecideAsked,
    DecideCancelled,
    DecisionMade,
    FrameArrived,
    FramesOutOfReach,
    FrameUnreadable,
    HandBackAsked,
    Input,
    Notice,
    Output,
    ProposeAsked,
    ReadAsked,
    TransferAsked,
    Tuned,
    WorkerTold,
    WorkTold,
)
from swarm_consensus.runtime.evidence import EvidenceWork
from swarm_consensus.runtime.handover import Handover
from swarm_consensus.runtime.intake import Intake
from swarm_consensus.runtime.keyvalue_desk import KeyValueDesk
from swarm_consensus.runtime.lease_clock import LeaseClock
from swarm_consensus.runtime.log_work import LogWork
from swarm_consensus.runtime.members import Members
from swarm_consensus.runtime.membership import Changes, begin
from swarm_consensus.runtime.mission_events import MISSION_INPUTS
from swarm_consensus.runtime.missions import ROUNDS_MAX, MissionWork
from swarm_consensus.runtime.models import ModelSetup, ModelWork
from swarm_consensus.runtime.ports import Clock, Transport
from swarm_consensus.runtime.post import Post, open_outbox
from swarm_consensus.runtime.raft_settings import raft_config
from swarm_consensus.runtime.reporting import Reporter
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Requests
from swarm_consensus.runtime.shared import Shared
from swarm_consensus.runtime.shared_records import split_records
from swarm_consensus.runtime.snapshots import restore_state
from swarm_consensus.runtime.swim_work import SwimWork
from swarm_consensus.runtime.tasks import TaskWork
from swarm_consensus.runtime.wire import COMMANDS, MESSAGES
from swarm_consensus.storage import Storage
from swarm_consensus.storage.chunks import Chunks, MemoryChunks
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.frame import FrameCounters, TrafficClass
from swarm_consensus.transport.guard import Guard
from swarm_consensus.transport.hashes import swarm_hash
from swarm_consensus.transport.keys import Keys
from swarm_consensus.transport.signing import Signer, Verifier
from swarm_consensus.transport.threshold_coin import ThresholdCoin

# To look a member up in its Enum takes as long as the rest of the line; each proposal passes here.
_LOG = TrafficClass.LOG
_AGREEMENT = TrafficClass.AGREEMENT

NO_QUORUM = 'this robot is not in contact with a quorum of the voters'


class RobotRuntime:
    """
    The runtime of one robot.

    :param storage: opened for this robot and swarm; the runtime closes it.
    :param incarnation: number of this boot, from the storage.
    :param restored: what the storage gave back.
    :param random: seeded differently at every robot and boot.
    :param records: what the storage gave back of what this robot said in agreements, and of the
        shared state.
    :param records_lost: whether that is not all.
    :param keys: of this robot in its swarm; None: the swarm has none, and nothing is signed.
    :param models: that this robot shares with the others.
    :param chunks: of these models; None: in memory.
    :param missions: the code of missions and activities that this robot has; None: none.
    :param codec: reads the batches of frames.
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
        records: Sequence[Record] = (),
        records_lost: bool = False,
        keys: Keys | None = None,
        models: Sequence[ModelSetup] = (),
        chunks: Chunks | None = None,
        missions: Registry | None = None,
        codec: Codec[Any] = MESSAGES,
    ) -> None:
        now_ns = clock.now_ns()
        self._config = config
        self._clock = clock
        self._storage = storage
        self._incarnation = incarnation
        nonce = random.getrandbits(63)
        self._counters = FrameCounters()
        swarm = swarm_hash(config.swarm)
        verifier = None if keys is None else Verifier(keys.public.robots)
        self._guard: Guard[object] = Guard(
            robot=config.robot,
            nonce=nonce,
            swarm=swarm,
            robots=config.robots,
            codec=codec,
            frame_bytes_max=config.frame_bytes_max,
            verifier=verifier,
            counters=self._counters,
            guests_max=config.members_max if config.open_membership else 0,
        )
        new = restored.snapshot is None and not restored.entries
        restored = begin(config, storage, incarnation, restored)
        if config.rejoin and new and not records_lost:
            # The disk is new, so what was said in agreements is lost with the log.
            records_lost = True
            storage.write_records((Record(RECORDS_LOST_KEY, b''),))
        self._raft = Raft(raft_config(config), restored, random)
        self._state = ReplicatedState()
        if restored.snapshot is not None and restored.snapshot.mark.index:
            restore_state(self._state, restored.snapshot.data)
        self._request_ids = RequestIds(config.robot, incarnation)
        self._members = Members(
            config,
            incarnation,
            nonce,
            now_ns,
            signed=keys is not None,
            liars=0 if keys is None else keys.public.faults_max,
        )
        admitted = None if keys is None else frozenset(keys.public.robots)
        if not config.open_membership:
            admitted = frozenset(config.robots)
        self._swim = SwimWork(
            config,
            incarnation,
            self._members,
            admitted,
            Random(nonce),
            self._guard.forget,
        )
        self._deciding = Deciding(config, self._state, incarnation, self._request_ids)
        signer = None if keys is None else Signer(keys.signing_key)
        self._touched: set[str] = set()
        self._evidence = EvidenceWork(
            config,
            swarm=swarm,
            incarnation=incarnation,
            deciding=self._deciding,
            signer=signer,
            verifier=verifier,
            random=Random(f'{nonce}/evidence'),
            touched=self._touched,
        )
        self._requests = Requests()
        records, shared = split_records(records)
        self._shared = Shared(
            config,
            storage=storage,
            records=shared,
            incarnation=incarnation,
            random=Random(f'{nonce}/shared'),
            now_ns=now_ns,
        )
        self._agreed = AgreedWork(
            config,
            swarm=swarm,
            storage=storage,
            records=records,
            lost=records_lost,
            verifier=verifier,
            coin=None if keys is None else ThresholdCoin(keys),
            random=random,
            session=f'{config.robot}:{incarnation}',
            deciding=self._deciding,
            requests=self._requests,
            request_ids=self._request_ids,
        )
        self._desk = Desk(
            config,
            raft=self._raft,
            state=self._state,
            deciding=self._deciding,
            requests=self._requests,
            request_ids=self._request_ids,
            agreed=self._agreed.subjects,
        )
        self._keyvalue = KeyValueDesk(config, self._raft, self._state, self._request_ids)
        self._missions = MissionWork(
            config,
            self._raft,
            self._state,
            self._request_ids,
            missions or Registry(),
            self._members.named_alive,
        )
        self._lease_clock = LeaseClock(config.time_period_ns)
        self._tasks = TaskWork(
            config,
            self._raft,
            self._state,
            self._request_ids,
            incarnation,
            Random(f'{nonce}/tasks'),
        )
        outbox = open_outbox(
            config,
            swarm=swarm,
            incarnation=incarnation,
            nonce=nonce,
            signer=signer,
            counters=self._counters,
            now_ns=now_ns,
        )
        self._post = Post(
            outbox, transport, len(config.robots) - 1, self._deciding.dropped, now_ns
        )
        self._handover = Handover(
            config, self._raft, self._request_ids.new_read, self._post.offer
        )
        self._changes = Changes(config, self._raft, self._request_ids.new_read)
        self._work = LogWork(
            config,
            raft=self._raft,
            state=self._state,
            storage=storage,
            post=self._post,
            deciding=self._deciding,
            desk=self._desk,
            requests=self._requests,
            keyvalue=self._keyvalue,
            missions=self._missions,
            handover=self._handover,
            changes=self._changes,
            request_ids=self._request_ids,
            lease_clock=self._lease_clock,
            tasks=self._tasks,
        )
        self._reporter = Reporter(
            config,
            incarnation,
            self._post,
            now_ns,
            raft=self._raft,
            state=self._state,
            members=self._members,
            counters=self._counters,
            dropped=self._deciding.dropped,
            agreement=self._agreed.agreement,
            shared=self._shared.replica.dropped,
            accusations=self._agreed.accusations,
            swim=self._swim,
            tasks=self._tasks,
        )
        self._models: ModelWork | None = None
        if models:
            self._models = ModelWork(
                config,
                models,
                MemoryChunks() if chunks is None else chunks,
                random,
                # A snapshot brings another ledger.
                lambda subject: self._state.ledger.current(subject),
                self._post,
            )
        self._intake = Intake(
            config,
            incarnation,
            self._guard,
            self._post,
            members=self._members,
            swim=self._swim,
            agreed=self._agreed,
            shared=self._shared,
            evidence=self._evidence,
            handover=self._handover,
            models=self._models,
            tasks=self._tasks,
            raft=self._raft,
            work=self._work,
            deciding=self._deciding,
        )
        self._origin_ns = now_ns
        self._ticks_done = 0
        self._planned_ticks = 1
        # Requests that came while the name is still being probed for.
        self._early: list[Input] = []
        self._stopped = False
        self._guest_reason = config.guest_reason
        # It was said that a guest is given no tasks.
        self._off_duty = False

    @property
    def tasks(self) -> TaskBook:
        """Return the tasks as far as the log is applied here, to look at."""
        return self._state.tasks

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
        self._post.begin(now_ns)
        notice = self._post.notice
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
            self._swim.carry_out(self._post, now_ns, outputs)
            self._evidence.carry_out(self._post, now_ns)
            self._judge(self._deciding.open if ticked else self._touched, now_ns, outputs)
            self._work.carry_out(now_ns, outputs)
            if self._work.move_time(now_ns):
                self._work.carry_out(now_ns, outputs)
            for _ in range(ROUNDS_MAX):
                if not self._missions.step(now_ns, outputs):
                    break
                self._work.carry_out(now_ns, outputs)
            self._tasks.watch_duty(now_ns, outputs)
            if self._tasks.used and not self._work.held:
                self._tasks.carry_out(self._post, self._members, ticked, now_ns, outputs)
                self._work.carry_out(now_ns, outputs)
            self._agree(ticked, now_ns, outputs)
            self._shared.carry_out(self._post, now_ns, outputs)
            if self._models is not None:
                leads = self._raft.leader == self._config.robot
                alive = self._members.named_alive
                self._models.step(self._ticks_done, now_ns, alive, leads, outputs)
        self._touched.clear()
        if notice is not None and notice is self._post.notice:
            # Other work goes on and on, and no append came: it has waited long enough.
            self._post.send_notice()
        self._post.send()
        if ticked:
            self._expire(now_ns, outputs)
        self._reporter.report(outputs, now_ns, ticked)
        return outputs

    def _expire(self, now_ns: int, outputs: list[Output]) -> None:
        """End the requests whose deadline has passed."""
        alive = self._members.named_alive(now_ns)
        has_quorum = self._raft.status().has_quorum
        agreed = self._agreed.subjects
        no_quorum = {
            Level.FUSED: '',
            Level.AGREED: '' if agreed.has_quorum(alive) else agreed.no_quorum(alive),
            Level.COMMITTED: '' if has_quorum else NO_QUORUM,
        }
        self._requests.expire(now_ns, no_quorum, self._deciding.level, outputs)
        self._keyvalue.expire(now_ns, has_quorum, outputs)
        agreed.expire(now_ns, alive, outputs)
        self._shared.expire(now_ns, outputs)

    def sleep_ns(self) -> int:
        """Return how long nothing is due unless an input comes."""
        if self._stopped:
            return SECOND
        now_ns = self._clock.now_ns()
        self._planned_ticks = self._idle_ticks(now_ns)
        wake_ns = self._origin_ns + (self._ticks_done + self._planned_ticks) * self._config.tick_ns
        if self._agreed.due_ns is not None:
            wake_ns = min(wake_ns, self._agreed.due_ns)
        if self._post.due_ns is not None:
            wake_ns = min(wake_ns, self._post.due_ns)
        return max(0, wake_ns - now_ns)

    def _idle_ticks(self, now_ns: int) -> int:
        """Return after how many ticks, at least 1, something could be due by time alone."""
        if (
            self._members.probing
            or self._work.held
            or not self._agreed.idle
            or self._deciding.open
            or self._requests.any
            or self._keyvalue.any
            or not self._tasks.idle
            or self._handover.any
            or not self._missions.idle
            or (self._models is not None and not self._models.idle)
        ):
            return 1
        due_ns = min(self._members.presence_due_ns, self._reporter.due_ns)
        if self._lease_clock.due_ns is not None:
            due_ns = min(due_ns, self._lease_clock.due_ns)
        if self._missions.due_ns is not None:
            due_ns = min(due_ns, self._missions.due_ns)
        if self._models is not None and self._models.due_ns is not None:
            due_ns = min(due_ns, self._models.due_ns)
        ticks = min(-(-(due_ns - now_ns) // self._config.tick_ns), self._swim.idle_ticks)
        ticks = min(ticks, self._shared.idle_ticks)
        if self._evidence.used:
            ticks = min(ticks, self._evidence.idle_ticks())
        if not self._config.guest:
            ticks = min(ticks, self._raft.idle_ticks())
        return max(1, ticks)

    def flush(self) -> None:
        """Send what waited for more to go with it; to be called before the thread sleeps."""
        if not self._stopped and self._post.notice is not None:
            self._post.send_notice()

    def farewell(self) -> None:
        """Tell the others that this robot leaves; only `close` may be called afterwards."""
        if not self._stopped and not self._members.probing:
            self._swim.leave(self._post)
        self._stopped = True

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
        self._swim.pass_time(passed, self._planned_ticks)
        self._work.pass_time(passed, self._planned_ticks + self._config.heartbeat_ticks)
        self._agreed.pass_time(passed, self._raft, self._post.waits(TrafficClass.AGREEMENT))
        self._shared.pass_time(passed, self._planned_ticks + self._config.heartbeat_ticks)
        self._evidence.pass_time(passed)
        self._tasks.pass_time(passed)
        # Unless it goes to sleep now.
        self._planned_ticks = 1
        return True

    def _on_tick(self, now_ns: int, outputs: list[Output]) -> None:
        if self._members.probe_ended(now_ns):
            early, self._early = self._early, []
            for item in early:
                self._take(item, now_ns, outputs)
        standing = self._agreed.standing_hash
        pressure = self._post.pressure(TrafficClass.BELIEF)
        presence = self._members.presence_due(now_ns, standing, pressure)
        if presence is not None:
            # A probe is for namesakes only. To the others it would be a later boot of the robot
            # that bears the name, and they would take no more of its frames.
            self._post.offer(presence, (self._config.robot,) if presence.probing else ())
        self._evidence.present(self._members.alive(now_ns), self._members.left)
        if not self._members.probing:
            leads = self._raft.role is Role.LEADER
            asked = self._shared.look(self._state.keyvalue, leads, self._members, now_ns)
            if asked is not None:
                self._keyvalue.ask(asked, now_ns, self._obstacle(_LOG), outputs)

    # -- take in ------------------------------------------------------------------------------

    def _take(self, item: Input, now_ns: int, outputs: list[Output]) -> None:
        if isinstance(item, FrameArrived):
            self._intake.frame(item, now_ns, outputs)
            self._stopped = self._intake.name_taken
        elif isinstance(item, KEY_VALUE_INPUTS) and not self._members.probing:
            self._keyvalue.ask(item, now_ns, self._obstacle(_LOG), outputs)
        elif isinstance(item, MISSION_INPUTS) and not self._members.probing:
            self._missions.ask(item, now_ns, self._obstacle(_LOG), outputs)
        elif isinstance(item, SHARED_INPUTS) and not self._members.probing:
            self._shared.ask(item, self._post.overloaded(TrafficClass.BELIEF), now_ns, outputs)
        elif self._config.guest and isinstance(item, (WorkerTold, WorkTold)):
            # To be on duty is in the log.
            if not self._off_duty:
                self._off_duty = True
                reason = self._config.guest_reason
                outputs.append(Notice(f'it is given no tasks: {reason}', warning=True))
        elif isinstance(item, TASK_INPUTS) and not self._members.probing:
            self._tasks.ask(item, now_ns, self._obstacle(_LOG), outputs)
        elif isinstance(item, HandBackAsked):
            self._tasks.hand_back(item, now_ns, outputs)
        elif isinstance(item, FrameUnreadable):
            self._guard.unreadable(item.size)
        elif isinstance(item, FramesOutOfReach):
            self._counters.out_of_reach += item.count
        elif isinstance(item, BeliefUnreadable):
            self._deciding.dropped['UNREADABLE'] += 1
        elif isinstance(item, BeliefsRefused):
            self._deciding.dropped['BELIEFS_REFUSED'] += item.count
        elif isinstance(item, Tuned):
            self._deciding.weight = item.weight
            self._evidence.tune(item.belief_resend_ns)
            self._reporter.period_ns = item.status_period_ns
        elif self._members.probing:
            if not isinstance(item, BeliefSeen):
                self._early.append(item)
        elif isinstance(item, BeliefSeen):
            self._belief(item, now_ns)
        elif isinstance(item, ProposeAsked):
            agreed = self._deciding.level(item.subject) is Level.AGREED
            of_class = TrafficClass.AGREEMENT if agreed else TrafficClass.LOG
            self._desk.propose(item, now_ns, self._obstacle(of_class), outputs)
        elif isinstance(item, ReadAsked):
            self._desk.read(item, now_ns, outputs)
        elif isinstance(item, DecideAsked):
            if self._desk.decide(item, now_ns, outputs):
                self._touched.add(item.subject)
        elif isinstance(item, DecideCancelled):
            self._requests.cancel_decide(item.key)
        elif isinstance(item, ChangeAsked):
            self._changes.ask(item, outputs)
        elif isinstance(item, TransferAsked):
            self._handover.ask(item, now_ns, outputs)
        elif isinstance(item, MODEL_INPUTS) and self._models is not None:
            self._models.ask(item, now_ns, outputs)

    def _obstacle(self, of_class: TrafficClass) -> str:
        """Return why this robot takes no proposals that this class would carry; '' if it does."""
        agreed = of_class is _AGREEMENT
        if self._guest_reason and not agreed:
            return self._guest_reason
        if self._agreed.held if agreed else self._work.held:
            return 'the disk of this robot is full'
        return self._post.overloaded(of_class)

    def _belief(self, belief: BeliefSeen, now_ns: int) -> None:
        self._reporter.flow.seen()
        if not self._evidence.serves(self._config.robot, belief.subject):
            self._deciding.dropped['GUEST'] += 1
            return
        if self._deciding.level(belief.subject) is Level.AGREED:
            self._agreed.subjects.belief(belief, now_ns)
            return
        contribution = self._deciding.own_belief(
            belief.subject, belief.labels_hash, belief.log_likelihood, belief.age_ns, now_ns
        )
        if contribution is not None:
            self._touched.add(belief.subject)
            self._evidence.put(contribution)

    # -- step the protocols ----------------------------------------------------------------------

    def _agree(self, ticked: bool, now_ns: int, outputs: list[Output]) -> None:
        """Say what there is to say at the level agreed, and carry out what comes of it."""
        if not self._agreed.used:
            return
        self._agreed.carry_out(self._post, now_ns, outputs)
        if self._agreed.held:
            return
        subjects = self._agreed.subjects
        news = subjects.take_news()
        looked_at: Collection[str] = subjects.open if ticked else news
        waited_for = [each for each in self._requests.waited_for() if subjects.serves(each)]
        if not looked_at and not waited_for:
            return
        alive = self._members.named_alive(now_ns)
        while looked_at:
            room = self._post.room(TrafficClass.AGREEMENT)
            subjects.judge(looked_at, now_ns, alive, outputs, room)
            self._agreed.carry_out(self._post, now_ns, outputs)
            # What has ended may let the next epoch begin.
            looked_at = subjects.take_news()
        has_quorum = subjects.has_quorum(alive)
        for subject in waited_for:
            if ticked or subject in self._touched:
                view = subjects.view(subject, now_ns)
                self._requests.progress(subject, view, has_quorum, outputs)

    def _judge(self, subjects: Collection[str], now_ns: int, outputs: list[Output]) -> None:
        if not subjects:
            return
        members = self._members
        alive = members.named(self._evidence.present(members.alive(now_ns), members.left))
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
                if self._agreed.subjects.serves(subject):
                    # Its inputs are not here; `_agree` tells of them.
                    continue
                view = self._deciding.view(subject, now_ns)
                self._requests.progress(subject, view, has_quorum, outputs)
