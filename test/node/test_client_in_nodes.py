"""The Python client inside rclpy nodes, in every executor that they may live in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import time
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import Executor, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from swarm_testing.swarm_processes import SwarmProcesses, shared_swarm

from swarm_consensus.client import (
    ClientClosedError,
    Decision,
    RobotNotFoundError,
    SwarmClient,
)
from swarm_consensus.nodes.executor import make_executor

YAML = """
swarm: client_in_nodes_test
robots: 3
subjects:
  sign: {labels: [stop, go]}
"""
LIMIT = 60.0  # s; only ever waited for in full when something is broken


@pytest.fixture(scope='module')
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmProcesses]:
    """Three robots for all tests of this module that leave them alone."""
    with shared_swarm(tmp_path_factory.mktemp('swarm'), YAML) as robots:
        yield robots


class Home:
    """A node of a user, in an executor of one kind and a context of its own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        context = Context()
        rclpy.init(context=context)
        self.executor: Executor
        if kind == 'events':
            self.executor = make_executor(context)
        elif kind == 'single':
            self.executor = SingleThreadedExecutor(context=context)
        else:
            self.executor = MultiThreadedExecutor(2, context=context)
        self.node = Node('behaviour', namespace='/robot_1', context=context)
        self.executor.add_node(self.node)

    def turn(self, condition: Callable[[], Any]) -> None:
        """Spin until a condition holds."""
        deadline = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < deadline, 'not in time'
            self.executor.spin_once(timeout_sec=0.05)

    def end(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.node.context.try_shutdown()


@pytest.fixture(params=['events', 'single', 'multi'])
def home(request: pytest.FixtureRequest, swarm: SwarmProcesses) -> Iterator[Home]:
    home = Home(request.param)
    yield home
    home.end()


def test_a_node_spins_until_its_futures_are_done(home: Home) -> None:
    client = SwarmClient(home.node)
    proposed = client.propose('spun', 'yes', timeout=LIMIT)
    home.turn(proposed.done)
    read, status = client.read('spun'), client.status()
    home.turn(lambda: read.done() and status.done())
    assert read.result().decision.index == proposed.result().index
    assert status.result().robot == 'robot_1'
    client.close()
    with pytest.raises(ClientClosedError):
        client.read('spun')


def test_what_ends_while_a_node_spins_has_no_handlers_of_events(home: Home) -> None:
    """In a MultiThreadedExecutor their end makes spin() raise, now and then."""
    client = SwarmClient(home.node)
    status = client.status()
    for watch in (client.on_decision, client.on_key_event, client.shared.on_change):
        watch('any', lambda _: None)
    subscriptions = list(home.node.subscriptions)
    assert len(subscriptions) == 4
    assert not [each.topic_name for each in subscriptions if each.event_handlers]
    home.turn(status.done)
    client.close()


def test_a_callback_awaits_the_swarm_without_blocking_its_own_node(home: Home) -> None:
    client = SwarmClient(home.node)
    results: list[Any] = []

    async def act() -> None:
        # In the node's default group, as users write it.
        timer.cancel()
        results.append(await client.propose('awaited', 'yes', timeout=LIMIT))
        results.append(await client.read('awaited', timeout=LIMIT))
        results.append(await client.decide('awaited', timeout=LIMIT))

    timer = home.node.create_timer(0.01, act)
    home.turn(lambda: len(results) == 3)
    assert results[0].index == results[1].decision.index == results[2].index
    client.close()


def test_callbacks_get_decisions_plain_and_as_coroutines(home: Home) -> None:
    client = SwarmClient(home.node)
    plain: list[Decision] = []
    awaited: list[Decision] = []

    async def follow(decision: Decision) -> None:
        awaited.append(await client.propose(f'followed/{decision.choice}', 'done', timeout=LIMIT))

    subject = f'call_{home.kind}'
    watch = client.on_decision(subject, plain.append)
    client.on_decision(subject, follow)
    home.turn(lambda: home.node.count_publishers('/robot_1/decision') > 0)
    made = client.propose(subject, 'first', timeout=LIMIT)
    # Its answer comes on another way than the decision.
    home.turn(lambda: plain and awaited and made.done())
    assert plain[0].index == made.result().index and awaited[0].answered
    watch.close()
    made = client.propose(subject, 'second', timeout=LIMIT)
    home.turn(lambda: len(awaited) == 2)
    assert [decision.choice for decision in plain] == ['first']
    client.close()


def test_a_coroutine_iterates_over_decisions_and_status(home: Home) -> None:
    client = SwarmClient(home.node)
    seen: list[Any] = []
    subject = f'iterate_{home.kind}'

    async def iterate() -> None:
        async for decision in client.decisions(subject):
            seen.append(decision.choice)
            if len(seen) == 2:
                break
        async for status in client.statuses():
            seen.append(status.robot)
            break

    task = home.executor.create_task(iterate)
    for choice in ('one', 'two'):
        home.turn(client.propose(subject, choice, timeout=LIMIT).done)
    home.turn(task.done)
    assert seen == ['one', 'two', 'robot_1']
    client.close()


def test_a_node_asks_another_robot_and_hears_who_is_there(home: Home) -> None:
    other = SwarmClient(home.node, robot='robot_2')
    asked = other.propose('from afar', 'yes', timeout=LIMIT)
    home.turn(asked.done)
    assert asked.result().proposer == 'robot_2'
    nobody = SwarmClient(home.node, robot='nobody', discovery_timeout=0.5)
    lost = nobody.propose('from afar', 'no')
    home.turn(lost.done)
    assert isinstance(lost.exception(), RobotNotFoundError)
    assert '/robot_2' in str(lost.exception())
    other.close()
    nobody.close()


def test_a_cancelled_future_stays_cancelled(home: Home) -> None:
    client = SwarmClient(home.node)
    waiting = client.decide('nothing at all', timeout=20.0)
    home.turn(client.propose('meanwhile', 'yes', timeout=LIMIT).done)
    waiting.cancel()
    home.turn(client.propose('afterwards', 'yes', timeout=LIMIT).done)
    assert waiting.cancelled()
    client.close()


def test_wrong_use_is_said_at_once(home: Home) -> None:
    with pytest.raises(ValueError, match='give one of them'):
        SwarmClient(home.node, robot='robot_1', namespace='/robot_1')
    with pytest.raises(ValueError, match='either robot or namespace'):
        SwarmClient.connect()
    client = SwarmClient(home.node)
    with pytest.raises(ValueError, match='greater than 0'):
        client.propose('x', 'y', timeout=0.0)
    with pytest.raises(ValueError, match='read_log'):
        client.read('')
    client.close()
