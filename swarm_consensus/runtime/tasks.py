"""
The tasks at one robot: it bids for them, has them awarded to itself, and stops in time.

Who should get which task is found out by bids that travel between robots (protocols/allocation);
they bind nobody. Who looks like the winner for long enough has the log award the task to it. Only
then it begins.

The promise that no task is ever carried out by two robots rests on the duty of a robot, a lease by
committed time (protocols/tasks/book.py). A robot counts it from when it asked for it to be renewed,
on its own clock, so it ends here before it ends in the log; `stop_ns` before that, the user's node
is told to stop. A robot that is cut off, or whose log stands still, is so at rest when the others
may have its tasks.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.allocation import Bidder, Message, ScoringError, Task, Worker
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.protocols.tasks import (
    Award,
    Renew,
    Report,
    ReportKind,
    TaskRecord,
    TaskResult,
    TaskResultStatus,
    TaskStatus,
)
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import (
    HandBackAsked,
    HandedBack,
    Output,
    TaskAsked,
    TaskChanged,
    TaskGo,
    TaskGoing,
    TasksAnswered,
    TasksAsked,
    TaskStop,
    WorkerTold,
    WorkTold,
)
from swarm_consensus.runtime.members import Members
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Hearer
from swarm_consensus.runtime.task_desk import TaskDesk
from swarm_consensus.runtime.task_reports import TaskReports
from swarm_consensus.runtime.tasks_held import Mine, needs_s, way_s, worker_to_come

# Most tasks of one page.
RECORDS_MAX = 1_000
# Pause before a report or an award that did not get into the log is tried again.
RETRY_NS = SECOND // 4

Asked = TaskAsked | TasksAsked | WorkerTold | WorkTold


class TaskWork:
    """
    The work of one robot on its tasks.

    :param incarnation: of this boot.
    :ivar bidder: the protocol.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        raft: Raft,
        state: ReplicatedState,
        request_ids: RequestIds,
        incarnation: int,
        random: Random,
    ) -> None:
        self._config = config
        self._settings = settings = config.tasks
        self._state = state
        self._incarnation = incarnation
        self._desk = TaskDesk(config, raft, state, request_ids)
        bidder_config = settings.bidder(config.robot, incarnation, config.tick_ns)
        self.bidder = Bidder(bidder_config, settings.scoring, random)
        self._reports = TaskReports(self.bidder, settings.scoring)
        self._worker: Worker | None = None
        self._worker_told_ns = 0
        self._going_at_ns = 0
        self._rebid_at_ns = 0
        self._leaving = False
        # Since when this robot is about to shut down; None: it is not.
        self._departing_ns: int | None = None
        self._handed_back = False
        self._mine: dict[str, Mine] = {}
        # Until when this robot is on duty for sure, by its own clock; 0: it is not.
        self._duty_until_ns = 0
        self._renew_at_ns = 0
        self._claiming = False
        self._claim_at_ns = 0
        # What this robot would have awarded to itself, and since when it looks like that.
        self._candidate: tuple[str, tuple[str, ...]] = ('', ())
        self._candidate_since_ns = 0
        # Committed time, and when this robot saw it.
        self._time_ms = state.keyvalue.leases.time_ms
        self._time_seen_ns = 0
        # Whether this robot has to do with tasks at all: it costs nothing where nobody does.
        self._used = False
        self._take_over_book([])

    # -- what is asked ----------------------------------------------------------------------------

    def ask(self, asked: Asked, now_ns: int, obstacle: str, outputs: list[Output]) -> None:
        """
        Take in what a user wants, or what the robot is and does.

        :param obstacle: why this robot takes no changes now; '' if it does.
        """
        self._used = True
        if isinstance(asked, TaskAsked):
            self._desk.ask(asked, obstacle, outputs)
        elif isinstance(asked, TasksAsked):
            outputs.append(self._records(asked))
        elif isinstance(asked, WorkerTold):
            self._told_worker(asked.worker, now_ns, outputs)
        else:
            self._told_work(asked)

    def _records(self, asked: TasksAsked) -> TasksAnswered:
        book, index = self._state.tasks, self._state.index
        if asked.name:
            record = book.record(asked.name)
            return TasksAnswered(asked.key, index, () if record is None else (record,))
        count_max = min(asked.count_max, RECORDS_MAX)
        records, more = book.page(
            asked.prefix, asked.after, ended=asked.ended, count_max=count_max
        )
        return TasksAnswered(asked.key, index, records, more)

    def hand_back(self, asked: HandBackAsked, now_ns: int, outputs: list[Output]) -> None:
        """
        Go off duty for good, as this robot is to shut down; `HandedBack` follows.

        What the user's node is at is not given away before it has said that it has stopped: that a
        STOP arrives is nothing to rely on, where a robot that is told nothing stops in time.
        """
        if self._departing_ns is None:
            self._departing_ns = now_ns
            self._told_worker(None, now_ns, outputs)
        at_work = any(mine.going and mine.report is None for mine in self._mine.values())
        if at_work and not asked.heard:
            # The report that it would wait for cannot come.
            self._departing_ns = now_ns - self._settings.leave_ns
        self._tell_handed_back(now_ns, outputs)

    def _told_worker(self, worker: Worker | None, now_ns: int, outputs: list[Output]) -> None:
        if self._departing_ns is not None:
            worker = None
        if worker is not None:
            self._worker, self._worker_told_ns, self._leaving = worker, now_ns, False
            return
        if self._worker is not None or self._duty_until_ns > 0:
            if not self._leaving:
                self._renew_at_ns = now_ns
            self._leaving = True
        self._worker = None
        for mine in self._mine.values():
            self._tell_to_stop(mine, 'the robot goes off duty', outputs)

    def _told_work(self, told: WorkTold) -> None:
        mine = self._mine.get(told.task)
        # Of another award it says nothing new: the log has gone on without it.
        if mine is not None and mine.record.award == told.award and mine.going:
            mine.report = (told.kind, told.reason)

    def receive(self, sender: str, message: Message) -> None:
        """Take a message of another robot's bidder in."""
        self._used = True
        self.bidder.receive(sender, message)

    # -- the log ----------------------------------------------------------------------------------

    @property
    def hearers(self) -> tuple[Hearer, ...]:
        """Return who hears what came of users' requests and of this robot's own."""
        return self._desk.hearers

    def time_moved(self, now_ns: int) -> None:
        """Note that committed time may have moved."""
        time_ms = self._state.keyvalue.leases.time_ms
        if time_ms != self._time_ms:
            self._time_ms, self._time_seen_ns = time_ms, now_ns

    def ended(self, request_id: str, status: Status, reason: str, outputs: list[Output]) -> None:
        """Note that a proposal did not get into the log, or may not."""
        self._desk.ended(request_id, status, reason, outputs)

    def installed(self, now_ns: int, outputs: list[Output]) -> None:
        """Note that the state came to where it is by a snapshot."""
        self._desk.installed(outputs)
        self.time_moved(now_ns)
        self._take_over_book(outputs)

    def _take_over_book(self, outputs: list[Output]) -> None:
        """Compare all that is known here with the book."""
        live = self._state.tasks.live
        if not live and not self._used:
            return
        known = [*self.bidder.tasks, *self._mine]
        gone = [name for name in dict.fromkeys(known) if name not in live]
        ended = [self._state.tasks.record(name) for name in gone]
        self.changed([record for record in ended if record is not None], outputs)
        # What is not in the book at all is forgotten there.
        self.bidder.drop_tasks(gone)
        for name in gone:
            self._lose(name, 'the task is forgotten', outputs)
        self.changed(list(live.values()), outputs, tell=False)

    def changed(
        self, records: Iterable[TaskRecord], outputs: list[Output], tell: bool = True
    ) -> None:
        """
        Take in tasks as they stand now.

        :param tell: whether this is news to whoever hears of tasks.
        """
        self._used = True
        opened: dict[str, Task] = {}
        closed: dict[str, None] = {}
        own: list[str] = []
        groups: set[str] = set()
        for record in records:
            name = record.name
            if tell:
                outputs.append(TaskChanged(record))
            if self._holds(record):
                own.append(name)
                self._hold(record, outputs)
            elif name in self._mine:
                self._lose(name, record.reason or 'it is with another robot', outputs)
            opened.pop(name, None)
            closed.pop(name, None)
            if record.status is TaskStatus.OPEN and not self._state.tasks.blocked(record.task):
                opened[name] = record.task
            else:
                closed[name] = None
            if record.task.group:
                groups.add(record.task.group)
        if groups:
            for record in self._state.tasks.live.values():
                if record.task.group in groups and record.status is TaskStatus.OPEN:
                    if self._state.tasks.blocked(record.task):
                        opened.pop(record.name, None)
                        closed[record.name] = None
                    else:
                        closed.pop(record.name, None)
                        opened[record.name] = record.task
        self.bidder.drop_tasks(closed, own)
        self.bidder.add_tasks(opened.values())

    def _holds(self, record: TaskRecord) -> bool:
        robot = self._config.robot
        return robot in record.holders and (robot, self._incarnation) in record.robots

    def _hold(self, record: TaskRecord, outputs: list[Output]) -> None:
        mine = self._mine.get(record.name)
        if mine is not None and mine.record.award != record.award:
            self._lose(record.name, 'it was awarded anew', outputs)
            mine = None
        if mine is None:
            mine = self._mine[record.name] = Mine(record)
        mine.record = record
        if record.status is TaskStatus.STOPPING:
            self._tell_to_stop(mine, record.reason, outputs)

    def _lose(self, name: str, reason: str, outputs: list[Output]) -> None:
        mine = self._mine.pop(name, None)
        if mine is not None and mine.going and mine.report is None and not mine.stop_told:
            outputs.append(TaskStop(name, mine.record.award, reason))

    def _tell_to_stop(self, mine: Mine, reason: str, outputs: list[Output]) -> None:
        if mine.stop_told or mine.report is not None:
            return
        mine.stop_told = True
        if mine.going:
            outputs.append(TaskStop(mine.record.name, mine.record.award, reason))
        else:
            # Nothing was begun.
            mine.report = (ReportKind.STOPPED, reason)

    # -- what follows -----------------------------------------------------------------------------

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with how this swarm finds out who does what."""
        return self._reports.problems

    @property
    def used(self) -> bool:
        """Return whether this robot has to do with tasks at all."""
        return self._used

    @property
    def idle(self) -> bool:
        """Return whether nothing is due by time alone."""
        return not self._used or (
            self._worker is None
            and not self._leaving
            and (self._departing_ns is None or self._handed_back)
            and not self._mine
            and not self._desk.any
        )

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""
        if self._used:
            self.bidder.pass_time(ticks)

    def watch_duty(self, now_ns: int, outputs: list[Output]) -> None:
        """Stop what this robot is at, where its duty is about to end; whatever stands still."""
        self._tell_handed_back(now_ns, outputs)
        if now_ns < self._duty_until_ns - self._settings.stop_ns:
            return
        for mine in self._mine.values():
            if mine.going:
                self._tell_to_stop(mine, 'its duty could not be renewed in time', outputs)

    def carry_out(
        self, post: Post, members: Members, ticked: bool, now_ns: int, outputs: list[Output]
    ) -> None:
        """Do all that is due, and send what there is to say."""
        if now_ns - self._worker_told_ns > self._settings.silence_ns:
            # Nobody is there who could say that it has stopped: its duty has to run out.
            self._worker = None
        self._keep_duty(now_ns)
        self._say_reports(now_ns)
        self._begin_next(now_ns, outputs)
        self._tell_going(now_ns, outputs)
        if ticked:
            self._see_who_is_there(members, now_ns)
            self._reports.look_at_settings(outputs)
        self._bid(now_ns, outputs)
        for send in self.bidder.take_sends():
            post.offer(send.message, send.to)
        self._claim(now_ns)

    def _keep_duty(self, now_ns: int) -> None:
        if now_ns < self._renew_at_ns:
            return
        if self._leaving:
            # What is in the log as ended is held no more. Else a task that was done in the last
            # moment could be opened again by the end of the duty, before the report of it came.
            if not any(mine.going for mine in self._mine.values()):
                self._renew(0, now_ns)
        elif self._worker is not None:
            self._renew(self._settings.duty_ns // MILLISECOND, now_ns)

    def _tell_handed_back(self, now_ns: int, outputs: list[Output]) -> None:
        if self._departing_ns is None or self._handed_back:
            return
        late = now_ns - self._departing_ns >= self._settings.leave_ns
        if late or not self._leaving:
            outputs.append(HandedBack(done=not self._leaving))
            self._handed_back = True

    def _renew(self, ttl_ms: int, now_ns: int) -> None:
        def told(result: TaskResult | None) -> None:
            if result is None or result.status is not TaskResultStatus.DONE:
                return
            if ttl_ms:
                # From when it was asked, so that it ends here before it ends in the log.
                until_ns = now_ns + self._settings.sure_ns
                self._duty_until_ns = max(self._duty_until_ns, until_ns)
            elif self._leaving:
                self._duty_until_ns = 0
                self._leaving = False

        period_ns = self._settings.renew_ns
        self._renew_at_ns = now_ns + (period_ns if ttl_ms else min(period_ns, RETRY_NS))
        operation = Renew(self._config.robot, self._incarnation, ttl_ms)
        self._desk.do(operation, self._settings.duty_ns, told)

    def _say_reports(self, now_ns: int) -> None:
        for mine in self._mine.values():
            if mine.said or now_ns < mine.retry_ns:
                continue
            if mine.report is not None:
                self._say(mine, *mine.report, now_ns)
            elif mine.going and not mine.started:
                self._say(mine, ReportKind.STARTED, '', now_ns)

    def _say(self, mine: Mine, kind: ReportKind, reason: str, now_ns: int) -> None:
        def told(result: TaskResult | None) -> None:
            mine.said = False
            mine.started = mine.started or result is not None

        mine.said, mine.retry_ns = True, now_ns + RETRY_NS
        record = mine.record
        report = Report(record.name, record.award, self._config.robot, kind, reason)
        self._desk.do(report, self._config.proposal_timeout_ns, told)

    def _begin_next(self, now_ns: int, outputs: list[Output]) -> None:
        """Begin one task at a time, in the order of the log: teams never wait for each other."""
        if not self._mine or now_ns >= self._duty_until_ns - self._settings.stop_ns:
            return
        mine = min(self._mine.values(), key=lambda each: each.record.award)
        if mine.going or mine.report is not None:
            return
        if self._worker is None:
            mine.report = (ReportKind.STOPPED, 'the robot is off duty')
            return
        mine.going = True
        mine.end_ns = now_ns + int(needs_s(self._worker, mine.record) * SECOND)
        outputs.append(TaskGo(mine.record))
        self._going_at_ns = now_ns

    def _tell_going(self, now_ns: int, outputs: list[Output]) -> None:
        if now_ns < self._going_at_ns:
            return
        self._going_at_ns = now_ns + self._settings.going_ns
        for mine in self._mine.values():
            if mine.going and not mine.stop_told and mine.report is None:
                valid_ns = self._duty_until_ns - now_ns
                clock_ms = int(self._task_clock_s(now_ns) * 1000)
                outputs.append(TaskGoing(mine.record, valid_ns, clock_ms))

    # -- bidding ----------------------------------------------------------------------------------

    def _see_who_is_there(self, members: Members, now_ns: int) -> None:
        """Let bids of robots count that are there, and on duty."""
        alive = set(members.named_alive(now_ns))
        duties = self._state.tasks.duties
        known = [statement.robot for statement in self.bidder.board.statements]
        absent = frozenset([name for name in known if name not in alive or name not in duties])
        if absent != self.bidder.absent:
            self.bidder.set_absent(absent)

    def _bid(self, now_ns: int, outputs: list[Output]) -> None:
        worker = worker_to_come(self._worker, self._mine.values(), now_ns)
        if worker != self.bidder.worker:
            self.bidder.set_worker(worker)
        if self._settings.rebid_ns and now_ns >= self._rebid_at_ns:
            self._rebid_at_ns = now_ns + self._settings.rebid_ns
            self.bidder.rebid()
        try:
            self.bidder.step(self._task_clock_s(now_ns))
            problem = ''
        except ScoringError as error:
            problem = str(error)
        self._reports.scoring_failed(problem, outputs)
        self._reports.look_at_bends(outputs)

    def _task_clock_s(self, now_ns: int) -> float:
        """Return the time of the task clock: committed time, and what has passed since."""
        period_ns = 2 * self._config.time_period_ns
        since_ns = min(max(0, now_ns - self._time_seen_ns), period_ns)
        return (self._time_ms * MILLISECOND + since_ns) / SECOND

    def _claim(self, now_ns: int) -> None:
        """Have the next task of this robot's path awarded to it, once it looks settled."""
        settings = self._settings
        free = not self._mine and not self._leaving and self._worker is not None
        name, winners = self._next_to_claim(now_ns) if free else ('', ())
        if (name, winners) != self._candidate:
            self._candidate, self._candidate_since_ns = (name, winners), now_ns
        if (
            not name
            or self._claiming
            or now_ns < self._claim_at_ns
            or now_ns - self._candidate_since_ns < settings.settle_ns
            or now_ns >= self._duty_until_ns - settings.stop_ns - settings.renew_ns
        ):
            return
        record = self._state.tasks.live[name]
        duties = self._state.tasks.duties
        if any(robot not in duties for robot in winners):
            return

        def told(result: TaskResult | None) -> None:
            self._claiming = False

        self._claiming, self._claim_at_ns = True, now_ns + RETRY_NS
        team = tuple([(robot, duties[robot]) for robot in winners])
        award = Award(name, record.revision, team)
        self._desk.do(award, self._config.proposal_timeout_ns, told)

    def _next_to_claim(self, now_ns: int) -> tuple[str, tuple[str, ...]]:
        """
        Return the next task that this robot should have awarded, and to whom; ('', ()): none.

        Those for several robots that have not found them are passed over; of a team the robot with
        the best bid asks for all. One that opens later is left open until it is time to set off:
        meanwhile another robot may come nearer, or something better may come up.
        """
        live = self._state.tasks.live
        for name in self.bidder.path:
            winners = self.bidder.winners(name)
            record = live.get(name)
            if record is None or len(winners) != record.task.robots:
                continue
            if winners[0] == self._config.robot:
                return (name, winners) if self._is_time_for(record, now_ns) else ('', ())
        return '', ()

    def _is_time_for(self, record: TaskRecord, now_ns: int) -> bool:
        """Return whether a robot that sets off now is not there before the task opens."""
        if not record.task.opens_ms or self._worker is None:
            return True
        ready_s = self._task_clock_s(now_ns) + self._settings.settle_ns / SECOND
        return ready_s + way_s(self._worker, record) >= record.task.opens_ms / 1000
