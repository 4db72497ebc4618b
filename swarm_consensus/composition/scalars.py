"""
From what stands in the file to the value that a parameter declares: types, units, ranges.

A number may carry its unit (`50 ms` where seconds are declared); it is converted exactly. Values
are then judged by `value_check`, in the same words as a node would.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
import re

from swarm_consensus.composition.parameter import Parameter, Value
from swarm_consensus.composition.problems import did_you_mean
from swarm_consensus.composition.value_check import check_value, describe_type, element_type
from swarm_consensus.composition.yaml_tree import Fields, Items, Text, Tree

_TIME = {'s': '1', 'ms': '0.001', 'us': '0.000001', 'min': '60', 'h': '3600'}
_BYTES = {
    'bytes': '1',
    'B': '1',
    'kB': '1000',
    'MB': '1000000',
    'KiB': '1024',
    'MiB': '1048576',
}
# Units that a number may be written in, by the unit that is declared, and their factors. A unit
# that is not listed can only be written as it is declared.
UNITS: dict[str, dict[str, str]] = {
    's': _TIME,
    'ms': {'ms': '1', 's': '1000', 'us': '0.001'},
    'bytes': _BYTES,
    'Hz': {'Hz': '1', 'kHz': '1000'},
    'm': {'m': '1', 'cm': '0.01', 'mm': '0.001', 'km': '1000'},
}
_NUMBER = re.compile(r'[+-]?(\d[\d_]*)?(\.\d*)?([eE][+-]?\d+)?')
_WITH_UNIT = re.compile(rf'({_NUMBER.pattern})\s*([A-Za-z%][A-Za-z%/]*)')
_DIGITS_MAX = 30
_WORDS = {'true': True, 'yes': True, 'on': True, 'false': False, 'no': False, 'off': False}


def read_value(parameter: Parameter, tree: Tree, path: str) -> Value:
    """
    Return the value of a parameter.

    :param path: where it stands in the file, which errors name in place of the parameter.
    :raises ValueError: with a sentence on what is wrong and what is allowed.
    """
    named = replace(parameter, name=path)
    if isinstance(parameter.default, list):
        if not isinstance(tree, Items):
            raise ValueError(f'{path} is {_kind(tree)}, but must be {describe_type(named)}')
        # Elements are checked one by one, for errors that name the place in the list.
        element = replace(parameter, default=_example(element_type(parameter)))
        values = [
            read_value(element, item, f'{path}[{number}]') for number, item in enumerate(tree.items)
        ]
        if not values and parameter.default:
            raise ValueError(f'{path} is empty, but must name at least one')
        return check_value(named, values)
    if not isinstance(tree, Text):
        raise ValueError(f'{path} is {_kind(tree)}, but must be {describe_type(named)}')
    if tree.empty:
        raise ValueError(f'{path} has no value; it must be {describe_type(named)}')
    return check_value(named, _typed(named, tree))


def _example(kind: type) -> Value:
    value: Value = kind()
    return value


def _typed(parameter: Parameter, given: Text) -> object:
    """Return the text as the type declared; text that is none is left to `check_value`."""
    wanted = type(parameter.default)
    if wanted is str:
        return given.text
    if given.quoted and not _WITH_UNIT.fullmatch(given.text.strip()):
        raise ValueError(
            f'{parameter.name} is the text "{given.text}", but must be '
            f'{describe_type(parameter)}; write it without quotes'
        )
    if wanted is bool:
        return _WORDS.get(given.text.lower(), given.text)
    number = _number(parameter, given.text.strip())
    if number is None:
        return given.text
    if wanted is float:
        return float(number)
    return int(number) if number == number.to_integral_value() else float(number)


def _number(parameter: Parameter, text: str) -> Decimal | None:
    """Return the number that a text is, in the unit of the parameter."""
    if text.lower().lstrip('+-') in ('.inf', '.nan'):
        return None
    match = _WITH_UNIT.fullmatch(text)
    if match is None:
        return _decimal(text) if _NUMBER.fullmatch(text) else None
    number, unit = _decimal(match[1]), match[match.lastindex or 0]
    if number is None:
        return None
    factors = UNITS.get(parameter.unit, {parameter.unit: '1'} if parameter.unit else {})
    if unit not in factors:
        if not factors:
            raise ValueError(f'{parameter.name} is "{text}", but has no unit; leave "{unit}" out')
        hint = did_you_mean(unit, factors)
        raise ValueError(
            f'{parameter.name} is "{text}", but its unit must be one of '
            f'{", ".join(factors)} ({parameter.unit} where none is written){hint}'
        )
    return number * Decimal(factors[unit])


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace('_', ''))
    except InvalidOperation:
        return None
    # 1e999999 is a short text and a very long integer; nothing here is ever so large.
    return number if number.adjusted() <= _DIGITS_MAX else None


def _kind(tree: Tree) -> str:
    if isinstance(tree, Items):
        return 'a list'
    if isinstance(tree, Fields):
        return 'a mapping'
    return 'nothing' if tree.empty else f'"{tree.text}"'
