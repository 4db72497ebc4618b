"""Robots of a bench as real processes on loopback, in a domain of the bench's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
from types import TracebackType

from swarm_consensus.composition.domains import reserve_domain_id
from swarm_consensus.composition.middleware import FASTDDS_PROFILES, environment, files
from swarm_consensus.composition.swarm import Network


@contextmanager
def loopback(hears_itself: bool = False, robots: int = 3) -> Iterator[Path]:
    """
    Put this process and its children into a domain of their own on loopback.

    :param hears_itself: as `swarm up` sets it: False for consensus_nodes without missions.
    :param robots: as many as there will be.
    :returns: a temporary folder for state and logs, removed at the end.
    """
    with (
        reserve_domain_id() as domain,
        tempfile.TemporaryDirectory(prefix='swarm_bench_') as name,
    ):
        folder = Path(name)
        network = Network(domain, 'localhost', (), '', 'default', 'default')
        for variable in FASTDDS_PROFILES:
            os.environ.pop(variable, None)
        for variable, text in files(network, hears_itself, robots).items():
            profile = folder / f'{variable.lower()}.xml'
            profile.write_text(text)
            os.environ[variable] = str(profile)
        os.environ.update(
            environment(network),
            XDG_STATE_HOME=str(folder / 'state'),
            ROS_LOG_DIR=str(folder / 'log'),
        )
        yield folder


class Robots:
    """
    Consensus nodes as processes.

    :param count: how many robots, named robot_1 ...
    :param parameters: further parameters of every consensus_node.
    """

    def __init__(self, count: int, parameters: Mapping[str, str]) -> None:
        self.names = [f'robot_{n + 1}' for n in range(count)]
        self._processes: list[subprocess.Popen[bytes]] = []
        everybody = '[' + ','.join(self.names) + ']'
        for name in self.names:
            settings = {
                'swarm': 'bench',
                'robot': name,
                'robots': everybody,
                'name_probe': '0.0',
                **parameters,
            }
            arguments = ['--ros-args', '-r', f'__ns:=/{name}', '--log-level', 'warn']
            for key, value in settings.items():
                arguments += ['-p', f'{key}:={value}']
            self.start('swarm_consensus.nodes.consensus_node', arguments)

    def start(self, module: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start one more process of this swarm."""
        process = subprocess.Popen([sys.executable, '-m', module, *arguments])
        self._processes.append(process)
        return process

    @property
    def pids(self) -> list[int]:
        """Process ids, in the order of starting."""
        return [process.pid for process in self._processes]

    def __enter__(self) -> Robots:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
