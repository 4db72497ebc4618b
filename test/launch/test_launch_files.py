"""The launch files with real `launch` and `launch_ros`: arguments, actions, respawn, refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

REASON = 'comes only with a ROS 2 installation, which is not here'
# Not just `launch`: that is also the name of a folder of ours.
pytest.importorskip('launch.actions', reason=f'launch {REASON}')
pytest.importorskip('launch_ros', reason=f'launch_ros {REASON}')

from launch import LaunchContext, LaunchDescription, LaunchService  # noqa: E402
from launch.actions import IncludeLaunchDescription, RegisterEventHandler  # noqa: E402
from launch.event_handlers import OnProcessExit, OnProcessIO, OnProcessStart  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402

SOON = 60.0  # s

FILE = """\
swarm: launched
robots: [alpha, beta, gamma]
storage: {folder: state}
subjects:
  sign: {labels: [stop, go]}
"""


class Recorder:
    """Runs a launch file for real and keeps what happened, until a test has seen enough."""

    def __init__(self, path: Path, **arguments: str) -> None:
        self.started: list[tuple[str, int]] = []
        self.exited: list[tuple[str, int]] = []
        self.output: dict[str, str] = {}
        self.commands: dict[str, list[str]] = {}
        self.environments: dict[str, dict[str, str]] = {}
        source = PythonLaunchDescriptionSource(str(path))
        self._service = LaunchService(noninteractive=True)
        self._service.include_launch_description(
            LaunchDescription(
                [
                    RegisterEventHandler(OnProcessStart(on_start=self._on_start)),
                    RegisterEventHandler(OnProcessExit(on_exit=self._on_exit)),
                    RegisterEventHandler(
                        OnProcessIO(on_stdout=self._on_output, on_stderr=self._on_output)
                    ),
                    IncludeLaunchDescription(source, launch_arguments=arguments.items()),
                ]
            )
        )

    @staticmethod
    def _name(event: Any) -> str:
        action = event.action
        return str(getattr(action, 'node_name', action.name))

    def _on_start(self, event: Any, context: Any) -> None:
        self.started.append((self._name(event), event.pid))
        self.commands[self._name(event)] = list(event.cmd)
        self.environments[self._name(event)] = dict(event.env or {})

    def _on_exit(self, event: Any, context: Any) -> None:
        self.exited.append((self._name(event), event.returncode))

    def _on_output(self, event: Any) -> None:
        self.output.setdefault(self._name(event), '')
        self.output[self._name(event)] += event.text.decode(errors='replace')

    def until(self, *steps: Callable[[], bool]) -> int:
        """
        Run until every step has held, one after the other; return the exit code of launch.

        :param steps: looked at again and again; they may act on the processes.
        """
        try:
            return asyncio.run(self._until(steps))
        finally:
            # launch_testing, later in the same process, wants the thread to have a loop.
            asyncio.set_event_loop(asyncio.new_event_loop())

    async def _until(self, steps: tuple[Callable[[], bool], ...]) -> int:
        running = asyncio.create_task(self._service.run_async(shutdown_when_idle=True))
        end = time.monotonic() + SOON
        seen = 0
        for step in steps:
            while not running.done() and time.monotonic() < end and not step():
                await asyncio.sleep(0.05)
            seen += step()
        if not running.done():
            ending = self._service.shutdown()
            if ending is not None:
                await ending
        code = int(await running)
        assert seen == len(steps), f'step {seen + 1} never held; {self}'
        return code

    def __repr__(self) -> str:
        return f'started {self.started}, exited {self.exited}, output {self.output}'


@pytest.fixture
def swarm_file(tmp_path: Path, ros_environment: dict[str, str]) -> Path:
    path = tmp_path / 'swarm.yaml'
    path.write_text(FILE)
    return path


def declared(path: Path) -> dict[str, Any]:
    description = PythonLaunchDescriptionSource(str(path)).get_launch_description(LaunchContext())
    return {argument.name: argument for argument in description.get_launch_arguments()}


@pytest.mark.parametrize('name', ['swarm.launch.py', 'robot.launch.py', 'sim.launch.py'])
def test_arguments_are_declared_and_described(repository: Path, name: str) -> None:
    arguments = declared(repository / 'launch' / name)
    assert {'swarm_file', 'use_sim_time', 'log_level', 'respawn', 'view'} <= set(arguments)
    assert all(argument.description for argument in arguments.values())
    if name == 'robot.launch.py':
        assert arguments['robot'].default_value is None  # required


def test_nodes_start_named_and_namespaced_and_end_cleanly(
    repository: Path, swarm_file: Path
) -> None:
    """All robots of the file start, find a quorum, and leave with code 0."""
    names = [f'/{robot}/consensus_node' for robot in ('alpha', 'beta', 'gamma')]
    recorder = Recorder(
        repository / 'launch' / 'swarm.launch.py',
        swarm_file=str(swarm_file),
        use_sim_time='false',
        log_level='debug',
    )

    def has_quorum() -> bool:
        return all('contact with a quorum' in recorder.output.get(name, '') for name in names)

    assert recorder.until(has_quorum) == 0
    assert sorted(name for name, _ in recorder.started) == names
    assert sorted(recorder.exited) == [(name, 0) for name in names]
    command = recorder.commands['/beta/consensus_node']
    assert '__ns:=/beta' in command
    assert 'beta.consensus_node:=debug' in command
    assert recorder.environments['/beta/consensus_node']['ROS_AUTOMATIC_DISCOVERY_RANGE'] == (
        'LOCALHOST'
    )
    files = [Path(word) for word in command if word.endswith('.yaml')]
    assert files
    assert not any(file.parent.exists() for file in files), 'parameter files stayed behind'


def test_one_robot_alone_starts_only_its_own_nodes(repository: Path, swarm_file: Path) -> None:
    recorder = Recorder(
        repository / 'launch' / 'robot.launch.py', swarm_file=str(swarm_file), robot='beta'
    )
    assert recorder.until(lambda: bool(recorder.started)) == 0
    assert [name for name, _ in recorder.started] == ['/beta/consensus_node']


def test_what_dies_is_respawned(repository: Path, swarm_file: Path) -> None:
    recorder = Recorder(
        repository / 'launch' / 'robot.launch.py', swarm_file=str(swarm_file), robot='beta'
    )

    def killed() -> bool:
        if not recorder.started:
            return False
        os.kill(recorder.started[0][1], signal.SIGKILL)
        return True

    assert recorder.until(killed, lambda: len(recorder.started) == 2) == 0
    assert recorder.exited[0] == ('/beta/consensus_node', -signal.SIGKILL)


def test_without_respawn_what_dies_stays_dead(repository: Path, swarm_file: Path) -> None:
    recorder = Recorder(
        repository / 'launch' / 'robot.launch.py',
        swarm_file=str(swarm_file),
        robot='beta',
        respawn='false',
    )

    def killed() -> bool:
        if not recorder.started:
            return False
        os.kill(recorder.started[0][1], signal.SIGKILL)
        return True

    # With nothing left to run, launch ends by itself.
    recorder.until(killed, lambda: bool(recorder.exited))
    assert len(recorder.started) == 1


def test_wrong_configuration_is_said_and_not_respawned(
    repository: Path, swarm_file: Path, tmp_path: Path
) -> None:
    """A model that is none: its node refuses to configure, and launch lets it be."""
    (tmp_path / 'model.onnx').write_text('no model')
    swarm_file.write_text(FILE + 'inference: [{subject: sign, model: model.onnx}]\n')
    recorder = Recorder(
        repository / 'launch' / 'robot.launch.py', swarm_file=str(swarm_file), robot='beta'
    )
    seen: list[float] = []

    def left_alone() -> bool:
        """Whether longer has passed since than a restart would have taken."""
        if recorder.exited and not seen:
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] > 3.0

    assert recorder.until(left_alone) == 0
    assert recorder.exited[0] == ('/beta/inference_node', 2)
    assert 'cannot start' in recorder.output['/beta/inference_node']
    assert sorted(name for name, _ in recorder.started) == [
        '/beta/consensus_node',
        '/beta/inference_node',
    ]


RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
service = LaunchService()
source = PythonLaunchDescriptionSource(sys.argv[1])
arguments = [('swarm_file', sys.argv[2])]
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)]))
sys.exit(service.run())
"""


def test_wrong_file_ends_launch_with_its_message(
    repository: Path, swarm_file: Path, ros_environment: dict[str, str]
) -> None:
    swarm_file.write_text(FILE.replace('labels', 'lables'))
    file = repository / 'launch' / 'swarm.launch.py'
    done = subprocess.run(
        [sys.executable, '-c', RUN, str(file), str(swarm_file)],
        env=ros_environment,
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f'{swarm_file}:5: subjects.sign.lables: unknown key; did you mean "labels"?' in said
    assert 'process started' not in said
