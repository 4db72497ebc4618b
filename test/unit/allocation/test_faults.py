"""CBBA without rounds: messages lost, doubled and overtaken, and everything that may change."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from allocation_net import (
    DISCOUNTED,
    Net,
    assert_conflict_free,
    connect,
    greedy_bundles,
    random_graph,
    random_tasks,
    random_workers,
)
import pytest

from swarm_consensus.protocols.allocation import Bidder, BidderConfig, Field, sequential_greedy

# Of a message a tick the longest chain of losses that this many ticks do not outlast is far rarer
# than once in all the seeds.
LONG_ENOUGH = 400
FAST = {'compare_ticks': 6, 'relay_ticks': 2, 'patience_ticks': 0}


def swarm(seed: int, robots: int = 7, count: int = 15, **settings):
    random = Random(seed)
    tasks, workers = random_tasks(random, count), random_workers(random, robots)
    graph = random_graph(random, [worker.robot for worker in workers])
    net = Net(tasks, workers, graph, seed=seed, bundle_max=3, **(FAST | settings))
    return net, tasks, workers, random


def assert_greedy(net: Net, tasks, workers, seed: int, without: str = '') -> None:
    bidders = {name: bidder for name, bidder in net.bidders.items() if name != without}
    assert_conflict_free(bidders, tasks)
    workers = [worker for worker in workers if worker.robot != without]
    expected = greedy_bundles(sequential_greedy(Field(tasks), workers, DISCOUNTED, 3))
    if without:
        expected[without] = []
    assert net.bundles() == expected, f'seed {seed}'


@pytest.mark.parametrize('loss', [0.0, 0.2, 0.4])
def test_the_result_is_the_same_whatever_the_network_does(loss: float) -> None:
    for seed in range(25):
        net, tasks, workers, _ = swarm(seed, loss=loss, doubled=0.3, delay_max=6)
        net.run(LONG_ENOUGH)
        assert_greedy(net, tasks, workers, seed)


def test_without_comparisons_a_lossy_network_ends_in_conflicts() -> None:
    """What makes up for losses is needed, so the test above can fail."""
    wrong = 0
    for seed in range(15):
        net, tasks, workers, _ = swarm(seed, loss=0.4, compare_ticks=0)
        net.run(LONG_ENOUGH)
        assignment = sequential_greedy(Field(tasks), workers, DISCOUNTED, 3)
        wrong += net.bundles() != greedy_bundles(assignment)
    assert wrong > 5


def test_after_the_last_bid_robots_only_compare() -> None:
    net, *_ = swarm(3, compare_ticks=20)
    net.run(200)
    before = net.messages
    net.run(200)
    # A hash from each of 7 robots each 20 ticks.
    assert 0 < net.messages - before <= 7 * 200 / 20 * 1.5


def test_a_graph_that_changes_all_the_time() -> None:
    for seed in range(15):
        net, tasks, workers, random = swarm(seed, loss=0.1)
        names = [worker.robot for worker in workers]

        def rewire(net, random=random, names=names):
            if net.tick % 7 == 0:
                # Hardly ever connected.
                net.graph = {name: set() for name in names}
                for _ in range(4):
                    connect(net.graph, *random.sample(names, 2))

        net.run(LONG_ENOUGH * 2, rewire)
        assert_greedy(net, tasks, workers, seed)


def test_a_swarm_in_two_parts_comes_to_one_result_when_they_meet() -> None:
    for seed in range(15):
        net, tasks, workers, _ = swarm(seed)
        names = [worker.robot for worker in workers]
        whole = net.graph
        net.graph = {name: set() for name in names}
        for part in (names[:3], names[3:]):
            for one, other in zip(part, part[1:], strict=False):
                connect(net.graph, one, other)
        net.run(150)
        net.graph = whole
        net.run(LONG_ENOUGH)
        assert_greedy(net, tasks, workers, seed)


def test_tasks_that_come_and_go_while_robots_bid() -> None:
    for seed in range(15):
        net, tasks, workers, random = swarm(seed, loss=0.2, delay_max=3)
        more = [replace(t, task=f'late{t.task}', x_m=t.y_m) for t in random_tasks(random, 12)]
        gone = {task.task for task in random.sample(tasks, 5)}
        for name in sorted(net.bidders):
            # Each robot hears of them at another time.
            net.run(random.randint(0, 6))
            net.bidders[name].add_tasks(more)
            net.bidders[name].drop_tasks(gone)
        net.run(LONG_ENOUGH)
        left = [task for task in tasks + more if task.task not in gone]
        assert_greedy(net, left, workers, seed)


def test_what_a_dead_robot_held_is_taken_by_others() -> None:
    for seed in range(15):
        net, tasks, workers, random = swarm(seed, robots=6)
        net.run(random.randint(5, 60))
        dead = workers[random.randrange(6)].robot
        del net.bidders[dead]
        for one in net.graph:
            for other in net.graph:
                if one != other:
                    connect(net.graph, one, other)
        for bidder in net.bidders.values():
            net.run(random.randint(0, 6))
            bidder.set_absent(frozenset({dead}))
        net.run(LONG_ENOUGH)
        assert_greedy(net, tasks, [each for each in workers if each.robot != dead], seed)


def test_a_robot_that_boots_anew_begins_anew() -> None:
    net, tasks, workers, _ = swarm(4)
    net.run(80)
    worker = next(each for each in workers if net.bidders[each.robot].bundle.names)
    config = BidderConfig(worker.robot, 2, bundle_max=3, **FAST)
    net.bidders[worker.robot] = Bidder(config, DISCOUNTED, Random(5), worker)
    net.run(60)
    # It knows no tasks yet, so what it held before is held by others.
    for bidder in net.bidders.values():
        statement = bidder.board.statement(worker.robot)
        assert statement is not None and statement.incarnation == 2 and not statement.bids
    assert_greedy(net, tasks, workers, 4, without=worker.robot)
    net.bidders[worker.robot].add_tasks(tasks)
    net.run(LONG_ENOUGH)
    assert_greedy(net, tasks, workers, 4)
