"""Where the log is kept, and that one process at a time has it."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

import pytest

from swarm_consensus.storage import (
    SqliteStorage,
    StorageError,
    StorageForeign,
    StorageLocked,
    default_folder,
    robot_folder,
)


def test_the_default_is_the_state_directory_of_the_user() -> None:
    where = default_folder('team', 'robot_1', {'XDG_STATE_HOME': '/var/state', 'HOME': '/home/a'})
    assert where == Path('/var/state/swarm_consensus/team/robot_1')
    for variables in ({'HOME': '/home/a'}, {'HOME': '/home/a', 'XDG_STATE_HOME': 'relative'}):
        where = default_folder('team', 'robot_1', variables)
        assert where == Path('/home/a/.local/state/swarm_consensus/team/robot_1')


def test_a_named_base_is_used_as_it_is(tmp_path: Path) -> None:
    assert robot_folder(tmp_path, 'team', 'r1') == tmp_path / 'team' / 'r1'


@pytest.mark.parametrize(
    'name', ['', '.', '..', '../x', 'a/b', '-a', '.a', 'a b', 'a\0', 'ä', 'x' * 101, 'a\n']
)
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    for swarm, robot in (('team', name), (name, 'r1')):
        with pytest.raises(ValueError, match='letters, digits'):
            default_folder(swarm, robot, {'HOME': '/home/a'})


HOLD = """
import pathlib, sys
from swarm_consensus.storage import SqliteStorage
storage = SqliteStorage(pathlib.Path(sys.argv[1]), swarm='team', robot='robot_1')
print('held', flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_by_name_and_the_kernel_frees_the_lock(
    tmp_path: Path, repository: Path
) -> None:
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    holder = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert holder.stdout is not None and holder.stdout.readline() == 'held\n'
        with pytest.raises(StorageLocked) as caught:
            SqliteStorage(tmp_path, swarm='team', robot='robot_2')
        assert caught.value.pid == holder.pid
        assert f"process {holder.pid} (robot 'robot_1')" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
    finally:
        holder.kill()
        holder.communicate()
    SqliteStorage(tmp_path, swarm='team', robot='robot_1').close()


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path, swarm='team', robot='r1')
    with pytest.raises(StorageLocked):
        SqliteStorage(tmp_path, swarm='team', robot='r1')
    storage.close()
    SqliteStorage(tmp_path, swarm='team', robot='r1').close()


def test_a_lock_file_without_a_readable_note_is_only_a_lock(tmp_path: Path) -> None:
    (tmp_path / 'lock').write_text('nonsense')
    SqliteStorage(tmp_path, swarm='team', robot='r1').close()


@pytest.mark.parametrize(('swarm', 'robot'), [('team', 'r2'), ('other', 'r1')])
def test_the_folder_of_another_robot_or_swarm_is_foreign(
    tmp_path: Path, swarm: str, robot: str
) -> None:
    SqliteStorage(tmp_path, swarm='team', robot='r1').close()
    with pytest.raises(StorageForeign, match="robot 'r1' of swarm 'team'"):
        SqliteStorage(tmp_path, swarm=swarm, robot=robot)
    # And the refusal has not kept it.
    SqliteStorage(tmp_path, swarm='team', robot='r1').close()


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('x')
    for place in (tmp_path / 'file', tmp_path / 'file' / 'below'):
        with pytest.raises(StorageError, match='file'):
            SqliteStorage(place, swarm='team', robot='r1')


def test_the_folder_is_the_user_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / 'a' / 'b'
    SqliteStorage(folder, swarm='team', robot='r1').close()
    assert folder.stat().st_mode & 0o077 == 0
