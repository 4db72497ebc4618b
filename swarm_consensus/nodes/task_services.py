"""
consensus_node's way to tasks: services to add, cancel, list and report, and three topics.

The user's node says on `worker` that the robot takes tasks, and hears on `task_order` what it is to
do; `task_events` tells everybody how tasks stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from swarm_consensus.decision.types import Status
from swarm_consensus.msg import TaskOrder, TaskState, WorkerState
from swarm_consensus.nodes import task_convert
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.runtime_services import Ask, RuntimeServices
from swarm_consensus.protocols.tasks import CancelTask as CancelOperation
from swarm_consensus.protocols.tasks import Operation
from swarm_consensus.protocols.tasks.operations import REASON_CHARACTERS_MAX
from swarm_consensus.runtime.events import (
    Input,
    TaskAnswered,
    TaskAsked,
    TaskChanged,
    TaskGo,
    TaskGoing,
    TasksAsked,
    TaskStop,
    WorkerTold,
)
from swarm_consensus.srv import AddTask, CancelTask, ListTasks, ReportTask

# How tasks stood last, for subscribers that fall behind.
EVENTS_DEPTH = 1000
ORDERS_DEPTH = 20

TaskOutput = TaskChanged | TaskGo | TaskGoing | TaskStop
TASK_OUTPUTS = (TaskChanged, TaskGo, TaskGoing, TaskStop)
Put = Callable[[Input], object]


class TaskServices(RuntimeServices):
    """
    The part of the node for tasks; the parameters as in `RuntimeServices`, and:

    :param robot: name of this robot.
    """

    def __init__(
        self,
        node: ManagedNode,
        group: CallbackGroup,
        robot: str,
        ask: Ask,
        *,
        inactive: str,
        nanoseconds: Callable[[float], int],
    ) -> None:
        super().__init__(node, group, ask, inactive=inactive, nanoseconds=nanoseconds)
        self._robot = robot
        self._put: Put | None = None
        self._worker_refused = ''
        self._serve(AddTask, 'add_task', self._on_add)
        self._serve(CancelTask, 'cancel_task', self._on_cancel)
        self._serve(ListTasks, 'list_tasks', self._on_list)
        self._serve(ReportTask, 'report_task', self._on_report)
        overridable = QoSOverridingOptions.with_default_policies()

        def reliable(depth: int) -> QoSProfile:
            return QoSProfile(
                depth=depth,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.VOLATILE,
            )

        self._events = node.create_lifecycle_publisher(
            TaskState,
            'task_events',
            reliable(EVENTS_DEPTH),
            qos_overriding_options=overridable,
        )
        self._orders = node.create_lifecycle_publisher(
            TaskOrder,
            'task_order',
            reliable(ORDERS_DEPTH),
            qos_overriding_options=overridable,
        )
        self._worker = node.create_subscription(
            WorkerState,
            'worker',
            self._on_worker,
            reliable(1),
            callback_group=group,
            qos_overriding_options=overridable,
        )

    def begin(self, put: Put) -> None:
        """Take reports and places in, at an activation; `put` hands an input to the runtime."""
        self._put = put

    def end(self) -> None:
        """Take nothing in any more."""
        self._put = None

    def destroy(self) -> None:
        """Destroy the entities."""
        super().destroy()
        self._node.destroy_publisher(self._events)
        self._node.destroy_publisher(self._orders)
        self._node.destroy_subscription(self._worker)

    def tell(self, output: TaskOutput) -> None:
        """Publish what the runtime tells; in its thread."""
        if isinstance(output, TaskChanged):
            self._events.publish(task_convert.state_to_message(output.record))
        elif isinstance(output, TaskGoing):
            order = task_convert.go_to_message(output, output.valid_ns * 1e-9)
            self._orders.publish(order)
        elif isinstance(output, TaskStop):
            self._orders.publish(task_convert.stop_to_message(output))

    # -- what comes in ----------------------------------------------------------------------------

    def _on_worker(self, message: WorkerState) -> None:
        put = self._put
        if put is None:
            return
        try:
            worker = task_convert.worker_from_message(self._robot, message)
        except ValueError as error:
            if str(error) != self._worker_refused:
                self._node.get_logger().warning(f'a message on `worker` is dropped: {error}')
            self._worker_refused = str(error)
            return
        self._worker_refused = ''
        put(WorkerTold(worker))

    async def _on_add(
        self, request: AddTask.Request, response: AddTask.Response
    ) -> AddTask.Response:
        try:
            operation = task_convert.add_from_request(request)
        except ValueError as error:
            return _fill(response, TaskAnswered(0, Status.REFUSED, str(error)))
        return _fill(response, await self._do(operation, request.timeout, request.request_id))

    async def _on_cancel(
        self, request: CancelTask.Request, response: CancelTask.Response
    ) -> CancelTask.Response:
        if len(request.why) > REASON_CHARACTERS_MAX:
            reason = f'why has {len(request.why)} characters, at most {REASON_CHARACTERS_MAX}'
            return _fill(response, TaskAnswered(0, Status.REFUSED, reason))
        operation = CancelOperation(request.task, request.why)
        return _fill(response, await self._do(operation, request.timeout, request.request_id))

    async def _do(self, operation: Operation, timeout: float, request_id: str) -> TaskAnswered:
        timeout_ns = self._nanoseconds(timeout)
        answer = await self._ask(
            lambda key: TaskAsked(key, operation, request_id, timeout_ns)  # type: ignore[arg-type]
        )
        return answer or TaskAnswered(0, Status.REFUSED, self._inactive)

    async def _on_list(
        self, request: ListTasks.Request, response: ListTasks.Response
    ) -> ListTasks.Response:
        answer = await self._ask(
            lambda key: TasksAsked(
                key,
                request.task,
                request.ended,
                request.prefix,
                request.after,
                request.count_max,
            )
        )
        if answer is None:
            response.status, response.reason = int(Status.REFUSED), self._inactive
            return response
        response.status = int(Status.DECIDED)
        response.index = answer.applied_index
        response.tasks = [task_convert.state_to_message(each) for each in answer.records]
        response.more = answer.more
        return response

    async def _on_report(
        self, request: ReportTask.Request, response: ReportTask.Response
    ) -> ReportTask.Response:
        put = self._put
        if put is None:
            response.reason = self._inactive
            return response
        try:
            told = task_convert.report_from_request(request)
        except ValueError as error:
            response.reason = str(error)
            return response
        put(told)
        response.taken = True
        return response


def _fill(response: Any, answer: TaskAnswered) -> Any:
    response.status, response.reason = int(answer.status), answer.reason
    response.index = 0 if answer.result is None else answer.result.index
    return response
