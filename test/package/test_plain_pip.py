"""
`pip install .` in a plain virtual environment, with everything fetched: what the README promises.

Nothing of this environment is used, so what the lists of requirements leave out is missed here.
"""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys

import pytest
from swarm_testing.environment import process_environment, without_bootstrap
from swarm_testing.source_tree import copy_source

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(900)]

PROGRAM = """
import rclpy, time
from swarm_consensus.msg import Decision
rclpy.init()
node = rclpy.create_node('both')
got = []
node.create_subscription(Decision, 'decision', got.append, 10)
publisher = node.create_publisher(Decision, 'decision', 10)
end = time.monotonic() + 20
while not got and time.monotonic() < end:
    publisher.publish(Decision(subject='sign', choice='7'))
    rclpy.spin_once(node, timeout_sec=0.1)
print(got[0].subject, got[0].choice)
"""


def run(*command: object, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env=environment,
        cwd='/',
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=800,
    )


def test_it_installs_and_runs_with_nothing_but_python_and_a_compiler(
    tmp_path: Path, repository: Path, domain_id: int
) -> None:
    environment = process_environment(domain_id, tmp_path, without_bootstrap())
    folder = tmp_path / 'venv'
    made = run(sys.executable, '-m', 'venv', folder, environment=environment)
    assert made.returncode == 0, made.stdout
    python = folder / 'bin' / 'python'
    pip = (python, '-m', 'pip', '--disable-pip-version-check', '--no-input')

    probe = (*pip, 'download', '--quiet', '--no-deps', '--dest', tmp_path / 'probe')
    reached = run(*probe, 'ros-wheels-bootstrapper', environment=environment)
    if reached.returncode:
        last = (reached.stdout.strip().splitlines() or [''])[-1]
        pytest.skip(f'the package index is not reachable: {last}')

    source = copy_source(repository, tmp_path / 'source')
    installed = run(*pip, 'install', source, environment=environment)
    assert installed.returncode == 0, installed.stdout
    result = run(python, '-c', PROGRAM, environment=environment)
    assert result.stdout.split() == ['sign', '7'], result.stdout
    for name in ('consensus_node', 'inference_node', 'swarm'):
        usage = run(folder / 'bin' / name, '--help', environment=environment)
        assert usage.returncode == 0 and 'usage' in usage.stdout.lower(), usage.stdout
    checked = run(*pip, 'check', environment=environment)
    assert checked.returncode == 0, checked.stdout
