"""
Writes the documented default swarm.yaml from the declarations.

A line `# text` explains, a line `#key: value` shows a default: take away the mark to change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import re
import textwrap

from swarm_consensus.composition.parameter import Parameter, Value
from swarm_consensus.composition.parameter_file import yaml_value
from swarm_consensus.composition.schema import (
    CONSENSUS,
    INFERENCE,
    KEYS,
    NETWORK,
    ROBOTS,
    SIMULATION,
    STORAGE,
    SUBJECT,
    Section,
)
from swarm_consensus.composition.topics import NAMES
from swarm_consensus.composition.value_check import describe_range

_WIDTH = 100

_HEAD = """\
# A swarm, with every key there is. A line `#key: value` shows a default: take the mark away to
# change it. Keys that are misspelt, and values out of range, are errors with their line.
# Numbers may carry a unit: `50 ms`, `64 KiB`. `swarm check <file>` looks at a file and says what
# is wrong with it. Written by `swarm params --write-yaml`.
"""

_ROBOTS = """\
# As names:
#   robots: [scout, carrier]
# or each with what is its own; the rest is as for all:
#   robots:
#     - name: scout
#       namespace: fleet/scout           # else its name
#       consensus: {weight: 0.5}
#       inference: {rate_max: 5 Hz}      # for every node below; a list here stands instead of them
"""


def default_yaml() -> str:
    """Return the text of config/swarm.yaml."""
    return '\n'.join(_lines()) + '\n'


def _lines() -> Iterator[str]:
    yield from _HEAD.splitlines()
    yield ''
    yield from _comment('Name of the swarm; frames of other swarms are dropped.', '')
    yield 'swarm: my_swarm'
    yield ''
    yield from _comment(ROBOTS.description, '')
    yield from _ROBOTS.splitlines()
    yield f'robots: {_shown(ROBOTS.default)}'
    for key, section in (('network', NETWORK), ('storage', STORAGE), ('keys', KEYS)):
        yield from _section(key, section)
    yield ''
    yield from _comment(
        'Other names, relative to the namespace of each robot or absolute, and QoS. A value is a '
        'new name, or a mapping: {name: ..., depth: 50, reliability: reliable}.',
        '',
    )
    yield 'topics:'
    for name in NAMES:
        yield from _comment(f'{name.kind.value.capitalize()}. {name.description}', '  ')
        yield f'  #{name.key}: {_shown(name.name)}'
    yield from _section('consensus', CONSENSUS)
    yield ''
    yield from _comment(INFERENCE.description + ' For each:', '')
    yield 'inference:'
    yield '#- name: inference_node'
    yield from _parameters(INFERENCE.writable(), '  ')
    yield from _section('simulation', SIMULATION)
    yield ''
    yield from _comment(
        SUBJECT.description + " A policy also serves what is below its name: that of 'sign' "
        "decides 'sign/object_17' too.",
        '',
    )
    yield 'subjects:'
    yield '  sign:'
    yield from _parameters(SUBJECT.writable(), '    ', {'labels': ['stop', 'yield', 'go']})


def _shown(value: Value) -> str:
    """Return a value as people write it: words without quotes."""
    if isinstance(value, list):
        return '[' + ', '.join(_shown(item) for item in value) + ']'
    if isinstance(value, str) and re.fullmatch(r'/?[A-Za-z][\w/]*', value):
        return value
    return yaml_value(value)


def _section(key: str, section: Section) -> Iterator[str]:
    yield ''
    yield from _comment(section.description, '')
    yield f'{key}:'
    yield from _parameters(section.writable(), '  ')


def _parameters(
    parameters: Iterable[Parameter], indent: str, given: dict[str, Value] | None = None
) -> Iterator[str]:
    for parameter in parameters:
        limits = describe_range(parameter)
        if parameter.choices:
            limits = 'one of ' + ', '.join(parameter.choices)
        if parameter.unit and not limits:
            limits = f'in {parameter.unit}'
        notes = [limits[:1].upper() + limits[1:]] if limits else []
        notes += ['Required'] if parameter.required else []
        notes += ['Can be changed while the node runs'] if parameter.tunable else []
        yield from _comment(' '.join([parameter.description, *(f'{n}.' for n in notes)]), indent)
        value = (given or {}).get(parameter.name)
        if value is None:
            yield f'{indent}#{parameter.name}: {_shown(parameter.default)}'
        else:
            yield f'{indent}{parameter.name}: {_shown(value)}'


def _comment(text: str, indent: str) -> list[str]:
    mark = f'{indent}# '
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=mark,
        subsequent_indent=mark,
        break_long_words=False,
        break_on_hyphens=False,
    )
