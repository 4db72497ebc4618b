"""
The wheel that `pip install .` makes, installed: one package of generated and own modules.

It is built from a copy of the source with the build packages of this environment (no download),
and installed into an environment of its own, so that nothing comes from the source tree.
"""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from swarm_testing.environment import process_environment, without_bootstrap
from swarm_testing.source_tree import copy_source

pytestmark = pytest.mark.slow

EXECUTABLES = ('consensus_node', 'inference_node', 'swarm')
HERE = sysconfig.get_paths()['purelib']


def checked(*command: object, **options: object) -> str:
    """Run a command and return its output; a failure shows all of it."""
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        **options,  # type: ignore[call-overload]
    )
    assert result.returncode == 0, f'{command} gave {result.returncode}:\n{result.stdout}'
    return str(result.stdout)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The wheel, built from a clean copy."""
    pytest.importorskip('rosidl_cmake', reason='the packages that build are not installed')
    folder = tmp_path_factory.mktemp('wheel')
    source = copy_source(repository, folder / 'source')
    environment = {**without_bootstrap(), 'PATH': f'{sysconfig.get_path("scripts")}:/usr/bin:/bin'}
    checked(
        *(sys.executable, '-m', 'pip', '--disable-pip-version-check', 'wheel'),
        *('--no-build-isolation', '--no-deps', '--wheel-dir', folder, source),
        env=environment,
    )
    (built,) = folder.glob('*.whl')
    return built


@pytest.fixture(scope='module')
def prefix(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel installed, and sees the packages of this one."""
    folder = tmp_path_factory.mktemp('installed') / 'venv'
    checked(sys.executable, '-m', 'venv', '--without-pip', folder, env=without_bootstrap())
    checked(
        *(sys.executable, '-m', 'pip', '--disable-pip-version-check'),
        *('--python', folder / 'bin' / 'python', 'install', '--no-deps', '--no-index', wheel),
        env=without_bootstrap(),
    )
    (site,) = folder.glob('lib/python3*/site-packages')
    # Behind its own: what the wheel depends on is found here, the package itself there.
    (site / 'dependencies.pth').write_text(f'import site; site.addsitedir({HERE!r})\n')
    return folder


@pytest.fixture
def environment(prefix: Path, domain_id: int, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables for programs of that environment."""
    variables = process_environment(domain_id, tmp_path, without_bootstrap())
    variables['PATH'] = f'{prefix / "bin"}:/usr/bin:/bin'
    # Of the ROS wheels here; their bootstrapper adds the new environment's.
    variables['LD_LIBRARY_PATH'] = os.environ.get('LD_LIBRARY_PATH', '')
    yield variables


def python(prefix: Path, environment: dict[str, str], program: str, cwd: Path | str = '/') -> str:
    return checked(prefix / 'bin' / 'python', '-c', program, env=environment, cwd=cwd)


def test_generated_interfaces_and_our_modules_are_one_package(
    prefix: Path, environment: dict[str, str]
) -> None:
    program = (
        'import swarm_consensus.msg, swarm_consensus.srv, swarm_consensus.action\n'
        'import swarm_consensus.decision, swarm_consensus.nodes.convert as convert\n'
        'import pathlib, swarm_consensus\n'
        'home = pathlib.Path(swarm_consensus.__file__).parent\n'
        'for module in (swarm_consensus.msg, swarm_consensus.action, convert):\n'
        '    assert home in pathlib.Path(module.__file__).parents, module.__file__\n'
        'print(home)'
    )
    home = Path(python(prefix, environment, program).strip())
    assert prefix in home.parents
    assert (home / 'py.typed').exists()


def test_every_module_of_the_source_is_installed(prefix: Path, wheel: Path) -> None:
    (site,) = prefix.glob('lib/python3*/site-packages')
    source = wheel.parent / 'source' / 'swarm_consensus'
    missing = [
        str(path.relative_to(source))
        for path in source.rglob('*.py')
        if not (site / 'swarm_consensus' / path.relative_to(source)).exists()
    ]
    assert not missing
    left_behind = [
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if '__pycache__' in name or '.c' == name[-2:]
    ]
    assert not left_behind


def test_messages_cross_between_two_participants(prefix: Path, environment: dict[str, str]) -> None:
    program = (
        'import rclpy, time\n'
        'from swarm_consensus.msg import Decision\n'
        'rclpy.init()\n'
        "node = rclpy.create_node('both')\n"
        'got = []\n'
        "node.create_subscription(Decision, 'decision', got.append, 10)\n"
        "publisher = node.create_publisher(Decision, 'decision', 10)\n"
        'end = time.monotonic() + 20\n'
        'while not got and time.monotonic() < end:\n'
        "    publisher.publish(Decision(subject='sign', choice='7', voters=['a', 'b']))\n"
        '    rclpy.spin_once(node, timeout_sec=0.1)\n'
        'print(got[0].subject, got[0].choice, *got[0].voters)'
    )
    assert python(prefix, environment, program).split() == ['sign', '7', 'a', 'b']


def test_share_files_are_there(prefix: Path, wheel: Path) -> None:
    source = wheel.parent / 'source'
    share = prefix / 'share' / 'swarm_consensus'
    assert (share / 'package.xml').exists()
    index = prefix / 'share' / 'ament_index' / 'resource_index'
    assert (index / 'packages' / 'swarm_consensus').exists()
    for folder in ('launch', 'config', 'models', 'worlds'):
        for path in (source / folder).rglob('*'):
            if path.is_file() and '__pycache__' not in path.parts:
                assert (share / path.relative_to(source)).exists(), path
    for kind in ('msg', 'srv', 'action'):
        for path in (source / kind).glob('*.*'):
            assert (share / kind / path.name).exists(), path


@pytest.mark.parametrize('name', EXECUTABLES)
@pytest.mark.parametrize('place', ['bin', 'lib/swarm_consensus'])
def test_executables_start_and_say_how_they_are_used(
    prefix: Path, environment: dict[str, str], place: str, name: str
) -> None:
    program = prefix / place / name
    assert os.access(program, os.X_OK)
    assert 'usage' in checked(program, '--help', env=environment, cwd='/').lower()
