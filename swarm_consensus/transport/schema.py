"""
From the type hints of a frozen dataclass to its form on the wire.

A dataclass travels as the array of its fields, in the order in which they are declared. For each
one a msgspec struct with the same fields carries the bounds, so that the check of a peer's bytes
runs in C and before memory is taken; hints that could not be bounded are refused when the codec is
built, not when a message arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from operator import attrgetter
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.values import is_immutable

# Replaces what stands in a field by what goes on the wire; None: it goes as it is.
Flatten = Callable[[Any], Any] | None

_FINITE = msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)
_NONE = Bounds()


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Common bounds; a field that needs another one says so with `protocols.bounds.Bounds`.

    :param integer_max: largest int; the smallest is 0.
    :param text_characters_max: most characters of a str (up to 4 bytes each in UTF-8).
    :param bytes_max: most bytes of a bytes field.
    :param items_max: most items of a tuple.
    :param batch_messages_max: most messages in one batch.
    :param receivers_max: most receivers named by one message.
    """

    integer_max: int = 2**63 - 1
    text_characters_max: int = 256
    bytes_max: int = 1 << 20
    items_max: int = 65_536
    batch_messages_max: int = 1024
    receivers_max: int = 256


@dataclass(frozen=True, slots=True)
class Schema:
    """
    The wire form of one dataclass.

    :param struct: array-like msgspec struct with the same field names, holding the bounds.
    :param flatten: turns an instance of the dataclass into the tuple or list of its wire values.
    """

    struct: type[msgspec.Struct]
    flatten: Callable[[Any], Any]


class SchemaBuilder:
    """Derives schemas, each dataclass once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._done: dict[type, Schema] = {}
        self._open: list[type] = []

    def build(self, cls: type) -> Schema:
        """
        Return the schema of a dataclass.

        :raises TypeError: where a hint has no bounded form on the wire; names the field.
        """
        if cls in self._done:
            return self._done[cls]
        if not (isinstance(cls, type) and is_dataclass(cls)):
            raise TypeError(f'{cls!r} is not a dataclass; messages are frozen dataclasses')
        if not is_immutable(cls):
            raise TypeError(f'{cls.__name__} is not frozen, and not a value (protocols/values.py)')
        if cls in self._open:
            raise TypeError(f'{cls.__name__} contains itself, so its depth has no bound')
        self._open.append(cls)
        hints = get_type_hints(cls, include_extras=True)
        names = [field.name for field in fields(cls)]
        columns = [self._field(hints[name], f'{cls.__name__}.{name}') for name in names]
        self._open.pop()
        struct = msgspec.defstruct(
            cls.__name__,
            [(name, wire) for name, (wire, _) in zip(names, columns, strict=True)],
            array_like=True,
            forbid_unknown_fields=True,
            frozen=True,
            gc=False,
        )
        schema = Schema(struct, _flatten_fields(names, [flatten for _, flatten in columns]))
        self._done[cls] = schema
        return schema

    def _field(self, hint: Any, path: str, bounds: Bounds = _NONE) -> tuple[Any, Flatten]:
        """Return the bounded type of a field for msgspec, and how its value is flattened."""
        origin = get_origin(hint)
        if origin is Annotated:
            inner, *marks = get_args(hint)
            own = [mark for mark in marks if isinstance(mark, Bounds)]
            return self._field(inner, path, own[-1] if own else bounds)
        if origin in (Union, UnionType):
            return self._optional(hint, path, bounds)
        if origin is tuple:
            return self._tuple(get_args(hint), path, bounds)
        if is_dataclass(hint):
            schema = self.build(hint)  # type: ignore[arg-type]
            return schema.struct, schema.flatten
        return self._scalar(hint, path, bounds), None

    def _scalar(self, hint: Any, path: str, bounds: Bounds) -> Any:
        limits = self._limits
        if hint is bool or (isinstance(hint, type) and issubclass(hint, Enum)):
            return hint
        if hint is int:
            minimum = 0 if bounds.minimum is None else bounds.minimum
            maximum = limits.integer_max if bounds.maximum is None else bounds.maximum
            return Annotated[int, _integer_range(minimum, maximum)]
        if hint is float:
            if bounds.minimum is None and bounds.maximum is None:
                return Annotated[float, _FINITE]
            minimum_f = -sys.float_info.max if bounds.minimum is None else float(bounds.minimum)
            maximum_f = sys.float_info.max if bounds.maximum is None else float(bounds.maximum)
            return Annotated[float, msgspec.Meta(ge=minimum_f, le=maximum_f)]
        if hint is str:
            return Annotated[str, _length(bounds, limits.text_characters_max)]
        if hint is bytes:
            return Annotated[bytes, _length(bounds, limits.bytes_max)]
        raise TypeError(
            f'{path}: {hint!r} has no form on the wire; use bool, int, float, str, bytes, an Enum, '
            'a tuple, a frozen dataclass, or one of these or None'
        )

    def _optional(self, hint: Any, path: str, bounds: Bounds) -> tuple[Any, Flatten]:
        inner = [arm for arm in get_args(hint) if arm is not NoneType]
        if len(inner) != 1 or len(get_args(hint)) != 2:
            raise TypeError(f'{path}: of unions only `something | None` has a form on the wire')
        wire, flatten = self._field(inner[0], path, bounds)
        if flatten is None:
            return wire | None, None
        inside = flatten
        return wire | None, lambda value: None if value is None else inside(value)

    def _tuple(self, arms: tuple[Any, ...], path: str, bounds: Bounds) -> tuple[Any, Flatten]:
        if len(arms) == 2 and arms[1] is Ellipsis:
            wire, flatten = self._field(arms[0], path)
            many = bounded(subscript(tuple, (wire, ...)), _length(bounds, self._limits.items_max))
            if flatten is None:
                return many, None
            inside = flatten
            return many, lambda value: list(map(inside, value))
        columns = [self._field(arm, path) for arm in arms]
        exact = subscript(tuple, tuple(wire for wire, _ in columns))
        if all(flatten is None for _, flatten in columns):
            return exact, None
        flattens = [flatten or (lambda value: value) for _, flatten in columns]
        return exact, lambda value: [
            flatten(part) for flatten, part in zip(flattens, value, strict=True)
        ]


def subscript(generic: Any, arguments: Any) -> Any:
    """Return `generic[arguments]` for types that are known only when the codec is built."""
    return generic[arguments]


def bounded(hint: Any, meta: msgspec.Meta) -> Any:
    """Return a type with its bounds for msgspec."""
    return subscript(Annotated, (hint, meta))


def _integer_range(minimum: int, maximum: int) -> msgspec.Meta:
    # msgspec takes bounds only from the range of int64, and holds uint64 above it by itself.
    ge = None if minimum < -(2**63) else minimum
    le = None if maximum > 2**63 - 1 else maximum
    return msgspec.Meta(ge=ge, le=le)


def _length(bounds: Bounds, common: int) -> msgspec.Meta:
    return msgspec.Meta(max_length=common if bounds.length_max is None else bounds.length_max)


def _flatten_fields(names: list[str], flattens: list[Flatten]) -> Callable[[Any], Any]:
    """Return the function from an instance to its wire values; in C where no field is nested."""
    if not names:
        return lambda message: ()
    if len(names) == 1:
        only = attrgetter(names[0])
        inside = flattens[0]
        if inside is None:
            return lambda message: (only(message),)
        return lambda message: (inside(only(message)),)
    every = attrgetter(*names)
    nested = [(place, flatten) for place, flatten in enumerate(flattens) if flatten is not None]
    if not nested:
        return every

    def flatten_nested(message: Any) -> Any:
        values = list(every(message))
        for place, flatten in nested:
            values[place] = flatten(values[place])
        return values

    return flatten_nested
