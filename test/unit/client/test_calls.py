"""The calls of a client, where its executor is behind."""

from __future__ import annotations

from typing import Any

from swarm_consensus.client.calls import Calls


class Timer:
    """As one of rclpy: once destroyed it bears nothing any more."""

    def __init__(self) -> None:
        self.destroyed = False

    def cancel(self) -> None:
        assert not self.destroyed, 'the timer is destroyed'


class Node:
    def create_timer(self, *_: Any, **__: Any) -> Timer:
        return Timer()

    def destroy_timer(self, timer: Timer) -> None:
        timer.destroyed = True


def test_a_tick_that_was_on_its_way_when_the_client_was_closed_does_nothing() -> None:
    calls = Calls(Node(), None)
    calls._tick()
    calls.close()
    calls._tick()
