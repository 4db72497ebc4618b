"""
consensus_node's way to missions: services `change_mission`, `query_mission` and `list_missions`,
the action `run_mission`, and the threads in which activities run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
import itertools

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.task import Future

from swarm_consensus.action import RunMission
from swarm_consensus.decision.types import Status
from swarm_consensus.missions import Registry, RegistryError
from swarm_consensus.missions.registry import named_entry
from swarm_consensus.msg import MissionState
from swarm_consensus.nodes import mission_convert as convert
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.mission_actions import RosActions
from swarm_consensus.nodes.mission_activities import ActivityThreads
from swarm_consensus.nodes.parking import ParkedFuture
from swarm_consensus.nodes.request_qos import REQUESTS
from swarm_consensus.nodes.runtime_services import Ask, RuntimeServices
from swarm_consensus.protocols.missions.events import MissionStatus
from swarm_consensus.protocols.missions.operations import Begin, Cancel
from swarm_consensus.protocols.missions.operations import MissionResultStatus as ResultStatus
from swarm_consensus.runtime.events import Input
from swarm_consensus.runtime.mission_desk import WATCHES_MAX
from swarm_consensus.runtime.mission_events import (
    ActivityJob,
    ActivityStop,
    MissionAnswered,
    MissionAsked,
    MissionQueried,
    MissionQueryAnswered,
    MissionsAsked,
    MissionsTold,
    MissionTold,
    MissionUnwatched,
    MissionWatched,
)
from swarm_consensus.srv import ChangeMission, ListMissions, QueryMission

# What is delivered here; the rest answers a request.
MISSION_OUTPUTS = (ActivityJob, ActivityStop, MissionTold)
# A mission is asked to end again and again, each time for so long, until the log has it.
CANCEL_S = 5.0


class MissionServices(RuntimeServices):
    """
    The part of the node for missions; the parameters as in `RuntimeServices`, and:

    :param missions: entry points of the missions, as the parameter has them.
    :param activities: likewise, with ROS actions.
    :raises RegistryError: an entry point that is none.
    """

    def __init__(
        self,
        node: ManagedNode,
        group: CallbackGroup,
        missions: Sequence[str],
        activities: Sequence[str],
        ask: Ask,
        *,
        inactive: str,
        nanoseconds: Callable[[float], int],
    ) -> None:
        super().__init__(node, group, ask, inactive=inactive, nanoseconds=nanoseconds)
        self._actions = RosActions(node, group)
        self.registry = Registry()
        try:
            self._register(missions, activities)
        except RegistryError:
            self._actions.destroy()
            raise
        self._threads: ActivityThreads | None = None
        self._put: Callable[[Input], object] | None = None
        self._keys = itertools.count(1)
        self._goals: dict[int, tuple[ServerGoalHandle, Future]] = {}
        self._told: deque[MissionTold] = deque()
        self._serve(ChangeMission, 'change_mission', self._on_change)
        self._serve(QueryMission, 'query_mission', self._on_query)
        self._serve(ListMissions, 'list_missions', self._on_list)
        self._action = ActionServer(
            node,
            RunMission,
            'run_mission',
            self._on_run,
            callback_group=group,
            goal_service_qos_profile=REQUESTS,
            result_service_qos_profile=REQUESTS,
            goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )

    def _register(self, missions: Sequence[str], activities: Sequence[str]) -> None:
        for entry in missions:
            name, found = named_entry(entry)
            self.registry.add_mission(found, name)
        for entry in activities:
            name, found = named_entry(entry)
            action = self._actions.activity(entry, name, found)
            self.registry.add_activity(action or found, name)

    def destroy(self) -> None:
        """Destroy the entities."""
        super().destroy()
        self._action.destroy()
        self._actions.destroy()

    def begin(self, put: Callable[[Input], object]) -> None:
        """Begin to carry out activities, at an activation; `put` hands an input to the runtime."""
        self._put = put
        self._threads = ActivityThreads(self.registry, put)

    def end(self) -> None:
        """End, at a deactivation; in the thread of the executor."""
        self._put = None
        if self._threads is not None:
            self._threads.stop()
            self._threads = None
        for _, future in tuple(self._goals.values()):
            future.set_result(None)
        self._goals.clear()

    # -- from the runtime (runtime thread) --------------------------------------------------------

    def deliver(self, output: ActivityJob | ActivityStop | MissionTold) -> None:
        """Take what the runtime tells."""
        if not isinstance(output, MissionTold):
            threads = self._threads
            if threads is not None:
                threads.deliver(output)
            return
        self._told.append(output)
        if self._node.executor is not None:
            self._node.executor.create_task(self._hand_over)

    def _hand_over(self) -> None:
        while self._told:
            told = self._told.popleft()
            goal, future = self._goals.get(told.key, (None, None))
            if goal is None or future is None:
                continue
            view = told.view
            if view is None or view.status.closed or view.name != goal.request.name:
                del self._goals[told.key]
                future.set_result(told)
            elif goal.is_active:
                state = convert.state_to_message(view)
                goal.publish_feedback(RunMission.Feedback(state=state))

    # -- services ---------------------------------------------------------------------------------

    async def _on_change(
        self, request: ChangeMission.Request, response: ChangeMission.Response
    ) -> ChangeMission.Response:
        try:
            operation = convert.operation_from_request(request)
        except ValueError as error:
            answer = MissionAnswered(0, Status.REFUSED, str(error))
        else:
            timeout_ns = self._nanoseconds(request.timeout)
            answer = await self._ask(
                lambda key: MissionAsked(key, operation, request.request_id, timeout_ns)
            ) or MissionAnswered(0, Status.REFUSED, self._inactive)
        convert.fill_change_response(response, answer)
        response.request_id = request.request_id
        return response

    async def _on_query(
        self, request: QueryMission.Request, response: QueryMission.Response
    ) -> QueryMission.Response:
        try:
            argument = convert.payload(request.argument, 'the argument')
        except ValueError as error:
            answer = MissionQueryAnswered(0, b'', str(error))
        else:
            answer = await self._ask(
                lambda key: MissionQueried(key, request.mission, request.query, argument)
            ) or MissionQueryAnswered(0, b'', self._inactive)
        response.answered = not answer.reason
        response.answer = answer.answer.decode(errors='replace')
        response.reason = answer.reason
        return response

    async def _on_list(
        self, request: ListMissions.Request, response: ListMissions.Response
    ) -> ListMissions.Response:
        first = max(1, request.history_from)
        told: MissionsTold | None = await self._ask(
            lambda key: MissionsAsked(
                key, request.mission, request.prefix, first - 1, request.count_max
            )
        )
        if told is None:
            response.status, response.reason = int(Status.REFUSED), self._inactive
            return response
        response.status = int(Status.DECIDED)
        if told.reason:
            response.status, response.reason = int(Status.REFUSED), told.reason
        elif request.mission and not told.missions:
            response.status = int(Status.REFUSED)
            response.reason = f"this robot knows no mission '{request.mission}'"
        convert.fill_list_response(response, told, first)
        return response

    # -- action -----------------------------------------------------------------------------------

    def _on_goal(self, _request: RunMission.Goal) -> GoalResponse:
        return GoalResponse.REJECT if self._put is None else GoalResponse.ACCEPT

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        if self._put is not None and self._node.executor is not None:
            self._node.executor.create_task(self._cancel, goal)
        return CancelResponse.ACCEPT

    async def _cancel(self, goal: ServerGoalHandle) -> None:
        mission = goal.request.mission
        operation = Cancel(mission, 'the goal of its run_mission was cancelled')
        while goal.is_active:
            answer: MissionAnswered | None = await self._ask(
                lambda key: MissionAsked(key, operation, '', self._nanoseconds(CANCEL_S))
            )
            if answer is None or answer.status is Status.DECIDED:
                return
            self._node.get_logger().warning(
                f"mission '{mission}' was not asked to end: {answer.reason}"
            )
            if answer.status is Status.REFUSED:
                return

    async def _on_run(self, goal: ServerGoalHandle) -> RunMission.Result:
        asked = goal.request
        try:
            data = convert.payload(asked.input, 'the input')
        except ValueError as error:
            return _not_begun(goal, Status.REFUSED, str(error))
        begin = Begin(asked.mission, asked.name, data)
        answer = await self._ask(
            lambda key: MissionAsked(key, begin, '', self._nanoseconds(asked.timeout))
        ) or MissionAnswered(0, Status.REFUSED, self._inactive)
        exists = answer.result is not None and answer.result.status is ResultStatus.EXISTS
        if answer.status is not Status.DECIDED and not exists:
            return _not_begun(goal, answer.status, answer.reason)
        if goal.is_cancel_requested:
            # Whoever asked may have been quicker than the begin.
            await self._cancel(goal)
        if len(self._goals) >= WATCHES_MAX:
            return _not_seen(goal, 'too many missions are watched at this robot; try again later')
        key, future = next(self._keys), ParkedFuture()
        put = self._put
        if put is None:
            return _not_seen(goal, self._inactive)
        self._goals[key] = (goal, future)
        put(MissionWatched(key, asked.mission))
        try:
            told: MissionTold | None = await future
        finally:
            self._goals.pop(key, None)
            if self._put is not None:
                self._put(MissionUnwatched(key))
        if told is None or told.view is None:
            reason = self._inactive if told is None else 'the mission was forgotten'
            return _not_seen(goal, reason)
        if told.view.name != asked.name:
            reason = (
                f"there is a mission '{asked.mission}', and it has the code '{told.view.name}'"
            )
            return _not_begun(goal, Status.REFUSED, reason)
        if told.view.status is MissionStatus.COMPLETED:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return RunMission.Result(
            status=int(Status.DECIDED), begun=True, state=convert.state_to_message(told.view)
        )


def _not_begun(goal: ServerGoalHandle, status: Status, reason: str) -> RunMission.Result:
    goal.abort()
    return RunMission.Result(status=int(status), begun=False, state=MissionState(reason=reason))


def _not_seen(goal: ServerGoalHandle, reason: str) -> RunMission.Result:
    """Leave a goal whose mission may go on, with nobody here who sees how it ends."""
    goal.abort()
    return RunMission.Result(
        status=int(Status.UNKNOWN), begun=True, state=MissionState(reason=reason)
    )
