"""
`colcon build` of a clean copy, against the ROS 2 that this environment has.

The result is looked at the way `ros2 run` and `ros2 launch` do: through the ament index and the
folders lib/swarm_consensus and share/swarm_consensus of a sourced workspace.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
import shutil
import subprocess
import sys
import sysconfig

import pytest
from swarm_testing.environment import process_environment, without_bootstrap
from swarm_testing.source_tree import copy_source

pytestmark = pytest.mark.slow

EXECUTABLES = ('consensus_node', 'inference_node', 'sim_node', 'swarm', 'view_node')
SCRIPTS = Path(sysconfig.get_path('scripts'))


def colcon() -> str | None:
    found = SCRIPTS / 'colcon'
    return str(found) if found.exists() else shutil.which('colcon')


def why_not() -> str:
    if colcon() is None:
        return 'colcon is not installed'
    if importlib.util.find_spec('rosidl_cmake') is None:
        return 'the ROS 2 packages that build interfaces are not installed'
    return ''


if why_not():
    pytest.skip(why_not(), allow_module_level=True)


def sourced(workspace: Path, command: str, environment: dict[str, str]) -> str:
    """Run a shell command in the workspace after sourcing it; a failure shows all output."""
    result = subprocess.run(
        ['bash', '-c', f'. install/setup.bash && {command}'],
        env=environment,
        cwd=workspace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, f'{command} gave {result.returncode}:\n{result.stdout}'
    return result.stdout


@pytest.fixture(scope='module')
def base_environment() -> dict[str, str]:
    """What sourcing a ROS 2 installation would set, for the wheels of this environment."""
    environment = without_bootstrap()
    prefix = importlib.util.find_spec('rosidl_cmake').origin  # type: ignore[union-attr]
    home = str(Path(str(prefix)).parents[4])
    environment['PATH'] = f'{SCRIPTS}:/usr/bin:/bin'
    environment['AMENT_PREFIX_PATH'] = environment['CMAKE_PREFIX_PATH'] = home
    environment['LD_LIBRARY_PATH'] = f'{home}/lib'
    return environment


@pytest.fixture(scope='module')
def workspace(
    tmp_path_factory: pytest.TempPathFactory,
    repository: Path,
    base_environment: dict[str, str],
) -> Path:
    """A colcon workspace with the package built in it."""
    folder = tmp_path_factory.mktemp('workspace')
    copy_source(repository, folder / 'src' / 'swarm_consensus')
    result = subprocess.run(
        [
            *(str(colcon()), '--log-base', 'log', 'build'),
            *('--packages-select', 'swarm_consensus', '--event-handlers', 'console_direct+'),
            *('--cmake-args', f'-DPython3_EXECUTABLE={sys.executable}', '-G', 'Ninja'),
        ],
        env=base_environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert result.returncode == 0, result.stdout
    assert '1 package finished' in result.stdout
    return folder


@pytest.fixture
def environment(base_environment: dict[str, str], domain_id: int, tmp_path: Path) -> dict[str, str]:
    return process_environment(domain_id, tmp_path, base_environment)


def test_the_package_is_in_the_ament_index(workspace: Path, environment: dict[str, str]) -> None:
    program = (
        'from ament_index_python.packages import get_package_share_directory as share;'
        "print(share('swarm_consensus'))"
    )
    found = Path(sourced(workspace, f'python -c "{program}"', environment).strip())
    assert found == workspace / 'install' / 'swarm_consensus' / 'share' / 'swarm_consensus'
    for folder in ('launch', 'config', 'models', 'worlds'):
        source = workspace / 'src' / 'swarm_consensus' / folder
        for path in source.rglob('*'):
            if path.is_file():
                assert (found / folder / path.relative_to(source)).exists(), path


def test_generated_interfaces_and_our_modules_come_from_the_workspace(
    workspace: Path, environment: dict[str, str]
) -> None:
    program = (
        'import swarm_consensus.msg, swarm_consensus.nodes.convert as convert;'
        'print(swarm_consensus.msg.__file__); print(convert.__file__)'
    )
    for line in sourced(workspace, f'python -c "{program}"', environment).split():
        assert workspace / 'install' in Path(line).parents


def test_nodes_in_cpp_and_ros2_bag_find_what_they_need(workspace: Path) -> None:
    """A wheel leaves it out (setup.py)."""
    home = workspace / 'install' / 'swarm_consensus'
    assert (home / 'lib' / 'libswarm_consensus__rosidl_typesupport_cpp.so').exists()
    assert list(home.glob('include/**/swarm_consensus/msg/decision.hpp'))


@pytest.mark.parametrize('name', EXECUTABLES)
def test_ros2_run_finds_executables_that_say_how_they_are_used(
    workspace: Path, environment: dict[str, str], name: str
) -> None:
    program = workspace / 'install' / 'swarm_consensus' / 'lib' / 'swarm_consensus' / name
    assert program.stat().st_mode & 0o111
    assert 'usage' in sourced(workspace, f'{program} --help', environment).lower()


def test_colcon_test_would_run_our_tests(workspace: Path, environment: dict[str, str]) -> None:
    listed = sourced(workspace, 'ctest -N --test-dir build/swarm_consensus', environment)
    for folder in ('unit', 'node', 'launch'):
        tests = workspace / 'src' / 'swarm_consensus' / 'test' / folder
        if any(tests.rglob('test_*.py')):
            assert f': {folder}\n' in listed, listed
