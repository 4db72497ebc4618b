"""
The standard scenario of allocation: robots that find tasks, agree, drive and work.

By CBBA, sequential greedy and nearest-first over 30 seeds: time and distance, medians with the
middle half. It takes an hour of two cores. Published single runs on such a field: CBBA 11,322 s and
21,153 m, nearest-first 13,413 s and 26,419 m.

10 robots in 1400 x 1000 m, 100 tasks and 25 more each 2000 s, three times; 6 to 60 of work each, at
a rate of 1; at most 0.25 m/s, 0.05 m/s^2 and 0.25 rad/s; a robot sees tasks within 500 m and hears
robots within 500 m; it slows down within 50 m and works from within 10 m; one decision a second. A
robot that knows of no task drives to a random place. What it has seen it remembers, and what it
knows to be done it tells whom it hears.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
import multiprocessing
from random import Random
from typing import Any

from bench.rows import percentile, row
from swarm_consensus.protocols.allocation import (
    Bidder,
    BidderConfig,
    Field,
    RuleScoring,
    ScoringSetting,
    Task,
    Worker,
    sequential_greedy,
)

SEEDS = 30
METHODS = ('cbba', 'greedy', 'nearest')
WORDS = {'seconds': ('completion time', 's'), 'metres': ('distance of all robots', 'm')}
NAMES = {'cbba': 'CBBA', 'greedy': 'sequential greedy', 'nearest': 'nearest-first'}
WIDTH_M, HEIGHT_M = 1400.0, 1000.0
ROBOTS, TASKS, MORE, WAVES, WAVE_S = 10, 100, 25, 3, 2000
SPEED_MPS, ACCELERATION, TURN = 0.25, 0.05, 0.25
RADIUS_M, APPROACH_M, ARRIVAL_M = 500.0, 50.0, 10.0
BUNDLE, DISCOUNT, RESET_S = 5, 0.999, 500
# Greedy plans, and all bids, are made anew from where the robots are so often.
REPLAN_S, REBID_S = 20, 40
SECONDS_MAX = 60_000

SCORING = RuleScoring(ScoringSetting(discount=DISCOUNT))


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How a run ended.

    :param seconds: until the last task was done.
    :param metres: that all robots have driven.
    """

    seconds: int
    metres: float


class Robot:
    """One robot of the scenario."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.x, self.y = random.uniform(0, WIDTH_M), random.uniform(0, HEIGHT_M)
        self.heading, self.speed, self.metres = random.uniform(-math.pi, math.pi), 0.0, 0.0
        self.known: dict[str, Task] = {}
        self.done: set[str] = set()
        self.target: str | None = None
        self._random = random
        self._somewhere = (self.x, self.y)

    def worker(self) -> Worker:
        """Return the robot as it is now."""
        return Worker(self.name, self.x, self.y, speed_mps=SPEED_MPS)

    def drive(self, left: dict[str, float]) -> None:
        """Drive and work for a second."""
        task = self.known.get(self.target) if self.target else None
        if task is not None:
            if math.hypot(task.x_m - self.x, task.y_m - self.y) <= ARRIVAL_M:
                self.speed = 0.0
                left[task.task] -= 1.0
                return
            self._toward(task.x_m, task.y_m)
            return
        if math.hypot(self._somewhere[0] - self.x, self._somewhere[1] - self.y) <= ARRIVAL_M:
            self._somewhere = self._random.uniform(0, WIDTH_M), self._random.uniform(0, HEIGHT_M)
        self._toward(*self._somewhere)

    def _toward(self, x: float, y: float) -> None:
        way_m = math.hypot(x - self.x, y - self.y)
        turn = math.remainder(math.atan2(y - self.y, x - self.x) - self.heading, math.tau)
        self.heading += max(-TURN, min(TURN, turn))
        wanted = SPEED_MPS * min(1.0, way_m / APPROACH_M) if abs(turn) < math.pi / 2 else 0.0
        self.speed += max(-ACCELERATION, min(ACCELERATION, wanted - self.speed))
        self.x += self.speed * math.cos(self.heading)
        self.y += self.speed * math.sin(self.heading)
        self.metres += self.speed


class Scenario:
    """
    One run.

    :param method: 'cbba', 'greedy' or 'nearest'.
    """

    def __init__(self, seed: int, method: str) -> None:
        # The same field and robots for all methods.
        random = Random(f'{seed}/allocation scenario')
        self._method = method
        self._robots = [Robot(f'r{n:02}', Random(f'{seed}/{n}')) for n in range(ROBOTS)]
        self._waves = [self._tasks(random, TASKS, 0)]
        for wave in range(1, WAVES + 1):
            self._waves.append(self._tasks(random, MORE, wave))
        self._all: dict[str, Task] = {}
        self._left: dict[str, float] = {}
        self._bidders = {
            robot.name: Bidder(
                BidderConfig(
                    robot.name,
                    1,
                    bundle_max=BUNDLE,
                    relay_ticks=0,
                    relay_heard=0,
                    compare_ticks=10,
                    patience_ticks=0,
                ),
                SCORING,
                Random(f'{seed}/{robot.name}'),
                robot.worker(),
            )
            for robot in self._robots
        }
        self._empty_since = {robot.name: 0 for robot in self._robots}
        self._claims: dict[str, str] = {}

    @staticmethod
    def _tasks(random: Random, count: int, wave: int) -> list[Task]:
        return [
            Task(
                f'w{wave}t{number:03}',
                random.uniform(0, WIDTH_M),
                random.uniform(0, HEIGHT_M),
                work=random.uniform(6, 60),
            )
            for number in range(count)
        ]

    def run(self) -> Outcome:
        """
        Run until all is done.

        :raises RuntimeError: it never is.
        """
        for second in range(SECONDS_MAX):
            if second % WAVE_S == 0 and second // WAVE_S <= WAVES:
                for task in self._waves[second // WAVE_S]:
                    self._all[task.task] = task
                    self._left[task.task] = task.work
            if not self._left and second > WAVE_S * WAVES:
                return Outcome(second, sum(robot.metres for robot in self._robots))
            self._look()
            heard = self._heard()
            for robot in self._robots:
                for other in heard[robot.name]:
                    if len(other.done) != len(robot.done):
                        robot.done |= other.done
            decide = {'cbba': self._bid, 'greedy': self._plan, 'nearest': self._claim}
            decide[self._method](second, heard)
            for robot in self._robots:
                robot.drive(self._left)
                if robot.target and self._left.get(robot.target, 1.0) <= 0:
                    del self._left[robot.target]
                    robot.done.add(robot.target)
                    self._bidders[robot.name].drop_tasks([robot.target], own=[robot.target])
                if robot.target in robot.done or robot.target not in self._left:
                    robot.target = None
        raise RuntimeError(f'{len(self._left)} tasks are not done after {SECONDS_MAX} s')

    def _look(self) -> None:
        """Let robots see what lies, and what was done, around them."""
        for robot in self._robots:
            for name, task in self._all.items():
                if name in robot.known and name in robot.done:
                    continue
                apart = (task.x_m - robot.x) ** 2 + (task.y_m - robot.y) ** 2
                if apart <= RADIUS_M**2:
                    if name not in self._left:
                        robot.done.add(name)
                    robot.known[name] = task

    def _heard(self) -> dict[str, list[Robot]]:
        return {
            one.name: [
                other
                for other in self._robots
                if other is not one
                and (one.x - other.x) ** 2 + (one.y - other.y) ** 2 <= RADIUS_M**2
            ]
            for one in self._robots
        }

    # -- CBBA -------------------------------------------------------------------------------------

    def _bid(self, second: int, heard: dict[str, list[Robot]]) -> None:
        for robot in self._robots:
            bidder = self._bidders[robot.name]
            done = [name for name in bidder.tasks if name in robot.done]
            bidder.drop_tasks(done)
            bidder.add_tasks(
                task
                for name, task in robot.known.items()
                if name not in robot.done and name not in bidder.tasks
            )
            at_work = robot.target is not None and robot.speed == 0.0
            if second % REPLAN_S == 0:
                bidder.set_worker(robot.worker())
                if second % REBID_S == 0 and not at_work:
                    bidder.rebid()
            if bidder.bundle.names:
                self._empty_since[robot.name] = second
                bidder.set_absent(frozenset())
            elif second - self._empty_since[robot.name] >= RESET_S:
                # Of robots out of reach nothing new will come: their bids do not count any more.
                near = {other.name for other in heard[robot.name]}
                bidder.set_absent(frozenset(each.name for each in self._robots) - near)
                self._empty_since[robot.name] = second
            bidder.pass_time(1)
            bidder.step(float(second))
            robot.target = bidder.path[0] if bidder.path else None
        for robot in self._robots:
            for send in self._bidders[robot.name].take_sends():
                for other in heard[robot.name]:
                    if not send.to or other.name in send.to:
                        self._bidders[other.name].receive(robot.name, send.message)

    # -- the others -------------------------------------------------------------------------------

    def _plan(self, second: int, heard: dict[str, list[Robot]]) -> None:
        """Let each group of robots that hear each other be planned at one place."""
        if second % REPLAN_S and all(robot.target for robot in self._robots):
            return
        left = set(range(ROBOTS))
        index = {robot.name: number for number, robot in enumerate(self._robots)}
        while left:
            group, edge = set(), [min(left)]
            while edge:
                number = edge.pop()
                if number not in group:
                    group.add(number)
                    edge += [index[o.name] for o in heard[self._robots[number].name]]
            left -= group
            robots = [self._robots[number] for number in sorted(group)]
            # A robot that is at its work stays.
            fixed = {r.target for r in robots if r.target and r.speed == 0.0}
            free = [r for r in robots if not (r.target and r.speed == 0.0)]
            if second % REPLAN_S and all(robot.target for robot in free):
                continue
            done = set().union(*(robot.done for robot in robots))
            known = {n: t for robot in robots for n, t in robot.known.items() if n not in done}
            for robot in robots:
                robot.known.update(known)
            field = Field(task for name, task in known.items() if name not in fixed)
            planned = sequential_greedy(
                field, [robot.worker() for robot in free], SCORING, BUNDLE, float(second)
            )
            for robot in free:
                path = planned.bundles[robot.name].path
                robot.target = path[0] if path else None

    def _claim(self, second: int, heard: dict[str, list[Robot]]) -> None:
        """Let each robot without a task claim the nearest one that nobody in reach has claimed."""
        for robot in self._robots:
            if robot.target:
                continue
            claimed = {other.target for other in heard[robot.name]}
            open_tasks = [
                task
                for name, task in robot.known.items()
                if name not in robot.done and name not in claimed
            ]
            if open_tasks:
                nearest = min(
                    open_tasks,
                    key=lambda t: (math.hypot(t.x_m - robot.x, t.y_m - robot.y), t.task),
                )
                robot.target = nearest.task


def run(seed: int, method: str) -> Outcome:
    """Run the standard scenario."""
    return Scenario(seed, method).run()


def rows() -> list[dict[str, Any]]:
    """Return time and distance of the standard scenario for each method."""
    wanted = [(seed, method) for seed in range(SEEDS) for method in METHODS]
    with multiprocessing.get_context('spawn').Pool() as pool:
        outcomes = dict(zip(wanted, pool.starmap(run, wanted), strict=True))
    medians: dict[tuple[str, str], float] = {}
    halves: dict[tuple[str, str], float] = {}
    for method in METHODS:
        for what in WORDS:
            values = [getattr(outcomes[seed, method], what) for seed in range(SEEDS)]
            low, medians[method, what], high = (percentile(values, q) for q in (25, 50, 75))
            halves[method, what] = high - low
    found = []
    for (method, what), median in medians.items():
        word, unit = WORDS[what]
        name = f'{NAMES[method]}, standard scenario: {word}'
        # It must lead nearest-first in the same run.
        goal = medians['nearest', what] if method == 'cbba' else None
        found.append(row(name, median, unit, goal=goal))
        found.append(row(f'{name}, middle half', halves[method, what], unit))
    return found
