"""Files that a swarm.yaml names: where they are looked for, and which are missing."""

from __future__ import annotations

from collections.abc import Iterator
import difflib
import os
from pathlib import Path
import sys

PACKAGE_SCHEME = 'package://'


def resolve(name: str, folder: Path) -> Path:
    """
    Return the absolute path of a file that swarm.yaml names.

    :param name: `package://<package>/<path>` below the share folder of a ROS package, a path
        with `~`, an absolute one, or one relative to `folder`.
    :param folder: the folder of swarm.yaml.
    :raises ValueError: no such package.
    """
    if name.startswith(PACKAGE_SCHEME):
        package, _, rest = name.removeprefix(PACKAGE_SCHEME).partition('/')
        return package_share(package) / rest
    return folder / Path(name).expanduser()


def package_share(package: str) -> Path:
    """
    Return the share folder of a ROS package.

    Looked for as ament does, then in the Python environment (where `pip install` puts it), then,
    for this package, in its source tree.

    :raises ValueError: no such package.
    """
    for prefix in _prefixes():
        share = prefix / 'share' / package
        if package and share.is_dir():
            return share
    source = Path(__file__).resolve().parents[2]
    if package == 'swarm_consensus' and (source / 'package.xml').is_file():
        return source
    raise ValueError(f'there is no package "{package}" in AMENT_PREFIX_PATH or {sys.prefix}')


def _prefixes() -> Iterator[Path]:
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix)
    yield Path(sys.prefix)


def missing(path: Path) -> str:
    """Return what is wrong with a file that is wanted at a path, or the empty string."""
    if path.is_file():
        return '' if os.access(path, os.R_OK) else f'{path} cannot be read'
    if path.is_dir():
        return f'{path} is a folder, but must be a file'
    near: list[str] = []
    if path.parent.is_dir():
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
        near = difflib.get_close_matches(path.name, names, 1, 0.6)
    hint = f'; did you mean "{near[0]}"?' if near else ''
    return f'there is no file {path}{hint}'
