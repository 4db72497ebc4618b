"""
Tasks in a troubled swarm: none is with two robots, none is forgotten, each ends with its reason.

Everything comes from the seed. `again` in a report counts what nobody can rule out: a robot was
through with a task and lost its power, or its radio, before anybody heard of it.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.tasks import AddTask, Renew, TaskBook
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.events import TaskAsked
from swarm_consensus.runtime.tasks import TaskWork
from swarm_consensus.simulation.allocation.crew import Crew
from swarm_consensus.simulation.allocation.storm import Report, Storm
from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.world import World

SEEDS = 12
CHUNK = 3
TROUBLED_NS = 30 * SECOND


@pytest.mark.slow
@pytest.mark.parametrize('first', range(0, SEEDS, CHUNK))
def test_no_task_is_with_two_robots_and_none_is_forgotten(first: int) -> None:
    reports: list[Report] = []
    for seed in range(first, first + CHUNK):
        try:
            reports.append(Storm(seed, TROUBLED_NS).run())
        except InvariantBroken as error:
            pytest.fail(f'seed {seed}: {error}', pytrace=False)
    # There was trouble, and there was work.
    assert sum(report.crashes + report.splits for report in reports) > 5
    assert sum(report.ended['DONE'] for report in reports) > 30


def test_two_runs_of_a_seed_are_equal() -> None:
    assert Storm(12, 5 * SECOND).run() == Storm(12, 5 * SECOND).run()


def cut_off_at_work() -> Crew:
    """Cut a robot off that is in the middle of a long task, for long; returns the crew."""
    robots = ('r1', 'r2', 'r3')
    configs = [RuntimeConfig('zoo', robot, robots, (), name_probe_ns=0) for robot in robots]
    world = World(1, configs, listener=lambda *told: crew.hear(*told), overhear=False)
    workers = {robot: Worker(robot, 10.0 * n, 0.0) for n, robot in enumerate(robots)}
    crew = Crew(world, workers, SECOND, Random(1))

    def run(seconds: float) -> None:
        for _ in range(int(2 * seconds)):
            crew.report_places()
            world.run(world.now_ns + SECOND // 2)

    run(3)
    task = Task('t', 0.0, 0.0, work=60.0)
    world.put('r2', TaskAsked(1, AddTask(task), '', 2 * SECOND))
    run(2)
    (busy,) = crew.busy
    world.network.split([[busy], [robot for robot in robots if robot != busy]])
    run(10)
    assert crew.begun['t'] == 2 and crew.stopped == 1
    return crew


def test_a_robot_that_is_cut_off_is_at_rest_when_another_begins() -> None:
    assert len(cut_off_at_work().busy) == 1


def test_a_robot_that_does_not_watch_its_duty_is_found_out(monkeypatch) -> None:
    monkeypatch.setattr(TaskWork, 'watch_duty', lambda *args: None)
    with pytest.raises(InvariantBroken, match='and it is with'):
        cut_off_at_work()


def test_a_log_that_gives_tasks_away_too_early_is_found_out(monkeypatch) -> None:
    apply = TaskBook.apply

    def hasty(book: TaskBook, index: int, now_ms: int, operation):
        if isinstance(operation, Renew):
            operation = replace(operation, ttl_ms=operation.ttl_ms // 4)
        return apply(book, index, now_ms, operation)

    monkeypatch.setattr(TaskBook, 'apply', hasty)
    with pytest.raises(InvariantBroken, match='and it is with'):
        cut_off_at_work()
