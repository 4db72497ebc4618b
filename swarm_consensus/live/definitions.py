"""Message definitions as MCAP holds them: a .msg, with those of all that it is made of."""

from __future__ import annotations

import os
from pathlib import Path
import re
import sys

_SEPARATOR = '=' * 80
_FIELD = re.compile(r'^(?P<type>[A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[a-z]\w*', re.MULTILINE)
_PRIMITIVES = frozenset(
    {
        *('bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring'),
        *(f'{sign}int{bits}' for sign in ('', 'u') for bits in (8, 16, 32, 64)),
    }
)


def _text(kind: str) -> str:
    package, _, name = kind.replace('/msg/', '/').partition('/')
    # A ROS that is sourced says where it is; the wheels lie in the environment of this Python.
    prefixes = [*filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(':')), sys.prefix]
    for prefix in prefixes:
        path = Path(prefix) / 'share' / package / 'msg' / f'{name}.msg'
        if path.exists():
            return path.read_text(encoding='utf-8')
    raise FileNotFoundError(f'{kind}: no definition below {", ".join(prefixes)}')


def _parts(kind: str, text: str) -> list[str]:
    """Return the types that a definition is made of, as package/Name."""
    package = kind.partition('/')[0]
    found = [match['type'] for match in _FIELD.finditer(text)]
    return [
        each if '/' in each else f'{package}/{each}' for each in found if each not in _PRIMITIVES
    ]


def definition(kind: str) -> str:
    """
    Return the definition of a type, as `ros2msg` schemas of MCAP have it.

    :param kind: such as swarm_consensus/msg/Belief.
    :raises OSError: it, or a part of it, is not installed.
    """
    texts = {kind: _text(kind)}
    edge = _parts(kind, texts[kind])
    while edge:
        part = edge.pop(0).replace('/msg/', '/')
        if part not in texts:
            texts[part] = _text(part)
            edge += _parts(part, texts[part])
    first, *others = texts.items()
    return '\n'.join([first[1], *(f'{_SEPARATOR}\nMSG: {name}\n{text}' for name, text in others)])
