"""Where something is missing or set in a strange way, the set-up says what to do about it."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / 'build_support'


def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with only these variables, besides what every program needs."""
    return subprocess.run(
        [str(part) for part in command],
        env={'PATH': os.environ['PATH'], 'HOME': os.environ.get('HOME', '/'), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def only_these_programs(tmp_path: Path):
    """Make a folder for PATH, with a few programs and whatever the test adds."""

    def make(**programs: str) -> str:
        folder = tmp_path / 'bin'
        folder.mkdir()
        for name, text in programs.items():
            (folder / name).write_text(f'#!/bin/sh\n{text}\n')
            (folder / name).chmod(0o755)
        return str(folder)

    return make


def test_a_python_that_suits_is_found(only_these_programs) -> None:
    path = only_these_programs(
        python3='echo "Python 3.9.2"; exit 1', **{'python3.12': f'exec {sys.executable} "$@"'}
    )
    found = run('/bin/sh', SUPPORT / 'find_python.sh', PATH=path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == f'{path}/python3.12'


def test_without_a_python_that_suits_it_says_which_one_it_wants(only_these_programs) -> None:
    path = only_these_programs(python3='echo "Python 3.9.2"; exit 1')
    found = run('/bin/sh', SUPPORT / 'find_python.sh', PATH=path)
    assert found.returncode == 1
    assert '3.11 to 3.14' in found.stderr
    assert 'Python 3.9.2' in found.stderr
    assert 'make PYTHON=' in found.stderr


def test_a_python_that_was_named_is_the_only_one_considered(only_these_programs) -> None:
    path = only_these_programs(
        python3=f'exec {sys.executable} "$@"', old='echo "Python 3.8.1"; exit 1'
    )
    found = run('/bin/sh', SUPPORT / 'find_python.sh', PATH=path, PYTHON='old')
    assert found.returncode == 1
    assert 'PYTHON=old' in found.stderr and 'Python 3.8.1' in found.stderr


def test_without_a_compiler_nothing_is_downloaded(only_these_programs, tmp_path: Path) -> None:
    folder = tmp_path / 'venv'
    result = run(sys.executable, '-E', SUPPORT / 'set_up.py', folder, PATH=only_these_programs())
    assert result.returncode == 1
    assert 'No C++ compiler' in result.stderr and 'apt install g++' in result.stderr
    assert not folder.exists()


def test_an_unknown_distribution_is_refused_with_the_ones_there_are() -> None:
    result = run(sys.executable, SUPPORT / 'requirements.py', 'build', SWARM_CONSENSUS_ROS='foxy')
    assert result.returncode == 1
    assert "'foxy'" in result.stderr and 'kilted, jazzy' in result.stderr


def test_pip_under_a_sourced_ros_says_colcon() -> None:
    sourced = {'ROS_DISTRO': 'kilted', 'AMENT_PREFIX_PATH': '/opt/ros/kilted'}
    result = run(sys.executable, SUPPORT / 'requirements.py', 'runtime', **sourced)
    assert result.returncode == 1
    assert 'colcon build' in result.stderr and 'SWARM_CONSENSUS_ROS' in result.stderr
    asked = run(
        *(sys.executable, SUPPORT / 'requirements.py', 'runtime'),
        **{**sourced, 'SWARM_CONSENSUS_ROS': 'jazzy'},
    )
    assert asked.returncode == 0, asked.stderr
    assert 'ros-jazzy-rclpy' in asked.stdout


@pytest.mark.parametrize(
    ('output', 'advice'),
    [
        (
            'WARNING: Retrying (Retry(total=0)) after connection broken by '
            "'NewConnectionError(...): Temporary failure in name resolution'\n"
            'ERROR: No matching distribution found for ros-rclpy',
            'cannot be reached',
        ),
        ('ERROR: No matching distribution found for ros-rclpy<10,>=9.1.2', 'glibc'),
        ('ERROR: No matching distribution found for onnxruntime', 'does not have this package'),
        ('OSError: [Errno 28] No space left on device', 'disk is full'),
        ('CMake Error: CMAKE_CXX_COMPILER not set', 'apt install g++'),
        ('fatal error: Python.h: No such file or directory', 'python3-dev'),
    ],
)
def test_a_failed_step_is_explained(output: str, advice: str, tmp_path: Path) -> None:
    program = (
        'import pathlib, sys, set_up\n'
        'log = set_up.Log(pathlib.Path(sys.argv[1]), set_up.Progress(1))\n'
        "command = [sys.executable, '-c', 'import sys; print(sys.argv[1]); sys.exit(3)']\n"
        'log.run("fetching", [*command, sys.argv[2]], pathlib.Path("."))\n'
    )
    log = tmp_path / 'set-up.log'
    result = run(sys.executable, '-c', program, log, output, PYTHONPATH=str(SUPPORT))
    assert result.returncode != 0
    assert 'StepFailed' in result.stderr
    assert advice in result.stderr
    assert str(log) in result.stderr
    assert 'FAILED' in result.stdout
