"""Missions between ROS messages and what the runtime takes and tells."""

from __future__ import annotations

from collections.abc import Sequence
import json

from swarm_consensus.missions.texts import describe
from swarm_consensus.msg import MissionEvent, MissionState
from swarm_consensus.protocols.missions.events import Recorded
from swarm_consensus.protocols.missions.operations import Begin, Cancel, Forget, Signal
from swarm_consensus.runtime.mission_events import (
    MissionAnswered,
    MissionsTold,
    MissionView,
    UserOperation,
)
from swarm_consensus.srv import ChangeMission, ListMissions


def payload(text: str, what: str) -> bytes:
    """
    Return JSON as missions take it; empty: null.

    :raises ValueError: it is no JSON.
    """
    if not text:
        return b'null'
    try:
        json.loads(text)
    except ValueError as error:
        raise ValueError(f'{what} is no JSON: {error}') from None
    return text.encode()


def operation_from_request(request: ChangeMission.Request) -> UserOperation:
    """
    Return what is asked for.

    :raises ValueError: no such operation, or no JSON.
    """
    if request.operation == request.BEGIN:
        return Begin(request.mission, request.name, payload(request.payload, 'the input'))
    if request.operation == request.SIGNAL:
        return Signal(request.mission, request.name, payload(request.payload, 'the payload'))
    if request.operation == request.CANCEL:
        return Cancel(request.mission, request.payload)
    if request.operation == request.FORGET:
        return Forget(request.mission)
    raise ValueError(f'operation {request.operation} is none: BEGIN, SIGNAL, CANCEL or FORGET')


def fill_change_response(response: ChangeMission.Response, answer: MissionAnswered) -> None:
    """Write an answer into a response."""
    response.status = int(answer.status)
    response.reason = answer.reason
    if answer.result is not None:
        response.result = int(answer.result.status)
        response.index = answer.result.index


def fill_list_response(
    response: ListMissions.Response, told: MissionsTold, history_from: int
) -> None:
    """Write missions into a response."""
    response.missions = [state_to_message(view) for view in told.missions]
    response.history = events_to_messages(told.history, history_from)
    response.more = told.more
    response.applied_index = told.index


def events_to_messages(history: Sequence[Recorded], first: int) -> list[MissionEvent]:
    """Return events as messages; the first of them has the number `first`, from 1."""
    return [
        MissionEvent(
            number=number,
            time=recorded.time_ms / 1000,
            kind=type(recorded.event).__name__,
            text=describe(recorded.event),
        )
        for number, recorded in enumerate(history, start=first)
    ]


def state_to_message(view: MissionView) -> MissionState:
    """Return how a mission stands as a message."""
    return MissionState(
        mission=view.mission,
        name=view.name,
        status=int(view.status),
        run=view.run,
        worker=view.worker,
        epoch=view.epoch,
        parent=view.parent,
        cancel_requested=view.cancel_asked,
        result=view.result.decode(errors='replace'),
        error=view.kind,
        reason=view.reason,
        under_way=[
            f'{name}, attempt {attempt}{f" on {robot}" if robot else ""}'
            for name, attempt, robot in view.under_way
        ],
        history_length=view.length,
    )
