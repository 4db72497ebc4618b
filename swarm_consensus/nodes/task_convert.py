"""Between the ROS messages of tasks and the values of the protocols."""

from __future__ import annotations

import math

from swarm_consensus.msg import Task as TaskMessage
from swarm_consensus.msg import TaskOrder, TaskState, WorkerState
from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.allocation.errors import AllocationError
from swarm_consensus.protocols.tasks import AddTask, ReportKind, TaskRecord
from swarm_consensus.protocols.tasks.operations import ATTEMPTS_MAX
from swarm_consensus.runtime.events import TaskGoing, TaskStop, WorkTold
from swarm_consensus.srv import AddTask as AddTaskService
from swarm_consensus.srv import ReportTask

_KINDS = {
    ReportTask.Request.DONE: ReportKind.DONE,
    ReportTask.Request.FAILED: ReportKind.FAILED,
    ReportTask.Request.STOPPED: ReportKind.STOPPED,
}


def add_from_request(request: AddTaskService.Request) -> AddTask:
    """
    Return the operation that a request asks for.

    :raises ValueError: a task that cannot be, with what to change.
    """
    if not 1 <= request.attempts_max <= ATTEMPTS_MAX:
        raise ValueError(f'attempts_max is {request.attempts_max}, give 1..{ATTEMPTS_MAX}')
    message = request.task
    task = Task(
        message.task,
        message.x,
        message.y,
        message.z,
        message.work,
        message.worth,
        message.payload,
        tuple(message.capabilities),
        message.robots,
        _milliseconds('opens_in', message.opens_in),
        _milliseconds('closes_in', message.closes_in),
        _milliseconds('deadline_in', message.deadline_in),
        message.group,
        message.order,
    )
    return AddTask(task, request.attempts_max)


def _milliseconds(name: str, seconds: float) -> int:
    if not (math.isfinite(seconds) and 0 <= seconds <= 1e9):
        raise AllocationError(f'{name} is {seconds:g} s, give 0..1e+09')
    # What is more than nothing stays so.
    return math.ceil(seconds * 1e3)


def worker_from_message(robot: str, message: WorkerState) -> Worker | None:
    """
    Return what a robot says of itself; None: it takes no tasks.

    :raises ValueError: a robot that cannot be, with what to change.
    """
    if not message.on_duty:
        return None
    return Worker(
        robot,
        message.x,
        message.y,
        message.z,
        message.speed,
        message.rate,
        message.payload,
        tuple(message.capabilities),
        message.range,
    )


def report_from_request(request: ReportTask.Request) -> WorkTold:
    """
    Return what a request says of a task.

    :raises ValueError: a kind that is none.
    """
    kind = _KINDS.get(request.kind)
    if kind is None:
        raise ValueError(f'kind is {request.kind}, give DONE, FAILED or STOPPED')
    return WorkTold(request.task, request.award, kind, request.reason)


def state_to_message(record: TaskRecord) -> TaskState:
    """Return how a task stands."""
    return TaskState(
        task=record.name,
        status=int(record.status),
        revision=record.revision,
        index=record.changed_index,
        award=record.award,
        robots=[robot for robot, _ in record.robots],
        holders=list(record.holders),
        failures=record.failures,
        reason=record.reason,
        x=record.task.x_m,
        y=record.task.y_m,
        z=record.task.z_m,
    )


def go_to_message(go: TaskGoing, valid_s: float) -> TaskOrder:
    """Return what a robot is to begin, or to go on with."""
    task = go.record.task

    def from_now(time_ms: int) -> float:
        # What is over is not 0, which stands for no bound at all.
        return max(0.001, (time_ms - go.clock_ms) / 1000) if time_ms else 0.0

    message = TaskMessage(
        task=task.task,
        x=task.x_m,
        y=task.y_m,
        z=task.z_m,
        work=task.work,
        worth=task.worth,
        payload=task.payload_kg,
        capabilities=list(task.capabilities),
        robots=task.robots,
        opens_in=max(0.0, (task.opens_ms - go.clock_ms) / 1000),
        closes_in=from_now(task.closes_ms),
        deadline_in=from_now(task.deadline_ms),
        group=task.group,
        order=task.order,
    )
    return TaskOrder(order=TaskOrder.GO, award=go.record.award, task=message, valid=valid_s)


def stop_to_message(stop: TaskStop) -> TaskOrder:
    """Return what a robot is to stop at."""
    return TaskOrder(
        order=TaskOrder.STOP,
        award=stop.award,
        task=TaskMessage(task=stop.task),
        reason=stop.reason,
    )
