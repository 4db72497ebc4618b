"""Writes the tables of parameters for the README from the declarations."""

from __future__ import annotations

from collections.abc import Iterable

from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.parameter_file import yaml_value
from swarm_consensus.composition.schema import (
    CONSENSUS,
    INFERENCE,
    KEYS,
    NETWORK,
    SIMULATION,
    STORAGE,
    SUBJECT,
    TOPIC,
)
from swarm_consensus.composition.value_check import describe_range
from swarm_consensus.composition.view_parameters import VIEW_PARAMETERS

BEGIN = '<!-- parameters:begin -->'
END = '<!-- parameters:end -->'


def parameter_tables() -> str:
    """Return all tables, as Markdown."""
    tables = (
        _table(
            '`consensus_node` (section `consensus`)',
            CONSENSUS.parameters,
            'The first four, `weights`, `storage_...`, `keys_folder`, `models`, `model_files` and '
            '`model_trials` are set by the '
            'composition.',
        ),
        _table(
            '`inference_node` (each entry of section `inference`)',
            INFERENCE.parameters,
            '`robot` is set by the composition; `labels` are those of the subject.',
        ),
        _table(
            'Subjects (`subjects.<name>`; in the node `subject.<name>.<key>`)',
            SUBJECT.parameters,
            'The policy of `sign` also serves `sign/object_17`.',
        ),
        _table(
            '`sim_node` (section `simulation`)',
            SIMULATION.parameters,
            'It needs the extra `sim`. The first two are set by the composition.',
        ),
        _table(
            '`view_node` (by itself, or with `view:=true` and `swarm up --view`)',
            VIEW_PARAMETERS,
        ),
        _table('Section `network`', NETWORK.parameters),
        _table('Section `storage`', STORAGE.parameters),
        _table('Section `keys`', KEYS.parameters),
        _table('Section `topics`, for each name', TOPIC.parameters),
    )
    return '\n'.join(tables)


def replace_tables(text: str) -> str:
    """
    Return a Markdown text with the tables between its markers as they must be.

    :raises ValueError: the markers are not there, once each and in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f'the text must hold {BEGIN} and, after it, {END}, once each')
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f'{head}{BEGIN}\n\n{parameter_tables()}\n{END}{tail}'


def _table(title: str, parameters: Iterable[Parameter], note: str = '') -> str:
    lines = [f'#### {title}', '']
    if note:
        lines += [note, '']
    lines += [
        '| parameter | default | unit | allowed | live | meaning |',
        '| --- | --- | --- | --- | --- | --- |',
    ]
    lines += [_row(parameter) for parameter in parameters]
    return '\n'.join(lines) + '\n'


def _row(parameter: Parameter) -> str:
    default = 'required' if parameter.required else f'`{yaml_value(parameter.default)}`'
    allowed = ', '.join(f'`{choice}`' for choice in parameter.choices)
    if not allowed:
        allowed = describe_range(parameter).removesuffix(f' {parameter.unit}')
    cells = (
        f'`{parameter.name}`',
        default,
        parameter.unit,
        allowed,
        'yes' if parameter.tunable else '',
        parameter.description,
    )
    return '| ' + ' | '.join(cell.replace('|', '\\|') for cell in cells) + ' |'
