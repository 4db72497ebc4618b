"""
Values of the runtime as plain data and back: what msgpack can hold, and types by their names.

Only types that the runtime's own declarations name can come back: from a recording, which may be
anybody's, no other class is ever made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

_TYPE = '='
_FIELDS = 'f'
_SET = 'frozenset'
_PACKAGE = 'swarm_consensus.'


class ValueFormError(ValueError):
    """A value that has no plain form, or data that are none of a value; says which."""


def name_of(cls: type) -> str:
    """Return the name of a type in recordings."""
    return f'{cls.__module__.removeprefix(_PACKAGE)}:{cls.__qualname__}'


def _reachable(roots: Iterable[Any]) -> dict[str, type]:
    found: dict[str, type] = {}
    edge = list(roots)
    while edge:
        hint = edge.pop()
        edge += get_args(hint)
        if not isinstance(hint, type) or name_of(hint) in found:
            continue
        if issubclass(hint, Enum):
            found[name_of(hint)] = hint
        elif is_dataclass(hint):
            found[name_of(hint)] = hint
            edge += get_type_hints(hint, include_extras=False).values()
    return found


class Values:
    """
    Knows the types that the roots name, in their fields and the fields of these.

    :param roots: types and unions of types.
    """

    def __init__(self, *roots: Any) -> None:
        self._types = _reachable(roots)

    def plain(self, value: Any) -> Any:
        """
        Return a value as plain data.

        :raises ValueFormError: it, or something in it, is of no type that is known.
        """
        cls = type(value)
        if value is None or cls in (bool, int, float, str, bytes):
            return value
        if cls in (tuple, list):
            return [self.plain(each) for each in value]
        if cls is frozenset:
            return {_TYPE: _SET, _FIELDS: [self.plain(each) for each in sorted(value)]}
        if self._types.get(name_of(cls)) is not cls:
            raise ValueFormError(f'{name_of(cls)} has no form in a recording')
        if isinstance(value, Enum):
            return {_TYPE: name_of(cls), _FIELDS: value.value}
        return {
            _TYPE: name_of(cls),
            _FIELDS: [self.plain(getattr(value, field.name)) for field in fields(value)],
        }

    def value(self, data: Any) -> Any:
        """
        Return the value in plain data; sequences come back as tuples.

        :raises ValueFormError: there is none in it.
        """
        if isinstance(data, list):
            return tuple([self.value(each) for each in data])
        if not isinstance(data, dict):
            return data
        if data.keys() != {_TYPE, _FIELDS}:
            raise ValueFormError(f'the fields {sorted(map(str, data))} are those of no value')
        name, content = data[_TYPE], data[_FIELDS]
        if name == _SET:
            return frozenset(self.value(content))
        cls = self._types.get(name)
        if cls is None:
            raise ValueFormError(f'{name} is no type of a recording; another version made it')
        try:
            if issubclass(cls, Enum):
                return cls(content)
            return cls(*[self.value(each) for each in content])
        except (TypeError, ValueError) as error:
            raise ValueFormError(f'{name}: {error}') from None
