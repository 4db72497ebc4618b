"""The tasks of the swarm, as `SwarmClient.tasks`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
import uuid

from rclpy.task import Future

from swarm_consensus.client.errors import NoAnswerError
from swarm_consensus.client.keyvalue import carried
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import Task as TaskMessage
from swarm_consensus.msg import TaskState as TaskStateMessage
from swarm_consensus.protocols.tasks import TaskStatus
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import AddTask, CancelTask, ListTasks

if TYPE_CHECKING:
    from swarm_consensus.client.robot_client import SwarmClient


@value
class TaskOutcome:
    """
    What became of a request to add or cancel a task.

    :param index: log index of the entry that did it; 0: none did.
    """

    status: Status
    reason: str
    index: int = 0

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.status is Status.DECIDED

    def raise_for_status(self) -> TaskOutcome:
        """
        Return itself if it was done.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if not self.done:
            raise NoAnswerError('the tasks', self.status, self.reason)
        return self


@value
class TaskState:
    """How a task stands; the fields are those of msg/TaskState.msg."""

    task: str
    status: TaskStatus
    revision: int
    index: int
    award: int
    robots: tuple[str, ...]
    holders: tuple[str, ...]
    failures: int
    reason: str
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0


@value
class TaskList:
    """
    The tasks as a robot has them.

    :param index: log index at which they stood so.
    :param tasks: in order of their names.
    :param more: there are more; read on `after` the last of these.
    """

    status: Status
    reason: str
    index: int = 0
    tasks: tuple[TaskState, ...] = ()
    more: bool = False

    def raise_for_status(self) -> TaskList:
        """
        Return itself if the robot has answered.

        :raises NoAnswerError: it has not; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('the tasks', self.status, self.reason)
        return self


class Tasks:
    """
    What `SwarmClient` can do with tasks: add, cancel and list them (docs/tasks.md).

    A task that was acknowledged is in the log of the swarm: it ends with a recorded reason whoever
    dies or is cut off. What a robot is to do comes on its topic `task_order`.
    """

    def __init__(self, client: SwarmClient) -> None:
        self._client = client

    def add(
        self,
        task: str,
        x: float,
        y: float,
        z: float = 0.0,
        *,
        work: float = 0.0,
        worth: float = 1.0,
        payload: float = 0.0,
        capabilities: Sequence[str] = (),
        robots: int = 1,
        opens_in: float = 0.0,
        closes_in: float = 0.0,
        deadline_in: float = 0.0,
        group: str = '',
        order: int = 0,
        attempts_max: int = 3,
        timeout: float = 2.0,
        request_id: str = '',
    ) -> Future[TaskOutcome]:
        """
        Have a task carried out; the parameters are the fields of msg/Task.msg.

        :param attempts_max: it has failed for good when robots have failed so often.
        :param timeout: s; afterwards the status is UNKNOWN.
        :param request_id: it is added once for each id; empty: a new one.
        :returns: future of the `TaskOutcome`.
        :raises ValueError: a name that ROS cannot carry, a number out of the range of its type.
        """
        message = TaskMessage(
            task=carried(task),
            x=float(x),
            y=float(y),
            z=float(z),
            work=float(work),
            worth=float(worth),
            payload=float(payload),
            capabilities=[carried(name) for name in capabilities],
            robots=robots,
            opens_in=float(opens_in),
            closes_in=float(closes_in),
            deadline_in=float(deadline_in),
            group=carried(group),
            order=order,
        )
        wanted = AddTask.Request(
            task=message,
            attempts_max=attempts_max,
            request_id=request_id or uuid.uuid4().hex,
        )
        return self._ask(AddTask, 'add_task', wanted, timeout)

    def cancel(
        self, task: str, why: str = '', *, timeout: float = 2.0, request_id: str = ''
    ) -> Future[TaskOutcome]:
        """
        End a task; robots that have it stop first, and the task has ended when they have.

        :param why: recorded as the reason.
        """
        wanted = CancelTask.Request(
            task=carried(task), why=carried(why), request_id=request_id or uuid.uuid4().hex
        )
        return self._ask(CancelTask, 'cancel_task', wanted, timeout)

    def _ask(
        self, kind: type, name: str, wanted: AddTask.Request | CancelTask.Request, timeout: float
    ) -> Future[TaskOutcome]:
        services = self._client._services

        def request(left: float) -> AddTask.Request | CancelTask.Request:
            wanted.timeout = left
            return wanted

        def outcome(response: AddTask.Response | CancelTask.Response) -> TaskOutcome:
            return TaskOutcome(Status(response.status), response.reason, response.index)

        return services.ask(
            kind,
            name,
            request=request,
            convert=outcome,
            otherwise=lambda: TaskOutcome(
                Status.UNKNOWN, services.unanswered(timeout) + '; it may yet be done'
            ),
            timeout=timeout,
        )

    def list(
        self,
        task: str = '',
        *,
        prefix: str = '',
        after: str = '',
        ended: bool = False,
        count_max: int = 1000,
        timeout: float = 2.0,
    ) -> Future[TaskList]:
        """
        Read tasks as far as the log is applied at the robot: a page, in order of their names.

        :param task: this one, ended or not; '': all, narrowed by what follows.
        :param prefix: of the names.
        :param after: names above this one; the last of a page for the next one.
        :param ended: those that have ended, too.
        :param count_max: most tasks of the page; 1000 at most.
        :returns: future of the `TaskList`.
        :raises ValueError: a name that ROS cannot carry, a number out of the range of its type.
        """
        services = self._client._services
        wanted = ListTasks.Request(
            task=carried(task),
            prefix=carried(prefix),
            after=carried(after),
            ended=ended,
            count_max=count_max,
        )
        return services.ask(
            ListTasks,
            'list_tasks',
            request=lambda _: wanted,
            convert=_list_from,
            otherwise=lambda: TaskList(Status.UNKNOWN, services.unanswered(timeout)),
            timeout=timeout,
        )


def _list_from(response: ListTasks.Response) -> TaskList:
    tasks = tuple([_state_from(each) for each in response.tasks])
    return TaskList(Status(response.status), response.reason, response.index, tasks, response.more)


def _state_from(message: TaskStateMessage) -> TaskState:
    return TaskState(
        message.task,
        TaskStatus(message.status),
        message.revision,
        message.index,
        message.award,
        tuple(message.robots),
        tuple(message.holders),
        message.failures,
        message.reason,
        message.x,
        message.y,
        message.z,
    )
