"""The pace of a world, and when something in it is due."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from swarm_consensus.sim.pace import BEHIND_S_MAX, Pace
from swarm_consensus.sim.world import Alarm, WorldThread


class WallClock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize('factor', [0.5, 1.0, 4.0])
def test_a_world_waits_for_the_wall_clock(factor: float) -> None:
    wall = WallClock()
    pace = Pace(factor, wall)
    assert pace.wait_s(7.0) == 0.0
    assert pace.wait_s(8.0) == pytest.approx(1.0 / factor)
    wall.now_s += 0.25 / factor
    assert pace.wait_s(8.0) == pytest.approx(0.75 / factor)
    assert pace.reached(7.0) == factor
    wall.now_s += 2.0
    assert pace.reached(8.0) == pytest.approx(0.5)


def test_a_world_without_a_pace_never_waits() -> None:
    pace = Pace(0.0, WallClock())
    assert [pace.wait_s(each) for each in (0.0, 1.0, 1e6)] == [0.0] * 3


def test_a_little_delay_is_made_up_for_and_a_long_one_is_not() -> None:
    wall = WallClock()
    pace = Pace(1.0, wall)
    assert pace.wait_s(0.0) == 0.0
    wall.now_s += 1.0 + BEHIND_S_MAX / 2
    assert pace.wait_s(1.0) == 0.0
    assert pace.wait_s(1.0 + BEHIND_S_MAX) == pytest.approx(BEHIND_S_MAX / 2)
    wall.now_s += 60.0
    assert pace.wait_s(1.1) == 0.0
    # As if it had begun just now.
    assert pace.wait_s(2.1) == pytest.approx(1.0)


def test_another_pace_holds_from_now_on() -> None:
    wall = WallClock()
    pace = Pace(1.0, wall)
    pace.wait_s(0.0)
    wall.now_s += 10.0
    pace.factor = 2.0
    assert pace.wait_s(10.0) == 0.0
    assert pace.wait_s(14.0) == pytest.approx(2.0)


def test_an_alarm_is_due_as_often_as_it_says() -> None:
    for rate_hz, count in ((10.0, 10), (30.0, 30), (0.0, 0), (200.0, 100)):
        alarm = Alarm(rate_hz)
        # Looked at 100 times a second; what is missed in between is missed.
        assert sum(alarm.due(step / 100) for step in range(1, 101)) == count


class Standing:
    """A world in which nothing happens but time; the part of `Physics` that its thread needs."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.calls: list[Any] = []
        self.fails = False

    def drive(self, *command: Any) -> None:
        self.calls.append(command)

    def run(self, seconds: float) -> None:
        if self.fails:
            raise RuntimeError('no more')
        self.time_s += seconds

    def close(self) -> None:
        self.calls.append('closed')


def thread_of(
    physics: Standing, factor: float, failed: Any = None
) -> tuple[WorldThread, threading.Event]:
    passed = threading.Event()
    thread = WorldThread(cast(Any, physics), Pace(factor), 100.0, passed.set, failed)
    return thread, passed


def test_a_world_that_stood_still_goes_on_from_there_at_its_pace() -> None:
    physics = Standing()
    thread, passed = thread_of(physics, 1.0)
    thread.drive('a', 0.1, 0.2)
    thread.start()
    assert passed.wait(30.0)
    thread.stop()
    stood_s = physics.time_s
    assert physics.calls == [('a', 0.1, 0.2), 'closed']
    time.sleep(0.3)
    assert physics.time_s == stood_s
    passed.clear()
    began_s = time.monotonic()
    thread.start()
    assert passed.wait(30.0)
    thread.stop()
    # The time that it stood is not made up for.
    assert 0.0 < physics.time_s - stood_s <= time.monotonic() - began_s + 0.02


def test_what_ends_a_world_is_told_and_its_graphics_are_given_back() -> None:
    physics = Standing()
    physics.fails = True
    told: list[Exception] = []
    thread, _ = thread_of(physics, 0.0, told.append)
    thread.start()
    deadline = time.monotonic() + 30.0
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    thread.stop()
    assert [str(each) for each in told] == ['no more']
    assert physics.calls == ['closed']
