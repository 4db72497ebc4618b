"""The missions of the swarm, as methods of `SwarmClient`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
import json
import math
from typing import TYPE_CHECKING
import uuid

from rclpy.task import Future

from swarm_consensus.action import RunMission
from swarm_consensus.client.calls import LastingGoalCall
from swarm_consensus.client.errors import NoAnswerError
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import MissionEvent, MissionState
from swarm_consensus.protocols.missions.events import MissionStatus
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import ChangeMission, ListMissions, QueryMission

if TYPE_CHECKING:
    from swarm_consensus.client.services import Services


@value
class MissionChange:
    """
    What became of a change of a mission.

    :param status: DECIDED where it was done; REFUSED, NO_QUORUM or UNKNOWN otherwise.
    :param index: log index of the entry that holds it.
    """

    status: Status
    reason: str
    index: int = 0

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.status is Status.DECIDED

    def raise_for_status(self) -> MissionChange:
        """
        Return itself if it was done.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if not self.done:
            raise NoAnswerError('the mission', self.status, self.reason)
        return self


@value
class MissionEntry:
    """An event in a history, for people; `number` counts from 1, `time` is committed time in s."""

    number: int
    time: float
    kind: str
    text: str


@value
class MissionReport:
    """
    How a mission stands at the robot that was asked; the fields are those of msg/MissionState.

    :param result: what its code returned, where it has completed.
    """

    mission: str
    name: str
    status: MissionStatus
    run: int
    worker: str
    parent: str
    cancel_requested: bool
    result: object
    error: str
    reason: str
    under_way: tuple[str, ...]
    history_length: int


@value
class MissionList:
    """
    Missions in order of their names, and the history of the one that was asked for.

    :param more: there are more missions, or events.
    """

    status: Status
    reason: str
    missions: tuple[MissionReport, ...] = ()
    history: tuple[MissionEntry, ...] = ()
    more: bool = False

    def raise_for_status(self) -> MissionList:
        """
        Return itself if there was an answer.

        :raises NoAnswerError: there was none; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('the mission', self.status, self.reason)
        return self


@value
class MissionAnswer:
    """
    What the code of a mission answered.

    :param reason: why it did not; '': it did.
    """

    answer: object
    reason: str


@value
class MissionRun:
    """
    What became of a mission that was run.

    :param status: DECIDED where it has ended, however that was; REFUSED or NO_QUORUM where it was
        not begun; UNKNOWN where it may go on without being watched.
    :param begun: it was begun, or was there.
    :param mission: how it ended; None where that is not known.
    """

    status: Status
    reason: str
    begun: bool = False
    mission: MissionReport | None = None

    @property
    def completed(self) -> bool:
        """Whether it has ended well; `mission.result` is what its code returned."""
        return self.mission is not None and self.mission.status is MissionStatus.COMPLETED

    def raise_for_status(self) -> MissionRun:
        """
        Return itself if the mission has ended, however that was.

        :raises NoAnswerError: it was not begun, or may go on; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('the mission', self.status, self.reason)
        return self


class MissionMethods(ABC):
    """What `SwarmClient` can do with missions."""

    _services: Services

    def begin_mission(
        self,
        mission: str,
        name: str,
        input: object = None,
        *,
        timeout: float = 5.0,
        request_id: str = '',
    ) -> Future[MissionChange]:
        """
        Begin a mission.

        :param mission: its name in the swarm.
        :param name: of its code, as the robots have it.
        :param input: what JSON can hold.
        :param timeout: s; afterwards the status is NO_QUORUM or UNKNOWN.
        :param request_id: begun once for each id; empty: a new one.
        :returns: future of the `MissionChange`.
        """
        operation = ChangeMission.Request.BEGIN
        return self._change_mission(
            operation, mission, name, json.dumps(input), timeout, request_id
        )

    def run_mission(
        self,
        mission: str,
        name: str,
        input: object = None,
        *,
        timeout: float = math.inf,
        begin_timeout: float = 5.0,
        on_progress: Callable[[MissionReport], object] | None = None,
    ) -> Future[MissionRun]:
        """
        Begin a mission, or go on watching one that was begun, and wait for its end.

        Cancelling the future asks the mission to end; `cancel_mission` does so too, and lets the
        future tell how it ended. The timeout, the end of this client or of its robot leave the
        mission alone: it goes on, and the same call waits for it again.

        :param mission: its name in the swarm; the same name is begun once.
        :param name: of its code, as the robots have it.
        :param input: what JSON can hold.
        :param timeout: for the end, s; afterwards the status is UNKNOWN.
        :param begin_timeout: for the begin, s; afterwards the status is NO_QUORUM or UNKNOWN.
        :param on_progress: called when something has happened to the mission.
        :returns: future of the `MissionRun`; RobotNotFoundError where the robot stays away.
        """
        goal = RunMission.Goal(
            mission=mission, name=name, input=json.dumps(input), timeout=begin_timeout
        )
        services = self._services
        feedback = None
        if on_progress is not None:
            tell = on_progress

            def feedback(message: RunMission.Feedback) -> None:
                tell(_report_from(message.state))

        def otherwise() -> MissionRun:
            reason = f"mission '{mission}' was not seen to end within {timeout:g} s; it may go on"
            return MissionRun(Status.UNKNOWN, reason)

        return services.run(
            RunMission,
            'run_mission',
            goal=lambda _: goal,
            convert=_run_from,
            otherwise=otherwise,
            rejected=lambda: MissionRun(Status.REFUSED, services.inactive()),
            feedback=feedback,
            timeout=timeout,
            call=LastingGoalCall,
        )

    def signal_mission(
        self,
        mission: str,
        name: str,
        payload: object = None,
        *,
        timeout: float = 5.0,
        request_id: str = '',
    ) -> Future[MissionChange]:
        """Tell a mission something; told once for each request id."""
        operation = ChangeMission.Request.SIGNAL
        return self._change_mission(
            operation, mission, name, json.dumps(payload), timeout, request_id
        )

    def cancel_mission(
        self, mission: str, reason: str = '', *, timeout: float = 5.0
    ) -> Future[MissionChange]:
        """Ask a mission to end."""
        operation = ChangeMission.Request.CANCEL
        return self._change_mission(operation, mission, '', reason, timeout, '')

    def forget_mission(self, mission: str, *, timeout: float = 5.0) -> Future[MissionChange]:
        """Take a mission away that has ended."""
        return self._change_mission(ChangeMission.Request.FORGET, mission, '', '', timeout, '')

    def _change_mission(
        self,
        operation: int,
        mission: str,
        name: str,
        payload: str,
        timeout: float,
        request_id: str,
    ) -> Future[MissionChange]:
        wanted = ChangeMission.Request(
            operation=operation,
            mission=mission,
            name=name,
            payload=payload,
            request_id=request_id or uuid.uuid4().hex,
        )

        def request(left: float) -> ChangeMission.Request:
            wanted.timeout = left
            return wanted

        def otherwise() -> MissionChange:
            reason = self._services.unanswered(timeout) + '; it may yet be done'
            return MissionChange(Status.UNKNOWN, reason)

        return self._services.ask(
            ChangeMission,
            'change_mission',
            request=request,
            convert=lambda x: MissionChange(Status(x.status), x.reason, x.index),
            otherwise=otherwise,
            timeout=timeout,
        )

    def query_mission(
        self, mission: str, query: str, argument: object = None, *, timeout: float = 5.0
    ) -> Future[MissionAnswer]:
        """Ask the code of a mission something; the robot needs that code."""
        asked = QueryMission.Request(mission=mission, query=query, argument=json.dumps(argument))

        def convert(response: QueryMission.Response) -> MissionAnswer:
            answer = json.loads(response.answer) if response.answered else None
            return MissionAnswer(answer, response.reason)

        return self._services.ask(
            QueryMission,
            'query_mission',
            request=lambda _: asked,
            convert=convert,
            otherwise=lambda: MissionAnswer(None, self._services.unanswered(timeout)),
            timeout=timeout,
        )

    def missions(
        self, prefix: str = '', *, count_max: int = 1000, timeout: float = 5.0
    ) -> Future[MissionList]:
        """Look at missions whose names begin with `prefix`, as this robot knows them."""
        return self._list_missions(
            ListMissions.Request(prefix=prefix, count_max=count_max), timeout
        )

    def mission(
        self, mission: str, *, history_from: int = 1, count_max: int = 1000, timeout: float = 5.0
    ) -> Future[MissionList]:
        """Look at one mission and its history, from an event on."""
        return self._list_missions(
            ListMissions.Request(mission=mission, history_from=history_from, count_max=count_max),
            timeout,
        )

    def _list_missions(
        self, asked: ListMissions.Request, timeout: float
    ) -> Future[MissionList]:
        return self._services.ask(
            ListMissions,
            'list_missions',
            request=lambda _: asked,
            convert=_list_from,
            otherwise=lambda: MissionList(Status.UNKNOWN, self._services.unanswered(timeout)),
            timeout=timeout,
        )


def _run_from(result: RunMission.Result) -> MissionRun:
    status = Status(result.status)
    ended = _report_from(result.state) if status is Status.DECIDED else None
    return MissionRun(status, result.state.reason, result.begun, ended)


def _list_from(response: ListMissions.Response) -> MissionList:
    return MissionList(
        Status(response.status),
        response.reason,
        tuple(_report_from(state) for state in response.missions),
        tuple(_entry_from(event) for event in response.history),
        response.more,
    )


def _entry_from(event: MissionEvent) -> MissionEntry:
    return MissionEntry(event.number, event.time, event.kind, event.text)


def _report_from(state: MissionState) -> MissionReport:
    status = MissionStatus(state.status)
    return MissionReport(
        state.mission,
        state.name,
        status,
        state.run,
        state.worker,
        state.parent,
        state.cancel_requested,
        json.loads(state.result) if status is MissionStatus.COMPLETED else None,
        state.error,
        state.reason,
        tuple(state.under_way),
        state.history_length,
    )
