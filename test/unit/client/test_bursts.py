"""Requests that come faster than a robot takes them are kept, and so are the answers."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='services of rclpy keep the requests')

import rclpy

from swarm_consensus.client import SwarmClient, calls
from swarm_consensus.msg import Decision
from swarm_consensus.nodes.executor import make_executor
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.srv import Propose

COUNT = 300
LIMIT_S = 60.0


def test_a_burst_of_requests_is_answered_without_asking_again(
    ros_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, 'RESEND_S', 10 * LIMIT_S)
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = ManagedNode('consensus_node', namespace='alpha', context=context)
    user = rclpy.create_node('behaviour', context=context)
    robots, users = make_executor(context), make_executor(context)
    robots.add_node(node)
    users.add_node(user)

    def turn(executor: Any, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, 'not in time'
            executor.spin_once(timeout_sec=0.05)

    asked: list[str] = []

    def propose(request: Any, response: Any) -> Any:
        asked.append(request.subject)
        response.decision.subject = request.subject
        response.decision.level, response.decision.status = (
            Decision.LEVEL_COMMITTED,
            Decision.STATUS_DECIDED,
        )
        return response

    node.create_service(Propose, 'propose', propose)
    client = SwarmClient(user, robot='alpha')
    try:
        first = client.propose('first', 'a')

        def answered() -> bool:
            robots.spin_once(timeout_sec=0.05)
            return bool(first.done())

        turn(users, answered)
        # The robot is busy with something else meanwhile, and then the user is.
        wanted = [f'subject {number}' for number in range(COUNT)]
        answers = [client.propose(subject, 'a') for subject in wanted]
        turn(robots, lambda: len(asked) > COUNT)
        turn(users, lambda: all(answer.done() for answer in answers))
        assert asked[1:] == wanted
        assert [answer.result().subject for answer in answers] == wanted
    finally:
        client.close()
        for executor in (robots, users):
            executor.shutdown()
        for each in (node, user):
            each.destroy_node()
        context.try_shutdown()
