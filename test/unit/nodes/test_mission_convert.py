"""Missions between ROS messages and values."""

from __future__ import annotations

import pytest

from swarm_consensus.missions.texts import describe
from swarm_consensus.protocols.missions.events import (
    COMMANDS,
    FACTS,
    MissionStatus,
    Recorded,
    TimerFired,
)
from swarm_consensus.protocols.missions.operations import Begin, Cancel, Forget, Signal
from swarm_consensus.runtime.mission_events import MissionsTold, MissionView

convert = pytest.importorskip('swarm_consensus.nodes.mission_convert')
srv = pytest.importorskip('swarm_consensus.srv')
msg = pytest.importorskip('swarm_consensus.msg')


def test_each_operation_is_read() -> None:
    request = srv.ChangeMission.Request(mission='m', name='n', payload='{"x":1}')
    for number, expected in (
        (request.BEGIN, Begin('m', 'n', b'{"x":1}')),
        (request.SIGNAL, Signal('m', 'n', b'{"x":1}')),
        (request.CANCEL, Cancel('m', '{"x":1}')),
        (request.FORGET, Forget('m')),
    ):
        request.operation = number
        assert convert.operation_from_request(request) == expected
    request.operation, request.payload = request.BEGIN, ''
    assert convert.operation_from_request(request) == Begin('m', 'n', b'null')
    request.payload = '{'
    with pytest.raises(ValueError, match='the input is no JSON'):
        convert.operation_from_request(request)
    request.operation = 9
    with pytest.raises(ValueError, match='operation 9 is none'):
        convert.operation_from_request(request)


def test_a_mission_and_its_history_are_told() -> None:
    view = MissionView(
        'm', 'n', MissionStatus.RUNNING, 2, 'r1', 3, 'p', True, 'why', 'K', b'[1]',
        (('drive', 2, 'r1'), ('grip', 1, '')), 9,
    )  # fmt: skip
    response = srv.ListMissions.Response()
    history = (Recorded(1500, TimerFired(4)),)
    convert.fill_list_response(response, MissionsTold(1, 77, (view,), history, True), 5)
    [state], [event] = response.missions, response.history
    assert (state.mission, state.name, state.run, state.worker, state.epoch) == (
        'm', 'n', 2, 'r1', 3
    )  # fmt: skip
    assert (state.parent, state.cancel_requested, state.result) == ('p', True, '[1]')
    assert (state.error, state.reason, state.history_length) == ('K', 'why', 9)
    assert list(state.under_way) == ['drive, attempt 2 on r1', 'grip, attempt 1']
    assert (event.number, event.time, event.kind, event.text) == (
        5, 1.5, 'TimerFired', 'timer 4 fired'
    )  # fmt: skip
    assert response.more and response.applied_index == 77


def test_the_numbers_of_the_messages_are_those_of_the_code() -> None:
    for status in MissionStatus:
        assert getattr(msg.MissionState, status.name) == int(status)


def test_every_event_has_words() -> None:
    import typing

    for _, cls in FACTS + COMMANDS:
        hints = typing.get_type_hints(cls)
        event = cls(**{name: _some(hint) for name, hint in hints.items()})
        assert describe(event) and describe(event) != cls.__name__


def _some(hint: object) -> object:
    from swarm_consensus.protocols.missions.events import Delivery, Retry, Timeout

    return {
        int: 3, str: 'x', bytes: b'1', bool: True, Retry: Retry(),
        Delivery: Delivery.IDEMPOTENT, Timeout: Timeout.HEARTBEAT,
        MissionStatus: MissionStatus.FAILED,
    }.get(hint, ())  # type: ignore[call-overload]  # fmt: skip
