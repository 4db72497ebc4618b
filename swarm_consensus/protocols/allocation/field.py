"""The tasks that are open, as arrays: what scoring computes on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.allocation.errors import AllocationError
from swarm_consensus.protocols.allocation.values import Task, Worker

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NEVER_S = np.inf


class Field:
    """
    Open tasks in the order of their names; a place in this order is how scoring names a task.

    :param tasks: each name once.
    :ivar places: by name.
    :ivar position_m: a row (x, y, z) for each task.
    :ivar opens_s: work may begin from then on, in s of the task clock; likewise the others.
    :raises AllocationError: where a name stands twice.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = tuple(sorted(tasks, key=lambda task: task.task))
        self.names = tuple([task.task for task in self.tasks])
        self.places = {name: place for place, name in enumerate(self.names)}
        if len(self.places) != len(self.tasks):
            raise AllocationError('two tasks have the same name')
        rows = [(task.x_m, task.y_m, task.z_m) for task in self.tasks]
        self.position_m: Floats = np.array(rows, float).reshape(-1, 3)
        self.work: Floats = np.array([task.work for task in self.tasks], float)
        self.worth: Floats = np.array([task.worth for task in self.tasks], float)
        self.opens_s: Floats = np.array([task.opens_ms * 1e-3 for task in self.tasks], float)
        self.closes_s: Floats = np.array([_end_s(task.closes_ms) for task in self.tasks], float)
        self.deadline_s: Floats = np.array([_end_s(task.deadline_ms) for task in self.tasks], float)
        self._distances: dict[int, Floats] = {}

    def __len__(self) -> int:
        return len(self.tasks)

    def from_task(self, place: int) -> Floats:
        """Return the distances in m from one task to all."""
        row = self._distances.get(place)
        if row is None:
            row = self._distances[place] = self.from_point(self.position_m[place])
        return row

    def from_point(self, point: Floats) -> Floats:
        """Return the distances in m from a point to all tasks."""
        apart = self.position_m - point
        distances: Floats = np.sqrt((apart * apart).sum(axis=1))
        return distances

    def suited(self, worker: Worker) -> Flags:
        """Return which tasks a robot can do, wherever it is."""
        return np.array([worker.suits(task) for task in self.tasks], bool)


def _end_s(time_ms: int) -> float:
    return time_ms * 1e-3 if time_ms else _NEVER_S
