"""
Values: small objects that are made by the dozen for every commit, and never change.

A frozen dataclass writes its fields around its own lock, which makes it cost four times what one
without the lock does; and each such class compiles half a dozen functions when it is imported,
which took a third of the time that a node needs to start. So a `value` is a `msgspec.Struct`: made,
compared and hashed in C, locked at no cost, and as a class made in a moment. For whoever reads or
asks it is a frozen dataclass: `fields`, `replace`, `asdict` and `is_dataclass` know it, and so does
the type checker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field
from types import new_class
from typing import Any, TypeVar, dataclass_transform

import msgspec

ClassT = TypeVar('ClassT')

# Of the class statement itself, not of the class that it describes.
_NOT_TAKEN = ('__dict__', '__weakref__', '__orig_bases__', '__parameters__')


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[ClassT]) -> type[ClassT]:
    """
    Make a class of values, as `dataclass(frozen=True, slots=True)` would.

    A class that is derived from one is one, if it is told so too. Methods must not call `super()`.

    :raises TypeError: a field without a default behind one with, or one that is not to be compared,
        shown or given.
    """
    made = cls
    if not issubclass(cls, msgspec.Struct):
        bases = getattr(cls, '__orig_bases__', cls.__bases__)
        made = new_class(
            cls.__name__,
            (msgspec.Struct, *(base for base in bases if base is not object)),
            {'frozen': True},
            lambda namespace: namespace.update(_body(cls)),
        )
    # Nothing is written for it; it only tells the fields.
    described: type = dataclass(init=False, repr=False, eq=False)(
        type(cls.__name__, (), dict(_description(made)))
    )
    for name in ('__dataclass_fields__', '__dataclass_params__'):
        setattr(made, name, getattr(described, name))
    return made


def _body(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what stands in a class, with the defaults of its fields as a Struct wants them."""
    for name, each in vars(cls).items():
        if not isinstance(each, Field):
            if name not in _NOT_TAKEN:
                yield name, each
            continue
        if not (each.compare and each.repr and each.init):
            raise TypeError(f'{cls.__name__}.{name} is not to be compared, shown or given')
        if each.default_factory is not MISSING:
            yield name, msgspec.field(default_factory=each.default_factory)
        elif each.default is not MISSING:
            yield name, each.default


def _description(made: type) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a Struct as they would stand in a dataclass."""
    hints: dict[str, Any] = {}
    for base in reversed(made.__mro__):
        hints.update(vars(base).get('__annotations__', {}))
    names: tuple[str, ...] = made.__struct_fields__  # type: ignore[attr-defined]
    defaults: tuple[Any, ...] = made.__struct_defaults__  # type: ignore[attr-defined]
    yield '__annotations__', {name: hints[name] for name in names}
    # Else a signature would be made for one.
    yield '__doc__', 'Fields.'
    for name, default in zip(names[len(names) - len(defaults) :], defaults, strict=True):
        if isinstance(default, type(_FACTORY)):
            yield name, field(default_factory=default.factory)
        else:
            yield name, default


class _Example(msgspec.Struct):
    made: list[int] = msgspec.field(default_factory=list)


# What a Struct keeps for a default that is made each time; its type has no public name.
(_FACTORY,) = _Example.__struct_defaults__


def is_immutable(cls: Any) -> bool:
    """Return whether a dataclass is frozen, or a `value`."""
    return issubclass(cls, msgspec.Struct) or cls.__dataclass_params__.frozen
