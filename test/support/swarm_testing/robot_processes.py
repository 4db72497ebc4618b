"""Robots of a test: one consensus_node each, as a real process, started and killed at will."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import json
import os
import sys
from typing import Any

from swarm_testing.processes import Process, ProcessGroup

SWARM = 'test_swarm'
LABELS = ('cat', 'dog', 'fox')
# The subjects that the tests decide on; further parameters may change or add some.
SUBJECTS: Mapping[str, Any] = {
    'subjects': ['animal'],
    'subject.animal.labels': list(LABELS),
}
# A leader stays in office on cores that many share, so that a test may ask who leads, and go by it.
STEADY: Mapping[str, Any] = {'election_ticks': 100}


def names(count: int) -> list[str]:
    """Return the robot names robot_1, robot_2, ..."""
    return [f'robot_{n + 1}' for n in range(count)]


class RobotProcesses:
    """
    The consensus_nodes of a swarm, each in the namespace of its robot.

    :param processes: where they are started, and who ends them.
    :param robots: how many; named robot_1, robot_2, ...
    :param parameters: further parameters of every node.
    :param steady: elections are slow; False: as quick as by default, where they are looked at.
    """

    def __init__(
        self,
        processes: ProcessGroup,
        robots: int,
        parameters: Mapping[str, Any] | None = None,
        *,
        steady: bool = True,
    ) -> None:
        self.names = names(robots)
        self._processes = processes
        self._parameters = {**(STEADY if steady else {}), **(parameters or {})}
        self._running: dict[str, Process] = {}

    def __getitem__(self, robot: str) -> Process:
        """Return the newest process of a robot."""
        return self._running[robot]

    @property
    def running(self) -> list[str]:
        """Names of the robots whose process lives, whether or not it is suspended."""
        return [name for name, process in self._running.items() if process.alive]

    def start(
        self,
        robot: str,
        parameters: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        module: str = 'swarm_consensus.nodes.consensus_node',
    ) -> Process:
        """
        Start the node of a robot; it is not waited for.

        :param parameters: of this robot alone.
        :param environment: changes to the environment of the group.
        :param module: the program that is run as this robot.
        """
        values: dict[str, Any] = {
            'swarm': SWARM,
            'robot': robot,
            'robots': self.names,
            **SUBJECTS,
            **self._parameters,
            **(parameters or {}),
        }
        command = [sys.executable, '-m', module, '--ros-args']
        command += ['-r', f'__ns:=/{robot}']
        for name, value in values.items():
            command += ['-p', f'{name}:={json.dumps(value)}']
        whole = None
        if environment is not None:
            whole = {**(self._processes.environment or os.environ), **environment}
        process = self._processes.start(command, robot, whole)
        self._running[robot] = process
        return process

    def start_all(self) -> None:
        """Start every robot that does not run."""
        for robot in self.names:
            if robot not in self.running:
                self.start(robot)

    def kill(self, robots: Iterable[str]) -> None:
        """Kill robots with -9, all in one moment, and wait until they are gone."""
        victims = [self._running[robot] for robot in robots]
        for process in victims:
            process.strike()
        for process in victims:
            process.wait()
