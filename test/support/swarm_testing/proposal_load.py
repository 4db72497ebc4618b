"""Proposals from all robots at once, for tests that crash robots meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import time
from typing import Any

from rclpy.task import Future

from swarm_consensus.msg import Decision
from swarm_testing.swarm_probe import SwarmProbe

# How long a robot may answer; a killed one never does. The request itself ends earlier.
ANSWER_S = 3.0
REQUEST_S = 1.5
PATIENCE_S = 30.0


@dataclass(slots=True)
class _Asked:
    future: Future
    robot: str
    until: float


class ProposalLoad:
    """
    One user at each robot, who proposes value after value.

    A proposal is repeated under its own request id, at one robot after the other, until it is
    acknowledged, as the client of a robot that may crash has to do.

    :param robots: where the users are.
    :param period: shortest time between two new proposals of a user, s.

    :ivar acknowledged: (subject, choice) of each proposal that was acknowledged -> its index.
    :ivar repeated: how many requests had to be repeated.
    """

    def __init__(self, probe: SwarmProbe, robots: Sequence[str], period: float = 0.0) -> None:
        self.acknowledged: dict[tuple[str, str], int] = {}
        self.repeated = 0
        self._period = period
        self._due = dict.fromkeys(robots, 0.0)
        self._probe = probe
        self._robots = list(robots)
        self._next = dict.fromkeys(robots, 0)
        self._asked: dict[str, _Asked] = {}

    def run_until(self, condition: Callable[[], Any], timeout: float = PATIENCE_S) -> None:
        """Keep every user busy until a condition holds."""

        def pumped() -> Any:
            self._pump(more=True)
            return condition()

        self._probe.wait_for(pumped, timeout)

    def run_for(self, acknowledgements: int) -> None:
        """Keep every user busy until so many further proposals are acknowledged."""
        goal = len(self.acknowledged) + acknowledgements
        self.run_until(lambda: len(self.acknowledged) >= goal)

    def finish(self) -> None:
        """Let every user get the answer to its last proposal."""

        def finished() -> bool:
            self._pump(more=False)
            return not self._asked

        self._probe.wait_for(finished, PATIENCE_S)

    def _pump(self, more: bool) -> None:
        for user in self._robots:
            asked = self._asked.get(user)
            if asked is None:
                now = time.monotonic()
                if more and now >= self._due[user]:
                    self._due[user] = now + self._period
                    self._next[user] += 1
                    self._ask(user, user)
            elif asked.future.done():
                self._answered(user, asked)
            elif time.monotonic() > asked.until:
                self._repeat(user, asked)

    def _ask(self, user: str, robot: str) -> None:
        number = str(self._next[user])
        future = self._probe.propose(
            robot,
            f'load/{user}',
            number,
            request_id=f'{user}/{number}',
            timeout=REQUEST_S,
        )
        self._asked[user] = _Asked(future, robot, time.monotonic() + ANSWER_S)

    def _answered(self, user: str, asked: _Asked) -> None:
        decision = asked.future.result().decision
        if decision.status != Decision.STATUS_DECIDED:
            self._repeat(user, asked)
            return
        key = (f'load/{user}', str(self._next[user]))
        assert (decision.subject, decision.choice) == key, (decision, key)
        self.acknowledged[key] = decision.index
        del self._asked[user]

    def _repeat(self, user: str, asked: _Asked) -> None:
        self.repeated += 1
        place = self._robots.index(asked.robot) + 1
        self._ask(user, self._robots[place % len(self._robots)])
