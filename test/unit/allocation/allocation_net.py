"""Random instances, and robots that allocate them: in rounds, or over a network with faults."""

from __future__ import annotations

from collections import deque
import itertools
from random import Random

from swarm_consensus.protocols.allocation import (
    Bidder,
    BidderConfig,
    RuleScoring,
    ScoringSetting,
    Task,
    Worker,
)

DISCOUNTED = RuleScoring(ScoringSetting())
LENGTH = RuleScoring(ScoringSetting(rule='path_length', cost_per_m=0.002))


def random_tasks(random: Random, count: int, **fixed) -> list[Task]:
    """Return tasks in a square of 1000 m."""
    tasks = []
    for number in range(count):
        settings = {
            'work': random.choice([0.0, random.uniform(6, 60)]),
            'worth': random.choice([1.0, random.uniform(0.5, 5.0)]),
        }
        place = random.uniform(0, 1000), random.uniform(0, 1000)
        tasks.append(Task(f't{number:03}', *place, **(settings | fixed)))
    return tasks


def random_workers(random: Random, count: int, **fixed) -> list[Worker]:
    workers = []
    for number in range(count):
        settings = {
            'speed_mps': random.choice([2.0, random.uniform(1.0, 6.0)]),
            'rate': random.choice([1.0, random.uniform(0.5, 3.0)]),
        }
        place = random.uniform(0, 1000), random.uniform(0, 1000)
        workers.append(Worker(f'r{number:02}', *place, **(settings | fixed)))
    return workers


def random_graph(random: Random, names: list[str]) -> dict[str, set[str]]:
    """Return a connected graph: a random tree with up to as many edges again."""
    graph: dict[str, set[str]] = {name: set() for name in names}
    for number, name in enumerate(names[1:], start=1):
        connect(graph, name, names[random.randrange(number)])
    for _ in range(random.randint(0, len(names))):
        if len(names) > 1:
            connect(graph, *random.sample(names, 2))
    return graph


def connect(graph: dict[str, set[str]], one: str, other: str) -> None:
    graph[one].add(other)
    graph[other].add(one)


def diameter(graph: dict[str, set[str]]) -> int:
    return max(max(distances(graph, name).values()) for name in graph)


def distances(graph: dict[str, set[str]], start: str) -> dict[str, int]:
    found = {start: 0}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for other in sorted(graph[name]):
            if other not in found:
                found[other] = found[name] + 1
                queue.append(other)
    return found


class Rounds:
    """Robots that step in rounds, and hear their neighbours in each: the setting of the paper."""

    def __init__(self, tasks, workers, graph, scoring=DISCOUNTED, bundle_max=5, seed=0, **settings):
        base = {'relay_ticks': 0, 'relay_heard': 0, 'compare_ticks': 0, 'patience_ticks': 0}
        self.graph = graph
        self.tasks = [task.task for task in tasks]
        self.bidders = {
            worker.robot: Bidder(
                BidderConfig(worker.robot, 1, bundle_max=bundle_max, **(base | settings)),
                scoring,
                Random(seed),
                worker,
            )
            for worker in workers
        }
        for bidder in self.bidders.values():
            bidder.add_tasks(tasks)
        self.messages = 0

    def run(self, rounds_max: int) -> int:
        """
        Go on until nobody has anything to say.

        :returns: after how many exchanges nothing changed any more in what anybody holds, or
            believes of who wins.
        """
        settled, before = 0, None
        for number in itertools.count():
            said = {}
            for name, bidder in self.bidders.items():
                bidder.step(0.0)
                said[name] = bidder.take_sends()
            now = [self.bundles(), [self._beliefs(each) for each in self.bidders.values()]]
            if now != before:
                settled, before = number, now
            if not any(said.values()):
                return settled
            assert number <= rounds_max, f'no end after {rounds_max} rounds'
            for name, sends in said.items():
                self.messages += len(sends)
                for send in sends:
                    for other in sorted(self.graph[name]):
                        self.bidders[other].receive(name, send.message)

    def _beliefs(self, bidder: Bidder) -> list[tuple[str, ...]]:
        return [bidder.winners(task) for task in self.tasks]

    def bundles(self) -> dict[str, list[tuple[str, float]]]:
        return {name: list(bidder.bundle.rows()) for name, bidder in self.bidders.items()}


class Net:
    """
    Robots over a network that loses, doubles and delays; the graph may change.

    :param delay_max: in ticks; each message takes from 1 to so many, so they overtake each other.
    """

    def __init__(
        self,
        tasks,
        workers,
        graph,
        *,
        seed,
        loss=0.0,
        doubled=0.0,
        delay_max=1,
        scoring=DISCOUNTED,
        bundle_max=5,
        **settings,
    ):
        self.random = Random(seed)
        self.graph, self.loss, self.doubled, self.delay_max = graph, loss, doubled, delay_max
        self.bidders = {
            worker.robot: Bidder(
                BidderConfig(worker.robot, 1, bundle_max=bundle_max, **settings),
                scoring,
                Random(f'{seed}/{worker.robot}'),
                worker,
            )
            for worker in workers
        }
        for bidder in self.bidders.values():
            bidder.add_tasks(tasks)
        self.tick = 0
        self.messages = 0
        self._flying = {}

    def run(self, ticks: int, each_tick=lambda net: None) -> None:
        for _ in range(ticks):
            self.tick += 1
            each_tick(self)
            for sender, name, message in self._flying.pop(self.tick, ()):
                if name in self.bidders:
                    self.bidders[name].receive(sender, message)
            for name in self.random.sample(sorted(self.bidders), len(self.bidders)):
                bidder = self.bidders[name]
                bidder.pass_time(1)
                bidder.step(0.0)
                for send in bidder.take_sends():
                    self.messages += 1
                    for other in send.to or sorted(self.graph[name]):
                        if other in self.graph[name]:
                            self._post(name, other, send.message)

    def _post(self, sender, name, message):
        copies = 1 + (self.random.random() < self.doubled)
        for _ in range(copies):
            if self.random.random() >= self.loss:
                due = self.tick + self.random.randint(1, self.delay_max)
                self._flying.setdefault(due, []).append((sender, name, message))

    def bundles(self):
        return {name: list(bidder.bundle.rows()) for name, bidder in self.bidders.items()}


def greedy_bundles(assignment) -> dict[str, list[tuple[str, float]]]:
    return {name: list(bundle.rows()) for name, bundle in assignment.bundles.items()}


def assert_conflict_free(bidders, tasks: list[Task]) -> None:
    """Check that no task has more robots than it takes, and that all see the same winners."""
    holders: dict[str, list[str]] = {}
    for name, bidder in bidders.items():
        assert len(set(bidder.bundle.names)) == len(bidder.bundle.names)
        assert sorted(bidder.bundle.names) == sorted(bidder.path)
        for task in bidder.bundle.names:
            holders.setdefault(task, []).append(name)
    for task in tasks:
        who = holders.get(task.task, [])
        assert len(who) <= task.robots, f'{task.task} is held by {who}'
        for bidder in bidders.values():
            assert sorted(bidder.winners(task.task)) == sorted(who)
