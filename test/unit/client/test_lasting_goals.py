"""Goals that may last for days: asked for again, sent anew, and cancelled by nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from action_msgs.msg import GoalStatus
import pytest
from rclpy.task import Future

from swarm_consensus.client import calls
from swarm_consensus.client.calls import GRACE_S, RENEW_LASTING_S, LastingGoalCall
from swarm_consensus.client.errors import RobotNotFoundError

AWAY_S = 10.0


@dataclass
class Response:
    """What a robot answers who is asked for the result."""

    result: str
    status: int = GoalStatus.STATUS_SUCCEEDED


@dataclass
class Handle:
    """A goal that was accepted, or not."""

    accepted: bool = True
    cancelled: int = 0
    asked: list[Future[Response]] = field(default_factory=list)

    def get_result_async(self) -> Future[Response]:
        self.asked.append(Future())
        return self.asked[-1]

    def cancel_goal_async(self) -> None:
        self.cancelled += 1


class Robot:
    """An action client whose robot does what the test says."""

    def __init__(self) -> None:
        self.there = True
        self.sent: list[Future[Handle]] = []

    def server_is_ready(self) -> bool:
        return self.there

    def send_goal_async(self, goal: Any, feedback: Any) -> Future[Handle]:
        self.sent.append(Future())
        return self.sent[-1]


class Play:
    """A call, and the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, timeout: float = float('inf')) -> None:
        self.now = 100.0
        monkeypatch.setattr(calls.time, 'monotonic', lambda: self.now)
        self.robot = Robot()
        robot: Any = self.robot
        self.call: LastingGoalCall[str] = LastingGoalCall(
            robot,
            goal=lambda left: left,
            convert=lambda result: f'ended: {result}',
            otherwise=lambda: 'unknown',
            rejected=lambda: 'rejected',
            feedback=None,
            timeout=timeout,
            discovery_timeout=AWAY_S,
            missing=lambda: RobotNotFoundError('nobody there'),
        )
        self.call.future.add_done_callback(lambda _: self.call.drop())

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            self.call.advance(self.now)
            self.now += 0.25

    def accepted(self) -> Handle:
        """Have the robot take the goal."""
        self.run(0.25)
        handle = Handle()
        self.robot.sent[-1].set_result(handle)
        return handle


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    return Play(monkeypatch)


def test_the_result_comes_after_days_and_few_requests(play: Play) -> None:
    handle = play.accepted()
    play.run(3600)
    assert len(play.robot.sent) == 1 and not play.call.ended
    assert 3600 / RENEW_LASTING_S <= len(handle.asked) <= 3600 / RENEW_LASTING_S + 4
    for asked in handle.asked:
        asked.set_result(Response('well'))
    assert play.call.future.result() == 'ended: well' and handle.cancelled == 0


def test_a_robot_that_does_not_know_the_goal_is_sent_it_anew(play: Play) -> None:
    first = play.accepted()
    first.asked[-1].set_result(Response('', GoalStatus.STATUS_UNKNOWN))
    play.run(0.5)
    assert len(play.robot.sent) == 2 and first.cancelled == 0
    second = Handle()
    play.robot.sent[-1].set_result(second)
    second.asked[-1].set_result(Response('well'))
    assert play.call.future.result() == 'ended: well'


def test_what_was_sent_twice_is_awaited_once(play: Play) -> None:
    play.run(1.5)
    assert len(play.robot.sent) == 2, 'the first got no answer within a second'
    first, second = Handle(), Handle()
    play.robot.sent[0].set_result(first)
    play.robot.sent[1].set_result(second)
    assert len(first.asked) == 1 and not second.asked and second.cancelled == 0


def test_a_timeout_does_not_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(monkeypatch, timeout=8.0)
    handle = play.accepted()
    play.run(8.0 + GRACE_S + 1)
    assert play.call.future.result() == 'unknown' and handle.cancelled == 0


def test_who_waits_cancels_also_where_the_goal_is_still_on_its_way(play: Play) -> None:
    play.run(0.25)
    play.call.future.cancel()
    handle = Handle()
    play.robot.sent[-1].set_result(handle)
    assert handle.cancelled == 1


def test_who_waits_cancels(play: Play) -> None:
    handle = play.accepted()
    play.call.future.cancel()
    # An executor calls what is to be called at the end of a future; there is none here.
    play.call.drop()
    assert handle.cancelled == 1


def test_a_goal_that_is_not_taken_ends_the_call(play: Play) -> None:
    play.run(0.25)
    play.robot.sent[-1].set_result(Handle(accepted=False))
    assert play.call.future.result() == 'rejected'


def test_a_robot_that_stays_away_ends_the_call_and_one_that_returns_is_asked(play: Play) -> None:
    handle = play.accepted()
    play.robot.there = False
    play.run(AWAY_S - 3)
    assert not play.call.ended
    asked = len(handle.asked)
    play.robot.there = True
    play.run(2)
    assert len(handle.asked) > asked, 'at once'
    play.robot.there = False
    play.run(AWAY_S + 3)
    with pytest.raises(RobotNotFoundError, match='nobody there'):
        play.call.future.result()
