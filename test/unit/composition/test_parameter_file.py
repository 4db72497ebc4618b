"""Parameter files: what is written is what YAML, and so rcl, reads."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
import yaml

from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.parameter_file import logger_name, parameter_yaml, prepare
from swarm_consensus.composition.swarm_file import parse_swarm

TEXT = st.text(st.characters(exclude_categories=('Cs',)))
SCALARS = (
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
VALUES = st.one_of(*SCALARS, *(st.lists(scalar) for scalar in SCALARS))


@given(st.dictionaries(TEXT.filter(bool), VALUES))
def test_every_value_comes_back_with_its_type(parameters: dict[str, Value]) -> None:
    text = parameter_yaml('/robot_1/node', parameters)
    read = yaml.safe_load(text)['/robot_1/node']['ros__parameters']
    given = {name: value for name, value in parameters.items() if value != []}
    assert read == given
    assert [type(value) for value in read.values()] == [type(v) for v in given.values()]


def test_text_that_looks_like_something_else_is_quoted() -> None:
    text = parameter_yaml('/n', {'a': '3', 'b': 'true', 'c': 3.0, 'd': 1e-05, 'e': ['1', '2']})
    assert text.splitlines()[2:] == [
        '    "a": "3"',
        '    "b": "true"',
        '    "c": 3.0',
        '    "d": 1.0e-05',
        '    "e": ["1", "2"]',
    ]


def test_prepared_node_names_its_files(tmp_path: Path) -> None:
    swarm = parse_swarm(
        'swarm: t\nrobots: [{name: a, namespace: fleet/a}]\nsubjects: {sign: {}}\n'
        'topics: {decision: /d}\nnetwork: {discovery: subnet, interface: lo}\n',
        tmp_path / 'swarm.yaml',
    )
    prepared = prepare(compose(swarm)[0], tmp_path)
    assert prepared.ros_arguments('debug') == [
        '--ros-args',
        '-r',
        '__node:=consensus_node',
        '-r',
        '__ns:=/fleet/a',
        '-r',
        'decision:=/d',
        '--params-file',
        str(tmp_path / 'fleet.a.consensus_node.yaml'),
        '--log-level',
        'fleet.a.consensus_node:=debug',
    ]
    parameters = yaml.safe_load(prepared.parameter_file.read_text())
    assert parameters['/fleet/a/consensus_node']['ros__parameters']['robot'] == 'a'
    profile = Path(prepared.environment['FASTDDS_DEFAULT_PROFILES_FILE'])
    assert profile.read_text() == prepared.spec.files['FASTDDS_DEFAULT_PROFILES_FILE']


def test_logger_of_a_node_in_the_root_namespace() -> None:
    assert logger_name(NodeSpec('a', 'p', 'e', 'n', '/', {})) == 'n'
