"""What is started for a swarm in the embedded world, and section `simulation` of its file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.simulated import simulated
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import parse_swarm

FILE = """\
swarm: team
robots:
  - a
  - {name: b, namespace: fleet/b, consensus: {radio: /another}}
consensus: {membership: open}
simulation: {seed: 7, starts: [1, 1, 0, 8, 1, 0], real_time_factor: 2}
subjects:
  sign: {labels: [stop, go]}
"""


def read(content: str = FILE, **arguments: list[str]) -> Swarm:
    return parse_swarm(content, '/somewhere/swarm.yaml', **arguments)  # type: ignore[arg-type]


def test_the_world_comes_first_and_knows_all_robots_and_their_namespaces() -> None:
    world, *others = simulated(read(), {'seed': 9})
    assert world.parameters == {
        'robots': ['a', 'b'],
        'namespaces': ['/a', '/fleet/b'],
        'seed': 9,
        'starts': [1.0, 1.0, 0.0, 8.0, 1.0, 0.0],
        'real_time_factor': 2.0,
    }
    assert (world.full_name, world.label) == ('/sim_node', 'sim_node')
    plain = compose(read())
    assert world.environment == plain[0].environment
    assert [spec.full_name for spec in others] == [spec.full_name for spec in plain]
    for spec, without in zip(others, plain, strict=True):
        # All else is as on hardware; what the file says of the radio counts more.
        radio = {'a': '/radio_links', 'b': '/another'}[spec.robot]
        assert spec.parameters == {**without.parameters, 'use_sim_time': True, 'radio': radio}


def test_guests_are_in_the_world_as_well() -> None:
    file = FILE.replace('starts: [1, 1, 0, 8, 1, 0], ', '')
    world, *others = simulated(read(file, guests=['scout']))
    assert world.parameters['robots'] == ['a', 'b', 'scout']
    assert others[-1].parameters['radio'] == '/radio_links'


def test_it_becomes_a_process_of_its_own_module(tmp_path: Path) -> None:
    world, robot, _ = node_commands(simulated(read()), tmp_path)
    assert world.label == 'sim_node' and robot.label == 'a/consensus_node'
    assert world.arguments[1:3] == ('-m', 'swarm_consensus.sim.sim_node')
    assert robot.arguments[1:3] == ('-m', 'swarm_consensus.nodes.consensus_node')


@pytest.mark.parametrize(
    ('simulation', 'why'),
    [
        ('{seeds: 1}', 'simulation.seeds: unknown key; did you mean "seed"?'),
        ('{objects: 99}', 'simulation.objects is 99'),
        ('{robots: [a]}', 'simulation.robots: is not set here; it follows from `robots`'),
        ('{starts: [1, 2, 3]}', 'simulation.starts has 3 numbers; give x, y and yaw of each of 2'),
    ],
)
def test_a_wrong_section_is_said_with_its_line(simulation: str, why: str) -> None:
    line = next(line for line in FILE.splitlines() if line.startswith('simulation'))
    with pytest.raises(SwarmFileError) as caught:
        read(FILE.replace(line, f'simulation: {simulation}'))
    assert f'swarm.yaml:6: {why}' in str(caught.value)


def test_the_launch_file_asks_the_one_of_swarms_for_the_world(repository: Path) -> None:
    """Read from the source: `launch` comes only with a ROS 2 installation."""
    swarm = (repository / 'launch' / 'swarm.launch.py').read_text()
    tree = ast.parse((repository / 'launch' / 'sim.launch.py').read_text())
    given = [
        {ast.literal_eval(key): ast.literal_eval(value) for key, value in pairs}
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for pairs in [list(zip(node.keys, node.values, strict=True))]
        if all(isinstance(key, ast.Constant) for key in node.keys)
    ]
    assert given == [{'simulation': 'true'}]
    assert "'simulation',\n                default_value='false'" in swarm
    assert "if argument('simulation') == 'true':\n        specs = simulated(swarm)" in swarm
