"""
From the type hints of a frozen dataclass to its form on the wire.

A dataclass travels as the array of its fields, in the order in which they are declared. For each
one a msgspec struct with the same fields carries the bounds, so that the check of a peer's bytes
runs in C and before memory is taken; hints that could not be bounded are refused when the codec is
built, not when a message arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import attrgetter
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from swarm_consensus.protocols.bounds import Bounds, Kinds
from swarm_consensus.protocols.values import is_immutable, value

# Replaces what stands in a field by what goes on the wire, or the other way round; None: it stays.
Change = Callable[[Any], Any] | None

_FINITE = msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)
_NONE = Bounds()


@value
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


@value
class Schema:
    """
    The wire form of one dataclass.

    :param struct: array-like msgspec struct with the same field names, holding the bounds.
    :param flatten: turns an instance of the dataclass into the tuple of its wire values.
    :param restore: turns an instance of the struct into one of the dataclass; raises what that
        raises where it asks for more than the bounds.
    """

    struct: type[msgspec.Struct]
    flatten: Callable[[Any], Any]
    restore: Callable[[Any], Any]


@value
class _Column:
    """The wire form of one field, as the type for msgspec and the ways there and back."""

    wire: Any
    flatten: Change = None
    restore: Change = None


class _Optional:
    """Flattens what may be None."""

    def __init__(self, inside: Callable[[Any], Any]) -> None:
        self.inside = inside

    def __call__(self, value: Any) -> Any:
        return None if value is None else self.inside(value)


class SchemaBuilder:
    """Derives schemas, each dataclass once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._done: dict[type, Schema] = {}
        self._columns: dict[type, list[tuple[str, Any]]] = {}
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
        self._columns[cls] = [(n, column.wire) for n, column in zip(names, columns, strict=True)]
        struct = msgspec.defstruct(
            cls.__name__,
            self._columns[cls],
            array_like=True,
            forbid_unknown_fields=True,
            frozen=True,
            gc=False,
        )
        schema = Schema(
            struct,
            _flatten_fields(names, [column.flatten for column in columns]),
            _restore_fields(cls, names, [column.restore for column in columns]),
        )
        self._done[cls] = schema
        return schema

    def _field(self, hint: Any, path: str, bounds: Bounds = _NONE) -> _Column:
        origin = get_origin(hint)
        if origin is Annotated:
            inner, *marks = get_args(hint)
            kinds = [mark for mark in marks if isinstance(mark, Kinds)]
            if kinds:
                return self._one_of(kinds[-1], inner, path)
            own = [mark for mark in marks if isinstance(mark, Bounds)]
            return self._field(inner, path, own[-1] if own else bounds)
        if origin in (Union, UnionType):
            return self._optional(hint, path, bounds)
        if origin is tuple:
            return self._tuple(get_args(hint), path, bounds)
        if is_dataclass(hint):
            schema = self.build(hint)  # type: ignore[arg-type]
            return _Column(schema.struct, schema.flatten, schema.restore)
        return _Column(self._scalar(hint, path, bounds))

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

    def _optional(self, hint: Any, path: str, bounds: Bounds) -> _Column:
        inner = [arm for arm in get_args(hint) if arm is not NoneType]
        if len(inner) != 1 or len(get_args(hint)) != 2:
            raise TypeError(f'{path}: of unions only `something | None` has a form on the wire')
        column = self._field(inner[0], path, bounds)
        return _Column(
            column.wire | None,
            column.flatten and _Optional(column.flatten),
            column.restore and _Optional(column.restore),
        )

    def _one_of(self, kinds: Kinds, hint: Any, path: str) -> _Column:
        """Return the form of a field that holds one of several dataclasses: number, fields."""
        numbers = dict(kinds.table)
        classes = {cls: number for number, cls in kinds.table}
        if not len(numbers) == len(classes) == len(kinds.table):
            raise TypeError(f'{path}: a number or a dataclass stands twice in its kinds')
        if set(classes) != set(get_args(hint)):
            raise TypeError(f'{path}: its kinds are not the dataclasses of {hint!r}')
        flatten: dict[type, tuple[int, Callable[[Any], Any]]] = {}
        restore: dict[type, Callable[[Any], Any]] = {}
        for cls, number in classes.items():
            schema = self.build(cls)
            tagged = msgspec.defstruct(
                cls.__name__,
                self._columns[cls],
                tag=number,
                array_like=True,
                forbid_unknown_fields=True,
                frozen=True,
                gc=False,
            )
            flatten[cls] = (number, schema.flatten)
            restore[tagged] = schema.restore

        def flattened(value: Any) -> Any:
            try:
                number, fields_of = flatten[type(value)]
            except KeyError:
                raise TypeError(f'{path}: {type(value).__name__} is none of its kinds') from None
            return (number, *fields_of(value))

        return _Column(
            subscript(Union, tuple(restore)),
            flattened,
            lambda given: restore[type(given)](given),
        )

    def _tuple(self, arms: tuple[Any, ...], path: str, bounds: Bounds) -> _Column:
        if len(arms) == 2 and arms[1] is Ellipsis:
            one = self._field(arms[0], path)
            many = bounded(
                subscript(tuple, (one.wire, ...)), _length(bounds, self._limits.items_max)
            )
            return _Column(many, _each(one.flatten), _each(one.restore))
        columns = [self._field(arm, path) for arm in arms]
        return _Column(
            subscript(tuple, tuple(column.wire for column in columns)),
            _in_turn([column.flatten for column in columns]),
            _in_turn([column.restore for column in columns]),
        )


def _each(change: Change) -> Change:
    """Return what changes every item of a tuple."""
    return None if change is None else lambda values: tuple(map(change, values))


def _in_turn(changes: list[Change]) -> Change:
    """Return what changes each item of a tuple in its own way."""
    if not any(changes):
        return None
    return lambda values: tuple(
        [
            value if change is None else change(value)
            for change, value in zip(changes, values, strict=True)
        ]
    )


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


def _flatten_fields(names: list[str], changes: list[Change]) -> Callable[[Any], Any]:
    """Return the function from an instance to its wire values; in C where no field is nested."""
    if len(names) > 1 and not any(changes):
        return attrgetter(*names)
    return _written_out('({})', names, changes, {})


def _restore_fields(
    cls: type, names: list[str], changes: list[Change]
) -> Callable[[Any], Any]:
    """Return the function from the struct to an instance."""
    return _written_out('cls({})', names, changes, {'cls': cls})


def _written_out(
    form: str, names: list[str], changes: list[Change], known: dict[str, Any]
) -> Callable[[Any], Any]:
    """
    Return a function of an object that gathers its fields.

    It is written out, as dataclasses write out their __init__: a loop over the fields takes four
    times as long, and this happens to each command and message on its way.

    :param form: what is made of them, such as '({})'.
    :param known: names that stand in it.
    """
    known = dict(known)
    parts = []
    for name, change in zip(names, changes, strict=True):
        part = f'given.{name}'
        if isinstance(change, _Optional):
            known[f'change_{name}'] = change.inside
            part = f'None if {part} is None else change_{name}({part})'
        elif change is not None:
            known[f'change_{name}'] = change
            part = f'change_{name}({part})'
        parts.append(f'{part}, ')
    # The names are those of fields, which are identifiers.
    exec(f'def gather(given): return {form.format("".join(parts))}', known)  # noqa: S102
    return known['gather']  # type: ignore[no-any-return]
