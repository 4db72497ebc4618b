"""The time of a runtime where `use_sim_time` is set: how it goes, and who wakes whom."""

from __future__ import annotations

from collections.abc import Iterator
import threading
from typing import Any

import pytest
from rclpy.clock import ClockType, ROSClock
from rclpy.time import Time

from swarm_consensus.nodes.simulated_time import SimulatedClock, SimulatedInbox

SECOND = 1_000_000_000


class Simulation:
    """The clock of a node, and what /clock would tell it."""

    def __init__(self) -> None:
        self.clock = ROSClock()
        self.clock._set_ros_time_is_active(True)

    def tell(self, seconds: float) -> None:
        at = Time(nanoseconds=round(seconds * SECOND), clock_type=ClockType.ROS_TIME)
        self.clock.set_ros_time_override(at)


class Frames:
    """An inbox in which nothing comes; it sleeps until it is woken, whatever it is told."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.sleeps = threading.Event()

    def wait(self, timeout_s: float) -> None:
        self.sleeps.set()
        assert self.woken.wait(60.0), 'nobody woke it'
        self.woken.clear()

    def wake(self) -> None:
        self.woken.set()

    def take(self, count_max: int) -> list[Any]:
        return []


@pytest.fixture
def simulation() -> Simulation:
    return Simulation()


def test_it_begins_with_the_first_time_that_is_heard(simulation: Simulation) -> None:
    clock = SimulatedClock(simulation.clock)
    assert clock.now_ns() == 0
    simulation.tell(1000.0)
    assert clock.now_ns() == 0
    simulation.tell(1000.5)
    assert clock.now_ns() == SECOND // 2
    assert clock.now_ns() == SECOND // 2


def test_it_stands_where_a_simulation_begins_anew_and_goes_on_with_that(
    simulation: Simulation,
) -> None:
    simulation.tell(50.0)
    clock = SimulatedClock(simulation.clock)
    simulation.tell(53.0)
    assert clock.now_ns() == 3 * SECOND
    for told, passed in ((0.5, 3.0), (1.0, 3.5), (0.9, 3.5), (2.0, 4.6)):
        simulation.tell(told)
        assert clock.now_ns() == round(passed * SECOND), told


@pytest.fixture
def sleeping(simulation: Simulation) -> Iterator[tuple[Frames, threading.Thread]]:
    """An inbox in which a thread waits for 10 s to pass."""
    simulation.tell(5.0)
    clock, frames = SimulatedClock(simulation.clock), Frames()
    inbox = SimulatedInbox(frames, clock, simulation.clock)
    thread = threading.Thread(target=inbox.wait, args=(10.0,))
    thread.start()
    assert frames.sleeps.wait(60.0)
    yield frames, thread
    frames.wake()
    thread.join()
    inbox.close()
    frames.woken.clear()
    simulation.tell(1000.0)
    assert not frames.woken.is_set()


def test_a_thread_sleeps_until_so_much_time_has_passed(
    simulation: Simulation, sleeping: tuple[Frames, threading.Thread]
) -> None:
    frames, thread = sleeping
    # Back to the beginning and on: 9.9 s in all.
    for told in (6.0, 9.0, 14.0, 0.1, 1.0):
        simulation.tell(told)
        assert not frames.woken.is_set() and thread.is_alive()
    simulation.tell(1.1)
    thread.join(60.0)
    assert not thread.is_alive()


def test_it_does_not_sleep_where_the_time_has_passed_already(simulation: Simulation) -> None:
    simulation.tell(5.0)
    clock, frames = SimulatedClock(simulation.clock), Frames()
    inbox = SimulatedInbox(frames, clock, simulation.clock)
    inbox.wait(0.0)
    assert not frames.sleeps.is_set()
    inbox.wake()
    assert frames.woken.is_set()
    inbox.close()


def test_time_that_passes_while_nobody_sleeps_wakes_nobody(simulation: Simulation) -> None:
    simulation.tell(5.0)
    clock, frames = SimulatedClock(simulation.clock), Frames()
    inbox = SimulatedInbox(frames, clock, simulation.clock)
    simulation.tell(500.0)
    assert not frames.woken.is_set()
    inbox.close()
