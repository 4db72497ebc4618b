"""Tasks between ROS messages and protocol values."""

from __future__ import annotations

from dataclasses import replace
import math

import pytest

from swarm_consensus.msg import Task as TaskMessage
from swarm_consensus.msg import TaskOrder, WorkerState
from swarm_consensus.nodes import task_convert
from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.tasks import AddTask, ReportKind, TaskRecord, TaskStatus
from swarm_consensus.runtime.events import TaskGoing, TaskStop, WorkTold
from swarm_consensus.srv import AddTask as AddTaskService
from swarm_consensus.srv import ReportTask

TASK = Task(
    't', 1.5, -2.0, 3.0, 6.0, 2.5, 0.5, ('fly', 'lift'), 2, 0, 1_500, 60_001, 'g', 4
)


def request(**changes) -> AddTaskService.Request:
    message = TaskMessage(
        task='t',
        x=1.5,
        y=-2.0,
        z=3.0,
        work=6.0,
        worth=2.5,
        payload=0.5,
        capabilities=['fly', 'lift'],
        robots=2,
        closes_in=1.5,
        deadline_in=60.0001,
        group='g',
        order=4,
    )
    attempts_max = changes.pop('attempts_max', 3)
    for name, value in changes.items():
        setattr(message, name, value)
    return AddTaskService.Request(task=message, attempts_max=attempts_max)


def record(**changes) -> TaskRecord:
    base = {'award': 9, 'robots': (('r1', 7), ('r2', 1)), 'holders': ('r2',), 'failures': 1}
    task = changes.pop('task', TASK)
    return TaskRecord(task, 5, TaskStatus.STARTED, 3, 11, 0, 0, 3, **(base | changes))


def test_a_task_from_a_request() -> None:
    assert task_convert.add_from_request(request()) == AddTask(TASK, 3)


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({'worth': 0.0}, 'worth is 0'),
        ({'x': math.nan}, 'x_m is nan'),
        ({'closes_in': -1.0}, 'closes_in is -1 s'),
        ({'deadline_in': math.inf}, 'deadline_in is inf s'),
        ({'robots': 0}, 'robots is 0'),
        ({'attempts_max': 0}, 'attempts_max is 0, give 1..1000'),
        ({'task': ''}, 'name of 0 characters'),
    ],
)
def test_a_task_that_cannot_be(changes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        task_convert.add_from_request(request(**changes))


def test_a_robot_says_that_it_takes_tasks_or_that_it_does_not() -> None:
    message = WorkerState(on_duty=True, x=1.0, y=2.0, speed=3.0, capabilities=['fly'])
    expected = Worker('r', 1.0, 2.0, 0.0, 3.0, capabilities=('fly',))
    assert task_convert.worker_from_message('r', message) == expected
    assert task_convert.worker_from_message('r', WorkerState()) is None
    with pytest.raises(ValueError, match='speed_mps must be greater than 0'):
        task_convert.worker_from_message('r', WorkerState(on_duty=True, speed=0.0))


def test_a_report() -> None:
    wanted = ReportTask.Request(task='t', award=9, kind=ReportTask.Request.FAILED, reason='why')
    assert task_convert.report_from_request(wanted) == WorkTold('t', 9, ReportKind.FAILED, 'why')
    with pytest.raises(ValueError, match='kind is 1, give DONE, FAILED or STOPPED'):
        task_convert.report_from_request(ReportTask.Request(task='t', award=9, kind=1))


def test_how_a_task_stands() -> None:
    message = task_convert.state_to_message(record(reason='so'))
    assert (message.task, message.status, message.revision, message.index) == ('t', 3, 5, 11)
    assert (message.award, message.failures, message.reason) == (9, 1, 'so')
    assert (message.robots, message.holders) == (['r1', 'r2'], ['r2'])
    assert (message.x, message.y, message.z) == (1.5, -2.0, 3.0)


def test_orders() -> None:
    go = task_convert.go_to_message(TaskGoing(record(), 2, 1_000), 2.5)
    assert (go.order, go.award, go.valid) == (TaskOrder.GO, 9, 2.5)
    # Times of the task clock mean nothing to a user's node: they count from now.
    closes_s, deadline_s = ((ms - 1_000) / 1_000 for ms in (TASK.closes_ms, TASK.deadline_ms))
    assert go.task == request(closes_in=closes_s, deadline_in=deadline_s).task
    opens = record(task=replace(TASK, opens_ms=1_200))
    assert task_convert.go_to_message(TaskGoing(opens, 2, 1_000), 2.5).task.opens_in == 0.2
    late = task_convert.go_to_message(TaskGoing(opens, 2, 10**6), 2.5).task
    # What is over is not unbounded.
    assert (late.opens_in, late.closes_in, late.deadline_in) == (0.0, 0.001, 0.001)
    stop = task_convert.stop_to_message(TaskStop('t', 9, 'why'))
    assert (stop.order, stop.award, stop.task.task, stop.reason) == (TaskOrder.STOP, 9, 't', 'why')
