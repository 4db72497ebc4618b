"""
The book: every task that has not ended, with who has it, and those that ended last.

What holds at every moment, and what it rests on:

1. A task has holders only by one award, and is awarded only where it has none (`_award`). So no
   two awards of it are ever worked on at once.
2. A robot stops being a holder in three ways: it says that it has stopped; a later boot of it goes
   on duty, and what an earlier process did has ended with that; or its duty ends by committed
   time. The robot itself counts its duty from when it asked to renew it, on its own clock, and
   stops before that has run out (runtime/tasks.py), so also where nobody hears it.
3. Where a task that takes several robots loses one of them, the others stop before it is open
   again, and so do those of a task that is cancelled: STOPPING.

Committed time is that of the leases of the key-value store (protocols/keyvalue/leases.py), and a
duty begins to run out, like a lease, with the first move of time after it was renewed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
import heapq
from typing import Annotated

from swarm_consensus.protocols.allocation.values import TIME_MS_MAX, Task
from swarm_consensus.protocols.bounds import SIGNED, Bounds
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.tasks.operations import (
    TTL_MS_MAX,
    AddTask,
    Award,
    CancelTask,
    Operation,
    Renew,
    Report,
    ReportKind,
    TaskResult,
    TaskResultStatus,
)
from swarm_consensus.protocols.tasks.record import TaskRecord, TaskStatus
from swarm_consensus.protocols.values import value

# Bounds of the whole book; part of the state machine, the same on every robot.
TASKS_MAX = 10_000
ENDED_MAX = 5_000
ROBOTS_MAX = 4_096
# Stands for the end of a duty that does not run out yet.
_NOT_BEGUN = -1

# Robot, incarnation, ttl in ms, end in ms of committed time or -1.
DutyRow = tuple[str, int, int, Annotated[int, SIGNED]]
Changes = list[TaskRecord]


@value
class BookImage:
    """
    A whole book; equal books have equal images.

    :param records: first those that have not ended, in order of their names, then the others, in
        the order in which they ended.
    :param duties: in order of the robots' names.
    """

    records: Annotated[tuple[TaskRecord, ...], Bounds(length_max=TASKS_MAX + ENDED_MAX)] = ()
    duties: Annotated[tuple[DutyRow, ...], Bounds(length_max=ROBOTS_MAX)] = ()


class _Duty:
    """A robot that may have tasks."""

    __slots__ = ('end_ms', 'incarnation', 'tasks', 'ttl_ms')

    def __init__(self, incarnation: int, ttl_ms: int, end_ms: int) -> None:
        self.incarnation = incarnation
        self.ttl_ms = ttl_ms
        self.end_ms = end_ms
        self.tasks: set[str] = set()


class TaskBook:
    """
    The book.

    :ivar _live: tasks that have not ended.
    :ivar _ended: the others, in the order in which they ended.
    :ivar _groups: live tasks of each group, by order.
    """

    def __init__(self) -> None:
        self._live: dict[str, TaskRecord] = {}
        self._ended: OrderedDict[str, TaskRecord] = OrderedDict()
        self._duties: dict[str, _Duty] = {}
        self._groups: dict[str, dict[str, int]] = {}
        # Live tasks with an end in committed time.
        self._timed: set[str] = set()
        self._index = 0
        self._now_ms = 0
        self._changes: Changes = []

    @property
    def live(self) -> Mapping[str, TaskRecord]:
        """Return the tasks that have not ended; a view, not to be changed."""
        return self._live

    @property
    def needs_time(self) -> bool:
        """Return whether committed time must move for it."""
        return bool(self._duties or self._live)

    def record(self, name: str) -> TaskRecord | None:
        """Return a task; None: there is none of this name, or it is forgotten."""
        return self._live.get(name) or self._ended.get(name)

    def records(self) -> tuple[TaskRecord, ...]:
        """Return all tasks in the order of `BookImage`."""
        return (*[record for _, record in sorted(self._live.items())], *self._ended.values())

    def page(
        self, prefix: str = '', after: str = '', *, ended: bool, count_max: int
    ) -> tuple[tuple[TaskRecord, ...], bool]:
        """
        Return tasks in order of their names, and whether there are more behind them.

        A task that is in the book all the time stands in exactly one of the pages that go on after
        each other, whatever becomes of it meanwhile.

        :param prefix: of the names.
        :param after: only names above this one.
        :param ended: those that have ended, too.
        """
        rows = (self._live, self._ended) if ended else (self._live,)
        names = (n for row in rows for n in row if n > after and n.startswith(prefix))
        found = heapq.nsmallest(count_max + 1, names)
        records = [self._live.get(name) or self._ended[name] for name in found[:count_max]]
        return tuple(records), len(found) > count_max

    def on_duty(self, robot: str, incarnation: int) -> bool:
        """Return whether a boot of a robot is on duty."""
        duty = self._duties.get(robot)
        return duty is not None and duty.incarnation == incarnation

    @property
    def duties(self) -> dict[str, int]:
        """Return the incarnations of the robots that are on duty, by name."""
        return {robot: duty.incarnation for robot, duty in sorted(self._duties.items())}

    def blocked(self, task: Task) -> bool:
        """Return whether tasks of a lower order in its group have not ended."""
        group = self._groups.get(task.group, {}) if task.group else {}
        return any(order < task.order for order in group.values())

    # -- operations -------------------------------------------------------------------------------

    def apply(self, index: int, now_ms: int, operation: Operation) -> tuple[TaskResult, Changes]:
        """
        Do one operation.

        :param index: log index of its entry.
        :param now_ms: committed time.
        :returns: what came of it, and the tasks that it changed, in order.
        """
        self._index, self._now_ms, self._changes = index, now_ms, []
        if isinstance(operation, AddTask):
            result = self._add(operation)
        elif isinstance(operation, CancelTask):
            result = self._cancel(operation)
        elif isinstance(operation, Renew):
            result = self._renew(operation)
        elif isinstance(operation, Award):
            result = self._award(operation)
        else:
            result = self._report(operation)
        return result, self._changes

    def elapse(self, index: int, now_ms: int) -> Changes:
        """Move committed time; returns the tasks that this changed, in order."""
        self._index, self._now_ms, self._changes = index, now_ms, []
        for robot, duty in sorted(self._duties.items()):
            if duty.end_ms == _NOT_BEGUN:
                duty.end_ms = min(now_ms + duty.ttl_ms, TIME_MS_MAX)
            elif duty.end_ms <= now_ms:
                self._end_duty(robot, f"robot '{robot}' has not renewed its duty in time")
        for name in sorted(self._timed):
            record = self._live[name]
            if record.status is TaskStatus.OPEN and _too_late(record.task, now_ms):
                self._change(record, TaskStatus.EXPIRED, 'nobody could begin it in time')
        return self._changes

    def _result(self, status: TaskResultStatus, name: str = '') -> TaskResult:
        record = self.record(name)
        return TaskResult(status, self._index, 0 if record is None else record.revision)

    def _add(self, operation: AddTask) -> TaskResult:
        task = operation.task
        if self.record(task.task) is not None:
            return self._result(TaskResultStatus.EXISTS, task.task)
        if len(self._live) >= TASKS_MAX:
            return self._result(TaskResultStatus.FULL)
        now_ms = self._now_ms
        task = replace(
            task,
            opens_ms=_absolute(task.opens_ms, now_ms),
            closes_ms=_absolute(task.closes_ms, now_ms),
            deadline_ms=_absolute(task.deadline_ms, now_ms),
        )
        record = TaskRecord(
            task,
            1,
            TaskStatus.OPEN,
            self._index,
            self._index,
            now_ms,
            now_ms,
            operation.attempts_max,
        )
        self._insert(record)
        self._changes.append(record)
        return self._result(TaskResultStatus.DONE, task.task)

    def _cancel(self, operation: CancelTask) -> TaskResult:
        record = self._live.get(operation.task)
        if record is None:
            return self._missing(operation.task)
        reason = operation.reason or 'cancelled'
        self._stop(record, TaskStatus.CANCELLED, reason)
        return self._result(TaskResultStatus.DONE, operation.task)

    def _renew(self, operation: Renew) -> TaskResult:
        robot = operation.robot
        duty = self._duties.get(robot)
        if duty is not None and duty.incarnation > operation.incarnation:
            return self._result(TaskResultStatus.NOT_ON_DUTY)
        if duty is not None and duty.incarnation < operation.incarnation:
            self._end_duty(robot, f"robot '{robot}' was booted anew")
            duty = None
        if not operation.ttl_ms:
            if duty is not None:
                self._end_duty(robot, f"robot '{robot}' has gone off duty")
            return self._result(TaskResultStatus.DONE)
        if duty is None:
            if len(self._duties) >= ROBOTS_MAX:
                return self._result(TaskResultStatus.FULL)
            duty = self._duties[robot] = _Duty(operation.incarnation, 0, _NOT_BEGUN)
        duty.ttl_ms, duty.end_ms = operation.ttl_ms, _NOT_BEGUN
        return self._result(TaskResultStatus.DONE)

    def _award(self, operation: Award) -> TaskResult:
        name = operation.task
        record = self._live.get(name)
        if record is None:
            return self._missing(name)
        if record.status is not TaskStatus.OPEN or record.revision != operation.revision:
            return self._result(TaskResultStatus.CONFLICT, name)
        robots = [robot for robot, _ in operation.robots]
        if len(robots) != record.task.robots or len(set(robots)) != len(robots):
            return self._result(TaskResultStatus.INVALID, name)
        if not all(self.on_duty(*each) for each in operation.robots):
            return self._result(TaskResultStatus.NOT_ON_DUTY, name)
        if self.blocked(record.task):
            return self._result(TaskResultStatus.BLOCKED, name)
        assert not record.holders
        for robot in robots:
            self._duties[robot].tasks.add(name)
        self._change(
            replace(
                record,
                award=self._index,
                robots=operation.robots,
                holders=tuple(robots),
                done=(),
            ),
            TaskStatus.AWARDED,
            '',
        )
        return self._result(TaskResultStatus.DONE, name)

    def _report(self, report: Report) -> TaskResult:
        name, robot = report.task, report.robot
        record = self._live.get(name)
        if record is None:
            return self._missing(name)
        if record.award != report.award or robot not in record.holders:
            return self._result(TaskResultStatus.CONFLICT, name)
        if report.kind is ReportKind.STARTED:
            if record.status is TaskStatus.AWARDED:
                self._change(record, TaskStatus.STARTED, report.reason)
            return self._result(TaskResultStatus.DONE, name)
        left = tuple([each for each in record.holders if each != robot])
        self._duties[robot].tasks.discard(name)
        if report.kind is ReportKind.DONE:
            done = (*record.done, robot)
            record = replace(record, holders=left, done=done)
            if len(done) == record.task.robots:
                # Where it was to stop, it was too late for that: it is done.
                self._change(record, TaskStatus.DONE, report.reason)
            elif record.status is TaskStatus.STOPPING:
                self._stop(record, record.then, record.reason)
            else:
                self._change(record, record.status, record.reason)
        elif report.kind is ReportKind.FAILED and record.status is not TaskStatus.STOPPING:
            reason = report.reason or f"robot '{robot}' has failed"
            failures = record.failures + 1
            then = TaskStatus.FAILED if failures >= record.attempts_max else TaskStatus.OPEN
            self._stop(replace(record, holders=left, failures=failures), then, reason)
        else:
            stopping = record.status is TaskStatus.STOPPING
            reason = record.reason if stopping else report.reason or f"robot '{robot}' has stopped"
            then = record.then if stopping else TaskStatus.OPEN
            self._stop(replace(record, holders=left), then, reason)
        return self._result(TaskResultStatus.DONE, name)

    def _missing(self, name: str) -> TaskResult:
        ended = name in self._ended
        status = TaskResultStatus.ENDED if ended else TaskResultStatus.NOT_FOUND
        return self._result(status, name)

    # -- changes ----------------------------------------------------------------------------------

    def _end_duty(self, robot: str, reason: str) -> None:
        duty = self._duties.pop(robot)
        for name in sorted(duty.tasks):
            record = self._live[name]
            left = tuple([each for each in record.holders if each != robot])
            stopping = record.status is TaskStatus.STOPPING
            self._stop(
                replace(record, holders=left),
                record.then if stopping else TaskStatus.OPEN,
                record.reason if stopping else reason,
            )

    def _stop(self, record: TaskRecord, then: TaskStatus, reason: str) -> None:
        """Have a task become something once nobody is at work on it."""
        if record.holders:
            self._change(replace(record, then=then), TaskStatus.STOPPING, reason)
        else:
            freed = replace(record, award=0, done=(), then=TaskStatus.OPEN)
            late = then is TaskStatus.OPEN and _too_late(record.task, self._now_ms)
            if late:
                reason = f'{reason}; it is too late to begin it again'[:512]
            self._change(freed, TaskStatus.EXPIRED if late else then, reason)

    def _change(self, record: TaskRecord, status: TaskStatus, reason: str) -> None:
        record = replace(
            record,
            revision=record.revision + 1,
            status=status,
            reason=reason,
            changed_index=self._index,
            changed_ms=self._now_ms,
        )
        self._changes.append(record)
        if not status.ended:
            self._live[record.name] = record
            return
        self._remove(record)
        self._ended[record.name] = record
        if len(self._ended) > ENDED_MAX:
            self._ended.popitem(last=False)

    def _insert(self, record: TaskRecord) -> None:
        task = record.task
        self._live[task.task] = record
        if task.group:
            self._groups.setdefault(task.group, {})[task.task] = task.order
        if task.closes_ms or task.deadline_ms:
            self._timed.add(task.task)

    def _remove(self, record: TaskRecord) -> None:
        task = record.task
        del self._live[task.task]
        self._timed.discard(task.task)
        if task.group:
            group = self._groups[task.group]
            del group[task.task]
            if not group:
                del self._groups[task.group]

    # -- images -----------------------------------------------------------------------------------

    def image(self) -> BookImage:
        """Return the whole book."""
        duties = [(n, d.incarnation, d.ttl_ms, d.end_ms) for n, d in sorted(self._duties.items())]
        return BookImage(self.records(), tuple(duties))

    @classmethod
    def restored(cls, image: BookImage, index: int, now_ms: int) -> TaskBook:
        """
        Return the book of an image.

        :param index: log index at which it was taken.
        :param now_ms: committed time.
        :raises ImageError: where the image contradicts itself.
        """
        self = cls()
        self._restore_duties(image.duties, now_ms)
        before, ended_before = '', 0
        for record in image.records:
            name = record.name
            if self.record(name) is not None:
                raise ImageError(f"task '{name}' stands twice")
            if not 0 < record.added_index <= record.changed_index <= index:
                raise ImageError(f"task '{name}' changed at {record.changed_index} of {index}")
            if record.status.ended:
                if record.holders or record.changed_index < ended_before:
                    raise ImageError(f"task '{name}' has ended out of order, or has holders")
                ended_before = record.changed_index
                self._ended[name] = record
                continue
            if self._ended or name <= before:
                raise ImageError(f"task '{name}' stands after '{before}'")
            before = name
            self._check_holders(record)
            self._insert(record)
        if len(self._live) > TASKS_MAX or len(self._ended) > ENDED_MAX:
            raise ImageError(f'{len(self._live)} live tasks and {len(self._ended)} ended ones')
        return self

    def _restore_duties(self, rows: Iterable[DutyRow], now_ms: int) -> None:
        before = ''
        for robot, incarnation, ttl_ms, end_ms in rows:
            if robot <= before:
                raise ImageError(f"robot '{robot}' stands after '{before}'")
            if not 0 < ttl_ms <= TTL_MS_MAX:
                raise ImageError(f"the duty of '{robot}' has a ttl of {ttl_ms} ms")
            if end_ms != _NOT_BEGUN and not now_ms < end_ms <= now_ms + ttl_ms:
                raise ImageError(f"the duty of '{robot}' ends at {end_ms} ms, now is {now_ms} ms")
            before = robot
            self._duties[robot] = _Duty(incarnation, ttl_ms, end_ms)

    def _check_holders(self, record: TaskRecord) -> None:
        held = record.status is not TaskStatus.OPEN
        if bool(record.award) != held or bool(record.holders) != held:
            raise ImageError(f"task '{record.name}' is {record.status.name} by {record.holders}")
        boots = dict(record.robots)
        for robot in record.holders:
            if robot not in boots or not self.on_duty(robot, boots[robot]):
                raise ImageError(f"'{robot}' has task '{record.name}' and is not on duty")
            self._duties[robot].tasks.add(record.name)


def _absolute(time_ms: int, now_ms: int) -> int:
    return min(now_ms + time_ms, TIME_MS_MAX) if time_ms else 0


def _too_late(task: Task, now_ms: int) -> bool:
    return 0 < task.closes_ms < now_ms or 0 < task.deadline_ms <= now_ms
