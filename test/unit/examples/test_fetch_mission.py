"""The example mission does what it says, also where its worker dies after every event."""

from __future__ import annotations

from typing import Any

import pytest
from swarm_testing.mission_play import Play

from swarm_consensus.missions.interpreter import Interpreter
from swarm_consensus.protocols.missions.events import (
    ActivityLost,
    ActivityScheduled,
    MissionCancelled,
    MissionCompleted,
    MissionFailed,
)

fetch_mission = pytest.importorskip('swarm_consensus.examples.fetch_mission')
ORDER = {'item': 'box', 'shelf': 4, 'dock': 1}


def act(name: str, given: Any) -> object:
    return given['to'] if name == 'drive' else given


@pytest.mark.parametrize('crash', [False, True])
def test_what_is_taken_is_delivered(crash: bool) -> None:
    play = Play(fetch_mission.fetch, ORDER, act, crash=crash)
    play.signal('taken')
    end = play.run()
    assert isinstance(end, MissionCompleted) and end.result == b'"delivered"'
    assert [name for name, _ in play.effects] == ['drive', 'grip', 'drive', 'release']


@pytest.mark.parametrize('crash', [False, True])
def test_what_nobody_takes_is_put_back(crash: bool) -> None:
    play = Play(fetch_mission.fetch, ORDER, act, crash=crash)
    end = play.run()
    assert isinstance(end, MissionCompleted) and end.result == b'"put back"'
    assert play.effects[-2:] == [('drive', {'from': 1, 'to': 4}), ('release', 'box')]
    assert play.worker.query('place', b'null') == b'4'


def test_what_is_cancelled_on_its_way_is_put_back() -> None:
    play = Play(fetch_mission.fetch, ORDER, act)
    for _ in range(2):
        play.settle()
        play.happen()
    play.settle()
    play.cancel()
    assert isinstance(play.run(), MissionCancelled)
    assert [name for name, _ in play.effects] == ['drive', 'grip', 'drive', 'release']


def test_a_grip_of_which_nobody_knows_is_not_repeated() -> None:
    play = Play(fetch_mission.fetch, ORDER, act)
    play.settle()
    play.happen()
    play.settle()
    play.open.clear()
    play.add(ActivityLost(2, 1, True))
    assert isinstance(play.run(), MissionFailed)
    asked = [e.name for e in play.events if isinstance(e, ActivityScheduled)]
    assert asked == ['drive', 'grip']
    assert isinstance(play.worker, Interpreter)
