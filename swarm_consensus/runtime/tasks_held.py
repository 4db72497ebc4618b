"""What a robot holds: tasks that the log has awarded to it, and where it is when they are done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
import math

from swarm_consensus.protocols.allocation import Worker
from swarm_consensus.protocols.allocation.values import NUMBER_MAX
from swarm_consensus.protocols.tasks import ReportKind, TaskRecord
from swarm_consensus.runtime.config import SECOND


@dataclass(slots=True)
class Mine:
    """
    A task that the log has awarded to this robot.

    :ivar going: the user's node was told to begin.
    :ivar stop_told: it was told to stop.
    :ivar report: what is to be said of it in the end, as soon as that is known.
    :ivar said: something of it is on its way into the log.
    :ivar end_ns: when it is about done, by its distance and its work; 0: it has not begun.
    """

    record: TaskRecord
    going: bool = False
    stop_told: bool = False
    report: tuple[ReportKind, str] | None = None
    said: bool = False
    started: bool = False
    retry_ns: int = 0
    end_ns: int = 0


def worker_to_come(worker: Worker | None, held: Iterable[Mine], now_ns: int) -> Worker | None:
    """Return a robot as it is when it has done all that it holds."""
    if worker is None:
        return None
    for mine in sorted(held, key=lambda each: each.record.award):
        task = mine.record.task
        left_s = max(0.0, (mine.end_ns - now_ns) / SECOND) if mine.end_ns else None
        if left_s is None:
            left_s = worker.free_in_s + needs_s(worker, mine.record)
        way_m = math.dist((worker.x_m, worker.y_m, worker.z_m), _place(mine.record))
        worker = Worker(
            worker.robot,
            task.x_m,
            task.y_m,
            task.z_m,
            worker.speed_mps,
            worker.rate,
            worker.payload_kg,
            worker.capabilities,
            max(0.0, worker.range_m - way_m),
            # By whole seconds, so that bids are not made anew in each tick.
            min(NUMBER_MAX, float(math.ceil(left_s))),
        )
    return worker


def needs_s(worker: Worker, record: TaskRecord) -> float:
    """Return how long a robot needs for a task, way and work, from where it is."""
    return way_s(worker, record) + record.task.work / worker.rate


def way_s(worker: Worker, record: TaskRecord) -> float:
    """Return how long a robot is on its way to a task from where it is."""
    way_m = math.dist((worker.x_m, worker.y_m, worker.z_m), _place(record))
    return way_m / worker.speed_mps


def _place(record: TaskRecord) -> tuple[float, float, float]:
    return record.task.x_m, record.task.y_m, record.task.z_m
