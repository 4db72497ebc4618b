"""A coroutine of a user that awaits a client leaves the core to others, in any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import threading
import time
from typing import Any

import pytest
from swarm_testing.resumed import Counted

pytest.importorskip('rclpy', reason='these are executors of rclpy')

import rclpy
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor

from swarm_consensus.client import RobotNotFoundError, SwarmClient, patience
from swarm_consensus.client.patience import REST_MAX_S, PatientFuture
from swarm_consensus.nodes.executor import make_executor
from swarm_consensus.nodes.parking import RCLPY_PARKS

WAIT_S = 0.5
LIMIT_S = 60.0
# Rests are short at first, and one is left out where the executor did something else.
RESUMED_MAX = 2 * WAIT_S / REST_MAX_S + 100


def make_events_executor(context: Any) -> Any:
    experimental = pytest.importorskip('rclpy.experimental', reason='there is none before Kilted')
    return experimental.EventsExecutor(context=context)


KINDS: dict[str, Callable[[Any], Any]] = {
    'ours': make_executor,
    'single': lambda context: SingleThreadedExecutor(context=context),
    'multi': lambda context: MultiThreadedExecutor(2, context=context),
    'events': make_events_executor,
}


class Home:
    """A node of a user, in an executor of one kind."""

    def __init__(self, kind: str) -> None:
        self.context = rclpy.Context()
        rclpy.init(args=[], context=self.context)
        self.executor = KINDS[kind](self.context)
        self.node = rclpy.create_node('behaviour', context=self.context, enable_rosout=False)
        self.executor.add_node(self.node)

    def turn(self, condition: Callable[[], Any]) -> None:
        """Spin until a condition holds."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, 'not in time'
            self.executor.spin_once(timeout_sec=0.05)

    def future(self) -> PatientFuture[Any]:
        return PatientFuture(self.node)

    def end(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def home(kind: str, ros_environment: dict[str, str]) -> Iterator[Home]:
    home = Home(kind)
    yield home
    home.end()


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long those who wait have rested."""
    rests: list[float] = []
    rest = patience.rest

    def noted(stirred: threading.Event, seconds: float) -> None:
        rests.append(seconds)
        rest(stirred, seconds)

    monkeypatch.setattr(patience, 'rest', noted)
    return rests


@pytest.mark.parametrize('count', [1, 50])
def test_who_waits_is_resumed_seldom(
    home: Home, kind: str, rests: list[float], count: int
) -> None:
    futures = [home.future() for _ in range(count)]
    waits = [Counted(future) for future in futures]
    answers: list[object] = []

    async def wait(counted: Counted[object]) -> None:
        answers.append(await counted)

    for counted in waits:
        home.executor.create_task(wait, counted)

    def answer() -> None:
        for number, future in enumerate(futures):
            home.executor.create_task(future.set_result, number)

    timer = threading.Timer(WAIT_S, answer)
    timer.start()
    home.turn(lambda: len(answers) == count)
    timer.join()
    assert sorted(answers) == list(range(count))
    assert max(counted.resumed for counted in waits) < RESUMED_MAX
    if kind == 'ours' or RCLPY_PARKS:
        assert {counted.resumed for counted in waits} == {1}
    # An executor that sleeps by itself is not held up.
    assert bool(rests) == (kind == 'events' and not RCLPY_PARKS)


def test_it_may_be_set_by_another_thread(home: Home) -> None:
    future = home.future()

    async def wait() -> object:
        return await future

    task = home.executor.create_task(wait)
    timer = threading.Timer(WAIT_S, future.set_result, ('set',))
    timer.start()
    home.turn(task.done)
    assert task.result() == 'set'


def test_errors_pass_on_and_what_is_cancelled_has_no_result(home: Home) -> None:
    failing, cancelled = home.future(), home.future()
    seen: list[object] = []

    async def wait() -> None:
        try:
            await failing
        except KeyError as error:
            seen.append(error)
        seen.append(await cancelled)

    home.executor.create_task(wait)
    error = KeyError('lost')
    home.executor.create_task(failing.set_exception, error)
    home.turn(lambda: seen)
    home.executor.create_task(cancelled.cancel)
    home.turn(lambda: len(seen) == 2)
    assert seen == [error, None]


def test_what_is_done_already_is_not_waited_for(home: Home) -> None:
    future = home.future()
    future.set_result(1)
    counted = Counted(future)

    async def wait() -> object:
        return await counted

    task = home.executor.create_task(wait)
    home.turn(task.done)
    assert (task.result(), counted.resumed) == (1, 0)


def test_calls_and_watches_of_a_client_are_awaited_so(home: Home, kind: str) -> None:
    """There is no robot; that is waited for as well."""
    client = SwarmClient(home.node, robot='nobody', discovery_timeout=WAIT_S)
    asked = Counted(client.propose('sign', 'stop'))
    decisions = client.decisions('sign')
    watched = Counted(anext(decisions))
    ended: list[str] = []

    async def ask() -> None:
        with pytest.raises(RobotNotFoundError):
            await asked
        ended.append('asked')
        decisions.close()

    async def watch() -> None:
        with pytest.raises(StopAsyncIteration):
            await watched
        ended.append('watched')

    home.executor.create_task(ask)
    home.executor.create_task(watch)
    home.turn(lambda: len(ended) == 2)
    client.close()
    assert ended == ['asked', 'watched']
    assert max(asked.resumed, watched.resumed) < RESUMED_MAX
    if kind == 'ours' or RCLPY_PARKS:
        assert asked.resumed == watched.resumed == 1

