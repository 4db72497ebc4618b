"""
Robots with a byte budget: how fast elections and the log are idle, and with ten times too much.

Three robots vote. The load is beliefs at each of them and a snapshot, which a fourth robot that was
never there needs: it takes all that the class bulk can get for as long as anybody measures.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
import os
from pathlib import Path
import sys
import time
from types import TracebackType
from typing import Any, Self

import numpy as np

from swarm_consensus.transport.budget import wire_bytes
from swarm_consensus.transport.frame import TrafficClass
from swarm_testing.belief_flood import BELIEF_BYTES, LABELS, RUNNING, SUBJECT
from swarm_testing.processes import Process, ProcessGroup
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import DECIDED, SwarmProbe

BUDGET = 20_000  # bytes a second of each robot
TIMES = 10
FLOOD_HZ = 1.1 * TIMES * BUDGET / BELIEF_BYTES
PARAMETERS: dict[str, Any] = {
    'name_probe': 0.0,
    'voters_max': 3,
    'snapshot_entries': 10,
    'trailing_entries': 0,
    'subjects': [SUBJECT],
    f'subject.{SUBJECT}.labels': list(LABELS),
    # Of all four, of whom one has nothing to say: they stay open, and are said again and again.
    f'subject.{SUBJECT}.quorum': '4',
    f'subject.{SUBJECT}.deadline': 3600.0,
}
VALUE_BYTES = 30_000
VALUES = 40
PROPOSALS = 120
PERIOD_S = 0.05
KILLS = 5
# From the beginning of the load until its queues stand.
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """
    What users and robots saw.

    :ivar commits_s: of proposals at all three robots in turn.
    :ivar elections_s: from the kill of a leader to the next one.
    :ivar sent_bytes_a_second: of each robot, whole frames.
    :ivar offered_bytes_a_second: beliefs that the robot with the fewest took in; 0 where idle.
    """

    commits_s: tuple[float, ...]
    elections_s: tuple[float, ...]
    sent_bytes_a_second: tuple[float, ...]
    offered_bytes_a_second: float

    @property
    def commit_p50_s(self) -> float:
        return float(np.percentile(self.commits_s, 50))

    @property
    def commit_p99_s(self) -> float:
        return float(np.percentile(self.commits_s, 99))

    @property
    def election_p50_s(self) -> float:
        return float(np.percentile(self.elections_s, 50))

    def __str__(self) -> str:
        rates = ', '.join(f'{rate:.0f}' for rate in self.sent_bytes_a_second)
        return (
            f'commit p50 {self.commit_p50_s * 1e3:.2f} ms, p99 {self.commit_p99_s * 1e3:.2f} ms; '
            f'election p50 {self.election_p50_s:.3f} s, worst {max(self.elections_s):.3f} s; '
            f'{rates} bytes/s sent, {self.offered_bytes_a_second:.0f} bytes/s of beliefs offered'
        )


class Overload:
    """A context manager; `processes` ends what it starts."""

    def __init__(self, processes: ProcessGroup) -> None:
        self._processes = processes
        self._robots = RobotProcesses(processes, 4, PARAMETERS, steady=False)
        self._voters = self._robots.names[:3]
        self._probe = SwarmProbe(self._robots.names)
        self._flood: Process | None = None

    def __enter__(self) -> Self:
        self._probe.__enter__()
        try:
            self._fill()
        except BaseException:
            self._probe.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._probe.__exit__(kind, error, trace)

    def _fill(self) -> None:
        """Make a large state without a budget, and start all anew with one."""
        probe = self._probe
        for robot in self._voters:
            self._robots.start(robot)
        probe.wait_until_ready(self._voters)
        leader = probe.leader(self._voters)
        value = array('B', np.random.default_rng(1).bytes(VALUE_BYTES))
        for number in range(VALUES):
            asked = probe.propose(leader, f'large/{number}', 'x', value=value)
            assert probe.proposed(asked).status == DECIDED
        self._robots.kill(self._voters)
        probe.forget(self._voters)
        for robot in self._voters:
            self._start(robot)
        probe.wait_until_ready(self._voters)
        probe.turn(SETTLE_S)

    def _start(self, robot: str) -> None:
        self._robots.start(robot, {'bytes_per_second': BUDGET})

    def _load(self) -> None:
        self._start(self._robots.names[3])
        support = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join([support, os.environ.get('PYTHONPATH', '')]).rstrip(os.pathsep)
        self._flood = self._processes.start(
            [
                *(sys.executable, '-m', 'swarm_testing.belief_flood', *self._voters),
                *('--hz', str(FLOOD_HZ)),
            ],
            'belief_flood',
            {**(self._processes.environment or os.environ), 'PYTHONPATH': path},
        )
        self._flood.wait_for_output(RUNNING)
        self._probe.turn(SETTLE_S)

    def measure(self, loaded: bool) -> Measured:
        """
        Measure elections and commits.

        :param loaded: with the load, from now on.
        """
        if loaded and self._flood is None:
            self._load()
        before = self.statuses()
        commits = [self._commit(number) for number in range(PROPOSALS)]
        after = self.statuses()
        rates, offered = [], []
        for robot in self._voters:
            span = _seconds(after[robot].stamp) - _seconds(before[robot].stamp)
            rates.append((_sent(robot, after[robot]) - _sent(robot, before[robot])) / span)
            beliefs = [s[robot].traffic[TrafficClass.BELIEF].offered for s in (before, after)]
            offered.append((beliefs[1] - beliefs[0]) * BELIEF_BYTES / span)
        elections = [self._election() for _ in range(KILLS)]
        # The one that was killed last has begun its load a moment ago.
        self._probe.turn(2 * SETTLE_S)
        return Measured(tuple(commits), tuple(elections), tuple(rates), min(offered))

    def statuses(self) -> dict[str, Any]:
        """Return a new status of each voter."""
        probe = self._probe
        probe.forget(self._voters)
        probe.wait_for(lambda: all(robot in probe.statuses for robot in self._voters))
        return {robot: probe.statuses[robot] for robot in self._voters}

    def _commit(self, number: int) -> float:
        """Return how long a proposal takes, s."""
        probe, robot = self._probe, self._voters[number % len(self._voters)]
        began = time.monotonic()
        answer = probe.proposed(probe.propose(robot, f'load/{robot}', str(number)))
        took = time.monotonic() - began
        assert answer.status == DECIDED, (robot, answer.status, answer.reason)
        probe.turn(max(0.0, PERIOD_S - took))
        return took

    def _election(self) -> float:
        """Kill the leader with -9; returns when there is another one, s, with all back again."""
        probe = self._probe
        victim = probe.leader(self._voters)
        others = [robot for robot in self._voters if robot != victim]
        term = probe.statuses[victim].term
        began = time.monotonic()
        self._robots.kill([victim])
        probe.wait_for(
            lambda: any(
                probe.statuses[robot].term > term and probe.statuses[robot].leader in others
                for robot in others
            )
        )
        took = time.monotonic() - began
        probe.forget([victim])
        self._start(victim)
        probe.wait_for(
            lambda: victim in probe.statuses
            and probe.statuses[victim].has_quorum
            and probe.statuses[victim].leader in self._voters
        )
        # Until the load is on it again.
        probe.turn(SETTLE_S / 2)
        return took


def _seconds(stamp: Any) -> float:
    return float(stamp.sec) + stamp.nanosec * 1e-9


def _sent(robot: str, status: Any) -> float:
    """Return the bytes that a robot has sent, whole frames."""
    return sum(
        count.bytes + count.frames * wire_bytes(len(robot), 0, 0, 0) for count in status.traffic
    )
