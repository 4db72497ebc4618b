"""Coroutines that wait are resumed when what they await is done, and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import threading
import time
from typing import Any

import pytest
from swarm_testing.resumed import Counted

pytest.importorskip('rclpy', reason='these are executors of rclpy')

import rclpy
from rclpy.action import ActionClient, ActionServer
from rclpy.callback_groups import ReentrantCallbackGroup

from swarm_consensus.action import Decide
from swarm_consensus.nodes import executor as executors
from swarm_consensus.nodes import parking
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.parking import ParkedFuture
from swarm_consensus.srv import Propose

WAIT_S = 0.3
# Only ever waited for in full when something is broken.
LIMIT_S = 60.0


@pytest.fixture
def context(ros_environment: dict[str, str]) -> Iterator[Any]:
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    yield context
    context.try_shutdown()


@pytest.fixture(params=['ours', 'single'])
def executor(request: pytest.FixtureRequest, context: Any) -> Iterator[Any]:
    """The executor of this distribution's nodes, and the one of Jazzy's."""
    if request.param == 'ours':
        executor = executors.make_executor(context)
    elif parking.RCLPY_PARKS:
        pytest.skip('rclpy parks by itself: there is one kind only')
    else:
        executor = parking.parking_single_executor(context)
    yield executor
    executor.shutdown()


def turn(executor: Any, condition: Callable[[], Any]) -> None:
    """Spin until a condition holds."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, 'not in time'
        executor.spin_once(timeout_sec=0.1)


@pytest.mark.parametrize('count', [1, 100])
def test_who_waits_is_resumed_once_and_any_thread_may_wake_it(executor: Any, count: int) -> None:
    futures = [ParkedFuture() for _ in range(count)]
    waits = [Counted(future) for future in futures]
    answers: list[object] = []

    async def wait(counted: Counted[object]) -> None:
        answers.append(await counted)

    for counted in waits:
        executor.create_task(wait, counted)

    def answer() -> None:
        for number, future in enumerate(futures):
            future.set_result(number)

    timer = threading.Timer(WAIT_S, answer)
    timer.start()
    turn(executor, lambda: len(answers) == count)
    timer.join()
    assert sorted(answers) == list(range(count))
    assert [counted.resumed for counted in waits] == [1] * count


def test_an_error_is_raised_where_it_is_awaited_and_ends_the_spin_where_nobody_takes_it(
    executor: Any,
) -> None:
    future: ParkedFuture[None] = ParkedFuture()
    caught: list[str] = []

    async def take() -> None:
        try:
            await future
        except KeyError as error:
            caught.append(str(error))

    async def take_not() -> None:
        await future

    taking, taking_not = executor.create_task(take), executor.create_task(take_not)
    executor.create_task(future.set_exception, KeyError('lost'))
    with pytest.raises(KeyError, match='lost'):
        turn(executor, taking_not.done)
        turn(executor, lambda: False)
    turn(executor, taking.done)
    assert caught == ["'lost'"]
    assert isinstance(taking_not.exception(), KeyError)


def test_who_awaits_what_is_cancelled_goes_on_without_a_result(executor: Any) -> None:
    future: ParkedFuture[int] = ParkedFuture()

    async def wait() -> object:
        return await future

    task = executor.create_task(wait)
    executor.create_task(future.cancel)
    turn(executor, task.done)
    assert task.result() is None


def one_that_waits(executor: Any) -> tuple[ParkedFuture[int], Counted[int], Any]:
    """Return a future, who awaits it, and its task, which is parked by now."""
    future: ParkedFuture[int] = ParkedFuture()
    counted = Counted(future)

    async def wait() -> None:
        await counted

    task = executor.create_task(wait)
    turn(executor, lambda: counted.waiting)
    return future, counted, task


def test_a_task_that_is_cancelled_ends_where_it_awaits(executor: Any) -> None:
    future, counted, task = one_that_waits(executor)
    task.cancel()
    assert task.cancelled() and not counted.waiting
    future.set_result(1)
    after = executor.create_task(lambda: None)
    turn(executor, after.done)
    assert counted.resumed == 0 and not task.done()


@pytest.mark.skipif(parking.RCLPY_PARKS, reason='rclpy lets go of what waits by itself')
def test_an_executor_that_is_shut_down_ends_what_waits(executor: Any) -> None:
    future, counted, task = one_that_waits(executor)
    executor.shutdown()
    assert task.cancelled() and not counted.waiting
    future.set_result(1)
    assert counted.resumed == 0


def test_what_does_not_say_that_it_is_awaited_is_awaited_all_the_same(executor: Any) -> None:
    future = rclpy.Future()

    async def wait() -> object:
        return await future

    task = executor.create_task(wait)
    turn(executor, executor.create_task(lambda: None).done)
    executor.create_task(future.set_result, 5)
    turn(executor, task.done)
    assert task.result() == 5


class Waiting(ManagedNode):
    """A node whose service and action wait for what the test sets."""

    def __init__(self, context: Any) -> None:
        super().__init__('waiting', context=context, enable_rosout=False)
        self.waits: dict[str, Counted[str]] = {}
        self.futures: dict[str, ParkedFuture[str]] = {}
        group = ReentrantCallbackGroup()
        self.service = self.create_service(Propose, 'propose', self.serve, callback_group=group)
        self.action = ActionServer(self, Decide, 'decide', self.execute, callback_group=group)

    def wait(self, subject: str) -> Counted[str]:
        self.futures[subject] = ParkedFuture()
        self.waits[subject] = Counted(self.futures[subject])
        return self.waits[subject]

    async def serve(self, request: Propose.Request, response: Propose.Response) -> Any:
        response.request_id = await self.wait(request.subject)
        return response

    async def execute(self, goal: Any) -> Decide.Result:
        result = Decide.Result()
        result.decision.subject = await self.wait(goal.request.subject)
        goal.succeed()
        return result


@pytest.fixture
def node(executor: Any, context: Any) -> Iterator[Waiting]:
    node = Waiting(context)
    executor.add_node(node)
    yield node
    executor.remove_node(node)
    node.action.destroy()
    node.destroy_node()


def test_services_and_actions_of_a_node_wait_parked_and_each_gets_its_answer(
    executor: Any, node: Waiting
) -> None:
    services = node.create_client(Propose, 'propose')
    actions = ActionClient(node, Decide, 'decide')
    turn(executor, lambda: services.service_is_ready() and actions.server_is_ready())
    asked, results = {}, []
    # One by one, asked and answered: DDS keeps ten for who does not take them.
    for number in range(30):
        asked[f's{number}'] = services.call_async(Propose.Request(subject=f's{number}'))
        turn(executor, lambda: len(node.waits) == len(asked))
    for number in range(5):
        sent = actions.send_goal_async(Decide.Goal(subject=f'a{number}'))
        turn(executor, sent.done)
        results.append(sent.result().get_result_async())
    turn(executor, lambda: len(node.waits) == 35)
    for (subject, future), answer in zip(
        node.futures.items(), (*asked.values(), *results), strict=True
    ):
        future.set_result(f'answer to {subject}')
        turn(executor, answer.done)
    assert all(
        future.result().request_id == f'answer to {subject}' for subject, future in asked.items()
    )
    assert [result.result().result.decision.subject for result in results] == [
        f'answer to a{n}' for n in range(5)
    ]
    assert {counted.resumed for counted in node.waits.values()} == {1}
    actions.destroy()


def test_an_error_of_a_service_that_waited_ends_the_spin(executor: Any, node: Waiting) -> None:
    services = node.create_client(Propose, 'propose')
    turn(executor, services.service_is_ready)
    services.call_async(Propose.Request(subject='s'))
    turn(executor, lambda: node.waits)
    node.futures['s'].set_exception(KeyError('broken'))
    with pytest.raises(KeyError, match='broken'):
        turn(executor, lambda: False)


@pytest.mark.skipif(parking.RCLPY_PARKS, reason='then it is for rclpy to say')
def test_a_service_may_go_while_one_waits(executor: Any, node: Waiting) -> None:
    services = node.create_client(Propose, 'propose')
    turn(executor, services.service_is_ready)
    asked = services.call_async(Propose.Request(subject='s'))
    turn(executor, lambda: node.waits)
    node.destroy_service(node.service)
    node.futures['s'].set_result('too late')
    turn(executor, lambda: not node.waits['s'].waiting)
    after = executor.create_task(lambda: None)
    turn(executor, after.done)
    assert not asked.done()
