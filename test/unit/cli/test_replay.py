"""What `swarm replay` says of a replay."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys

import pytest

from swarm_consensus.cli.main import main
from swarm_consensus.cli.replay import describe
from swarm_consensus.decision.types import Decision, Level, Status
from swarm_consensus.recording.replay import Divergence, Replayed

DECIDED = Decision(
    'goal', 1, 'dock', b'', 1.0, Level.COMMITTED, Status.DECIDED, 7, 1, 'a', (), 0.0, ''
)


def test_what_is_the_same_and_what_is_not() -> None:
    same = Replayed('a', 5, 10, 1.5, 3, (DECIDED,), False, None)
    assert describe(same) == [
        'a, boot 5: 10 calls in 1.5 s, cut off, 3 frames, 1 decisions',
        "  goal = 'dock', DECIDED, committed at 7",
        '  the same again, to the last frame',
    ]
    other = Divergence(4, 0.25, 'tells', 'x' * 5_000, 'nothing more')
    lines = describe(Replayed('a', 5, 10, 1.5, 3, (DECIDED,), True, other), quiet=True)
    assert lines[:2] == [
        'a, boot 5: 10 calls in 1.5 s, 3 frames, 1 decisions',
        '  NOT THE SAME at call 4, 0.250 s after the beginning, where it tells:',
    ]
    assert lines[2] == '    recorded: ' + 'x' * 1_000
    assert lines[3] == '    replayed: nothing more'


def test_files_that_are_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / 'x.mcap'
    file.write_bytes(b'x' * 100)
    assert main(['replay', str(file), str(tmp_path / 'none')]) == 2
    error = capsys.readouterr().err
    assert f'{file}: no recording' in error and 'none' in error


def test_a_replay_needs_no_ros(tmp_path: Path) -> None:
    """Up to the file, which is none."""
    code = (
        'import sys\n'
        'for name in ("rclpy", "builtin_interfaces", "swarm_consensus.msg"):\n'
        '    sys.modules[name] = None\n'
        'from swarm_consensus.cli.main import main\n'
        f'sys.exit(main(["replay", {str(tmp_path / "none")!r}]))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and 'No such file' in done.stderr, done.stderr
