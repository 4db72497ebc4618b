"""
What a commit costs Raft alone: three machines in one process, no I/O, no codec, no clock.

The leader keeps so many proposals outstanding; messages are handed over as values, in rounds, and
every write is durable at once. CPU is that of all three machines together.
"""

from __future__ import annotations

from collections import deque
import gc
from random import Random
import time
from typing import Any

from bench.rows import percentile, row
from swarm_consensus.protocols.raft import Message, Outcome, Raft, RaftConfig, Restored, Role

ROBOTS = ('robot_1', 'robot_2', 'robot_3')
ENTRY = bytes(100)
# Outstanding, goal in us of CPU a commit, commits of one round.
CASES = ((1, 60.0, 4_000), (64, 15.0, 50_000), (1024, 6.0, 100_000))
ROUNDS = 5


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    costs: dict[int, list[float]] = {outstanding: [] for outstanding, _, _ in CASES}
    for seed in range(ROUNDS):
        for outstanding, _, commits in CASES:
            costs[outstanding].append(measure(Random(seed), outstanding, commits))
    return [
        row(
            f'Raft core, 3 robots, CPU a commit at {outstanding} outstanding',
            percentile(costs[outstanding], 50),
            'us',
            goal=goal,
        )
        for outstanding, goal, _ in CASES
    ]


def measure(random: Random, outstanding: int, commits: int) -> float:
    """Return the CPU of a commit in us, once everything is warm."""
    swarm = _Swarm(random)
    swarm.propose(outstanding)
    swarm.run(max(outstanding, commits // 10))
    gc.collect()
    began, at = time.process_time(), swarm.ended
    swarm.run(commits)
    return (time.process_time() - began) / (swarm.ended - at) * 1e6


class _Swarm:
    """Three machines and what is on its way between them."""

    def __init__(self, random: Random) -> None:
        self.ended = 0
        self._mail: deque[tuple[str, Message]] = deque()
        self._made = 0
        self._machines = {
            robot: Raft(
                RaftConfig(robot, ROBOTS, append_bytes_max=59_000),
                Restored(),
                Random(random.getrandbits(64)),
            )
            for robot in ROBOTS
        }
        self._leader = self._elect()

    def _elect(self) -> Raft:
        for _ in range(1_000):
            for machine in self._machines.values():
                machine.tick()
            self._settle()
            for machine in self._machines.values():
                if machine.role is Role.LEADER:
                    return machine
        raise RuntimeError('no leader after 1000 ticks')

    def _settle(self) -> None:
        self._carry_out()
        while self._mail:
            self._deliver()
            self._carry_out()

    def propose(self, count: int) -> None:
        """Make proposals at the leader."""
        for _ in range(count):
            self._made += 1
            self._leader.propose(f'robot_1:1:{self._made}', ENTRY)

    def run(self, commits: int) -> None:
        """Go on until so many more proposals have ended, one made anew for each of them."""
        goal = self.ended + commits
        while self.ended < goal:
            before = self.ended
            self._carry_out()
            self._deliver()
            self.propose(self.ended - before)

    def _deliver(self) -> None:
        """Hand over what is on its way, but not the answers to it."""
        machines, mail = self._machines, self._mail
        for _ in range(len(mail)):
            robot, message = mail.popleft()
            machines[robot].receive(message)

    def _carry_out(self) -> None:
        mail = self._mail
        for machine in self._machines.values():
            while (effects := machine.take_effects()) is not None:
                for send in effects.send_now:
                    mail.extend([(robot, send.message) for robot in send.to])
                if effects.persist is not None and effects.persist.end is not None:
                    machine.persisted(*effects.persist.end)
                for send in effects.send_after:
                    mail.extend([(robot, send.message) for robot in send.to])
                for result in effects.proposals:
                    if result.outcome is not Outcome.COMMITTED:
                        raise RuntimeError(f'a proposal ended otherwise: {result}')
                    self.ended += 1
