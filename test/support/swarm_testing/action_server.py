"""
A server of the ROS action `work` whose goals say what becomes of them, and which writes that down.

The type is that of RunMission, which has fields enough: `name` is what is to be done, `mission` the
file, `timeout` how long it takes, and `input` how often it does so before it succeeds.
"""

from __future__ import annotations

import os
from pathlib import Path
import sys
import time

import rclpy
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor

from swarm_consensus.action import RunMission
from swarm_consensus.msg import MissionState

PERIOD_S = 0.1


class Work:
    """What is done."""

    def __init__(self) -> None:
        self.node = rclpy.create_node('work')
        self.server = ActionServer(
            self.node,
            RunMission,
            'work',
            self.run,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=self.take,
            cancel_callback=lambda goal: (
                CancelResponse.REJECT if goal.request.name == 'stubborn' else CancelResponse.ACCEPT
            ),
        )

    def take(self, goal: RunMission.Goal) -> GoalResponse:
        """Say whether a goal is taken."""
        if goal.name == 'rejected' and self.before(goal, 'rejected'):
            self.say(goal, 'rejected')
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def before(self, goal: RunMission.Goal, word: str) -> bool:
        """Return whether that has still to happen some times."""
        file = Path(goal.mission)
        happened = file.read_text().split().count(word) if file.exists() else 0
        return happened < int(goal.input or 0)

    def say(self, goal: RunMission.Goal, word: str) -> None:
        """Write down what happens."""
        with Path(goal.mission).open('a') as file:
            file.write(f'{word}\n')

    def run(self, handle: ServerGoalHandle) -> RunMission.Result:
        """Do what a goal says."""
        goal = handle.request
        self.say(goal, 'begun')
        if goal.name == 'dies' and self.before(goal, 'dies'):
            self.say(goal, 'dies')
            time.sleep(goal.timeout)
            os._exit(9)
        text = 'x' * 20_000 if goal.name == 'loud' else 'going'
        until = time.monotonic() + goal.timeout
        while time.monotonic() < until:
            if goal.name != 'silent':
                handle.publish_feedback(RunMission.Feedback(state=MissionState(reason=text)))
            if handle.is_cancel_requested:
                return self.brake(handle)
            time.sleep(PERIOD_S)
        if goal.name == 'aborted' and self.before(goal, 'aborted'):
            self.say(goal, 'aborted')
            handle.abort()
            return RunMission.Result(state=MissionState(reason='blocked'))
        self.say(goal, 'succeeded')
        handle.succeed()
        return RunMission.Result(begun=True, state=MissionState(reason='well'))

    def brake(self, handle: ServerGoalHandle) -> RunMission.Result:
        """Need a while to come to an end."""
        for _ in range(20):
            handle.publish_feedback(RunMission.Feedback(state=MissionState(reason='braking')))
            time.sleep(PERIOD_S)
        if handle.request.name == 'late':
            self.say(handle.request, 'succeeded')
            handle.succeed()
            return RunMission.Result(begun=True, state=MissionState(reason='just there'))
        self.say(handle.request, 'cancelled')
        handle.canceled()
        return RunMission.Result()


def main() -> None:
    """Serve until the end."""
    rclpy.init(args=sys.argv)
    work = Work()
    executor = MultiThreadedExecutor(8)
    executor.add_node(work.node)
    print('serving', flush=True)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == '__main__':
    main()
