"""Robots on a host each (namespaces.py, radio.py), and a probe beside each robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
import os
from pathlib import Path
import tempfile
import time
from types import TracebackType
from typing import Self, TypeVar

import pytest

from swarm_consensus.composition.swarm import Network
from swarm_testing import quorum_checks
from swarm_testing.environment import UNWANTED, network_variables
from swarm_testing.namespaces import Hosts, NamespacesUnavailable
from swarm_testing.probe_process import ProbeProcess
from swarm_testing.processes import ProcessGroup
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import READY_S

# Up to ten announce themselves alike.
ROBOTS = 6

T = TypeVar('T')


@contextmanager
def beyond_loopback(processes: ProcessGroup) -> Iterator[None]:
    """Let DDS use every interface: inside a namespace it gets nowhere but to the other hosts."""
    before = dict(os.environ)
    for name in ('CYCLONEDDS_URI', *UNWANTED):
        os.environ.pop(name, None)
    network = Network(-1, 'subnet', (), '', 'default', 'udp')
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ |= network_variables(network, Path(folder), ROBOTS)
            processes.environment = dict(os.environ)
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


HostsT = TypeVar('HostsT', bound=Hosts)


@contextmanager
def on_hosts(processes: ProcessGroup, hosts: HostsT) -> Iterator[HostsT]:
    """Give hosts to a test, or skip it where they cannot be made; its processes end with them."""
    with beyond_loopback(processes), ExitStack() as stack:
        try:
            stack.enter_context(hosts)
        except NamespacesUnavailable as error:
            pytest.skip(f'no network namespaces here: {error}')
        # A namespace is gone only when nothing lives in it any more.
        stack.callback(processes.end)
        yield hosts


def start_each(hosts: Hosts, robots: RobotProcesses) -> None:
    """Start a robot on each host."""
    for host, robot in enumerate(robots.names):
        with hosts.entered(host):
            robots.start(robot)


class Fleet:
    """
    A context manager.

    :param hosts: entered, one for each robot.
    :param robots: not started yet.
    :param processes: that of the robots; ended with the fleet.
    """

    def __init__(self, hosts: Hosts, robots: RobotProcesses, processes: ProcessGroup) -> None:
        self.hosts = hosts
        self.names = robots.names
        self._robots = robots
        self._processes = processes
        self._probes: dict[str, ProbeProcess] = {}
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            # A namespace is gone only when nothing lives in it any more.
            undo.callback(self._processes.end)
            for host, name in enumerate(self.names):
                with self.hosts.entered(host):
                    self._robots.start(name)
                    probe = self._probes[name] = ProbeProcess([name], f'probe_{host}')
                undo.callback(probe.close)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def begin(self, robot: str, check: Callable[..., T], *arguments: object) -> Future[T]:
        """Have the probe beside a robot find something out about it."""
        return self._probes[robot].begin(check, robot, *arguments)

    def at(self, robot: str, check: Callable[..., T], *arguments: object) -> T:
        """Return what the probe beside a robot finds out about it."""
        return self._probes[robot].run(check, robot, *arguments)

    def printed(self, robot: str) -> str:
        """Return all that a robot has printed so far."""
        return self._robots[robot].output

    def wait_until_ready(self, robots: Sequence[str]) -> str:
        """
        Wait until robots hear each other and nobody else; returns their leader.

        They are asked in turn, and while they are another one may come to lead: then all are asked
        again.
        """
        deadline = time.monotonic() + READY_S
        while True:
            leaders = {
                robot: self.at(robot, quorum_checks.wait_until_ready, robots) for robot in robots
            }
            if len(set(leaders.values())) == 1:
                return leaders[robots[0]]
            assert time.monotonic() < deadline, f'who leads: {leaders}'
