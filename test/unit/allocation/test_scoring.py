"""What a robot gains by a task, against the score of the whole path written out one by one."""

from __future__ import annotations

import math
from random import Random

from allocation_net import random_tasks, random_workers
import pytest

from swarm_consensus.protocols.allocation import (
    Bidder,
    BidderConfig,
    Field,
    Method,
    RuleScoring,
    ScoringError,
    ScoringSetting,
    Task,
    UserPathScoring,
    Way,
    Worker,
)

DISCOUNT, COST = 0.995, 0.001


def plain_score(rule: str, tasks, worker: Worker, now_s: float) -> float:
    """Return the score of a path, task by task; -inf where it is impossible."""
    x, y, z = worker.x_m, worker.y_m, worker.z_m
    time_s, way_m, score = now_s + worker.free_in_s, 0.0, 0.0
    for task in tasks:
        leg = math.dist((x, y, z), (task.x_m, task.y_m, task.z_m))
        way_m += leg
        time_s = max(time_s + leg / worker.speed_mps, task.opens_ms / 1000)
        if task.closes_ms and time_s > task.closes_ms / 1000:
            return -math.inf
        score += task.worth * DISCOUNT**time_s if rule == 'time_discounted' else task.worth
        time_s += task.work / worker.rate
        if task.deadline_ms and time_s > task.deadline_ms / 1000:
            return -math.inf
        x, y, z = task.x_m, task.y_m, task.z_m
    if way_m > worker.range_m:
        return -math.inf
    return score if rule == 'time_discounted' else score - COST * way_m


def with_windows(random: Random, task: Task) -> Task:
    opens_ms = random.choice([0, random.randint(1, 300_000)])
    return Task(
        task.task,
        task.x_m,
        task.y_m,
        random.uniform(0, 100),
        task.work,
        task.worth,
        opens_ms=opens_ms,
        closes_ms=random.choice([0, opens_ms + random.randint(1, 400_000)]),
        deadline_ms=random.choice([0, opens_ms + random.randint(1, 900_000)]),
    )


@pytest.mark.parametrize('rule', ['time_discounted', 'path_length'])
def test_gains_are_differences_of_the_scores_of_whole_paths(rule: str) -> None:
    scoring = RuleScoring(ScoringSetting(rule, DISCOUNT, COST))
    possible = impossible = 0
    for seed in range(60):
        random = Random(seed)
        tasks = [with_windows(random, task) for task in random_tasks(random, 9)]
        field = Field(tasks)
        settings = {'range_m': random.choice([1e9, 3000.0]), 'free_in_s': random.uniform(0, 20)}
        (worker,) = random_workers(random, 1, **settings)
        now_s = random.uniform(0, 100)
        path = random.sample(range(9), random.randint(0, 4))
        base = plain_score(rule, [field.tasks[n] for n in path], worker, now_s)
        if base == -math.inf:
            continue
        gains = scoring.gains(Way(field, worker, now_s, tuple(path)))
        assert gains.shape == (len(path) + 1, 9)
        for place in set(range(9)) - set(path):
            for position in range(len(path) + 1):
                longer = [*path[:position], place, *path[position:]]
                whole = plain_score(rule, [field.tasks[n] for n in longer], worker, now_s)
                assert gains[position, place] == pytest.approx(whole - base, abs=1e-9), seed
                possible += whole > -math.inf
                impossible += whole == -math.inf
    assert possible > 100 and impossible > 100


def test_bids_of_days_ago_are_not_nothing() -> None:
    """What is discounted from the start of the clock would be 0 after some days."""
    scoring = RuleScoring(ScoringSetting(discount=0.9))
    way = Way(Field([Task('t', 3, 4)]), Worker('r', 0, 0), 1e7, ())
    assert scoring.gains(way)[0, 0] > 0


def test_a_users_scoring_says_what_paths_are_worth() -> None:
    def score(robot, path):
        assert robot['robot'] == 'r' and robot['now_s'] == 10.0
        assert all(each['end_s'] == each['begin_s'] + each['work'] for each in path)
        return sum(each['worth'] for each in path) - path[-1]['gone_m'] / 100

    field = Field([Task('a', 10, 0, worth=1), Task('b', 20, 0, worth=5, closes_ms=25_000)])
    scoring = UserPathScoring('mine:score', score)
    worker = Worker('r', 0, 0)
    gains = scoring.gains(Way(field, worker, 10.0, ()))
    assert gains[0].tolist() == pytest.approx([0.9, -math.inf])
    field = Field([Task('a', 10, 0, worth=1), Task('b', 20, 0, worth=5, closes_ms=35_000)])
    gains = scoring.gains(Way(field, worker, 10.0, (0,)))
    assert gains[:, 1].tolist() == pytest.approx([4.8, 4.9])


@pytest.mark.parametrize(
    ('result', 'text'),
    [('much', 'returned a str'), (True, 'returned a bool'), (math.nan, 'returned nan')],
)
def test_a_users_scoring_that_gives_no_number(result, text: str) -> None:
    scoring = UserPathScoring('mine:score', lambda robot, path: result)
    with pytest.raises(ScoringError, match=f"the scoring 'mine:score' {text}"):
        scoring.gains(Way(Field([Task('a', 1, 0)]), Worker('r', 0, 0), 0.0, ()))


def test_a_users_scoring_that_raises() -> None:
    scoring = UserPathScoring('mine:score', lambda robot, path: 1 / 0)
    with pytest.raises(ScoringError, match="the scoring 'mine:score' raised ZeroDivisionError"):
        scoring.gains(Way(Field([Task('a', 1, 0)]), Worker('r', 0, 0), 0.0, ()))


def test_a_scoring_whose_gains_rise_is_bent_back_and_counted() -> None:
    """Each task makes the next worth more: without the bend, bids would rise."""
    scoring = UserPathScoring('mine:score', lambda robot, path: float(len(path) ** 2))
    field = [Task(name, number, 0) for number, name in enumerate('abcd')]
    bidder = Bidder(BidderConfig('r', 1, bundle_max=4), scoring, Random(1), Worker('r', 0, 0))
    bidder.add_tasks(field)
    bidder.step(0.0)
    assert bidder.bundle.bids == [1.0, 1.0, 1.0, 1.0]
    assert bidder.bent == 3
    ((kind, bend),) = bidder.bends.items()
    assert kind == () and (bend.gain, bend.bid) == (3.0, 1.0)
    bidder.step(1.0)
    assert bidder.bent == 3


@pytest.mark.parametrize('method', [Method.GREEDY, Method.OPTIMAL])
def test_an_example_is_kept_of_each_kind_of_task_whose_bid_was_bent_back(method: Method) -> None:
    scoring = UserPathScoring('mine:score', lambda robot, path: float(len(path) ** 2))
    skilled = Worker('r', 0, 0, capabilities=('lift',))
    bidder = Bidder(BidderConfig('r', 1, method=method), scoring, Random(1), skilled)
    bidder.add_tasks([Task(n, 0, 0, capabilities=('lift',) * (n > 'c')) for n in 'abcdef'])
    bidder.step(0.0)
    # Where a robot takes one task only, nothing can be gained by the ones before.
    kinds = [] if method is Method.OPTIMAL else [(), ('lift',)]
    assert sorted(bidder.bends) == kinds and bidder.bent == 2 * len(kinds)


def test_a_scoring_whose_gains_diminish_is_not_counted() -> None:
    scoring = UserPathScoring('mine:score', lambda robot, path: math.sqrt(len(path)))
    bidder = Bidder(BidderConfig('r', 1, bundle_max=4), scoring, Random(1), Worker('r', 0, 0))
    bidder.add_tasks([Task(name, number, 0) for number, name in enumerate('abcd')])
    bidder.step(0.0)
    assert len(bidder.bundle) == 4 and bidder.bent == 0
