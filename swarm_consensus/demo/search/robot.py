"""
What the users' nodes of one robot do: look, believe, drive to its tasks, and say how they ended.

It knows what its own robot's runtime tells it, what its lidar and camera see, and the map. The book
of tasks is the list of what was found, too: whoever sees something that is not in it adds a task to
inspect it, and of two tasks for one thing the first in the log counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
import itertools
import math

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.demo.search.pilot import SPEED_MPS, Map, steer
from swarm_consensus.demo.search.vision import (
    Camera,
    Classifier,
    Picture,
    Sighting,
    cut_out,
    sightings,
)
from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.tasks import AddTask, CancelTask, ReportKind, TaskRecord
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import (
    BeliefSeen,
    Input,
    Output,
    TaskAnswered,
    TaskAsked,
    TaskChanged,
    TaskGo,
    TaskStop,
    WorkerTold,
    WorkTold,
)
from swarm_consensus.simulation.embedded.arena import Arena
from swarm_consensus.simulation.embedded.physics import Physics

SUBJECT = 'object'
INSPECT, SEARCH = 'inspect/', 'search/'
# Nearer than this to one that is known, what is seen is that one.
SAME_M = 0.7
# Seen so often at a place before the swarm is told: what moves is a robot.
SEEN_MIN = 4
# A task is given up, and open for another robot, when it takes longer, in s.
PATIENCE_S = 45.0
INSPECT_M, INSPECT_NEAR_M, INSPECT_LOOKS, INSPECT_S = 1.25, 0.95, 4, 12.0
BEHIND_M = 0.4
IDLE_S = 4.0
TURN_RADPS = 1.1
ARRIVED_M = 0.3
ASK_TIMEOUT_S = 4.0
WORKER_S, LOOK_S = 1.0, 0.6


@dataclass(slots=True)
class Looks:
    """What a robot has seen of one thing: sums of log-likelihoods over its looks."""

    x_m: float
    y_m: float
    count: int = 0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def add(self, belief: NDArray[np.float64]) -> None:
        """Add a look."""
        self.sums = belief if not self.count else self.sums + belief
        self.count += 1

    @property
    def belief(self) -> NDArray[np.float64]:
        """
        Return the mean of the looks: the errors of one camera go together, so more looks make it
        steadier and not surer.
        """
        return self.sums / self.count


@dataclass(slots=True)
class _Job:
    """A task that the robot carries out."""

    record: TaskRecord
    began_s: float
    turned: float = 0.0
    looks: int = 0
    arrived_s: float = -1.0


class SearchRobot:
    """
    One robot.

    :param put: hands an input to its runtime.
    :param camera: how poor its camera is.
    :param home: where it waits when there is nothing to do.
    :ivar looks: what it has seen of each thing, by the name of its task.
    :ivar trail: where it was, a place each second.
    """

    def __init__(
        self,
        name: str,
        arena: Arena,
        ways: Map,
        classifier: Classifier,
        camera: Camera,
        home: tuple[float, float],
        put: Callable[[Input], None],
    ) -> None:
        self.name = name
        self.looks: dict[str, Looks] = {}
        self.records: dict[str, TaskRecord] = {}
        self.trail: list[tuple[float, float]] = []
        self._arena = arena
        self._map = ways
        self._classifier = classifier
        self._camera = camera
        self._home = home
        self._put = put
        self._keys = itertools.count(1)
        self._numbers = itertools.count(1)
        self._asked: dict[int, float] = {}
        self._news: list[tuple[Looks, int]] = []
        self._job: _Job | None = None
        self._worker_s = self._look_s = self._idle_s = 0.0
        self._pose = (0.0, 0.0, 0.0)

    # -- what the runtime tells -------------------------------------------------------------------

    def hear(self, output: Output, now_s: float) -> None:
        """Take note of what the runtime tells."""
        if isinstance(output, TaskChanged):
            self.records[output.record.name] = output.record
        elif isinstance(output, TaskGo):
            self._job = _Job(output.record, now_s)
        elif isinstance(output, TaskStop):
            job, self._job = self._job, None
            if job is not None and job.record.award != output.award:
                self._job = job
            else:
                self._put(WorkTold(output.task, output.award, ReportKind.STOPPED))
        elif isinstance(output, TaskAnswered):
            self._asked.pop(output.key, None)

    def add_searches(self, places: list[tuple[float, float]]) -> None:
        """Have places looked at by whoever is best placed; once in a swarm."""
        for number, (x_m, y_m) in enumerate(places):
            task = Task(f'{SEARCH}{number}', x_m, y_m, worth=0.5)
            self._ask(AddTask(task), 0.0, f'{SEARCH}{number}')

    def known(self) -> dict[str, tuple[float, float]]:
        """Return the things that this robot knows of from the log, by the first task of each."""
        found: dict[str, tuple[float, float]] = {}
        records = [each for name, each in self.records.items() if name.startswith(INSPECT)]
        for record in sorted(records, key=lambda record: record.added_index):
            place = record.task.x_m, record.task.y_m
            if all(math.dist(place, other) >= SAME_M for other in found.values()):
                found[record.name] = place
        return found

    # -- every tenth of a second ------------------------------------------------------------------

    def act(self, physics: Physics, now_s: float, others: Collection[tuple[float, float]]) -> None:
        """
        Look around, and drive.

        :param others: where other robots are whose lights it sees.
        """
        self._pose = physics.pose(self.name)
        scan = physics.scan(self.name)
        if now_s >= self._worker_s:
            self._worker_s = now_s + WORKER_S
            self.trail.append(self._pose[:2])
            self._put(WorkerTold(Worker(self.name, *self._pose[:2], speed_mps=SPEED_MPS * 0.7)))
            self._cancel_doubles(now_s)
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._see(physics, scan, now_s, others)
        physics.drive(self.name, *self._drive(scan, now_s))

    # -- looking ----------------------------------------------------------------------------------

    def _see(
        self,
        physics: Physics,
        scan: NDArray[np.float64],
        now_s: float,
        others: Collection[tuple[float, float]],
    ) -> None:
        found = sightings(scan, self._pose, self._arena, others)
        known = self.known()
        picture: Picture | None = None
        for each in found:
            name = _nearest(known, (each.x_m, each.y_m))
            if not name:
                self._note(each, now_s)
            if not each.in_view:
                continue
            if picture is None:
                picture = self._camera.develop(physics.look(self.name))
            belief = self._classifier.belief(cut_out(picture, each.distance_m, each.bearing))
            if name:
                self._look_at(name, each, belief)

    def _look_at(self, name: str, seen: Sighting, belief: NDArray[np.float64]) -> None:
        looks = self.looks.setdefault(name, Looks(seen.x_m, seen.y_m))
        looks.add(belief)
        if self._job is not None and self._job.record.name == name:
            self._job.looks += 1
        told = tuple(float(each) for each in looks.belief)
        self._put(BeliefSeen(subject_of(name), 0, told, 0))

    def _note(self, seen: Sighting, now_s: float) -> None:
        """Take note of what nobody knows of, and tell the swarm when it stays where it is."""
        place = seen.x_m, seen.y_m
        for number, (looks, count) in enumerate(self._news):
            if math.dist((looks.x_m, looks.y_m), place) < SAME_M / 2:
                looks.x_m += (seen.x_m - looks.x_m) / (count + 1)
                looks.y_m += (seen.y_m - looks.y_m) / (count + 1)
                self._news[number] = looks, count + 1
                if count + 1 >= SEEN_MIN and not self._waits(now_s):
                    del self._news[number]
                    task = f'{INSPECT}{self.name}_{next(self._numbers)}'
                    self._ask(AddTask(Task(task, looks.x_m, looks.y_m)), now_s, task)
                return
        self._news.append((Looks(*place), 1))
        del self._news[:-20]

    def _cancel_doubles(self, now_s: float) -> None:
        """Cancel own tasks for things that another one was there for first."""
        own = f'{INSPECT}{self.name}_'
        known = self.known()
        for name, record in self.records.items():
            if name.startswith(own) and name not in known and not record.status.ended:
                if not self._waits(now_s):
                    self._ask(CancelTask(name, 'another task is for the same thing'), now_s, '')

    def _ask(self, operation: AddTask | CancelTask, now_s: float, request_id: str) -> None:
        key = next(self._keys)
        self._asked[key] = now_s + ASK_TIMEOUT_S
        self._put(TaskAsked(key, operation, request_id, int(ASK_TIMEOUT_S * SECOND)))

    def _waits(self, now_s: float) -> bool:
        """Return whether an answer is still to come."""
        return any(until_s > now_s for until_s in self._asked.values())

    # -- driving ----------------------------------------------------------------------------------

    def _drive(self, scan: NDArray[np.float64], now_s: float) -> tuple[float, float]:
        job = self._job
        if job is None:
            return self._go_home(scan, now_s)
        self._idle_s = now_s
        task = job.record.task
        inspecting = task.task.startswith(INSPECT)
        way_m = math.dist(self._pose[:2], (task.x_m, task.y_m))
        if now_s - job.began_s > PATIENCE_S:
            return self._end(ReportKind.FAILED, 'not reached in time')
        if way_m > (INSPECT_M if inspecting else ARRIVED_M) and job.arrived_s < 0:
            # What is on its place is as good as reached from beside it.
            if not inspecting and way_m < 0.7 and now_s - job.began_s > PATIENCE_S / 2:
                job.arrived_s = now_s
            return steer(self._pose, self._map.aim(*self._pose[:2], task.x_m, task.y_m), scan)
        if job.arrived_s < 0:
            job.arrived_s = now_s
        if inspecting:
            return self._inspect(job, scan, now_s)
        job.turned += TURN_RADPS * 0.1
        if job.turned >= math.tau:
            return self._end(ReportKind.DONE, 'looked around')
        return 0.0, TURN_RADPS

    def _go_home(self, scan: NDArray[np.float64], now_s: float) -> tuple[float, float]:
        """
        Drive to where the others will come, too, where there is nothing else to do for a while.

        In a far room the radio may reach nobody, and what was done there would never be told.
        """
        if now_s - self._idle_s < IDLE_S or math.dist(self._pose[:2], self._home) < ARRIVED_M:
            return 0.0, 0.0
        return steer(self._pose, self._map.aim(*self._pose[:2], *self._home), scan)

    def _inspect(
        self, job: _Job, scan: NDArray[np.float64], now_s: float
    ) -> tuple[float, float]:
        """Face it and look, some times."""
        if job.looks >= INSPECT_LOOKS:
            return self._end(ReportKind.DONE, f'{job.looks} looks')
        if now_s - job.arrived_s > INSPECT_S:
            return self._end(ReportKind.DONE, f'{job.looks} looks, and no more to be had')
        task = job.record.task
        way = math.atan2(task.y_m - self._pose[1], task.x_m - self._pose[0]) - self._pose[2]
        way = math.remainder(way, math.tau)
        # Too near to see all of it: back, where nothing is behind.
        near = math.dist(self._pose[:2], (task.x_m, task.y_m)) < INSPECT_NEAR_M
        back = near and abs(way) < 0.5 and float(_behind(scan).min()) > BEHIND_M
        return -0.2 if back else 0.0, max(-1.5, min(1.5, 2.5 * way))

    def _end(self, kind: ReportKind, reason: str) -> tuple[float, float]:
        job, self._job = self._job, None
        assert job is not None
        self._put(WorkTold(job.record.name, job.record.award, kind, reason))
        return 0.0, 0.0


def _behind(scan: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = len(scan) // 2
    return scan[middle - 40 : middle + 41]


def subject_of(task: str) -> str:
    """Return the subject under which the swarm decides what a thing is."""
    return f'{SUBJECT}/{task.removeprefix(INSPECT)}'


def _nearest(known: dict[str, tuple[float, float]], place: tuple[float, float]) -> str:
    """Return the known thing that stands at a place; '' for none."""
    name = min(known, key=lambda each: math.dist(known[each], place), default='')
    return name if name and math.dist(known[name], place) < SAME_M else ''
