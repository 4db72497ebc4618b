"""Copies of the repository for tests that build it, with what git holds and nothing else."""

from __future__ import annotations

from pathlib import Path
import shutil
import subprocess

# Where there is no git: what a copy must not have.
_MADE = ('.git', '.venv*', 'build', 'install', 'log', '*.egg-info', '.*_cache', '__pycache__',
         '.hypothesis')  # fmt: skip


def copy_source(repository: Path, target: Path) -> Path:
    """
    Copy the source files of the repository as they stand, new ones included.

    :param repository: its root.
    :param target: a folder that does not exist yet; returned.
    """
    try:
        listing = subprocess.run(
            ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
            cwd=repository,
            capture_output=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        shutil.copytree(repository, target, ignore=shutil.ignore_patterns(*_MADE))
        return target
    for name in listing.stdout.decode().split('\0'):
        # A file may be listed and already removed.
        if name and (repository / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, target / name)
    return target
