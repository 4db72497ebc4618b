"""
ROS messages and what their fields take: to and from JSON, for goals, results and feedback of any
type, and checked before they are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import importlib
import math
import re
from typing import Any

_FLOATS = ('float', 'double')
# As a message names the types of its fields: 'sequence<geometry_msgs/Point32, 4>', 'double[36]'.
_ELEMENT = re.compile(r'sequence<([\w/<>]+)(?:, \d+)?>|([\w/<>]+)\[\d+\]')


def fill(message: Any, given: Mapping[str, Any]) -> None:
    """
    Set fields of a message, those that are messages by the names of theirs.

    :raises ValueError: it has no such field, or the field takes no such value.
    """
    kinds = message.get_fields_and_field_types()
    # By default nothing is checked, and what a field cannot be ends the process when it is sent.
    message._check_fields = True
    for name, value in given.items():
        if name not in kinds:
            raise ValueError(f"there is no field '{name}'; there are: {', '.join(kinds)}")
        try:
            setattr(message, name, _value(kinds[name], value))
        except (AssertionError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"the field '{name}': {error}") from None


def check(message: Any) -> None:
    """
    Look at every field of a message that was made without looking, as ROS does by default.

    :raises ValueError: a field does not take what it holds: it would go out as something else, or
        end the process.
    """
    message._check_fields = True
    for name in message.get_fields_and_field_types():
        value = getattr(message, name)
        try:
            setattr(message, name, value)
        except (AssertionError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"the field '{name}': {error}") from None
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if hasattr(part, 'get_fields_and_field_types'):
                check(part)


def plain(value: Any) -> Any:
    """Return a message, or a field of one, as what JSON can hold; what is not finite is None."""
    if hasattr(value, 'get_fields_and_field_types'):
        return {name: plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if hasattr(value, 'tolist'):
        value = value.tolist()
    return [plain(each) for each in value]


def _value(kind: str, value: Any) -> Any:
    element = _ELEMENT.fullmatch(kind)
    if element is not None:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError(f'it takes a list, of {element[1] or element[2]}')
        return [_value(element[1] or element[2], each) for each in value]
    if '/' in kind:
        if not isinstance(value, Mapping):
            raise ValueError(f'it is a {kind}, and takes its fields by name')
        package, _, name = kind.partition('/')
        message = getattr(importlib.import_module(f'{package}.msg'), name)()
        fill(message, value)
        return message
    if kind in _FLOATS and isinstance(value, int) and not isinstance(value, bool):
        # JSON does not tell 1 from 1.0.
        return float(value)
    return value
