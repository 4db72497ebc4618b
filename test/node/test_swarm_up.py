"""`swarm up` with real nodes: ready, restarts, one robot, refusals, and no process left behind."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import re
import signal
import sys
import time

import pytest
from swarm_testing.processes import Process, ProcessGroup

SOON = 60.0  # s
FILE = """\
swarm: up
robots: [alpha, beta, gamma]
storage: {folder: state}
network: {transport: udp}
consensus: {name_probe: 0.2}
subjects:
  sign: {labels: [stop, go]}
"""


@pytest.fixture
def swarm_file(tmp_path: Path) -> Path:
    path = tmp_path / 'swarm.yaml'
    path.write_text(FILE)
    return path


def up(processes: ProcessGroup, file: Path, *arguments: str) -> Process:
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'up', str(file), *arguments]
    return processes.start(command, name='swarm up')


def pids(process: Process) -> list[int]:
    """Process ids of all nodes that it has started so far, in order."""
    return [int(pid) for pid in re.findall(r'started, process (\d+)', process.output)]


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped by init does not."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(')')[2].split()[0] not in 'ZX'


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + SOON
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_swarm_gets_ready_restarts_what_is_killed_and_ends_on_ctrl_c(
    processes: ProcessGroup, swarm_file: Path
) -> None:
    swarm = up(processes, swarm_file)
    assert re.search(
        r'3 of 3 robots, (alpha|beta|gamma) leads', swarm.wait_for_output('ready after', SOON)
    )
    first = pids(swarm)
    assert len(first) == 3
    os.kill(first[0], signal.SIGKILL)
    died = 'alpha/consensus_node died (SIGKILL); restart in 0.5 s'
    swarm.wait_for_output(died, SOON)
    back = re.compile(r'alpha/consensus_node +\| \[INFO\] in contact with a quorum')
    # On a busy machine it may have lost contact before, and have found it again.
    assert until(lambda: back.search(swarm.output.partition(died)[2]))
    assert len(pids(swarm)) == 4
    assert swarm.interrupt(SOON) == 0
    assert swarm.output.count('/consensus_node ended (exit code 0)') == 3
    assert 'all ended' in swarm.output
    assert not any(alive(pid) for pid in pids(swarm))


def test_prefix_names_the_node_and_the_log_needs_no_name_of_its_own(
    processes: ProcessGroup, swarm_file: Path
) -> None:
    swarm = up(processes, swarm_file)
    line = swarm.wait_for_output('in contact with a quorum', SOON)
    assert re.fullmatch(
        r'(alpha|beta|gamma)/consensus_node +\| \[INFO\] in contact with a quorum', line
    )


def test_sigterm_ends_it_just_as_well(processes: ProcessGroup, swarm_file: Path) -> None:
    swarm = up(processes, swarm_file, '--ready-timeout', '0')
    assert until(lambda: len(pids(swarm)) == 3)
    os.kill(swarm.pid, signal.SIGTERM)
    assert swarm.wait(SOON) == 0
    assert not any(alive(pid) for pid in pids(swarm))


@pytest.mark.skipif(sys.platform != 'linux', reason='PR_SET_PDEATHSIG is of Linux')
def test_no_node_outlives_a_killed_swarm_up(processes: ProcessGroup, swarm_file: Path) -> None:
    swarm = up(processes, swarm_file, '--ready-timeout', '0')
    assert until(lambda: len(pids(swarm)) == 3)
    swarm.kill()
    assert until(lambda: not any(alive(pid) for pid in pids(swarm)))


def test_one_robot_of_the_file_runs_here_and_says_that_it_is_alone(
    processes: ProcessGroup, swarm_file: Path
) -> None:
    swarm = up(processes, swarm_file, '--robots', 'beta', '--ready-timeout', '12')
    swarm.wait_for_output('no leader yet: 1 of 1 robots heard', SOON)
    assert swarm.interrupt(SOON) == 0
    assert len(pids(swarm)) == 1
    assert 'alpha/' not in swarm.output


def test_without_respawn_the_dead_stay_dead_and_the_end_says_so(
    processes: ProcessGroup, swarm_file: Path
) -> None:
    swarm = up(processes, swarm_file, '--robots', 'beta', '--no-respawn', '--ready-timeout', '0')
    assert until(lambda: len(pids(swarm)) == 1)
    os.kill(pids(swarm)[0], signal.SIGKILL)
    swarm.wait_for_output('beta/consensus_node died (SIGKILL); not restarted', SOON)
    assert swarm.wait(SOON) == 1
    assert 'nothing is left to run' in swarm.output


def test_node_with_a_wrong_configuration_is_given_up_and_the_others_go_on(
    processes: ProcessGroup, swarm_file: Path, tmp_path: Path
) -> None:
    (tmp_path / 'model.onnx').write_text('no model')
    swarm_file.write_text(FILE + 'inference: [{subject: sign, model: model.onnx}]\n')
    swarm = up(processes, swarm_file, '--robots', 'beta')
    line = swarm.wait_for_output('beta/inference_node not restarted', SOON)
    assert 'it must be set right: cannot start: ' in line
    assert 'model.onnx' in line
    swarm.wait_for_output('beta/consensus_node', SOON)
    assert swarm.interrupt(SOON) == 1
    assert swarm.output.count('inference_node started') == 1
    assert swarm.output.count('consensus_node ended (exit code 0)') == 1


def test_wrong_file_is_refused_before_anything_starts(
    processes: ProcessGroup, swarm_file: Path
) -> None:
    swarm_file.write_text(FILE.replace('transport', 'trasport'))
    swarm = up(processes, swarm_file)
    assert swarm.wait(SOON) == 2
    assert swarm.output == f'{swarm_file}:4: network.trasport: unknown key; ' + (
        'did you mean "transport"?'
    )


def test_domain_of_the_file_goes_before_that_of_the_environment(
    processes: ProcessGroup, swarm_file: Path, domain_id: int
) -> None:
    """The listener of `swarm up` must follow its nodes into the domain of the file."""
    assert processes.environment is not None
    elsewhere = {**processes.environment, 'ROS_DOMAIN_ID': '0'}
    swarm_file.write_text(FILE.replace('{transport', f'{{domain_id: {domain_id}, transport'))
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'up', str(swarm_file)]
    swarm = processes.start(command, name='swarm up', environment=elsewhere)
    swarm.wait_for_output('ready after', SOON)
    assert swarm.interrupt(SOON) == 0
