"""The topic `key_events`: nothing is made for nobody, and who comes late misses nothing."""

from __future__ import annotations

from collections.abc import Iterator
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile

from swarm_consensus.msg import KeyEvent
from swarm_consensus.nodes import convert
from swarm_consensus.nodes.key_events import KeyEvents
from swarm_consensus.protocols.keyvalue import Event, EventKind

LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DEPTH = 3
SOON = 20.0  # s; only ever waited for in full when something is broken


def change(number: int) -> Event:
    return Event(EventKind.PUT, f'k{number}', bytes([number]), 1, number)


class Topic:
    """The topic of one node, and all that late subscribers of it have received."""

    def __init__(self, context: Context) -> None:
        self._node = LifecycleNode('robot', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._node.trigger_configure()
        self.events = KeyEvents(self._node, DEPTH)  # type: ignore[arg-type]
        self._node.trigger_activate()

    def subscribe(self) -> list[tuple[int, int, str]]:
        received: list[tuple[int, int, str]] = []

        def take(message: KeyEvent) -> None:
            received.append((message.sequence, message.index, message.key))

        self._node.create_subscription(KeyEvent, 'key_events', take, LATCHED)
        return received

    def turn_until(self, received: list[tuple[int, int, str]], count: int) -> None:
        deadline = time.monotonic() + SOON
        while len(received) < count and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.02)

    def end(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()


@pytest.fixture
def topic(ros_environment: dict[str, str]) -> Iterator[Topic]:
    context = Context()
    rclpy.init(context=context)
    topic = Topic(context)
    yield topic
    topic.end()
    context.try_shutdown()


def test_no_message_is_made_until_somebody_listens_who_then_gets_the_newest(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    to_message = convert.event_to_message

    def counted(*arguments: object) -> KeyEvent:
        made.append(arguments)
        return to_message(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(convert, 'event_to_message', counted)
    topic.events.tell([change(n) for n in (1, 2, 3, 4)])
    topic.events.tell([change(5)])
    assert not made
    # Nothing more happens meanwhile: that somebody came is enough.
    first = topic.subscribe()
    topic.turn_until(first, DEPTH)
    assert first == [(3, 3, 'k3'), (4, 4, 'k4'), (5, 5, 'k5')]
    topic.events.tell([change(6)])
    topic.turn_until(first, DEPTH + 1)
    assert first[DEPTH:] == [(6, 6, 'k6')]
    second = topic.subscribe()
    topic.turn_until(second, DEPTH)
    assert second == [(4, 4, 'k4'), (5, 5, 'k5'), (6, 6, 'k6')]
    assert len(made) == DEPTH + 1


def test_what_is_missing_is_told_in_its_place_and_an_activation_counts_anew(topic: Topic) -> None:
    topic.events.tell([change(1)])
    topic.events.begin()
    topic.events.tell([change(7)])
    topic.events.tell([9])
    received = topic.subscribe()
    topic.turn_until(received, 2)
    assert received == [(1, 7, 'k7'), (2, 9, '')]
