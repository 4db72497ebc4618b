"""The layout for Foxglove: in the form of its exports, and naming nothing that there is not."""

from __future__ import annotations

import json
from pathlib import Path
import re
from typing import Any

import pytest
from visualization_msgs.msg import MarkerArray

from swarm_consensus import msg
from swarm_consensus.cli.main import main
from swarm_consensus.composition.foxglove import CLASSES, foxglove_layout
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import load_swarm, parse_swarm
from swarm_consensus.composition.topics import NAMES, Kind, resolved
from swarm_consensus.transport.frame import TrafficClass

MESSAGES = 'swarm_consensus/msg/'
# Panels of Foxglove and Lichtblick, by the name of the panel before the mark.
PANELS = {'3D', 'StateTransitions', 'Plot', 'RawMessages', 'Table', 'GlobalVariableSliderPanel'}
# As the grammar of message paths has it: a topic, then names with slices and filters, a modifier.
PATH = re.compile(
    r'(?P<topic>(?:/\w+)+)(?P<parts>(?:\.\w+|\[[^\]]*\]|\{[^}]*\})*)(?P<modifier>\.@\w+)?'
)
PART = re.compile(r'\.(?P<name>\w+)|\[(?P<slice>[^\]]*)\]|\{(?P<filter>[^}]*)\}')
FILTER = re.compile(r'(?P<field>\w+)==(?:\$(?P<variable>\w+)|\d+|"[^"]*")')
SLICE = re.compile(r'\$(?P<variable>\w+)|\d*:?\d*')
ARRAY = re.compile(r'(?:sequence<(?P<of>[^>]+)>|(?P<fixed>.+)\[\d+\])')


def types_of(swarm: Swarm) -> dict[str, Any]:
    """Return the class of each topic that a swarm and its view_node have."""
    found: dict[str, Any] = {'/swarm_markers': MarkerArray}
    for name in NAMES:
        if name.kind is Kind.TOPIC and name.type.startswith(MESSAGES):
            for robot in swarm.robots:
                topic = resolved(name.key, robot.namespace, swarm.topics)
                found[topic] = getattr(msg, name.type.removeprefix(MESSAGES))
    return found


def check_path(path: str, types: dict[str, Any], variables: dict[str, Any]) -> None:
    """Hold that a message path leads to something."""
    match = PATH.fullmatch(path)
    assert match, f'{path}: no message path'
    assert match['topic'] in types, f'{path}: there is no such topic'
    kind, array = types[match['topic']], False
    for part in PART.finditer(match['parts']):
        if part['name'] is not None:
            assert not array, f'{path}: of a list one is to be chosen'
            fields = {} if isinstance(kind, str) else kind.get_fields_and_field_types()
            assert part['name'] in fields, f'{path}: there is no field {part["name"]}'
            declared = fields[part['name']]
            many = ARRAY.fullmatch(declared)
            array = many is not None
            if many is not None:
                declared = many['of'] or many['fixed']
            own = declared.startswith('swarm_consensus/')
            kind = getattr(msg, declared.partition('/')[2]) if own else declared
        elif part['slice'] is not None:
            chosen = SLICE.fullmatch(part['slice'])
            assert array and chosen, f'{path}: [{part["slice"]}]'
            assert chosen['variable'] is None or chosen['variable'] in variables, path
            array = False
        else:
            chosen = FILTER.fullmatch(part['filter'])
            assert chosen and not isinstance(kind, str), f'{path}: {{{part["filter"]}}}'
            assert chosen['field'] in kind.get_fields_and_field_types(), path
            assert chosen['variable'] is None or chosen['variable'] in variables, path
    if match['modifier']:
        assert match['modifier'] == '.@derivative' and kind == 'uint64', path


def leaves(layout: Any) -> list[str]:
    """Return the panels of a tree of halves."""
    if isinstance(layout, str):
        return [layout]
    assert layout['direction'] in ('row', 'column') and 0 < layout['splitPercentage'] < 100
    return [*leaves(layout['first']), *leaves(layout['second'])]


def paths(panel: dict[str, Any]) -> list[str]:
    found = [each['value'] for each in panel.get('paths', [])]
    return found + ([panel['topicPath']] if 'topicPath' in panel else [])


def check_layout(layout: dict[str, Any], swarm: Swarm) -> None:
    assert set(layout) == {
        'configById',
        'globalVariables',
        'userNodes',
        'playbackConfig',
        'layout',
    }
    panels, variables = layout['configById'], layout['globalVariables']
    on_screen = leaves(layout['layout'])
    assert sorted(on_screen) == sorted(panels) and len(set(on_screen)) == len(on_screen)
    assert {name.partition('!')[0] for name in panels} == PANELS
    types = types_of(swarm)
    seen = [path for panel in panels.values() for path in paths(panel)]
    assert len(seen) == len(swarm.robots) * 4 + 3
    for path in seen:
        check_path(path, types, variables)
    for name, panel in panels.items():
        if name.startswith('3D!'):
            assert {types[topic] for topic in panel['topics']} == {MarkerArray}
        if name.startswith('GlobalVariableSliderPanel!'):
            low, high = panel['sliderProps']['min'], panel['sliderProps']['max']
            assert low <= variables[panel['globalVariableName']] <= high
        for path in panel.get('paths', []):
            assert path['timestampMethod'] == 'receiveTime' and path['label']


def test_the_layout_in_the_repository_is_that_of_the_default_swarm(repository: Path) -> None:
    """If this fails: `swarm foxglove config/swarm.yaml -o config/foxglove.json`."""
    swarm = load_swarm(repository / 'config' / 'swarm.yaml')
    layout = json.loads((repository / 'config' / 'foxglove.json').read_text())
    assert layout == foxglove_layout(swarm)
    check_layout(layout, swarm)
    assert layout['globalVariables']['subject'] == 'sign'


def test_renamed_topics_and_other_namespaces_are_in_it(tmp_path: Path) -> None:
    text = (
        'swarm: team\nrobots: [a, {name: b, namespace: deep/b}]\n'
        'topics: {swarm_status: {name: standing}}\n'
        'subjects: {mode: , sign: {labels: [stop, go, yield]}}\n'
    )
    swarm = parse_swarm(text, tmp_path / 'swarm.yaml')
    layout = foxglove_layout(swarm)
    check_layout(layout, swarm)
    states = [each['value'] for each in layout['configById']['StateTransitions!swarm']['paths']]
    assert states[:2] == ['/a/standing.leader', '/deep/b/standing.leader']
    slider = layout['configById']['GlobalVariableSliderPanel!label']['sliderProps']
    assert slider['max'] == 2


def test_classes_of_traffic_are_as_many_as_there_are() -> None:
    assert len(TrafficClass) == CLASSES


@pytest.mark.parametrize(
    'path',
    [
        '/robot_9/swarm_status.leader',
        '/robot_1/swarm_status.laeder',
        '/robot_1/swarm_status.traffic.bytes',
        '/robot_1/swarm_status.leader[0]',
        '/robot_1/decision{subjekt==$subject}.choice',
        '/robot_1/decision{subject==$other}.choice',
        '/robot_1/belief.log_likelihood[$other]',
        '/robot_1/swarm_status.leader.@derivative',
        'swarm_status',
    ],
)
def test_the_check_sees_what_leads_nowhere(path: str, repository: Path) -> None:
    types = types_of(load_swarm(repository / 'config' / 'swarm.yaml'))
    with pytest.raises(AssertionError):
        check_path(path, types, {'subject': 'sign', 'label': 0})


def test_the_verb_writes_a_file_or_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / 'swarm.yaml', tmp_path / 'layout.json'
    # The model is on the robots only.
    file.write_text(
        'swarm: team\nrobots: [a]\nsubjects: {sign: {labels: [stop, go]}}\n'
        'inference: [{subject: sign, model: model.onnx}]\n'
    )
    assert main(['foxglove', str(file), '-o', str(output)]) == 0
    assert main(['foxglove', str(file)]) == 0
    assert capsys.readouterr().out == output.read_text()
    assert '/a/swarm_status.leader' in output.read_text()
    assert main(['foxglove', str(file), '-o', str(tmp_path / 'none' / 'x')]) == 2
    file.write_text('swarm: team\nrobots: [a]\nsubjects: {sign: {lables: [stop, go]}}\n')
    assert main(['foxglove', str(file)]) == 2
    assert 'did you mean "labels"?' in capsys.readouterr().err
