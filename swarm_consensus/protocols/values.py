"""
Values that are made for every commit.

A frozen dataclass writes its fields around its own lock, which makes it cost four times what one
without the lock does, and a commit makes dozens of them. So `value` leaves the lock to the type
checker: to assign to a field is an error of `mypy`, and everything else (fields, equality, hash,
slots) is that of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

ClassT = TypeVar('ClassT')

_values: set[type] = set()


@dataclass_transform(frozen_default=True)
def value(cls: type[ClassT]) -> type[ClassT]:
    """Make a slotted dataclass whose fields nobody may assign to, as the type checker holds."""
    made = dataclass(slots=True, unsafe_hash=True)(cls)
    _values.add(made)
    return made


def is_immutable(cls: Any) -> bool:
    """Return whether a dataclass is frozen, or a `value`."""
    return cls in _values or cls.__dataclass_params__.frozen
