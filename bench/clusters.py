"""Three processes that replicate a log, started and asked alike whoever made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
import json
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import Any

LEADER_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0
ROBOTS = ('robot_1', 'robot_2', 'robot_3')


class Cluster:
    """
    Processes that take the commands of bench.load.

    :param commands: one a process, behind the Python interpreter.
    :param quiet: keep what they complain of from the terminal.
    """

    def __init__(self, commands: Sequence[Sequence[str]], quiet: bool = False) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if quiet else None,
                text=True,
            )
            for command in commands
        ]
        self._leader: subprocess.Popen[str] | None = None

    @property
    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        return [process.pid for process in self._processes]

    def measure(self, outstanding: int, span_s: float) -> dict[str, Any]:
        """
        Load the leader and return what bench.load.Load.measure gives.

        :raises RuntimeError: no leader was found, or a proposal was not committed.
        """
        return self._load({'do': 'measure', 'outstanding': outstanding, 'span_s': span_s})

    def commit(self, outstanding: int, count: int) -> dict[str, Any]:
        """Have the leader commit so many proposals; raises what `measure` raises."""
        return self._load({'do': 'count', 'outstanding': outstanding, 'count': count})

    def _load(self, command: dict[str, Any]) -> dict[str, Any]:
        answer = _ask(self._leader or self._find_leader(), command)
        if 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer

    def _find_leader(self) -> subprocess.Popen[str]:
        deadline = time.monotonic() + LEADER_DEADLINE_S
        while time.monotonic() < deadline:
            for process in self._processes:
                if _ask(process, {'do': 'leads'})['leads']:
                    self._leader = process
                    return process
            time.sleep(0.1)
        raise RuntimeError(f'no process led all the others within {LEADER_DEADLINE_S:g} s')

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _ask(process: subprocess.Popen[str], command: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    print(json.dumps(command), file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f'a process ended with code {process.wait()} while it was asked')
    answer: dict[str, Any] = json.loads(line)
    return answer


def ours(storage: str) -> Cluster:
    """Start three consensus_nodes with their log in `memory` or on `disk`."""
    everybody = '[' + ','.join(ROBOTS) + ']'
    commands = []
    for robot in ROBOTS:
        settings = {'swarm': 'bench', 'robot': robot, 'robots': everybody, 'name_probe': '0.0'}
        command = ['-m', 'bench.raft_robot', storage]
        command += ['--ros-args', '-r', f'__ns:=/{robot}', '--log-level', 'error']
        for key, value in settings.items():
            command += ['-p', f'{key}:={value}']
        commands.append(command)
    return Cluster(commands)


def pysyncobj(mode: str) -> Cluster:
    """Start three nodes of PySyncObj, `batch` or `no_batch`, on loopback."""
    with free_ports(len(ROBOTS)) as ports:
        addresses = [f'127.0.0.1:{port}' for port in ports]
    return Cluster(
        [
            ['-m', 'bench.pysyncobj_robot', mode, own]
            + [other for other in addresses if other != own]
            for own in addresses
        ],
        # Under load it writes thousands of lines on entries that it truncates.
        quiet=True,
    )


@contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Find ports of TCP on loopback that nobody uses; held until the block ends."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        yield [each.getsockname()[1] for each in sockets]
