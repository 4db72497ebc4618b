"""The robots of a swarm.yaml as processes of a test."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.domains import reserve_domain_id
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_testing.environment import UNWANTED, loopback_variables, process_environment
from swarm_testing.processes import Process, ProcessGroup

IN_CONTACT = 'in contact with a quorum'


class SwarmProcesses:
    """
    Starts and kills robots.

    :param processes: what ends them when the test is over; its environment is theirs.
    :param folder: for swarm.yaml, parameter files and the robots' storage.
    :param content: of swarm.yaml; `storage` is added. Its network settings are left to the
        environment.
    """

    def __init__(self, processes: ProcessGroup, folder: Path, content: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = f'{content.rstrip()}\nstorage: {{folder: {folder / "storage"}}}\n'
        file = folder / 'swarm.yaml'
        file.write_text(text)
        swarm = parse_swarm(text, file)
        self.robots = tuple(robot.name for robot in swarm.robots)
        self._commands = node_commands(compose(swarm), folder)
        self._processes = processes
        self.running: dict[str, Process] = {}

    def start(self, robots: Collection[str] | None = None) -> None:
        """Start the processes of some robots (None: all); they are not waited for."""
        for command in self._commands:
            if robots is None or command.robot in robots:
                environment = {**command.environment, **(self._processes.environment or {})}
                self.running[command.label] = self._processes.start(
                    command.arguments, command.label, environment
                )

    def consensus(self, robot: str) -> Process:
        """Return the process of a robot's consensus_node."""
        return self.running[f'{robot}/consensus_node']

    def wait_for_quorum(self, robots: Collection[str] | None = None) -> None:
        """Wait until robots (None: all that run) are in contact with a quorum."""
        for robot in self.robots if robots is None else robots:
            if f'{robot}/consensus_node' in self.running:
                self.consensus(robot).wait_for_output(IN_CONTACT)

    def kill(self, robot: str) -> None:
        """Kill the processes of a robot with -9."""
        for label in [label for label in self.running if label.startswith(f'{robot}/')]:
            self.running.pop(label).kill()


@contextmanager
def shared_swarm(folder: Path, content: str) -> Iterator[SwarmProcesses]:
    """
    Run a swarm for all tests of a module, on a domain that this process is on too meanwhile.

    :param folder: as for `SwarmProcesses`, and for everything else that is written.
    :param content: of swarm.yaml.
    """
    with reserve_domain_id() as domain_id, pytest.MonkeyPatch.context() as patch:
        for name in UNWANTED:
            patch.delenv(name, raising=False)
        for name, value in loopback_variables(domain_id, folder).items():
            patch.setenv(name, value)
        with ProcessGroup(process_environment(domain_id, folder)) as group:
            robots = SwarmProcesses(group, folder, content)
            robots.start()
            robots.wait_for_quorum()
            yield robots
        print(group.report())
