"""Which names will do for swarms, robots, nodes, subjects and topics, and what to write instead."""

from __future__ import annotations

from enum import Enum
import re

NAME_LENGTH_MAX = 64

_TOKEN = r'[A-Za-z_][A-Za-z0-9_]*'


class NameKind(Enum):
    """What is named; the value is (pattern, rule in words)."""

    # Also names of folders, so nothing that leads out of them.
    SWARM = (
        r'[A-Za-z0-9][A-Za-z0-9_.-]*',
        'letters, digits, `_`, `-` and `.`, beginning with a letter or digit',
    )
    # A token of ROS names; also a folder.
    ROBOT = (_TOKEN, 'letters, digits and `_`, not beginning with a digit')
    # Namespaces, topics, services, actions.
    PATH = (
        rf'/?{_TOKEN}(/{_TOKEN})*',
        'words of letters, digits and `_`, none beginning with a digit, joined by `/`',
    )
    # A dot would end the name inside `subject.<name>.<key>`.
    SUBJECT = (
        r'[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*',
        'words of letters, digits, `_` and `-`, joined by `/`',
    )


def name_problem(kind: NameKind, name: str, path: str) -> str:
    """Return why a name will not do, or the empty string."""
    pattern, rule = kind.value
    if len(name) > NAME_LENGTH_MAX:
        return f'{path} has {len(name)} characters, but must have {NAME_LENGTH_MAX} at most'
    if re.fullmatch(pattern, name):
        return ''
    instead = _repaired(kind, name)
    hint = f'; "{instead}" would do' if instead else ''
    return f'{path} is "{name}", but must be {rule}{hint}'


def _repaired(kind: NameKind, name: str) -> str:
    """Return the nearest name that will do, or the empty string."""
    pattern, _ = kind.value
    joined = '/_' if kind in (NameKind.PATH, NameKind.SUBJECT) else '_'
    near = re.sub(rf'[^A-Za-z0-9{joined}]+', '_', name.strip())
    if kind is not NameKind.SUBJECT:
        near = re.sub(r'(^|/)(?=\d)', r'\1_', near)
    return near if near.strip('_/') and re.fullmatch(pattern, near) else ''
