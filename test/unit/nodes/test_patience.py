"""Coroutines that wait leave the time to others."""

from __future__ import annotations

from collections.abc import Iterator
import threading
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy')
patience = pytest.importorskip('swarm_consensus.nodes.patience')
executors = pytest.importorskip('swarm_consensus.nodes.executor')

WAIT_S = 0.3
# With one rest a turn there are no more, however many wait.
TURNS_MAX = 2 * WAIT_S / patience.REST_S


@pytest.fixture
def executor(ros_environment: dict[str, str]) -> Iterator[Any]:
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    executor = executors.make_executor(context)
    yield executor
    executor.shutdown()
    context.try_shutdown()


class Waiter:
    """Waits for a future, and counts how often it is looked at."""

    def __init__(self) -> None:
        self.future = patience.PatientFuture()
        self.turns = 0
        self.answer: object = None
        done = self.future.done

        def counted() -> bool:
            self.turns += 1
            return bool(done())

        self.future.done = counted

    async def wait(self) -> None:
        self.answer = await self.future


def spin(executor: Any, waiters: list[Waiter]) -> None:
    while not all(waiter.answer for waiter in waiters):
        executor.spin_once(timeout_sec=1.0)


@pytest.mark.parametrize('count', [1, 20])
def test_who_waits_is_looked_at_seldom_and_answered(executor: Any, count: int) -> None:
    waiters = [Waiter() for _ in range(count)]
    for waiter in waiters:
        executor.create_task(waiter.wait)

    def answer() -> None:
        for number, waiter in enumerate(waiters, start=1):
            executor.create_task(waiter.future.set_result, number)
        patience.stir()

    timer = threading.Timer(WAIT_S, answer)
    timer.start()
    spin(executor, waiters)
    timer.join()
    assert [waiter.answer for waiter in waiters] == list(range(1, count + 1))
    assert all(waiter.turns < TURNS_MAX for waiter in waiters)


def test_another_one_rests_when_the_first_has_its_answer(executor: Any) -> None:
    first, second = Waiter(), Waiter()
    for waiter in (first, second):
        executor.create_task(waiter.wait)
    executor.create_task(first.future.set_result, 1)
    timer = threading.Timer(WAIT_S, lambda: executor.create_task(second.future.set_result, 2))
    timer.start()
    spin(executor, [first, second])
    timer.join()
    assert second.turns < TURNS_MAX
