"""What is written from the declarations: the default swarm.yaml and the tables of the README."""

from __future__ import annotations

from pathlib import Path
import re

import pytest

from swarm_consensus.composition.default_yaml import default_yaml
from swarm_consensus.composition.parameter_tables import (
    BEGIN,
    END,
    parameter_tables,
    replace_tables,
)
from swarm_consensus.composition.schema import CONSENSUS, INFERENCE, NETWORK, SECTIONS, SUBJECT
from swarm_consensus.composition.swarm_file import load_swarm, parse_swarm
from swarm_consensus.composition.value_check import check_value


def test_default_file_in_the_repository_is_the_one_that_is_written(repository: Path) -> None:
    """If this fails: `swarm params --write-yaml config/swarm.yaml`."""
    assert (repository / 'config' / 'swarm.yaml').read_text() == default_yaml()


def test_every_file_in_config_is_right(repository: Path) -> None:
    files = sorted((repository / 'config').glob('*.yaml'))
    assert files
    for file in files:
        assert load_swarm(file).robots


def test_default_file_shows_every_key_with_its_default(tmp_path: Path) -> None:
    """With every mark taken away the file says exactly the defaults."""
    (tmp_path / 'm.onnx').touch()
    text = re.sub(r'^( *)#(?=[\w-])', r'\1', default_yaml(), flags=re.MULTILINE)
    text = text.replace('  subject: ""', '  subject: sign').replace(
        '  model: ""', '  model: m.onnx'
    )
    text = text.replace('  labels: []', '  labels: [stop, yield, go]')
    swarm = parse_swarm(text, tmp_path / 'swarm.yaml')
    robot = swarm.robots[0]
    assert dict(robot.consensus) == {p.name: p.default for p in CONSENSUS.writable()}
    given = {
        'subject': 'sign',
        'model': str(tmp_path / 'm.onnx'),
        'labels': ['stop', 'yield', 'go'],
    }
    assert dict(robot.inference[0].parameters) == {
        p.name: given.get(p.name, p.default) for p in INFERENCE.writable()
    }
    assert swarm.subjects['sign'] == {
        p.name: given.get(p.name, p.default) for p in SUBJECT.parameters
    }
    assert [
        getattr(swarm.network, p.name) for p in NETWORK.parameters if p.name != 'static_peers'
    ] == [p.default for p in NETWORK.parameters if p.name != 'static_peers']


def test_every_default_fits_its_own_declaration() -> None:
    for section in SECTIONS:
        for parameter in section.parameters:
            if not parameter.required:
                assert check_value(parameter, parameter.default) == parameter.default


def test_every_description_is_a_sentence() -> None:
    for section in SECTIONS:
        for parameter in section.parameters:
            assert parameter.description.endswith('.'), parameter.name
            assert parameter.description[0].isupper() or parameter.description[0] in '`', parameter


def test_names_are_declared_once_in_a_section() -> None:
    for section in SECTIONS:
        names = [parameter.name for parameter in section.parameters]
        assert len(names) == len(set(names)), section.where


def test_tables_name_every_parameter() -> None:
    tables = parameter_tables()
    for section in SECTIONS:
        for parameter in section.parameters:
            assert f'| `{parameter.name}` |' in tables


def test_readme_holds_the_tables_that_are_written(repository: Path) -> None:
    """If this fails: `swarm params --write-readme README.md`."""
    readme = repository / 'README.md'
    text = readme.read_text()
    assert replace_tables(text) == text


def test_tables_replace_only_what_is_between_the_markers() -> None:
    text = f'before\n{BEGIN}\nstale tables\n{END}\nafter\n'
    once = replace_tables(text)
    assert once.startswith(f'before\n{BEGIN}\n')
    assert once.endswith(f'{END}\nafter\n')
    assert 'stale tables' not in once
    assert replace_tables(once) == once
    with pytest.raises(ValueError, match='once each'):
        replace_tables('nothing')
