"""
What it takes to find out who does what.

CBBA with 50 robots and 300 tasks until no two robots hold the same one: CPU time, messages and
bytes of a robot, beside a plain Python CBBA from the paper's pseudocode (bench/cbba_plain.py)
on the same instances. Then 10, 30 and 50 robots by 100, 200 and 300 tasks: rounds and messages to
the end. Robots hear those within 500 m of a square of 1000 m, which are hops to the others.

What comes of it on a field is bench/allocation_scenario.py.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
from random import Random
import time
from typing import Any

from bench.cbba_plain import run_plain
from bench.rows import percentile, row
from swarm_consensus.protocols.allocation import (
    Bidder,
    BidderConfig,
    RuleScoring,
    ScoringSetting,
    Task,
    Worker,
)
from swarm_consensus.runtime.wire import MESSAGES

ROBOTS, TASKS, BUNDLE, DISCOUNT = 50, 300, 5, 0.999
INSTANCES = 3
SIDE_M, REACH_M = 1000.0, 500.0
ROUNDS_MAX = 2_000
SPEED_GOAL = 10.0
SWEEP_ROBOTS, SWEEP_TASKS = (10, 30, 50), (100, 200, 300)


@dataclass(frozen=True, slots=True)
class Effort:
    """
    What one allocation took.

    :param cpu_s: of all robots.
    :param messages: that were sent; each is heard by all in reach.
    """

    rounds: int
    cpu_s: float
    messages: int
    size: int
    bundles: dict[str, tuple[str, ...]]


def instance(
    seed: int, robots: int, tasks: int
) -> tuple[list[Worker], list[Task], dict[str, set[str]]]:
    """Return robots, tasks and who hears whom, which connects all."""
    for attempt in range(1_000):
        random = Random(f'{seed}/{attempt}/{robots}/{tasks}')
        workers = [
            Worker(f'r{n:02}', random.uniform(0, SIDE_M), random.uniform(0, SIDE_M), speed_mps=5.0)
            for n in range(robots)
        ]
        jobs = [
            Task(
                f't{n:03}',
                random.uniform(0, SIDE_M),
                random.uniform(0, SIDE_M),
                work=random.uniform(6, 60),
            )
            for n in range(tasks)
        ]
        near = {
            one.robot: {
                other.robot
                for other in workers
                if other is not one
                and math.hypot(one.x_m - other.x_m, one.y_m - other.y_m) <= REACH_M
            }
            for one in workers
        }
        reached, edge = set(), [workers[0].robot]
        while edge:
            name = edge.pop()
            if name not in reached:
                reached.add(name)
                edge += near[name]
        if len(reached) == robots:
            return workers, jobs, near
    raise RuntimeError('no connected graph was drawn')


def allocate(seed: int, robots: int, tasks: int) -> Effort:
    """Let our bidders allocate in rounds until nobody has anything to say."""
    workers, jobs, near = instance(seed, robots, tasks)
    scoring = RuleScoring(ScoringSetting(discount=DISCOUNT))
    # Without comparisons all is passed on: there is a robot that only the fourth of those reaches.
    settings = {'relay_ticks': 0, 'relay_heard': 0, 'compare_ticks': 0, 'patience_ticks': 0}
    bidders = {
        worker.robot: Bidder(
            BidderConfig(worker.robot, 1, bundle_max=BUNDLE, **settings),
            scoring,
            Random(seed),
            worker,
        )
        for worker in workers
    }
    cpu_s, messages, size = 0.0, 0, 0
    for bidder in bidders.values():
        began = time.process_time()
        bidder.add_tasks(jobs)
        cpu_s += time.process_time() - began
    for number in range(ROUNDS_MAX):
        said = {}
        for name, bidder in bidders.items():
            began = time.process_time()
            bidder.step(0.0)
            said[name] = bidder.take_sends()
            cpu_s += time.process_time() - began
        if not any(said.values()):
            bundles = {name: tuple(bidder.bundle.names) for name, bidder in bidders.items()}
            held = [task for bundle in bundles.values() for task in bundle]
            if len(set(held)) != len(held):
                raise RuntimeError('two robots hold one task')
            return Effort(number, cpu_s, messages, size, bundles)
        for name, sends in said.items():
            messages += len(sends)
            size += sum(len(MESSAGES.encode(send.message)) for send in sends)
            for other in sorted(near[name]):
                bidder = bidders[other]
                began = time.process_time()
                for send in sends:
                    bidder.receive(name, send.message)
                cpu_s += time.process_time() - began
    raise RuntimeError(f'no end after {ROUNDS_MAX} rounds')


def plain(seed: int) -> tuple[float, int]:
    """Return CPU time of all robots in s, and rounds, of the baseline."""
    workers, jobs, near = instance(seed, ROBOTS, TASKS)
    robots, rounds = run_plain(workers, jobs, near, BUNDLE, DISCOUNT, ROUNDS_MAX)
    held = [task for robot in robots for task in robot.bundle]
    if len(set(held)) != len(held):
        raise RuntimeError('two robots of the baseline hold one task')
    return sum(robot.cpu_s for robot in robots), rounds


def speed_rows() -> list[dict[str, Any]]:
    """Return what an allocation costs, beside the baseline."""
    ours = [allocate(seed, ROBOTS, TASKS) for seed in range(INSTANCES)]
    theirs = [plain(seed) for seed in range(INSTANCES)]
    name = f'CBBA, {ROBOTS} robots, {TASKS} tasks: '
    cpu_s = percentile([each.cpu_s for each in ours], 50) / ROBOTS
    plain_s = percentile([each for each, _ in theirs], 50) / ROBOTS
    messages = percentile([each.messages for each in ours], 50) / ROBOTS
    size = percentile([each.size for each in ours], 50) / ROBOTS
    return [
        row(
            name + 'CPU of a robot until conflict-free',
            1e3 * cpu_s,
            'ms',
            peer='plain Python',
            peer_value=1e3 * plain_s,
        ),
        row(name + 'times faster than plain Python', plain_s / cpu_s, '', 'higher', SPEED_GOAL),
        row(name + 'messages of a robot', messages, ''),
        row(name + 'bytes of a robot', size, 'B'),
    ]


def sweep_rows() -> list[dict[str, Any]]:
    """Return rounds and messages by robots and tasks."""
    rows = []
    for robots in SWEEP_ROBOTS:
        for tasks in SWEEP_TASKS:
            efforts = [allocate(seed, robots, tasks) for seed in range(INSTANCES)]
            name = f'CBBA, {robots} robots, {tasks} tasks: '
            rounds = percentile([each.rounds for each in efforts], 50)
            messages = percentile([each.messages for each in efforts], 50)
            rows.append(row(name + 'rounds to the end', rounds, ''))
            rows.append(row(name + 'messages in all', messages, ''))
    return rows


def rows() -> list[dict[str, Any]]:
    """Measure, and return the rows."""
    return speed_rows() + sweep_rows()
