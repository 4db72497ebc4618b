"""The demonstration itself, short: real training, real processes, a real kill, the exit code."""

from __future__ import annotations

from pathlib import Path
import sys

from swarm_testing.processes import ProcessGroup


def test_short_demo_ends_well(processes: ProcessGroup, tmp_path: Path) -> None:
    """Three robots, the leader killed and back, equal logs, a plot, and exit code 0."""
    output = tmp_path / 'demo'
    demo = processes.start(
        [
            sys.executable, '-m', 'swarm_consensus.cli.main', 'demo',
            '--robots', '3', '--signs', '24', '--pace', '0.05', '--output', str(output),
        ],
        name='demo',
    )  # fmt: skip
    assert demo.wait(120) == 0
    text = demo.output
    assert 'the leader, is killed with -9' in text
    assert 'takes part again' in text
    assert 'all 3 robots hold the same log' in text
    assert (output / 'demo.png').stat().st_size > 10_000


def test_interrupted_demo_leaves_no_process(processes: ProcessGroup, tmp_path: Path) -> None:
    """Ctrl-C in the middle ends every robot."""
    output = tmp_path / 'demo'
    demo = processes.start(
        [sys.executable, '-m', 'swarm_consensus.cli.main', 'demo', '--robots', '3',
         '--output', str(output)],
        name='demo',
    )  # fmt: skip
    demo.wait_for_output('ready after', 90)
    children = _descendants(demo.pid)
    assert len(children) >= 6
    assert demo.interrupt(90) != 0
    left = [pid for pid in children if _is_alive(pid)]
    assert not left


def _descendants(pid: int) -> list[int]:
    """Return the ids of the processes below one, from /proc."""
    found: list[int] = []
    for path in Path(f'/proc/{pid}/task').glob('*/children'):
        try:
            children = path.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            # The thread ended while we looked.
            continue
        for child in children:
            found += [int(child), *_descendants(int(child))]
    return found


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != 'Z'
