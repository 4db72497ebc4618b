"""
Whether a value fits a parameter, in one place.

Used by the nodes at start-up and on `ros2 param set`, and open to whoever reads values from a
file. Errors say what the value is, what it may be, and what it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import cast

from swarm_consensus.composition.parameter import Parameter, Value

TYPE_NAMES = {
    bool: 'true or false',
    int: 'a whole number',
    float: 'a number',
    str: 'text',
}


def element_type(parameter: Parameter) -> type:
    """Type of the value, or of its elements where the parameter is a list."""
    default = parameter.default
    if isinstance(default, list):
        return type(default[0]) if default else parameter.element
    return type(default)


def check_value(parameter: Parameter, value: object) -> Value:
    """
    Check a value against its declaration.

    :param value: what a file, a command line or a parameter service gave. A whole number is
        taken where a fraction is wanted; nothing else is converted.
    :return: the value, in the type of the parameter.
    :raises ValueError: with a sentence that names the parameter and says what to change.
    """
    wanted = element_type(parameter)
    if not isinstance(parameter.default, list):
        if isinstance(value, (list, tuple)):
            raise ValueError(_wrong_type(parameter, value, TYPE_NAMES[wanted]))
        return cast(Value, _check_one(parameter, value, wanted))
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ValueError(_wrong_type(parameter, value, f'a list, each {TYPE_NAMES[wanted]}'))
    return cast(Value, [_check_one(parameter, one, wanted) for one in value])


def _check_one(parameter: Parameter, value: object, wanted: type) -> bool | int | float | str:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    # bool is a subclass of int, and `true` is no whole number.
    if type(value) is not wanted:
        hint = '; put it in quotes' if wanted is str and value is not None else ''
        raise ValueError(_wrong_type(parameter, value, TYPE_NAMES[wanted]) + hint)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not parameter.minimum <= value <= parameter.maximum:  # also refuses nan
            raise ValueError(
                f'{parameter.name} is {_with_unit(parameter, value)}, but must be '
                f'{describe_range(parameter)}. {parameter.description}'
            )
    if parameter.choices and value not in parameter.choices:
        allowed = ', '.join(repr(choice) for choice in parameter.choices)
        raise ValueError(
            f'{parameter.name} is {value!r}, but must be one of {allowed}. {parameter.description}'
        )
    return cast('bool | int | float | str', value)


def describe_range(parameter: Parameter) -> str:
    """Range in words: 'between 1 and 5 s', 'at least 0', or '' where there is none."""
    low, high = parameter.minimum, parameter.maximum
    if math.isinf(low) and math.isinf(high):
        return ''
    if math.isinf(high):
        return f'at least {_with_unit(parameter, low)}'
    if math.isinf(low):
        return f'at most {_with_unit(parameter, high)}'
    return f'between {low:g} and {_with_unit(parameter, high)}'


def _with_unit(parameter: Parameter, value: float) -> str:
    return f'{value:g} {parameter.unit}'.rstrip()


def _wrong_type(parameter: Parameter, value: object, wanted: str) -> str:
    return f'{parameter.name} is {value!r}, but must be {wanted}. {parameter.description}'
