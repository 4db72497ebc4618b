"""
One seed, one run: tasks come in while robots die at work, are cut off, stall and hear badly; then
all is healed, and every task that was acknowledged must end, with its reason.
"""

from __future__ import annotations

from dataclasses import replace
import hashlib
from random import Random
from typing import Any

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.allocation import Method, Task, Worker
from swarm_consensus.protocols.tasks import AddTask, CancelTask, TaskStatus
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import Output, TaskAnswered, TaskAsked
from swarm_consensus.runtime.task_settings import TaskSettings
from swarm_consensus.simulation.allocation.crew import Crew
from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.network import Faults
from swarm_consensus.simulation.world import World

TROUBLED_NS = 60 * SECOND
# Time for a healed swarm to be through with all that is left.
CALM_NS_MAX = 300 * SECOND
STEP_NS = SECOND // 2
FIELD_M = 60.0


@value
class Report:
    """
    What a run came to.

    :param ended: how many tasks ended in which way.
    :param again: tasks that a robot was through with, and nobody heard of it in time, so that
        another one did it again.
    :param digest: of all that was told.
    """

    robots: int
    loss: float
    crashes: int
    splits: int
    tasks: int
    ended: dict[str, int]
    begun: int
    stopped: int
    again: int
    digest: str


class Storm:
    """
    The run of one seed.

    :param troubled_ns: for how long there are troubles.
    """

    def __init__(self, seed: int, troubled_ns: int = TROUBLED_NS) -> None:
        self._troubled_ns = troubled_ns
        self._random = random = Random(f'{seed}/allocation')
        count = random.randint(3, 6)
        self._robots = tuple(f'r{number}' for number in range(1, count + 1))
        self._loss = random.choice((0.0, 0.1, 0.25, 0.4))
        settings = TaskSettings(
            method=random.choice((Method.CBBA, Method.CBBA, Method.GREEDY, Method.OPTIMAL)),
            bundle_max=random.choice((1, 3, 5)),
            stop_ns=random.choice((SECOND // 4, SECOND)),
            patience_ns=20 * SECOND,
        )
        faults = Faults(self._loss, random.choice((0.0, 0.2)), delay_max_ns=20 * MILLISECOND)
        configs = [
            RuntimeConfig(
                swarm='storm',
                robot=robot,
                robots=self._robots,
                policies=(),
                name_probe_ns=0,
                snapshot_entries=random.choice((50, 10_000)),
                trailing_entries=10,
                tasks=settings,
            )
            for robot in self._robots
        ]
        self._digest = hashlib.blake2b(digest_size=16)
        self.world = World(seed, configs, faults, self._hear, overhear=False)
        workers = {
            robot: Worker(
                robot,
                random.uniform(0, FIELD_M),
                random.uniform(0, FIELD_M),
                speed_mps=random.choice((5.0, 10.0)),
                rate=random.choice((1.0, 2.0)),
            )
            for robot in self._robots
        }
        for robot in self._robots:
            # Within the drift that the settings allow for.
            self.world.skew(robot, random.randint(980, 1020))
        self.crew = Crew(self.world, workers, settings.stop_ns, Random(f'{seed}/crew'))
        self._added: dict[int, str] = {}
        self._acknowledged: set[str] = set()
        self._asked = 0
        self._crashes = 0
        self._splits = 0

    def _hear(self, now_ns: int, robot: str, output: Output) -> None:
        self._digest.update(f'{now_ns} {robot} {output!r}\n'.encode())
        if isinstance(output, TaskAnswered) and output.status is Status.DECIDED:
            if output.key in self._added:
                self._acknowledged.add(self._added[output.key])
        self.crew.hear(now_ns, robot, output)

    def run(self) -> Report:
        """
        Run to the end.

        :raises InvariantBroken: a rule does not hold.
        """
        world, random = self.world, self._random
        while world.now_ns < self._troubled_ns:
            self._trouble()
            self._ask()
            self._pass(random.randint(0, 2 * SECOND))
        world.network.split([])
        world.network.faults = replace(world.network.faults, loss=min(self._loss, 0.1))
        for robot in self._robots:
            world.resume(robot)
            if not world.up(robot):
                world.start(robot)
        until_ns = world.now_ns + CALM_NS_MAX
        while left := self._left():
            if world.now_ns >= until_ns:
                raise InvariantBroken('tasks', f'not ended in time: {left}')
            self._pass(STEP_NS)
        return self._report()

    def _pass(self, duration_ns: int) -> None:
        until_ns = self.world.now_ns + duration_ns
        while self.world.now_ns < until_ns:
            self.crew.report_places()
            self.world.run(min(until_ns, self.world.now_ns + STEP_NS))

    def _ask(self) -> None:
        """Have some tasks added, and one cancelled now and then."""
        random = self._random
        for _ in range(random.choice((0, 1, 1, 2, 7))):
            self._asked += 1
            name = f't{self._asked}'
            settings: dict[str, Any] = {}
            if random.random() < 0.2:
                settings['robots'] = 2
            if random.random() < 0.2:
                settings |= {'group': f'g{random.randrange(3)}', 'order': random.randrange(4)}
            if random.random() < 0.1:
                settings['deadline_ms'] = random.randint(5_000, 60_000)
            x, y, work = (random.uniform(0, high) for high in (FIELD_M, FIELD_M, 4.0))
            task = Task(name, x, y, work=work, **settings)
            self._added[self._asked] = name
            asked = TaskAsked(self._asked, AddTask(task, 3), name, 10 * SECOND)
            self.world.put(random.choice(self._robots), asked)
        if random.random() < 0.1 and self._acknowledged:
            name = random.choice(sorted(self._acknowledged))
            asked = TaskAsked(0, CancelTask(name, 'not needed'), '', 10 * SECOND)
            self.world.put(random.choice(self._robots), asked)

    def _trouble(self) -> None:
        random, world = self._random, self.world
        robot = random.choice(self._robots)
        kind = random.randrange(8)
        if kind < 2:
            # In the middle of its task, if any robot is at one.
            robot = random.choice(self.crew.busy or (robot,))
            if world.up(robot):
                world.crash(robot)
                self.crew.lose(robot)
                self._crashes += 1
        elif kind < 4:
            for each in self._robots:
                if not world.up(each):
                    world.start(each)
        elif kind == 4:
            order = random.sample(self._robots, len(self._robots))
            at = random.randrange(1, len(order))
            world.network.split([order[:at], order[at:]])
            self._splits += 1
        elif kind == 5:
            world.network.split([])

    def _left(self) -> str:
        """Return what has not ended; '' for nothing."""
        books = []
        for robot in self._robots:
            runtime = self.world.runtime(robot)
            if runtime is None:
                return f'{robot} is down'
            books.append(runtime.tasks)
        live = sorted({name for book in books for name in book.live})
        if live:
            return f'{[books[0].record(name) for name in live[:3]]} of {len(live)}'
        if len({book.image() for book in books}) != 1:
            return 'the robots have different books'
        for name in sorted(self._acknowledged):
            record = books[0].record(name)
            if record is None:
                # As long as the log is not applied again; for good it would be forgotten.
                return f'{name}, which was acknowledged, is not there'
            if record.status is not TaskStatus.DONE and not record.reason:
                raise InvariantBroken('tasks', f'{name} ended as {record.status} without a reason')
        return ''

    def _report(self) -> Report:
        runtime = self.world.runtime(self._robots[0])
        assert runtime is not None
        ended: dict[str, int] = {}
        for record in runtime.tasks.records():
            ended[record.status.name] = ended.get(record.status.name, 0) + 1
            done = self.crew.finished[record.name]
            if record.status is TaskStatus.DONE and done < record.task.robots:
                raise InvariantBroken('tasks', f'{record.name} is DONE, and nobody did it')
        again = 0
        for record in runtime.tasks.records():
            again += self.crew.finished[record.name] > record.task.robots
        return Report(
            len(self._robots),
            self._loss,
            self._crashes,
            self._splits,
            len(self._acknowledged),
            ended,
            sum(self.crew.begun.values()),
            self.crew.stopped,
            again,
            self._digest.hexdigest(),
        )
