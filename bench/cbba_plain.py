"""
CBBA in plain Python, written straight from the paper: the baseline of bench/allocation.py.

Choi, Brunet, How 2009: bundle construction (algorithm 3), conflict resolution by table I with
winning bids y, winners z and time stamps s, in rounds. Scores are the time-discounted ones, with
the same bend of bids as ours, since the insertion of tasks does not always diminish gains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
import time

from swarm_consensus.protocols.allocation import Task, Worker


class PlainRobot:
    """
    One robot of the paper.

    :ivar winners: z, who wins each task as far as it knows; None: nobody.
    :ivar bids: y, with which bid.
    :ivar news: s, the round of its newest news of each robot.
    """

    def __init__(
        self, worker: Worker, tasks: Sequence[Task], bundle_max: int, discount: float
    ) -> None:
        self.name = worker.robot
        self._worker = worker
        self._tasks = {task.task: task for task in tasks}
        self._bundle_max = bundle_max
        self._discount = discount
        self.bundle: list[str] = []
        self.path: list[str] = []
        self.winners: dict[str, str | None] = dict.fromkeys(self._tasks)
        self.bids: dict[str, float] = dict.fromkeys(self._tasks, 0.0)
        self.news: dict[str, int] = {}
        self.cpu_s = 0.0

    def _score(self, path: Sequence[str]) -> float:
        x, y, now_s, score = self._worker.x_m, self._worker.y_m, 0.0, 0.0
        for name in path:
            task = self._tasks[name]
            now_s += math.hypot(task.x_m - x, task.y_m - y) / self._worker.speed_mps
            score += task.worth * self._discount**now_s
            now_s += task.work / self._worker.rate
            x, y = task.x_m, task.y_m
        return score

    def build(self) -> None:
        """Take tasks until the bundle is full (algorithm 3)."""
        while len(self.bundle) < self._bundle_max:
            before = self._score(self.path)
            best: tuple[float, str, int] | None = None
            for name in self._tasks:
                if name in self.bundle:
                    continue
                gain, position = max(
                    (self._score([*self.path[:n], name, *self.path[n:]]) - before, -n)
                    for n in range(len(self.path) + 1)
                )
                if self.bundle:
                    gain = min(gain, self.bids[self.bundle[-1]])
                if self._beats(name, gain) and (best is None or gain > best[0]):
                    best = (gain, name, -position)
            if best is None:
                return
            gain, name, position = best
            self.bundle.append(name)
            self.path.insert(position, name)
            self.bids[name], self.winners[name] = gain, self.name

    def _beats(self, name: str, bid: float) -> bool:
        winner = self.winners[name]
        held = self.bids[name]
        return bid > held or (bid == held > 0 and winner is not None and self.name < winner)

    def told(self) -> tuple[dict[str, str | None], dict[str, float], dict[str, int]]:
        """Return what it says to its neighbours: z, y and s."""
        return dict(self.winners), dict(self.bids), dict(self.news)

    def hear(
        self,
        sender: str,
        winners: Mapping[str, str | None],
        bids: Mapping[str, float],
        news: Mapping[str, int],
        number: int,
    ) -> bool:
        """Resolve conflicts with what a neighbour says (table I); returns whether any was."""
        changed = False
        for name in self._tasks:
            told, held = winners[name], self.winners[name]
            higher = bids[name] > self.bids[name] or (
                bids[name] == self.bids[name] and told is not None and held is not None
                and told < held
            )  # fmt: skip
            action = self._action(sender, told, held, higher, news)
            if action == 'update' and (told, bids[name]) != (held, self.bids[name]):
                self.winners[name], self.bids[name] = told, bids[name]
                changed = True
            elif action == 'reset':
                self.winners[name], self.bids[name] = None, 0.0
                changed = True
        for robot, when in news.items():
            if robot != self.name:
                self.news[robot] = max(self.news.get(robot, 0), when)
        self.news[sender] = number
        self._release()
        return changed

    def _action(
        self,
        sender: str,
        told: str | None,
        held: str | None,
        higher: bool,
        news: Mapping[str, int],
    ) -> str:
        me = self.name

        def newer(robot: str | None) -> bool:
            return robot is not None and news.get(robot, 0) > self.news.get(robot, 0)

        if told == sender:
            if held == me:
                return 'update' if higher else 'leave'
            if held in (sender, None):
                return 'update'
            return 'update' if newer(held) or higher else 'leave'
        if told == me:
            if held in (me, None):
                return 'leave'
            return 'reset' if held == sender or newer(held) else 'leave'
        if told is None:
            if held in (me, None):
                return 'leave'
            return 'update' if held == sender or newer(held) else 'leave'
        if held == me:
            return 'update' if newer(told) and higher else 'leave'
        if held == sender:
            return 'update' if newer(told) else 'reset'
        if held in (told, None):
            return 'update' if newer(told) else 'leave'
        if newer(told) and (newer(held) or higher):
            return 'update'
        return 'reset' if newer(held) and not newer(told) else 'leave'

    def _release(self) -> None:
        for number, name in enumerate(self.bundle):
            if self.winners[name] != self.name:
                for later in self.bundle[number + 1 :]:
                    if self.winners[later] == self.name:
                        self.winners[later], self.bids[later] = None, 0.0
                kept = self.bundle[:number]
                self.bundle = kept
                self.path = [each for each in self.path if each in kept]
                return


def run_plain(
    workers: Sequence[Worker],
    tasks: Sequence[Task],
    neighbours: Mapping[str, set[str]],
    bundle_max: int,
    discount: float,
    rounds_max: int,
) -> tuple[list[PlainRobot], int]:
    """Run rounds until nothing changes; returns the robots and how many rounds it took."""
    robots = [PlainRobot(worker, tasks, bundle_max, discount) for worker in workers]
    by_name = {robot.name: robot for robot in robots}
    quiet = 0
    for number in range(1, rounds_max + 1):
        told = {}
        changed = False
        for robot in robots:
            began = time.process_time()
            before = list(robot.bundle)
            robot.build()
            changed |= robot.bundle != before
            told[robot.name] = robot.told()
            robot.cpu_s += time.process_time() - began
        for robot in robots:
            began = time.process_time()
            for other in sorted(neighbours[robot.name]):
                changed |= robot.hear(other, *told[by_name[other].name], number)
            robot.cpu_s += time.process_time() - began
        quiet = 0 if changed else quiet + 1
        # News takes the diameter to arrive; so long nothing must have changed.
        if quiet > 2:
            return robots, number - quiet
    raise RuntimeError(f'no end after {rounds_max} rounds')
