"""
Who does what, figured out at one place that knows all robots: the alternatives to CBBA.

`sequential_greedy` gives away one task after the other, each to the robot with the highest bid for
any (Choi, Brunet, How 2009, algorithm 2); CBBA comes to the same result without the one place.
`best_assignment` is the optimum where one robot takes one task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from swarm_consensus.protocols.allocation.bundle import Bundle, Choice
from swarm_consensus.protocols.allocation.errors import AllocationError
from swarm_consensus.protocols.allocation.field import Field, Flags, Floats
from swarm_consensus.protocols.allocation.scoring import Scoring, Way
from swarm_consensus.protocols.allocation.values import Worker
from swarm_consensus.protocols.values import value


@value
class Assignment:
    """
    Who does what.

    :ivar bundles: of every robot, by name.
    :ivar total: sum of the bids for what was given away.
    """

    bundles: dict[str, Bundle]
    total: float

    def winners(self, task: str) -> tuple[str, ...]:
        """Return the robots that a task was given to, in order of their names."""
        return tuple([robot for robot, each in sorted(self.bundles.items()) if task in each])


def sequential_greedy(
    field: Field,
    workers: Sequence[Worker],
    scoring: Scoring,
    bundle_max: int,
    now_s: float = 0.0,
) -> Assignment:
    """
    Give tasks away in the order of bids, until none gains anything.

    Of equal bids that of the robot with the lesser name counts, as in `Board`.

    :raises AllocationError: where two robots have the same name.
    """
    robots = {worker.robot: worker for worker in sorted(workers, key=lambda each: each.robot)}
    bundles = {robot: Bundle() for robot in robots}
    _check_names(workers, robots)
    suited = {robot: field.suited(worker) for robot, worker in robots.items()}
    places = np.array([task.robots for task in field.tasks], int)
    total = 0.0
    offers: dict[str, Choice] = {}

    def offer(robot: str) -> None:
        bundle = bundles[robot]
        offers.pop(robot, None)
        if len(bundle) < bundle_max:
            free: Flags = suited[robot] & (places > 0)
            choice = bundle.choose(field, robots[robot], now_s, scoring, lambda bids: free)
            if choice is not None:
                offers[robot] = choice

    for robot in robots:
        offer(robot)
    while offers:
        winner = min(offers, key=lambda robot: (-offers[robot].bid, robot))
        choice = offers[winner]
        bundles[winner].take(field, choice)
        total += choice.bid
        places[choice.place] -= 1
        for robot in robots:
            # Others choose anew only where what they would have taken is gone.
            gone = robot in offers and offers[robot].place == choice.place
            if robot == winner or (gone and not places[choice.place]):
                offer(robot)
    return Assignment(bundles, total)


def best_assignment(
    field: Field, workers: Sequence[Worker], scoring: Scoring, now_s: float = 0.0
) -> Assignment:
    """
    Give each robot at most one task, so that the sum of what is gained is the greatest.

    A task that takes k robots counts k times, and may get fewer.

    :raises AllocationError: where two robots have the same name.
    """
    # Here, because it takes long to import and only this method needs it.
    from scipy.optimize import linear_sum_assignment

    robots = {worker.robot: worker for worker in sorted(workers, key=lambda each: each.robot)}
    _check_names(workers, robots)
    bundles = {robot: Bundle() for robot in robots}
    columns = [place for place, task in enumerate(field.tasks) for _ in range(task.robots)]
    if not columns or not robots:
        return Assignment(bundles, 0.0)
    rows = []
    for worker in robots.values():
        gains: Floats = scoring.gains(Way(field, worker, now_s, ()))[0]
        rows.append(np.where(field.suited(worker) & (gains > 0), gains, 0.0)[columns])
    matrix = np.array(rows)
    total = 0.0
    for row, column in zip(*linear_sum_assignment(matrix, maximize=True), strict=True):
        gain = float(matrix[row, column])
        if gain > 0:
            robot = list(robots)[row]
            bundles[robot].take(field, Choice(columns[column], 0, gain, gain))
            total += gain
    return Assignment(bundles, total)


def without_unfilled(field: Field, assign: Callable[[Field], Assignment]) -> Assignment:
    """
    Assign, and again without the tasks that find too few robots, so that none waits for those.

    They are left out one by one, first the one that lacks most robots.
    """
    while True:
        assignment = assign(field)
        lacking = {
            task.task: task.robots - len(found)
            for task in field.tasks
            if task.robots > 1 and 0 < len(found := assignment.winners(task.task)) < task.robots
        }
        if not lacking:
            return assignment
        gone = max(lacking, key=lambda name: (lacking[name], name))
        field = Field([task for task in field.tasks if task.task != gone])


def _check_names(workers: Sequence[Worker], robots: dict[str, Worker]) -> None:
    if len(robots) != len(workers):
        raise AllocationError('two robots have the same name')
