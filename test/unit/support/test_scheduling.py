"""What is prepared once for the tests of a file is prepared by one worker, with real workers."""

from pathlib import Path
import subprocess
import sys

from swarm_testing.scheduling import TOGETHER

ROOT = Path(__file__).resolve().parents[3]

CONFTEST = """
from swarm_testing import scheduling
scheduling.TOGETHER = ('test_together.py',)

def pytest_xdist_make_scheduler(config, log):
    return scheduling.scheduling(config, log)
"""
# Where the tests are for any worker, each waits for another one to have had some, too.
TESTS = """
import glob
import os
import time
import pytest

WORKERS = {workers}

@pytest.mark.parametrize('number', range(12))
def test_worker(number):
    open(f'{{__name__}}.{{os.environ["PYTEST_XDIST_WORKER"]}}', 'w').close()
    end = time.monotonic() + 5.0
    while len(glob.glob(f'{{__name__}}.gw*')) < WORKERS and time.monotonic() < end:
        time.sleep(0.01)
"""


def test_the_tests_of_a_file_go_to_one_worker_and_others_to_any(tmp_path: Path) -> None:
    (tmp_path / 'conftest.py').write_text(CONFTEST)
    (tmp_path / 'pytest.ini').write_text(f'[pytest]\npythonpath = {ROOT / "test" / "support"}\n')
    for name, workers in (('test_together', 1), ('test_apart', 2)):
        (tmp_path / f'{name}.py').write_text(TESTS.format(workers=workers))
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-n', '2', '--dist', 'loadscope', '-q'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert '24 passed' in done.stdout, done.stdout + done.stderr
    assert len(list(tmp_path.glob('test_together.gw*'))) == 1
    assert len(list(tmp_path.glob('test_apart.gw*'))) == 2


def test_the_files_are_there() -> None:
    assert all((ROOT / file).is_file() for file in TOGETHER)
