"""
The missions of one robot: it runs the code of those whose worker it is, and takes over others.

Everything is read from the replicated state, after whatever changed it: who the worker is, how far
the history has come, what is to be begun. What this robot wants is proposed, and until it shows in
the state nothing has happened. The code is run from the history alone, so that two robots that
both believe to be the worker ask for the same, and only the one of the higher epoch gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import hashlib

from swarm_consensus.decision.replicated import Outcome, ReplicatedState
from swarm_consensus.decision.types import Status
from swarm_consensus.missions import Interpreter, MissionCode, NonDeterminismError, Registry
from swarm_consensus.protocols.missions import (
    ActivityState,
    MissionResult,
    MissionResultStatus,
    MissionRow,
)
from swarm_consensus.protocols.missions.events import (
    ANY_ROBOT,
    MESSAGE_CHARACTERS_MAX,
    ActivityScheduled,
    MissionCommandEvent,
    MissionStatus,
    event_bytes,
)
from swarm_consensus.protocols.missions.operations import Append, Claim, Halt
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import Notice, Output
from swarm_consensus.runtime.mission_activities import ActivityWork
from swarm_consensus.runtime.mission_desk import MissionDesk
from swarm_consensus.runtime.mission_events import (
    ActivityBeat,
    ActivityEnded,
    ActivityKey,
    MissionInput,
)
from swarm_consensus.runtime.mission_lease import MissionLease
from swarm_consensus.runtime.mission_proposals import MissionProposals
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Hearer
from swarm_consensus.transport.errors import EncodeError

# Of one mission, at once: an append has to fit into a frame.
BATCH_EVENTS_MAX = 64
BATCH_BYTES_MAX = 24_000
# Most that a step takes in of histories: a replay must not hold up the robot.
REPLAY_EVENTS_MAX = 2_000
RETRY_NS = SECOND // 5
# How long after one another robots try to claim what is free.
TURN_NS = 300 * MILLISECOND
TURNS_MAX_NS = 2 * SECOND
# Most rounds of proposals that one step takes, where each is committed at once.
ROUNDS_MAX = 16


# Then the state says what to do next.
_SEEN = (MissionResultStatus.DONE, MissionResultStatus.CONFLICT)


class _Local:
    """A mission whose worker this robot is."""

    __slots__ = ('code', 'epoch', 'interpreter', 'retry_ns', 'run', 'under_way')

    def __init__(self, row: MissionRow, code: MissionCode) -> None:
        self.code = code
        self.run = row.run
        self.epoch = row.epoch
        self.interpreter = Interpreter(code.function, row.mission)
        self.under_way = False
        self.retry_ns = 0


class MissionWork:
    """
    The missions of one robot.

    :param registry: its code; empty: it only answers its users.
    :param peers: gives the robots that are there, at a time.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        raft: Raft,
        state: ReplicatedState,
        request_ids: RequestIds,
        registry: Registry,
        peers: Callable[[int], Sequence[str]],
    ) -> None:
        self._robot = config.robot
        self._state = state
        self._registry = registry
        self._peers = peers
        self._proposals = MissionProposals(config, raft, state, request_ids)
        self._lease = MissionLease(self._proposals, config.mission_lease_ns)
        self._activities = ActivityWork(
            config.robot,
            lambda: state.missions,
            registry,
            self._lease,
            self._proposals,
            config.mission_activities_max,
        )
        self.desk = MissionDesk(config, raft, state, request_ids, registry, self._interpreter)
        self._locals: dict[str, _Local] = {}
        # Missions that have to be looked at though nothing has happened to them.
        self._unfinished: dict[str, None] = {}
        # Since when missions, or activities of theirs, have been free for any robot to take.
        self._free_ns: dict[str, int] = {}
        self._claiming: set[str] = set()
        self._works = bool(registry.missions or registry.activities)
        # Missions of which this robot is the worker, or for which it has something to do.
        self._mine: set[str] = set()
        self._replayed = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is due before something comes in, but what `due_ns` says."""
        return not (
            self.desk.any
            or self._unfinished
            or len(self._proposals)
            or self._activities.waits
            or self._free_ns
            or self._state.missions.was_touched
        )

    @property
    def due_ns(self) -> int | None:
        """Return when the lease is to be kept alive; None: there is nothing to keep it for."""
        return self._lease.due_ns if self._needs_lease else None

    def _interpreter(self, row: MissionRow) -> Interpreter | None:
        """Return what runs a mission here, if it has taken all of its history in."""
        local = self._locals.get(row.mission)
        if local is None or local.run != row.run:
            return None
        interpreter = local.interpreter
        whole = interpreter.position >= len(row.history) and interpreter.problem is None
        return interpreter if whole else None

    # -- what comes in ----------------------------------------------------------------------------

    def ask(self, item: MissionInput, now_ns: int, obstacle: str, outputs: list[Output]) -> None:
        """Take in what users and activities of this robot say."""
        if isinstance(item, ActivityEnded):
            self._activities.ended(item)
        elif isinstance(item, ActivityBeat):
            self._activities.beat(item)
        else:
            self.desk.ask(item, obstacle, self._lease.lease, outputs)

    @property
    def hearers(self) -> tuple[Hearer, ...]:
        """Return who hears what came of this robot's proposals and of its users' requests."""
        return (self._proposals.under_way, self._settled), self.desk.hearer

    def _settled(self, request_id: str, outcome: Outcome, _: list[Output]) -> None:
        self._proposals.applied(request_id, outcome)

    def ended(
        self, request_id: str, status: Status, reason: str, outputs: list[Output]
    ) -> None:
        """Note that a proposal did not get into the log, or may not."""
        self._proposals.ended(request_id)
        self.desk.ended(request_id, status, reason, outputs)

    def installed(self, outputs: list[Output]) -> None:
        """Note that the state came by a snapshot."""
        self._proposals.installed()
        self.desk.installed(outputs)
        # What has ended meanwhile, or was forgotten, nobody else tells of.
        for mission in {**self._locals, **self._free_ns, **dict.fromkeys(sorted(self._mine))}:
            if mission not in self._state.missions.running:
                self._let_go(mission)

    # -- every step -------------------------------------------------------------------------------

    def step(self, now_ns: int, outputs: list[Output]) -> bool:
        """Do what is due; returns whether something was proposed."""
        missions = self._state.missions
        touched = missions.take_touched()
        if touched:
            self.desk.touched(touched, outputs)
        if not self._works or not (missions.running or touched or self._locals):
            return False
        made = self._proposals.made
        if self._needs_lease:
            self._lease.hold(now_ns)
        looked_at = dict.fromkeys(touched)
        looked_at.update(self._unfinished)
        looked_at.update(dict.fromkeys(self._free_ns))
        self._unfinished.clear()
        self._replayed = 0
        for mission in looked_at:
            row = missions.running.get(mission)
            if row is None:
                self._let_go(mission)
            else:
                self._look(row, now_ns, outputs)
        self._activities.step(now_ns, outputs)
        if self._needs_lease and not self._lease.lease:
            self._lease.hold(now_ns)
        return self._proposals.made > made

    @property
    def _needs_lease(self) -> bool:
        return bool(self._mine or self._activities.any)

    def _look(self, row: MissionRow, now_ns: int, outputs: list[Output]) -> None:
        self._end_old_leases(row)
        mission, lease = row.mission, self._lease.lease
        mine = row.worker == self._robot and row.lease == lease != 0
        if mine and row.status is MissionStatus.RUNNING:
            self._work_on(row, now_ns, outputs)
        else:
            self._drop(mission)
        code = self._registry.mission(row.name)
        if row.status is MissionStatus.NONDETERMINISTIC:
            free = code is not None and code.fingerprint not in row.codes
        else:
            free = code is not None and not row.lease
        open_to_all = any(
            activity.scheduled.robot == ANY_ROBOT
            and activity.state is ActivityState.READY
            and self._activities.has(activity.scheduled.name)
            for activity in row.activities.values()
        )
        if not free and not open_to_all:
            self._free_ns.pop(mission, None)
        else:
            self._free_ns.setdefault(mission, now_ns)
        if row.worker == self._robot or free or self._activities.wanted(row):
            self._mine.add(mission)
        else:
            self._mine.discard(mission)
        turn_ns = self._free_ns.get(mission, now_ns) + self._turn(mission, now_ns)
        if free and code is not None and lease and now_ns >= turn_ns:
            self._claim(row, lease, code)
        if row.activities:
            self._activities.look(row, now_ns, turn_ns)
            self._activities.begun(row, now_ns, outputs)
            if self._activities.wanted(row) and (
                self._activities.room <= 0 or not self._lease.sure(now_ns)
            ):
                self._unfinished[mission] = None

    def _turn(self, mission: str, now_ns: int) -> int:
        """Return after how long it is this robot's turn with what is free, so that few collide."""
        ranks = sorted({self._robot, *self._peers(now_ns)}, key=lambda robot: _rank(mission, robot))
        return min(ranks.index(self._robot) * TURN_NS, TURNS_MAX_NS)

    def _end_old_leases(self, row: MissionRow) -> None:
        """End what an earlier boot of this robot has left: it does not do it any more."""
        if row.worker == self._robot and row.lease and not self._lease.known(row.lease):
            self._lease.end(row.lease)
        for activity in row.activities.values():
            ours = activity.robot == self._robot and activity.lease
            if ours and not self._lease.known(activity.lease):
                self._lease.end(activity.lease)

    def _claim(self, row: MissionRow, lease: int, code: MissionCode) -> None:
        mission = row.mission
        if mission in self._claiming:
            return
        self._claiming.add(mission)

        def ended(outcome: Outcome | None) -> None:
            self._claiming.discard(mission)
            # The state says whose it is; where it is free still, its turn comes again.
            self._free_ns.pop(mission, None)
            self._unfinished[mission] = None

        claim = Claim(mission, row.epoch, self._robot, lease, code.fingerprint)
        self._proposals.operate(claim, ended)

    def _work_on(self, row: MissionRow, now_ns: int, outputs: list[Output]) -> None:
        """Run the code of a mission as far as its history goes, and propose what it asks for."""
        mission = row.mission
        local = self._locals.get(mission)
        if local is None or local.run != row.run or local.epoch != row.epoch:
            self._drop(mission)
            code = self._registry.mission(row.name)
            if code is None:
                # A child or another name than this robot was asked for: others may have it.
                return
            local = self._locals[mission] = _Local(row, code)
        interpreter = local.interpreter
        before = interpreter.position
        whole = interpreter.advance(row.history, max(1, REPLAY_EVENTS_MAX - self._replayed))
        self._replayed += interpreter.position - before
        if not whole:
            self._unfinished[mission] = None
            return
        if local.under_way:
            return
        if now_ns < local.retry_ns:
            self._unfinished[mission] = None
            return
        if interpreter.problem is not None:
            reason = str(interpreter.problem)[:MESSAGE_CHARACTERS_MAX]
            outputs.append(Notice(f"mission '{mission}' was stopped: {reason}", warning=True))
            halt = Halt(mission, row.epoch, local.code.fingerprint, reason)
            self._propose(mission, local, halt, now_ns)
            return
        pending = interpreter.pending
        if pending:
            self._append(row, local, pending, now_ns)

    def _append(
        self,
        row: MissionRow,
        local: _Local,
        pending: Sequence[MissionCommandEvent],
        now_ns: int,
    ) -> None:
        events: list[MissionCommandEvent] = []
        begun: list[int] = []
        size = 0
        room = self._activities.room if self._lease.sure(now_ns) else 0
        for event in pending[:BATCH_EVENTS_MAX]:
            size += event_bytes(event)
            if events and size > BATCH_BYTES_MAX:
                break
            events.append(event)
            if (
                isinstance(event, ActivityScheduled)
                and event.robot in ('', ANY_ROBOT, self._robot)
                and len(begun) < room
                and self._activities.has(event.name)
            ):
                begun.append(event.number)
        append = Append(
            row.mission,
            row.epoch,
            local.interpreter.commands,
            len(row.history),
            tuple(events),
            tuple(begun),
        )
        keys = [
            ActivityKey(row.mission, row.run, number, 1, self._lease.lease) for number in begun
        ]
        try:
            self._propose(row.mission, local, append, now_ns, keys)
            self._activities.reserve(keys)
        except EncodeError as error:
            # What the code asks for cannot be said; other code may.
            local.under_way = False
            local.interpreter.stop(NonDeterminismError(events[0].__class__.__name__, 0, str(error)))
            self._unfinished[row.mission] = None

    def _propose(
        self,
        mission: str,
        local: _Local,
        operation: Append | Halt,
        now_ns: int,
        begun: Sequence[ActivityKey] = (),
    ) -> None:
        local.under_way = True

        def ended(outcome: Outcome | None) -> None:
            local.under_way = False
            done = isinstance(outcome, MissionResult) and (
                outcome.status is MissionResultStatus.DONE
            )
            self._activities.reserved(begun, done, now_ns)
            if not isinstance(outcome, MissionResult) or outcome.status not in _SEEN:
                local.retry_ns = now_ns + RETRY_NS
            self._unfinished[mission] = None

        self._proposals.operate(operation, ended)

    def _drop(self, mission: str) -> None:
        local = self._locals.pop(mission, None)
        if local is not None:
            local.interpreter.close()

    def _let_go(self, mission: str) -> None:
        self._drop(mission)
        self._free_ns.pop(mission, None)
        self._claiming.discard(mission)
        self._mine.discard(mission)


def _rank(mission: str, robot: str) -> bytes:
    return hashlib.blake2b(f'{mission}\0{robot}'.encode(), digest_size=8).digest()
