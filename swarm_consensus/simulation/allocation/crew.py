"""
What the users' nodes do: drive to tasks, work, stop when told to, and say what became of it.

It is seen from outside who is at work on what, and that is held against the promise: no task is
ever with two robots, unless it takes as many, and none is begun again once it is done.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
import math
from random import Random

from swarm_consensus.protocols.allocation import Worker
from swarm_consensus.protocols.tasks import ReportKind, TaskRecord, TaskStatus
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import (
    Output,
    TaskChanged,
    TaskGo,
    TaskStop,
    WorkerTold,
    WorkTold,
)
from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.world import World


@dataclass(slots=True)
class _Job:
    """
    What a robot is at.

    :ivar ends_ns: when it is done, in world time.
    :ivar stops_ns: when it has stopped, where it was told to; -1: it was not.
    """

    record: TaskRecord
    ends_ns: int
    stops_ns: int = -1


class Crew:
    """
    The user's node of every robot.

    :param stop_ns: longest that a robot takes to stop.
    :param random: what goes wrong.
    :ivar finished: tasks that a robot was through with, how often.
    :ivar told: records of tasks as robots told of them, by name, the newest.
    """

    def __init__(
        self, world: World, workers: dict[str, Worker], stop_ns: int, random: Random
    ) -> None:
        self._world = world
        self._workers = workers
        self._stop_ns = stop_ns
        self._random = random
        self._jobs: dict[str, _Job] = {}
        self.finished: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self.stopped = 0
        self.told: dict[str, TaskRecord] = {}

    @property
    def busy(self) -> tuple[str, ...]:
        """Return the robots that are at work."""
        return tuple(self._jobs)

    def report_places(self) -> None:
        """Let every robot that is up say that it is on duty, and where."""
        for robot, worker in self._workers.items():
            self._world.put(robot, WorkerTold(worker))

    def hear(self, now_ns: int, robot: str, output: Output) -> None:
        """
        Do what a robot is told.

        :raises InvariantBroken: a robot begins what another one is at, or what is done.
        """
        if isinstance(output, TaskChanged):
            self._note(output.record)
        elif isinstance(output, TaskGo):
            self._go(now_ns, robot, output.record)
        elif isinstance(output, TaskStop):
            job = self._jobs.get(robot)
            if job is not None and job.record.award == output.award and job.stops_ns < 0:
                self.stopped += 1
                job.stops_ns = now_ns + self._random.randint(0, self._stop_ns)
                self._world.at(job.stops_ns, lambda: self._end(robot, job))

    def lose(self, robot: str) -> None:
        """Note that a robot has lost its power, and stands still."""
        self._jobs.pop(robot, None)

    def _note(self, record: TaskRecord) -> None:
        before = self.told.get(record.name)
        if before is not None and before.status.ended and record.added_index == before.added_index:
            if record.revision > before.revision:
                raise InvariantBroken('tasks', f'{record} goes on after {before}')
        if before is None or record.revision > before.revision:
            self.told[record.name] = record

    def _go(self, now_ns: int, robot: str, record: TaskRecord) -> None:
        if robot in self._jobs:
            raise InvariantBroken('tasks', f'{robot} is told to do two things at once')
        others = [
            f'{other} by award {job.record.award}'
            for other, job in self._jobs.items()
            if job.record.name == record.name and job.record.award != record.award
        ]
        if others:
            where = f'{robot} begins {record.name} by award {record.award} at {now_ns * 1e-9:.3f} s'
            raise InvariantBroken('tasks', f'{where}, and it is with {", ".join(others)}')
        known = self.told.get(record.name)
        if known is not None and known.status is TaskStatus.DONE:
            raise InvariantBroken('tasks', f'{robot} begins {record.name}, which is done')
        self.begun[record.name] += 1
        worker = self._workers[robot]
        place = record.task.x_m, record.task.y_m
        way_s = math.dist((worker.x_m, worker.y_m), place) / worker.speed_mps
        ends_ns = now_ns + int((way_s + record.task.work / worker.rate) * SECOND)
        job = self._jobs[robot] = _Job(record, ends_ns)
        self._world.at(ends_ns, lambda: self._end(robot, job))

    def _end(self, robot: str, job: _Job) -> None:
        """Have a robot be through with a job, or at rest."""
        if self._jobs.get(robot) is not job:
            return
        done = self._world.now_ns >= job.ends_ns
        if not done and job.stops_ns < 0:
            return
        del self._jobs[robot]
        task = job.record.task
        worker = self._workers[robot]
        self._workers[robot] = Worker(robot, task.x_m, task.y_m, 0.0, worker.speed_mps, worker.rate)
        kind = ReportKind.DONE if done else ReportKind.STOPPED
        if done and self._random.random() < 0.05:
            kind = ReportKind.FAILED
        if kind is ReportKind.DONE:
            self.finished[task.task] += 1
        self._world.put(robot, WorkTold(task.task, job.record.award, kind, kind.name.lower()))
