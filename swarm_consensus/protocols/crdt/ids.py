"""
Names of replicas: `<robot>/<level>/<boot>/<nonce>`, made once and never used again.

A robot bears one name for as long as its store knows all that it wrote under it. A robot whose
store was lost, damaged or put back takes a new one, so that no dot is ever made twice. The level
is that of the settled history (settlement.py) in which the name was made.
"""

from __future__ import annotations

from functools import lru_cache
import re

# A robot's name has up to 100 characters, the numbers up to 15 decimal and 16 hexadecimal digits.
ID_CHARACTERS_MAX = 160
LEVEL_MAX = 10**14
BOOT_MAX = 10**15 - 1

_NUMBER = '(0|[1-9][0-9]{0,14})'
_ID = re.compile(f'([A-Za-z0-9][A-Za-z0-9_.-]{{0,99}})/{_NUMBER}/{_NUMBER}/([0-9a-f]{{1,16}})')


def replica_id(robot: str, level: int, boot: int, nonce: int) -> str:
    """
    Return the name of a replica.

    :param level: of the settled history that the robot holds.
    :param boot: incarnation of the robot.
    :param nonce: random, for robots whose incarnations begin anew.
    :raises ValueError: what could not be read back.
    """
    name = f'{robot}/{level}/{boot}/{nonce:x}'
    if _ID.fullmatch(name) is None:
        raise ValueError(f'{name!r} is no name of a replica')
    return name


def is_replica_id(name: str) -> bool:
    """Return whether a peer's word is the name of a replica."""
    return _parts(name) is not None


def level_of(name: str) -> int:
    """Return the level at which a name was made."""
    parts = _parts(name)
    assert parts is not None, f'{name!r} passed the checks and is no name of a replica'
    return parts[1]


def robot_of(name: str) -> str:
    """Return the robot that bears or bore a name."""
    parts = _parts(name)
    assert parts is not None, f'{name!r} passed the checks and is no name of a replica'
    return parts[0]


def boot_of(name: str) -> int:
    """Return the incarnation in which a robot took a name."""
    parts = _parts(name)
    assert parts is not None, f'{name!r} passed the checks and is no name of a replica'
    return parts[2]


@lru_cache(maxsize=8192)
def _parts(name: str) -> tuple[str, int, int] | None:
    match = _ID.fullmatch(name)
    if match is None:
        return None
    return match[1], int(match[2]), int(match[3])
