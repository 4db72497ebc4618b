"""
`pip install .` in a plain virtual environment, with everything fetched: what the README promises.

Nothing of this environment is used, so what the lists of requirements leave out is missed here. The
wheel that pip builds on the way holds generated and own modules as one package.
"""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

import pytest
from swarm_testing.environment import process_environment, without_bootstrap
from swarm_testing.source_tree import copy_source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.timeout(900),
]

EXECUTABLES = ('consensus_node', 'inference_node', 'sim_node', 'swarm', 'view_node')


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command of another environment and return its code and all of its output."""
    options = {'env': without_bootstrap(), 'cwd': '/', **options}
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=800,
        **options,  # type: ignore[call-overload]
    )


def checked(*command: object, **options: object) -> str:
    """Run a command and return its output; a failure shows all of it."""
    result = run(*command, **options)
    assert result.returncode == 0, f'{command} gave {result.returncode}:\n{result.stdout}'
    return result.stdout


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A clean copy of the source."""
    return copy_source(repository, tmp_path_factory.mktemp('installed') / 'source')


@pytest.fixture(scope='module')
def prefix(source: Path) -> Path:
    """A plain environment that has the package installed, and all it depends on."""
    folder = source.parent / 'venv'
    checked(sys.executable, '-m', 'venv', folder)
    pip = (folder / 'bin' / 'python', '-m', 'pip', '--disable-pip-version-check', '--no-input')
    probe = (*pip, 'download', '--quiet', '--no-deps', '--dest', source.parent / 'probe')
    reached = run(*probe, 'ros-wheels-bootstrapper')
    if reached.returncode:
        last = (reached.stdout.strip().splitlines() or [''])[-1]
        pytest.skip(f'the package index is not reachable: {last}')
    # What is compiled ahead of its first import would hide what the wheel itself brings.
    checked(*pip, 'install', '--no-compile', source)
    checked(*pip, 'check')
    return folder


@pytest.fixture
def environment(prefix: Path, domain_id: int, tmp_path: Path) -> dict[str, str]:
    """Variables for programs of that environment, as after its activation."""
    return {
        **process_environment(domain_id, tmp_path, without_bootstrap()),
        'PATH': f'{prefix / "bin"}:/usr/bin:/bin',
        'PYTHONDONTWRITEBYTECODE': '1',
    }


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


def test_every_module_and_page_of_the_source_is_installed(prefix: Path, source: Path) -> None:
    (site,) = prefix.glob('lib/python3*/site-packages')
    modules = source / 'swarm_consensus'
    missing = [
        str(path.relative_to(modules))
        for path in modules.rglob('*.*')
        if '__pycache__' not in path.parts
        and not (site / 'swarm_consensus' / path.relative_to(modules)).exists()
    ]
    assert not missing


def test_nothing_of_use_only_for_building_is_installed(prefix: Path) -> None:
    (record,) = prefix.glob('lib/python3*/site-packages/swarm_consensus-*.dist-info/RECORD')
    names = [line.split(',')[0] for line in record.read_text().splitlines()]
    assert any(name.endswith('.so') for name in names)
    assert not [name for name in names if '__pycache__' in name or name.endswith('.c')]


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


def test_share_files_are_there(prefix: Path, source: Path) -> None:
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
