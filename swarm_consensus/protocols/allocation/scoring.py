"""
What a robot would gain by taking a task into its path, at each place where it could stand.

A rule names how a path is scored; the gain of a task is the score of the path with it less that of
the path without it (Choi, Brunet, How 2009, section IV-A, eq. 6 and 7). What a path may not hold
gains -inf: work that would begin before its window opens waits, work that would begin after it
closes or end behind its deadline is impossible, and so is a path longer than the robot's range.
That goes for the tasks behind the new one as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
import math
from typing import Any

import numpy as np

from swarm_consensus.protocols.allocation.errors import AllocationError, ScoringError
from swarm_consensus.protocols.allocation.field import Field, Flags, Floats
from swarm_consensus.protocols.allocation.values import NUMBER_MAX, Worker
from swarm_consensus.protocols.values import value

# A user's rule: the robot, and the tasks of a path in order, to the score of the path. Both as
# docs/tasks.md describes them, made for this call.
UserScoring = Callable[[dict[str, Any], list[dict[str, Any]]], object]

TIME_DISCOUNTED = 'time_discounted'
PATH_LENGTH = 'path_length'
SCORING_NAMES = (TIME_DISCOUNTED, PATH_LENGTH)
# Natural logarithm of the smallest factor that a discount comes to.
_DISCOUNT_LOG_MAX = 600.0


@value
class ScoringSetting:
    """
    How paths are scored.

    :param rule: one of SCORING_NAMES: `time_discounted`: worth * discount^(begin of the work),
        `path_length`: worth - cost_per_m * way; summed over the path.
    :param discount: factor by second, 0 < discount <= 1.
    :param cost_per_m: what a metre takes off, >= 0.
    :raises AllocationError: what cannot be, and what to change.
    """

    rule: str = TIME_DISCOUNTED
    discount: float = 0.999
    cost_per_m: float = 0.01

    def __post_init__(self) -> None:
        if self.rule not in SCORING_NAMES:
            raise AllocationError(
                f"there is no scoring '{self.rule}'; there is {', '.join(SCORING_NAMES)}"
            )
        if not 0 < self.discount <= 1:
            raise AllocationError(f'discount is {self.discount:g}, give more than 0, up to 1')
        if not 0 <= self.cost_per_m <= NUMBER_MAX:
            raise AllocationError(f'cost_per_m is {self.cost_per_m:g}, give 0..{NUMBER_MAX:g}')


@value
class Way:
    """
    Where a robot stands, and which tasks it carries out from there, in order.

    :param now_s: of the task clock.
    :param path: places in the field.
    """

    field: Field
    worker: Worker
    now_s: float
    path: tuple[int, ...]

    def schedule(self) -> tuple[list[float], list[float], list[float]]:
        """
        Return when the work on each task begins and ends, and how far the robot has gone by then.

        Times in s of the task clock, ways in m.
        """
        begin_s: list[float] = []
        end_s: list[float] = []
        gone_m: list[float] = []
        field, worker = self.field, self.worker
        leg = self.from_start()
        now_s, gone = self.now_s + worker.free_in_s, 0.0
        for place in self.path:
            gone += float(leg[place])
            begin = max(now_s + float(leg[place]) / worker.speed_mps, float(field.opens_s[place]))
            now_s = begin + float(field.work[place]) / worker.rate
            begin_s.append(begin)
            end_s.append(now_s)
            gone_m.append(gone)
            leg = field.from_task(place)
        return begin_s, end_s, gone_m

    def from_start(self) -> Floats:
        """Return the distances in m from where the robot stands to all tasks."""
        worker = self.worker
        return self.field.from_point(np.array((worker.x_m, worker.y_m, worker.z_m)))


class Scoring(ABC):
    """A way to score paths."""

    @abstractmethod
    def gains(self, way: Way) -> Floats:
        """
        Return what each task would gain at each place of the path.

        :returns: a row for each place from 0 to len(path), a column for each task; -inf where it
            is impossible. Columns of tasks that stand in the path mean nothing.
        :raises ScoringError: a user's rule gave no number.
        """

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """Return by which settings it scores; equal ones give equal gains."""


class RuleScoring(Scoring):
    """
    The rules of SCORING_NAMES.

    A task is put into the path at each place, for all tasks at once, and the rest of the path is
    walked through behind it: paths are short, fields are wide.
    """

    def __init__(self, setting: ScoringSetting) -> None:
        self._setting = setting
        self._log_discount = math.log(setting.discount)

    def gains(self, way: Way) -> Floats:
        """Return as `Scoring.gains` says."""
        field, worker, path = way.field, way.worker, way.path
        speed = worker.speed_mps
        legs = [way.from_start()] + [field.from_task(place) for place in path]
        begin_s, end_s, gone_m = way.schedule()
        leave_s = [way.now_s + worker.free_in_s, *end_s]
        total_m = gone_m[-1] if path else 0.0
        origin_s = self._origin_s(way.now_s)
        work_s = field.work / worker.rate
        # Which tasks of the path can come to be too late.
        ends_s = np.minimum(field.closes_s, field.deadline_s)
        strict = [math.isfinite(ends_s[p]) for p in path]
        before = [
            self._reward(field.worth[p], begin - origin_s)
            for p, begin in zip(path, begin_s, strict=True)
        ]
        gains = np.empty((len(path) + 1, len(field)))
        for position in range(len(path) + 1):
            added_m = legs[position]
            begin = np.maximum(leave_s[position] + added_m / speed, field.opens_s)
            leave = begin + work_s
            possible: Flags = (begin <= field.closes_s) & (leave <= field.deadline_s)
            gain = self._reward(field.worth, begin - origin_s)
            for number in range(position, len(path)):
                place = path[number]
                if number == position:
                    onward = legs[number + 1]
                    added_m = added_m + onward - legs[position][place]
                    begin = leave + onward / speed
                else:
                    begin = leave + legs[number][place] / speed
                if field.opens_s[place]:
                    begin = np.maximum(begin, field.opens_s[place])
                leave = begin + work_s[place]
                if strict[number]:
                    possible &= begin <= field.closes_s[place]
                    possible &= leave <= field.deadline_s[place]
                after = self._reward(field.worth[place], begin - origin_s)
                gain = gain + (after - before[number])
            if self._setting.rule == PATH_LENGTH:
                gain = gain - self._setting.cost_per_m * added_m
            possible &= total_m + added_m <= worker.range_m
            gains[position] = np.where(possible, gain, -np.inf)
        return gains

    def settings(self) -> dict[str, str]:
        """Return the rule, and the number that it goes by."""
        setting = self._setting
        if setting.rule == TIME_DISCOUNTED:
            return {'scoring': setting.rule, 'discount': repr(setting.discount)}
        return {'scoring': setting.rule, 'cost_per_m': repr(setting.cost_per_m)}

    def _origin_s(self, now_s: float) -> float:
        """
        Return from when on is discounted.

        The same for all robots, so that their bids compare, and never so long ago that nothing is
        left of them. The bids of two such periods do not compare well: those from before are
        outbid by later ones.
        """
        if self._setting.rule != TIME_DISCOUNTED or not self._log_discount:
            return 0.0
        period_s = _DISCOUNT_LOG_MAX / -self._log_discount
        return now_s // period_s * period_s

    def _reward(self, worth: Any, begin_s: Any) -> Any:
        """Return what tasks bring whose work begins then; a number, or an array."""
        if self._setting.rule == TIME_DISCOUNTED:
            return worth * np.exp(self._log_discount * begin_s)
        return worth


class UserPathScoring(Scoring):
    """
    A user's own rule, which says what a path is worth.

    Windows, deadlines and the range hold whatever it says.

    :param name: for errors.
    """

    def __init__(self, name: str, function: UserScoring) -> None:
        self._name = name
        self._function = function
        self._possible = RuleScoring(ScoringSetting(rule=PATH_LENGTH, cost_per_m=0.0))

    def gains(self, way: Way) -> Floats:
        """Return as `Scoring.gains` says."""
        gains = self._possible.gains(way)
        without = self._score(way)
        path = way.path
        for place in range(len(way.field)):
            if place in path:
                continue
            for position in range(len(path) + 1):
                if np.isfinite(gains[position, place]):
                    longer = (*path[:position], place, *path[position:])
                    whole = Way(way.field, way.worker, way.now_s, longer)
                    gains[position, place] = self._score(whole) - without
        return gains

    def settings(self) -> dict[str, str]:
        """Return the name of the rule; that its code is the same is up to the user."""
        return {'scoring': self._name}

    def _score(self, way: Way) -> float:
        if not way.path:
            return 0.0
        told = []
        for place, begin_s, end_s, gone_m in zip(way.path, *way.schedule(), strict=True):
            times = {'begin_s': begin_s, 'end_s': end_s, 'gone_m': gone_m}
            told.append({**asdict(way.field.tasks[place]), **times})
        robot = {**asdict(way.worker), 'now_s': way.now_s}
        try:
            score = self._function(robot, told)
        # A user's exception must not end the robot; its text may differ between robots.
        except Exception as error:  # noqa: BLE001
            raise ScoringError(
                f"the scoring '{self._name}' raised {type(error).__name__}"
            ) from error
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            kind = type(score).__name__
            raise ScoringError(f"the scoring '{self._name}' returned a {kind}, not a number")
        if not math.isfinite(score) or abs(score) > NUMBER_MAX:
            raise ScoringError(f"the scoring '{self._name}' returned {score:g}")
        return float(score)
