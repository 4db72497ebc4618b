"""Tasks with real robots: a burst, a robot killed at work, a whole swarm rebooted, a late bid."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
import threading
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

from swarm_consensus.client import Status, SwarmClient, TaskStatus
from swarm_consensus.msg import TaskOrder, WorkerState
from swarm_consensus.srv import ReportTask

# Generous: the machine may be busy.
WAIT_S = 60.0
RELIABLE = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)


class Crew:
    """The users' nodes: they say where they are, and are through with a task after a while."""

    def __init__(self, robots: list[str], work_s: float, silent: Iterable[str] = ()) -> None:
        self.orders: list[tuple[float, str, int, str, int]] = []
        self.work_s = work_s
        self.silent = set(silent)
        self._begun: dict[tuple[str, int], float] = {}
        self._reported: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = node = rclpy.create_node('crew', context=self._context)
        self._reports = {}
        self._places = {}
        for number, robot in enumerate(robots):
            node.create_subscription(
                TaskOrder, f'/{robot}/task_order', self._hears(robot), RELIABLE
            )
            self._reports[robot] = node.create_client(ReportTask, f'/{robot}/report_task')
            self._places[robot] = (
                node.create_publisher(WorkerState, f'/{robot}/worker', RELIABLE),
                WorkerState(on_duty=True, x=100.0 * number, speed=10.0),
            )
        node.create_timer(0.2, self._tick)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._executor.spin)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()

    def _hears(self, robot):
        def hear(order):
            with self._lock:
                kind = order.order
                seen = (robot, order.award) in self._begun
                if kind == TaskOrder.GO and not seen:
                    self._begun[robot, order.award] = time.monotonic()
                if kind == TaskOrder.STOP or not seen:
                    entry = time.monotonic(), robot, kind, order.task.task, order.award
                    self.orders.append(entry)

        return hear

    def _tick(self):
        now = time.monotonic()
        with self._lock:
            for robot, (publisher, place) in self._places.items():
                if robot not in self.silent:
                    publisher.publish(place)
            for _, robot, kind, task, award in self.orders:
                late = now - self._begun.get((robot, award), now) > self.work_s
                if (robot, award) in self._reported or not (late or kind == TaskOrder.STOP):
                    continue
                self._reported.add((robot, award))
                report = ReportTask.Request.DONE if late else ReportTask.Request.STOPPED
                self._reports[robot].call_async(
                    ReportTask.Request(task=task, award=award, kind=report)
                )

    def begun(self, task: str) -> list[str]:
        with self._lock:
            return [r for _, r, kind, t, _ in self.orders if (kind, t) == (TaskOrder.GO, task)]


@pytest.fixture
def swarm(processes):
    """Three robots."""
    robots = RobotProcesses(processes, 3)
    robots.start_all()
    return robots


@pytest.fixture
def probe(swarm):
    with SwarmProbe(swarm.names) as it:
        it.wait_until_ready()
        yield it


async def until(client, tasks, status=TaskStatus.DONE):
    """Wait until all these tasks stand so; returns how they do."""
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = await client.tasks.list(ended=True)
        states = {state.task: state for state in answer.tasks if state.task in tasks}
        if len(states) == len(tasks) and all(s.status is status for s in states.values()):
            return states
        assert time.monotonic() < deadline, states
        await asyncio.sleep(0.2)


def test_seven_tasks_in_a_burst_are_each_begun_once_and_done(swarm, probe):
    with Crew(swarm.names, work_s=0.5) as crew:
        names = [f't{number}' for number in range(7)]

        async def everything():
            async with SwarmClient.connect('robot_1') as client:
                added = await asyncio.gather(
                    *[client.tasks.add(name, 40.0 * n, 0.0) for n, name in enumerate(names)]
                )
                assert [outcome.status for outcome in added] == [Status.DECIDED] * 7
                again = await client.tasks.add('t0', 0.0, 0.0)
                assert 'there is a task of this name' in again.reason
                bad = await client.tasks.add('bad', 0.0, 0.0, worth=-1.0)
                assert bad.status is Status.REFUSED and 'worth is -1' in bad.reason
                await until(client, names)

        asyncio.run(everything())
        assert [len(crew.begun(name)) for name in names] == [1] * 7


def test_the_task_of_a_robot_that_is_killed_is_done_by_another(swarm, probe):
    with Crew(swarm.names, work_s=3600.0) as crew:

        async def begun():
            async with SwarmClient.connect('robot_1') as client:
                await client.tasks.add('t', 100.0, 0.0)
                # Whoever goes on duty first may have it.
                (holder,) = (await until(client, ['t'], TaskStatus.STARTED))['t'].holders
                return holder

        async def ended(by):
            async with SwarmClient.connect(by) as client:
                return (await until(client, ['t']))['t'].robots

        victim = asyncio.run(begun())
        # The log has it before the order is there.
        probe.wait_for(lambda: crew.begun('t'))
        swarm.kill([victim])
        crew.silent.add(victim)
        crew.work_s = 0.5
        other = next(robot for robot in swarm.names if robot != victim)
        assert asyncio.run(ended(other)) != (victim,)
        assert crew.begun('t')[0] == victim and len(crew.begun('t')) == 2


def test_a_robot_that_is_told_to_end_hands_its_task_back_first(swarm, probe):
    with Crew(swarm.names, work_s=3600.0) as crew:

        async def begun():
            async with SwarmClient.connect('robot_1') as client:
                await client.tasks.add('t', 100.0, 0.0)
                (holder,) = (await until(client, ['t'], TaskStatus.STARTED))['t'].holders
                return holder

        async def ended(by):
            async with SwarmClient.connect(by) as client:
                return (await until(client, ['t']))['t'].robots

        leaves = asyncio.run(begun())
        # The log has it before the order is there.
        probe.wait_for(lambda: crew.begun('t'))
        other = next(robot for robot in swarm.names if robot != leaves)

        async def given_up():
            async with SwarmClient.connect(other) as client:
                end = time.monotonic() + 2.0
                while True:
                    (state,) = (await client.tasks.list('t')).tasks
                    if leaves not in state.holders:
                        return
                    assert time.monotonic() < end, state

        assert swarm[leaves].interrupt() == 0
        began = time.monotonic()
        # Its duty would run on for longer.
        asyncio.run(given_up())
        # Its node has reported that it stopped, so nothing was waited for to run out.
        stops = [r for _, r, kind, t, _ in crew.orders if (kind, t) == (TaskOrder.STOP, 't')]
        assert stops == [leaves]
        while len(crew.begun('t')) < 2:
            assert time.monotonic() < began + WAIT_S
            time.sleep(0.05)
        crew.work_s = 0.0
        robots = asyncio.run(ended(other))
        assert robots == (crew.begun('t')[1],) and robots != (leaves,)


def test_tasks_are_listed_by_pages(swarm, probe):
    names = [f't{number:02}' for number in range(25)]

    async def everything():
        async with SwarmClient.connect('robot_1') as client:
            with pytest.raises(ValueError, match="the field 'robots'"):
                await client.tasks.add('wrong', 0.0, 0.0, robots=-1)
            for start in range(0, 25, 5):
                added = await asyncio.gather(
                    *[client.tasks.add(name, 0.0, 0.0) for name in names[start : start + 5]]
                )
                assert all(outcome.done for outcome in added)
            await client.tasks.cancel('t03')
            await until(client, ['t03'], TaskStatus.CANCELLED)
            listed, page = [], None
            while page is None or page.more:
                after = listed[-1] if listed else ''
                page = await client.tasks.list(after=after, count_max=10)
                listed += [state.task for state in page.raise_for_status().tasks]
            assert listed == [name for name in names if name != 't03']
            few = await client.tasks.list(prefix='t0', ended=True)
            assert [state.task for state in few.tasks] == names[:10] and not few.more
            (one,) = (await client.tasks.list('t03')).tasks
            assert one.status is TaskStatus.CANCELLED

    asyncio.run(everything())


def test_a_swarm_that_is_rebooted_during_an_allocation_ends_every_task(swarm, probe):
    with Crew(swarm.names, work_s=0.5) as crew:
        names = [f't{number}' for number in range(5)]

        async def add():
            async with SwarmClient.connect('robot_1') as client:
                for number, name in enumerate(names):
                    assert (await client.tasks.add(name, 50.0 * number, 0.0)).done

        async def end():
            async with SwarmClient.connect('robot_1') as client:
                await until(client, names)

        asyncio.run(add())
        swarm.kill(swarm.names)
        probe.forget(swarm.names)
        swarm.start_all()
        probe.wait_until_ready()
        asyncio.run(end())
        assert all(crew.begun(name) for name in names)


def test_a_bid_that_comes_late_changes_nothing_of_what_was_awarded(swarm, probe):
    """The robot beside the task goes on duty only when another one has it."""
    with Crew(swarm.names, work_s=3600.0, silent=['robot_3']) as crew:

        async def everything():
            async with SwarmClient.connect('robot_1') as client:
                await client.tasks.add('t', 200.0, 0.0)
                # Whichever of the others went on duty first.
                holders = (await until(client, ['t'], TaskStatus.STARTED))['t'].holders
                assert len(holders) == 1 and 'robot_3' not in holders
                crew.silent.clear()
                # Not before: a busy machine may look for the first time after it was done.
                crew.work_s = 3.0
                states = await until(client, ['t'])
                assert states['t'].robots == holders
                gone = await client.tasks.cancel('t')
                assert 'ended already' in gone.reason

        asyncio.run(everything())
        assert len(crew.begun('t')) == 1 and 'robot_3' not in crew.begun('t')
