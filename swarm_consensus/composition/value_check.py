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
from swarm_consensus.composition.problems import did_you_mean

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
    if not isinstance(parameter.default, list):
        if isinstance(value, (list, tuple)):
            raise ValueError(_wrong(parameter, value, describe_type(parameter)))
        return cast(Value, _check_one(parameter, value))
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ValueError(_wrong(parameter, value, describe_type(parameter)))
    return cast(Value, [_check_one(parameter, one) for one in value])


def _check_one(parameter: Parameter, value: object) -> bool | int | float | str:
    kind = element_type(parameter)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    # bool is a subclass of int, and `true` is no whole number.
    if type(value) is not kind:
        hint = '; put it in quotes' if kind is str and value is not None else ''
        raise ValueError(_wrong(parameter, value, describe_element(parameter) + hint))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not parameter.minimum <= value <= parameter.maximum:  # also refuses nan
            given = _with_unit(parameter, value)
            raise ValueError(
                f'{parameter.name} is {given}, but must be {describe_range(parameter)}. '
                f'{parameter.description}'
            )
    if parameter.choices and value not in parameter.choices:
        hint = did_you_mean(str(value), parameter.choices)
        raise ValueError(_wrong(parameter, value, describe_element(parameter) + hint))
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
    return f'between {format_number(low)} and {_with_unit(parameter, high)}'


def describe_element(parameter: Parameter) -> str:
    """What one value, or one element of a list, must be: 'a number between 0 and 60 s'."""
    if parameter.choices:
        return 'one of ' + ', '.join(repr(choice) for choice in parameter.choices)
    words = TYPE_NAMES[element_type(parameter)]
    limits = describe_range(parameter)
    if not limits and parameter.unit:
        limits = f'in {parameter.unit}'
    return f'{words} {limits}'.rstrip()


def describe_type(parameter: Parameter) -> str:
    """What the value must be, lists included: 'a list, each text'."""
    element = describe_element(parameter)
    return f'a list, each {element}' if isinstance(parameter.default, list) else element


def format_number(value: float) -> str:
    """Short text of a number; whole numbers in full, never as 1e+06."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f'{value:g}'


def _with_unit(parameter: Parameter, value: float) -> str:
    return f'{format_number(value)} {parameter.unit}'.rstrip()


def _wrong(parameter: Parameter, value: object, wanted: str) -> str:
    end = '' if wanted.endswith('?') else '.'
    return f'{parameter.name} is {value!r}, but must be {wanted}{end} {parameter.description}'
